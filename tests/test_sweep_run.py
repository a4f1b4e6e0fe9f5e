"""A sweep under way: its counts, what it sends again, its budgets, the refusals that end it, the pauses of its workers."""

import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter

import pytest
import service_faults as fault
from service import PRICE, Answer, error, picture
from sweep_tools import assert_books_agree, lanterns, until

from nbkit import errors
from nbkit.ledger.limiter import Limiter
from nbkit.service.cancel import Slots
from nbkit.service.pace import Pace

SMALL_PRICE = 0.04657
"""USD of one picture of ``small_lanterns``."""


def small_lanterns(studio, seeds=range(6), **changes):
    """Lanterns at the lowest tier; keywords override."""
    return lanterns(studio, seeds, **{"resolution": "0.5K", **changes})


def sent_seeds(service):
    """The seeds that arrived, in order."""
    return [task["seed"] for task in service.tasks()]


# -- counts ----------------------------------------------------------------------------------------------------


def test_done_failed_and_blocked_cells_are_counted(service, studio):
    """The result, the progress of the handle and both reprs have the same numbers."""
    service.faults += [fault.refused("inferenceError"), fault.refused("contentPolicyViolation"), None]
    handle = small_lanterns(studio).start(max_workers=1)
    result = handle.wait(20)
    assert result.counts == {"failed": 1, "blocked": 1, "done": 4}
    now = handle.progress
    assert (now.total, now.done, now.failed, now.blocked, now.unknown, now.running) == (6, 4, 1, 1, 0, 0)
    assert (now.ended, now.not_run, now.remaining, now.held) == (6, 0, 0.0, 0.0)
    assert now.spent == pytest.approx(result.cost) == pytest.approx(4 * PRICE)
    assert repr(handle) == "<SweepRun finished: 4 done, 1 failed, 1 blocked, 0 under way, 0 to go>"
    assert repr(result).startswith("<SweepResult 6 cells: 4 done, 1 failed, 1 blocked · $0.28 charged")


def test_max_workers_limits_the_requests_under_way(service, studio):
    """Three workers have three requests under way; the other cells wait, and only the three hold money."""
    service.free.clear()
    handle = small_lanterns(studio, range(9)).start(max_workers=3)
    until(lambda: len(service.accepted) == 3)
    now = until(lambda: handle.progress.running == 3 and handle.progress)
    assert (now.ended, now.not_run, now.held) == (0, 6, pytest.approx(3 * SMALL_PRICE))
    with pytest.raises(TimeoutError, match="0 of 9"):
        handle.wait(0.01)
    assert len(service.accepted) == 3
    service.free.set()
    assert handle.wait(20).counts == {"done": 9}
    assert_books_agree(service, studio, 9)


def test_the_progress_bar_shows_cells_and_money(studio, capsys):
    """Failed cells appear in it only if there are some."""
    small_lanterns(studio).run()
    bar = capsys.readouterr().err
    assert "6/6" in bar
    assert "spent=$0.41" in bar
    assert "failed" not in bar


def test_a_cell_is_sent_with_its_template_filled_and_its_parameters_nested(service, studio):
    """The log has the name of its sweep."""
    studio.sweep("A {c} lantern", c=["red"], topP=[0.5], width=512, height=512, name="wire").run()
    (task,) = service.tasks()
    assert (task["positivePrompt"], task["settings"], task["width"]) == ("A red lantern", {"topP": 0.5}, 512)
    assert studio.df["sweep"].tolist() == ["wire"]


# -- what is sent again ----------------------------------------------------------------------------------------


def test_running_a_sweep_again_sends_only_the_missing_cells(service, studio):
    """A finished sweep sends nothing; with one more value of an axis, it sends the cells of that value."""
    small_lanterns(studio).run()
    assert small_lanterns(studio).run().counts == {"done": 6}
    assert len(service.sent) == 6
    result = small_lanterns(studio, [9, *range(6)], temperature=None).run()
    assert (sent_seeds(service)[6:], result.counts) == ([9], {"done": 7})
    assert result.to_frame().seed.tolist() == [9, *range(6)]
    assert_books_agree(service, studio, 7)


