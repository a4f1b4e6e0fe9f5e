"""A sweep under way: counts, what is sent again and what is not, budgets, refusals that end it, pauses kept together."""

import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter

import pytest
import service_faults as fault
from service import PRICE, Answer, error, picture
from sweep_tools import assert_books_agree, until

from nbkit import errors
from nbkit.service.pace import Pace

SMALL = 0.04657


def lanterns(studio, seeds=range(6), **how):
    return studio.sweep("A lantern", **{"seed": seeds, "resolution": "0.5K", "name": "lanterns", **how})


def sent(service):
    """The seeds that arrived, in order."""
    return [task["seed"] for task in service.tasks()]


# -- counts ----------------------------------------------------------------------------------------------------


def test_done_failed_and_blocked(service, studio):
    """Each outcome is counted; the result says the same as the handle and as the log."""
    service.faults += [fault.refused("inferenceError"), fault.refused("contentPolicyViolation"), None]
    handle = lanterns(studio).start(max_workers=1)
    result = handle.wait(20)
    assert result.counts == {"failed": 1, "blocked": 1, "done": 4}
    now = handle.progress
    assert (now.total, now.done, now.failed, now.blocked, now.unknown, now.running) == (6, 4, 1, 1, 0, 0)
    assert (now.ended, now.not_run, now.remaining, now.held) == (6, 0, 0.0, 0.0)
    assert now.spent == pytest.approx(result.cost) == pytest.approx(4 * PRICE)
    assert repr(handle) == "<SweepRun finished: 4 done, 1 failed, 1 blocked, 0 under way, 0 to go>"
    assert repr(result).startswith("<SweepResult 6 cells: 4 done, 1 failed, 1 blocked · $0.2758 charged")


def test_so_many_at_once(service, studio):
    """``max_workers`` requests are under way, and no more."""
    service.free.clear()
    handle = lanterns(studio, range(9)).start(max_workers=3)
    until(lambda: len(service.accepted) == 3)
    now = until(lambda: handle.progress.running == 3 and handle.progress)
    assert (now.ended, now.not_run, now.held) == (0, 6, pytest.approx(3 * SMALL))
    with pytest.raises(TimeoutError, match="0 of 9"):
        handle.wait(0.01)
    assert len(service.accepted) == 3
    service.free.set()
    assert handle.wait(20).counts == {"done": 9}
    assert_books_agree(service, studio, 9)


def test_the_progress_bar(studio, capsys):
    """It counts cells and names what was spent, failed ones only where there are some."""
    lanterns(studio).run()
    shown = capsys.readouterr().err
    assert "6/6" in shown
    assert "spent=$0.4137" in shown
    assert "failed" not in shown


def test_a_task_is_as_the_request_says(service, studio):
    """Templates are filled and parameters nested on the wire; the log knows the sweep's name."""
    studio.sweep("A {c} lantern", c=["red"], topP=[0.5], width=512, height=512, name="wire").run()
    (task,) = service.tasks()
    assert (task["positivePrompt"], task["settings"], task["width"]) == ("A red lantern", {"topP": 0.5}, 512)
    assert studio.df["sweep"].tolist() == ["wire"]


# -- what is sent again ----------------------------------------------------------------------------------------


def test_only_what_is_missing(service, studio):
    """Running a finished sweep again sends nothing; a further value sends its own cells only."""
    lanterns(studio).run()
    assert lanterns(studio).run().counts == {"done": 6}
    assert len(service.sent) == 6
    result = lanterns(studio, [9, *range(6)], temperature=None).run()
    assert (sent(service)[6:], result.counts) == ([9], {"done": 7})
    assert result.to_frame().seed.tolist() == [9, *range(6)]
    assert_books_agree(service, studio, 7)


def test_failed_cells_on_request_and_blocked_ones_never(service, studio):
    """``retry="failed"`` sends what failed once more; a refusal would come again."""
    service.faults += [fault.refused("inferenceError"), fault.refused("contentPolicyViolation")]
    sweep = lanterns(studio, range(3))
    sweep.run(max_workers=1)
    assert sweep.run().counts == {"failed": 1, "blocked": 1, "done": 1}
    assert sweep.run(retry="failed").counts == {"done": 2, "blocked": 1}
    assert sweep.run(retry="failed").counts == {"done": 2, "blocked": 1}
    assert sent(service) == [0, 1, 2, 0]
    assert_books_agree(service, studio, 2)


def test_known_by_template_values_and_axis_names(service, studio):
    """Without a name, another order or further values is the same sweep; another template or fixed value is not."""
    studio.sweep("A lantern", seed=[1, 2], temperature=[0.1]).run()
    studio.sweep("A lantern", temperature=[0.1], seed=[2, 1]).run()
    assert len(service.sent) == 2
    studio.sweep("A lamp", seed=[1, 2], temperature=[0.1]).run()
    studio.sweep("A lantern", seed=[1, 2], temperature=[0.1], thinking="HIGH").run()
    assert len(service.sent) == 6


def test_a_new_process_goes_on(service, studio, tmp_path):
    """Another kernel on the same log sends what the first one left, repeats with their own seeds among it."""
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


def test_cells_that_are_the_same_request(service, studio):
    """Prompts that use no variable give equal cells: each is sent, shown and charged once, also after a resume."""
    sweep = studio.sweep(["A {c} lantern", "A lamp"], c=["red", "jade"], seed=1)
    result = sweep.run()
    assert (len(service.sent), result.counts, result.cost) == (4, {"done": 4}, pytest.approx(4 * PRICE))
    frame = result.to_frame()
    assert (frame.cell.tolist(), frame.imageUUID.nunique()) == ([0, 1, 2, 3], 4)
    sweep.run()
    assert len(service.sent) == 4


