"""The sentences of a panel's status line and head, as the values that the page is told."""

import json

import pytest

from nbkit.display.text import usd_short
from nbkit.errors import BlockedError, RefusedError, StorageError
from nbkit.request.image_request import ImageRequest
from nbkit.request.price import Price
from nbkit.request.profiles import DEFAULT
from nbkit.results.money import Budget
from nbkit.results.run import BLOCKED, FAILED, NOT_SENT, Run
from nbkit.widgets.panel import status
from nbkit.widgets.panel.status import FAULT, UNDO, Action, Status

REQUEST = ImageRequest("A paper lantern", resolution="0.5K")


def run(**how):
    return Run(**{"request": REQUEST, "task_uuid": "", "status": "done"} | how)


def test_a_status_is_told_as_values_for_json():
    """Sentences, whether they are an error, and buttons with what they promise. Empty sentences are left out."""
    said = status.say("Done.", "", "More.", actions=(UNDO, Action("again", "Make it again", 7, "$0.04657")))
    assert json.loads(json.dumps(said.told())) == {
        "lines": ["Done.", "More."],
        "wrong": False,
        "actions": [
            {"id": "undo", "label": "Undo", "quote": 0, "title": ""},
            {"id": "again", "label": "Make it again", "quote": 7, "title": "$0.04657"},
        ],
    }
    assert status.error("No.") == Status(("No.",), wrong=True)
    assert Status().told() == {"lines": [], "wrong": False, "actions": []}


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (None, "—"),
        (0, "$0"),
        (4, "$0.0000040"),
        (9_990, "$0.010"),
        (46_570, "$0.047"),
        (99_600, "$0.10"),
        (68_950, "$0.069"),
        (100_000, "$0.10"),
        (305_900, "$0.31"),
        (999_990, "$1.00"),
        (1_379_000, "$1.38"),
        (1_234_567_890, "$1,234.57"),
        (-68_950, "-$0.069"),
    ],
)
def test_a_price_on_a_button_has_two_significant_digits_below_a_dollar(micros, text):
    """And cents from one dollar on."""
    assert usd_short(micros) == text


@pytest.mark.parametrize(
    ("charged", "mark", "what"), [(True, "REAL MONEY", "each run is charged"), (False, "OFFLINE", "nothing is charged")]
)
def test_the_head_says_whether_money_is_real_and_what_is_left(charged, mark, what):
    """Short, and exact for who asks; without a budget nothing is said of one."""
    told = status.head_of(Budget(1.0, 0.06895, 0.04657), DEFAULT, charged=charged)
    assert (told["mark"], told["what"], told["charged"]) == (mark, what, charged)
    assert (told["left"], told["exact"]) == ("$0.88 left of $1.00", "$0.88448 left of $1.00")
    without = status.head_of(Budget(None, 0.0, 0.0), DEFAULT, charged=charged)
    assert (without["left"], without["exact"]) == ("", "")


@pytest.mark.parametrize(
    ("price", "left", "text"),
    [
        (None, 0, ""),
        (Price(68_950, 68_950), None, ""),
        (Price(68_950, 68_950), 68_950, ""),
        (Price(68_950, 68_950), 68_949, "The budget has $0.069 left, and this may cost $0.069."),
        (Price(68_950, 208_950), 100_000, "The budget has $0.10 left, and this may cost $0.21."),
        (Price(68_950, 68_950), -5, "The budget has $0 left, and this may cost $0.069."),
    ],
)
def test_a_price_beyond_the_budget_is_a_sentence(price, left, text):
    """The highest price counts, and a budget that is overspent has nothing left."""
    assert status.too_dear(price, left) == text


def test_an_error_says_what_to_do():
    """A fault of nbkit says where to look, an error of the service has its advice."""
    fault = status.of_error(ZeroDivisionError("oops"))
    assert fault == Status(("ZeroDivisionError: oops", FAULT), wrong=True)
    assert status.of_error(StorageError("the disk is full")) == Status(("the disk is full",), wrong=True)
    refused = RefusedError("no such ratio")
    assert status.of_error(refused).lines == tuple(filter(None, ("no such ratio", refused.advice)))


def test_the_end_of_a_run_is_said_in_one_line():
    """Time, pictures and cost; a run that failed has its reason, its advice and what it cost."""
    assert status.of_run(run(cost_micros=46_570), 2.345).lines == ("Done in 2.3 s · 0 pictures · $0.047",)
    assert status.of_run(run(reused=True), 0).lines == (
        "Answered from the log: nothing was sent, nothing was charged.",
    )
    blocked = BlockedError("refused by a safety filter")
    said = status.of_run(run(status=BLOCKED, error=blocked, cost_micros=46_570), 1)
    assert said.wrong
    assert said.lines == ("refused by a safety filter", blocked.advice, "It cost $0.047.")
    free = status.of_run(run(status=BLOCKED, error=blocked, cost_micros=0), 1)
    assert free.lines[-1] == "It cost nothing."
    failed = status.of_run(run(status=FAILED, error=StorageError("the disk is full")), 1)
    assert failed == Status(("the disk is full", "What it cost is not known."), wrong=True)
    other = status.of_run(run(status="unknown"), 1)
    assert other.wrong
    assert "'unknown'" in other.lines[0]


@pytest.mark.parametrize(
    ("sent", "waiting", "charged", "lines"),
    [
        (0, 0, True, ["Stopped before anything was sent."]),
        (0, 1, True, ["1 waiting run was not sent."]),
        (0, 3, False, ["3 waiting runs were not sent."]),
        (
            46_570, 0, True,
            ["Stopped waiting. The request was already sent, so it may still cost up to $0.047; the picture will appear in History."],
        ),
        (
            93_140, 2, False,
            [
                (
                    "Stopped waiting. The request was already sent, so it may still count up to $0.093 at list prices; "
                    "the picture will appear in History."
                ),
                "2 waiting runs were not sent.",
            ],
        ),
    ],
)  # fmt: skip
def test_stop_says_what_may_still_be_paid(sent, waiting, charged, lines):
    """And how many were not sent."""
    assert status.stopped(sent, waiting, charged=charged).told() == {"lines": lines, "wrong": False, "actions": []}


def test_stop_of_one_run_names_it():
    """One that was sent is like any other: the picture still comes."""
    assert status.stopped(0, 1, charged=True, number=3).lines == ("Run 3 was not sent.",)
    assert status.stopped(46_570, 0, charged=True, number=3) == status.stopped(46_570, 0, charged=True)


def test_a_run_that_comes_late_says_so():
    """A failed one with its reason, and one that was not sent."""
    in_time = status.of_late(run(status=NOT_SENT))
    assert in_time.lines == ("Stopped in time: it was not sent, and nothing was charged.",)
    assert status.of_late(run()).lines == (
        "A run that was stopped has come: its pictures are in the strip and in History.",
    )
    failed = status.of_late(run(status=FAILED, error=StorageError("the disk is full")))
    assert failed == Status(("A run that was stopped has failed: the disk is full",), wrong=True)


def test_what_a_busy_service_lets_through_is_a_sentence():
    """After the one that says that something is under way."""
    assert status.working("") == status.WORKING
    assert status.working("the service is busy: 2 at once") == f"{status.WORKING} The service is busy: 2 at once."