def test_failed_cells_are_sent_again_on_request_and_blocked_cells_never(service, studio):
    """``retry="failed"`` does not send a blocked cell, which would be blocked again."""
    service.faults += [fault.refused("inferenceError"), fault.refused("contentPolicyViolation")]
    sweep = small_lanterns(studio, range(3))
    sweep.run(max_workers=1)
    assert sweep.run().counts == {"failed": 1, "blocked": 1, "done": 1}
    assert sweep.run(retry="failed").counts == {"done": 2, "blocked": 1}
    assert sweep.run(retry="failed").counts == {"done": 2, "blocked": 1}
    assert sent_seeds(service) == [0, 1, 2, 0]
    assert_books_agree(service, studio, 2)


def test_a_sweep_without_a_name_is_identified_by_its_template_axes_and_fixed_values(service, studio):
    """Another order of axes or values is the same sweep; another template or another fixed value is a new one."""
    studio.sweep("A lantern", seed=[1, 2], temperature=[0.1]).run()
    studio.sweep("A lantern", temperature=[0.1], seed=[2, 1]).run()
    assert len(service.sent) == 2
    studio.sweep("A lamp", seed=[1, 2], temperature=[0.1]).run()
    studio.sweep("A lantern", seed=[1, 2], temperature=[0.1], thinking="HIGH").run()
    assert len(service.sent) == 6


def test_a_new_process_continues_a_sweep(service, studio, tmp_path):
    """A kernel on the same log sends only what an earlier one left; the seeds of repeats are the same in both."""
    code = """
        import nbkit, sys
        studio = nbkit.Studio(engine=sys.argv[1], path=sys.argv[2])
        axes = {"c": ["red", "jade"], "repeats": 2}
        studio.sweep("A {c} lantern", where=lambda cell: cell.c == "red", **axes).run()
        studio.close()
    """
    command = [sys.executable, "-c", textwrap.dedent(code), service.url, str(tmp_path / "runs")]
    subprocess.run(command, check=True, timeout=60, capture_output=True)
    assert len(service.sent) == 2
    assert studio.sweep("A {c} lantern", c=["red", "jade"], repeats=2).run().counts == {"done": 4}
    assert Counter(task["positivePrompt"] for task in service.tasks()) == {"A red lantern": 2, "A jade lantern": 2}
    assert_books_agree(service, studio, 4)


def test_cells_with_the_same_request_are_each_sent_once(service, studio):
    """A prompt without a variable gives equal cells: each is sent, charged and in the frame, and none is sent later."""
    sweep = studio.sweep(["A {c} lantern", "A lamp"], c=["red", "jade"], seed=1)
    result = sweep.run()
    assert (len(service.sent), result.counts, result.cost) == (4, {"done": 4}, pytest.approx(4 * PRICE))
    frame = result.to_frame()
    assert (frame.cell.tolist(), frame.imageUUID.nunique()) == ([0, 1, 2, 3], 4)
    sweep.run()
    assert len(service.sent) == 4


def test_a_run_of_a_result_can_be_rerun(service, studio):
    """A run that was read from a sweep's result has its studio, like any other run."""
    run = small_lanterns(studio, [1]).run().runs[0]
    assert run.rerun(temperature=0.3).status == "done"
    assert len(service.sent) == 2


def test_runs_of_a_result_share_their_reference_images(service, studio):
    """A picture that all cells refer to is read once and is in memory once, however many runs there are."""
    runs = small_lanterns(studio, reference_images=[picture("PNG")]).run().runs
    assert len(runs) == 6
    assert len({id(run.request.reference_images[0].data) for run in runs}) == 1
    assert runs[0].request.reference_images[0].data == picture("PNG")