def test_runs_of_a_result_can_be_made_again(service, studio):
    """A run that comes from a sweep knows its studio, like any other."""
    run = lanterns(studio, [1]).run().runs[0]
    assert run.rerun(temperature=0.3).status == "done"
    assert len(service.sent) == 2


def test_runs_of_a_result_share_their_reference_images(service, studio):
    """A large picture that all cells refer to is read once and held once, however many runs there are."""
    runs = lanterns(studio, reference_images=[picture("PNG")]).run().runs
    assert len(runs) == 6
    assert len({id(run.request.reference_images[0].data) for run in runs}) == 1
    assert runs[0].request.reference_images[0].data == picture("PNG")


# -- money -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["run", "studio"])
def test_a_budget_holds_among_sixteen_workers(service, open_studio, where):
    """Spent and held never exceed it; the error comes at the end, and what there is stays as ``sweep.result``."""
    studio = open_studio(**({"budget": 1.0} if where == "studio" else {}))
    sweep = studio.sweep("A lantern", seed=range(40))
    most, over = [0.0], threading.Event()

    def watch():
        while not over.wait(0.001):
            most.append(studio.budget.spent + studio.budget.held)

    watcher = threading.Thread(target=watch)
    watcher.start()
    with pytest.raises(errors.BudgetExceeded, match="this sweep" if where == "run" else "this studio"):
        sweep.run(max_workers=16, **({"budget": 1.0} if where == "run" else {}))
    over.set()
    watcher.join()
    assert max(most) <= 1.0
    assert sweep.result.counts == {"done": 14, "not run": 26}  # 14 x 0.06895
    assert_books_agree(service, studio, 14)
    assert studio.budget.held == 0


def test_held_money_that_comes_free_is_used(service, studio):
    """The search that may cost more holds more than it takes: what comes back pays for further cells."""
    sweep = studio.sweep("A lantern", seed=range(10), web_search=True)
    with pytest.raises(errors.BudgetExceeded):
        sweep.run(max_workers=8, budget=0.55)
    assert len(service.accepted) == 5  # 5 x 0.06895, and 0.20895 for the next would be too much
    assert sweep.run(budget=0.5).counts == {"done": 10}
    assert_books_agree(service, studio, 10)


def test_a_budget_is_per_call(service, studio):
    """Running again with the same budget goes on from where it ended."""
    sweep = lanterns(studio, resolution="1K")
    for left in (4, 2):
        with pytest.raises(errors.BudgetExceeded):
            sweep.run(budget=0.15, max_workers=1)
        assert sweep.plan().totals.pending_cells == left
    assert sweep.run(budget=0.15).counts == {"done": 6}


@pytest.mark.parametrize(
    ("fault_", "kind"),
    [
        (fault.plain(402), errors.CreditError),
        (fault.refused("insufficientCredits", status=402), errors.CreditError),
        (fault.plain(401), errors.AuthenticationError),
        (fault.refused("invalidApiKey", status=401), errors.AuthenticationError),
    ],
)
def test_no_credit_or_no_key_ends_the_sending(service, studio, fault_, kind):
    """The cells behind it are not sent; afterwards the sweep goes on."""
    service.faults += [None, None, *[fault_] * 40]
    sweep = lanterns(studio, range(30))
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
def test_all_workers_pause_together(service, studio, busy):
    """When one of them is told to wait, none sends until the pause is over."""
    times = []

    def told(service, task):
        times.append(("told", time.monotonic()))
        return busy(service, task)

    def on_time(service, task):
        times.append(("sent", time.monotonic()))
        time.sleep(0.02)
        return service.serve(task)

    service.faults += [on_time] * 6 + [told] + [on_time] * 100
    assert lanterns(studio, range(20)).run(max_workers=5).counts == {"done": 20}
    (pause,) = (at for what, at in times if what == "told")
    # What left before the news arrived is no matter; a tenth of a second is given for it.
    assert not [at for what, at in times if what == "sent" and pause + 0.1 < at < pause + 0.38]
    assert_books_agree(service, studio, 20)


def test_a_service_that_stays_busy(service, open_studio):
    """Each cell is tried so often and then failed; nothing was charged, and ``retry`` makes it good."""
    studio = open_studio(pace=Pace(retry_first=0.001, busy_tries=2))
    service.faults += [lambda *_: error("rateLimitExceeded", "slow down", 429)] * 8
    sweep = lanterns(studio, range(4))
    assert sweep.run(max_workers=4).counts == {"failed": 4}
    assert (service.spent, studio.budget.held) == (0, 0)
    assert sweep.run(retry="failed").counts == {"done": 4}


def test_what_is_not_known_is_not_sent_anew(service, open_studio):
    """A lost answer that nobody can tell of keeps its money held; the next run settles it under its own taskUUID."""
    studio = open_studio(pace=Pace(0.001, 1.5, 0.002, 0.001, patience=0.03))
    service.faults.append(fault.lost())
    service.question_faults += [lambda *_: Answer(503, b"")] * 12
    sweep = lanterns(studio)
    result = sweep.run(max_workers=1)
    assert result.counts == {"unknown": 1, "done": 5}
    assert studio.budget.held == pytest.approx(SMALL)
    service.question_faults.clear()
    assert sweep.run().counts == {"done": 6}
    assert len(set(service.sent)) == 6
    assert_books_agree(service, studio, 6)