# -- money -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["run", "studio"])
def test_sixteen_workers_never_exceed_a_budget(service, open_studio, where):
    """Spent and held together stay within it; ``run`` raises at the end, and ``sweep.result`` has what is done."""
    studio = open_studio(**({"budget": 1.0} if where == "studio" else {}))
    sweep = studio.sweep("A lantern", seed=range(40))
    totals, finished = [0.0], threading.Event()

    def watch():
        while not finished.wait(0.001):
            totals.append(studio.budget.spent + studio.budget.held)

    watcher = threading.Thread(target=watch)
    watcher.start()
    with pytest.raises(errors.BudgetExceeded, match="this sweep" if where == "run" else "this studio") as caught:
        sweep.run(max_workers=16, **({"budget": 1.0} if where == "run" else {}))
    finished.set()
    watcher.join()
    assert caught.value.limit == 1.0
    assert max(totals) <= 1.0
    assert sweep.result.counts == {"done": 14, "not run": 26}  # 14 x 0.06895
    assert_books_agree(service, studio, 14)
    assert studio.budget.held == 0


def test_money_that_is_released_pays_for_further_cells(service, studio):
    """A cell with a web search holds more than it costs; the difference is available to the cells behind it."""
    sweep = studio.sweep("A lantern", seed=range(10), web_search=True)
    with pytest.raises(errors.BudgetExceeded):
        sweep.run(max_workers=8, budget=0.55)
    assert len(service.accepted) == 5  # 5 x 0.06895, and 0.20895 for the next would be too much
    assert sweep.run(budget=0.5).counts == {"done": 10}
    assert_books_agree(service, studio, 10)


def test_each_call_of_run_has_a_budget_of_its_own(service, studio):
    """Running again with the same budget sends the cells that the first call did not reach."""
    sweep = small_lanterns(studio, resolution="1K")
    for left in (4, 2):
        with pytest.raises(errors.BudgetExceeded):
            sweep.run(budget=0.15, max_workers=1)
        assert sweep.plan().totals.pending_cells == left
    assert sweep.run(budget=0.15).counts == {"done": 6}


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (fault.plain(402), errors.CreditError),
        (fault.refused("insufficientCredits", status=402), errors.CreditError),
        (fault.plain(401), errors.AuthenticationError),
        (fault.refused("invalidApiKey", status=401), errors.AuthenticationError),
    ],
)
def test_a_refusal_for_credit_or_key_ends_the_sending(service, studio, refusal, kind):
    """The cells behind it are not sent; with credit and key, a later run sends them."""
    service.faults += [None, None, *[refusal] * 40]
    sweep = small_lanterns(studio, range(30))
    with pytest.raises(kind):
        sweep.run(max_workers=2)
    assert len(service.sent) <= 5
    assert sweep.result.counts["done"] == 2
    service.faults.clear()
    assert sweep.run(retry="failed").counts == {"done": 30}
    assert_books_agree(service, studio, 30)


# -- pauses ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "busy", [fault.plain(429, retry_after="0.4"), fault.plain(503, retry_after="0.4")], ids=["429", "503"]
)
def test_all_workers_pause_when_the_service_is_busy(service, studio, busy, monkeypatch):
    """After an answer with ``Retry-After`` to one of them, none sends until the pause is over."""
    times = []

    def noted(write):
        def write_and_note(*arguments, **options):
            write(*arguments, **options)
            times.append(("read", time.monotonic()))

        return write_and_note

    for name in ("refuse", "pause"):
        monkeypatch.setattr(Limiter, name, noted(getattr(Limiter, name)))

    def refuse(service, task):
        times.append(("refused", time.monotonic()))
        return busy(service, task)

    def serve(service, task):
        times.append(("sent", time.monotonic()))
        time.sleep(0.02)
        return service.serve(task)

    service.faults += [serve] * 6 + [refuse] + [serve] * 100
    assert small_lanterns(studio, range(20)).run(max_workers=5).counts == {"done": 20}
    (refused,) = (at for what, at in times if what == "refused")
    (read,) = (at for what, at in times if what == "read")
    # A worker may send before the answer to another has been read; what it sent then arrives within a tenth of a second.
    assert not [at for what, at in times if what == "sent" and read + 0.1 < at < refused + 0.38]
    assert_books_agree(service, studio, 20)


def test_cells_fail_when_the_service_stays_busy(service, open_studio):
    """Each fails after its last try, nothing is charged or held, and ``retry="failed"`` sends it again."""
    studio = open_studio(pace=Pace(retry_first=0.001, busy_tries=2))
    service.faults += [lambda *_: error("rateLimitExceeded", "slow down", 429)] * 8
    sweep = small_lanterns(studio, range(4))
    assert sweep.run(max_workers=4).counts == {"failed": 4}
    assert (service.spent, studio.budget.held) == (0, 0)
    service.faults.clear()  # a cell that saw the others refused again and again was sent once only
    assert sweep.run(retry="failed").counts == {"done": 4}


def test_a_cell_whose_outcome_is_unknown_is_not_sent_as_a_new_task(service, open_studio):
    """It keeps its money held until a later run settles it under the same taskUUID."""
    studio = open_studio(pace=Pace(0.001, 1.5, 0.002, 0.001, patience=0.03))
    service.faults.append(fault.lost())
    service.question_faults += [lambda *_: Answer(503, b"")] * 12
    sweep = small_lanterns(studio)
    result = sweep.run(max_workers=1)
    assert result.counts == {"unknown": 1, "done": 5}
    assert studio.budget.held == pytest.approx(SMALL_PRICE)
    service.question_faults.clear()
    assert sweep.run().counts == {"done": 6}
    assert len(set(service.sent)) == 6
    assert_books_agree(service, studio, 6)


def test_a_refusal_beside_a_picture_ends_the_sweep_with_its_reason(service, studio):
    """One picture came, and there was no credit for the other: the cell is done, and nothing more is sent."""
    service.faults.append(fault.partial([{"code": "insufficientCredits", "message": "no credit"}], 1))
    sweep = small_lanterns(studio, number_results=2)
    with pytest.raises(errors.CreditError):
        sweep.run(max_workers=1)
    assert sweep.result.counts == {"done": 1, "not run": 5}


def test_money_that_is_released_while_a_refusal_is_on_its_way_is_used(studio, monkeypatch):
    """The budget was short because another cell's money was held; by the time the sweep looks, that cell has ended."""
    plan = studio._ledger.journal.plan

    def slow(run):
        try:
            return plan(run)
        except errors.BudgetExceeded:
            until(lambda: studio.budget.held == 0)
            raise

    monkeypatch.setattr(studio._ledger.journal, "plan", slow)
    sweep = lanterns(studio, range(3), web_search=True)  # each costs 0.06895, and holds 0.20895 until that is known
    assert sweep.run(max_workers=2, budget=0.40).counts == {"done": 3}


def test_one_worker_sends_the_cells_in_order(service, studio):
    """However long the threads of two runs take to begin."""
    small_lanterns(studio, range(40)).run(max_workers=1)
    assert sent_seeds(service) == list(range(40))


def test_slots_are_given_in_the_order_in_which_they_are_asked_for():
    """Also where somebody asks at the instant at which one becomes free."""
    slots, gates, order = Slots(1), [threading.Event() for _ in range(30)], []

    def hold(number):
        with slots:
            order.append(number)
            gates[number].wait(20)

    threads = [threading.Thread(target=hold, args=(number,)) for number in range(30)]
    for number, thread in enumerate(threads[:20]):
        thread.start()
        until(lambda number=number: len(order) + len(slots._waiting) == number + 1)
    for number, thread in enumerate(threads[20:]):
        gates[number].set()  # it becomes free while the next one asks
        thread.start()
        until(lambda number=number: len(order) + len(slots._waiting) == number + 21)
    for gate in gates:
        gate.set()
    for thread in threads:
        thread.join(20)
    assert order == list(range(30))
