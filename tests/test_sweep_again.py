"""What a sweep has sent and never heard of again: it is counted, promised, stopped and paid like everything else."""

import pytest
import service_faults as fault
from conftest import QUICK
from service import PRICE
from sweep_tools import assert_books_agree, until

from nbkit import errors


def lanterns(studio, seeds=range(4), **how):
    return studio.sweep("A lantern", **{"seed": seeds, "resolution": "1K", "name": "lanterns", **how})


@pytest.fixture
def later(service, open_studio):
    """A studio of a later kernel; an earlier one sent four cells, got no answer and could ask nobody."""

    def open_later(seeds=range(4), **how):
        earlier = open_studio()
        service.faults.extend([fault.plain(500)] * 40)
        service.question_faults.extend([fault.plain(500)] * 400)
        lanterns(earlier, seeds, **how).run(max_workers=4)
        assert set(earlier.df.status) == {"unknown"}
        earlier.close()
        for faults in (service.faults, service.question_faults, service.sent):
            faults.clear()
        return open_studio(pace=QUICK)

    return open_later


def press(panel, *, showing=None):
    """Press Run on a page that showed this, and wait until nothing of it is under way."""
    panel.access._hear({"seen": showing or panel.bar.run.description})
    panel.bar.run.click()
    assert panel.work.latest.over.wait(30)


# -- a sweep ---------------------------------------------------------------------------------------------------


def test_a_plan_tells_what_may_be_sent_again(service, later):
    """Beside what is still to be sent; it is no part of that, because most of it may have come."""
    studio = later()
    plan = lanterns(studio, range(5)).plan()
    assert plan.totals.quote.pending.cells == 1
    assert (plan.totals.quote.resend.cells, plan.totals.quote.price.high) == (4, 5 * 68_950)
    assert "up to 4 sent again if the service does not know them: up to $0.2758" in repr(plan)
    assert service.sent == []


def test_what_is_sent_again_is_in_the_progress(service, later):
    """Cells, money and end: the same numbers as the service's books, under the first taskUUIDs."""
    studio = later()
    asked = set(studio.df.taskUUID)
    handle = lanterns(studio, range(5)).start()
    assert (handle.quote.cells, handle.quote.price.low, handle.quote.price.high) == (5, 68_950, 5 * 68_950)
    assert handle.wait(20).counts == {"done": 5}
    now = handle.progress
    assert (now.total, now.done, now.not_run, now.held) == (5, 5, 0, 0.0)
    assert now.spent == pytest.approx(service.spent) == pytest.approx(5 * PRICE)
    assert asked < set(service.charges)
    assert_books_agree(service, studio, 5)


def test_what_the_service_knows_is_not_sent_again(service, open_studio):
    """It is asked for, and its money is counted when it is known."""
    studio = open_studio()
    service.faults.append(fault.plain(502, accept=True))
    service.question_faults.extend([fault.plain(500)] * 12)
    sweep = lanterns(studio, [1])
    assert sweep.run().counts == {"unknown": 1}
    service.question_faults.clear()
    handle = sweep.start()
    assert handle.wait(20).counts == {"done": 1}
    assert handle.progress.spent == pytest.approx(PRICE)
    assert len(service.sent) == 1


def test_many_images_that_may_be_sent_again_want_a_confirmation(service, later):
    """As those that are sent for the first time; nothing is sent before it is given."""
    studio = later(range(2), number_results=20)
    sweep = lanterns(studio, range(6), number_results=20)
    with pytest.raises(errors.RequestError, match=r"6 cells for 120 images, up to 2 of them once more: \$5\.516 to"):
        sweep.run()
    assert service.sent == []
    assert sweep.run(confirm=True).counts == {"done": 6}
    assert_books_agree(service, studio, 6)


def test_the_budget_of_a_run_holds_for_what_is_sent_again(service, later):
    """It comes first; what the budget does not reach is left for the next run."""
    studio = later()
    sweep = lanterns(studio, range(5))
    with pytest.raises(errors.BudgetExceeded, match="this sweep"):
        sweep.run(budget=3.5 * PRICE)
    assert len(service.accepted) == 3
    with pytest.raises(errors.BudgetExceeded, match="this sweep"):
        sweep.run(budget=1.5 * PRICE)
    assert len(service.accepted) == 4
    assert sweep.run(budget=1.5 * PRICE).counts == {"done": 5}
    assert_books_agree(service, studio, 5)


def test_stop_ends_the_sending_again(service, later):
    """What is under way lands; the rest keeps its money held until it is asked for."""
    studio = later(range(8))
    service.free.clear()
    handle = lanterns(studio, range(8)).start(max_workers=2)
    until(lambda: len(service.accepted) == 2)
    handle.stop()
    service.free.set()
    assert handle.wait(20).counts == {"done": 2, "unknown": 6}
    assert len(service.sent) == 2
    assert handle.progress.spent == pytest.approx(2 * PRICE)
    assert lanterns(studio, range(8)).run().counts == {"done": 8}
    assert_books_agree(service, studio, 8)


# -- the panel -------------------------------------------------------------------------------------------------


def test_the_button_says_what_may_be_sent_again(service, later):
    """Its price is the most that a press pays; the end says what was paid, what was sent again with it."""
    studio = later()
    panel = studio.sweep_panel("A lantern", seed=range(5), resolution="1K", name="lanterns")
    assert panel.bar.run.description == "Go on · 1 cell · up to 4 sent again · $0.06895 to $0.34475"
    assert "up to 4 sent again if the service does not know them: up to $0.2758" in panel.bar.totals.value
    press(panel)
    assert "5 done · $0.34475 ·" in panel.bar.under.value
    assert_books_agree(service, studio, 5)


def test_a_page_that_did_not_show_it_sends_nothing_again(service, later):
    """A page from before the lost answers promised less."""
    studio = later()
    panel = studio.sweep_panel("A lantern", seed=range(5), resolution="1K", name="lanterns")
    press(panel, showing="Run · 1 cell · $0.06895")
    said = "The button said $0.06895, and this is $0.34475 for 1 cell and up to 4 sent again now. Nothing was sent"
    assert said in panel.bar.under.value
    panel.work._clicked = float("-inf")
    press(panel, showing="Run · 1 cell · up to 3 sent again · $9.00")
    assert "The button said 1 cell and up to 3 sent again, and this is" in panel.bar.under.value
    assert service.sent == []


def test_a_press_that_has_only_something_to_send_again(service, later):
    """It can be made, and settles them all."""
    studio = later()
    panel = studio.sweep_panel("A lantern", seed=range(4), resolution="1K", name="lanterns")
    assert panel.bar.run.description == "Go on · up to 4 sent again · $0.00 to $0.2758"
    press(panel)
    assert "4 done · $0.2758 ·" in panel.bar.under.value
    assert "every cell is in the log" in panel.bar.run.tooltip


def test_the_budget_of_a_press_is_compared_with_it(later):
    """How far it reaches is said beforehand, what is sent again first."""
    studio = later()
    panel = studio.sweep_panel("A lantern", seed=range(6), resolution="1K", name="lanterns", budget=0.4)
    assert "budget of $0.40: about 5 of 6 cells" in panel.bar.totals.value.replace("&#x27;", "'")


def test_stop_before_the_first_send_sends_nothing(service, later):
    """Also nothing again: the panel says so, and the button still says what may be."""
    studio = later()
    panel = studio.sweep_panel("A lantern", seed=range(5), resolution="1K", name="lanterns")
    said = panel.bar.run.description
    panel.bar.run.click()
    panel.bar.stop.click()
    assert panel.work.latest.over.wait(20)
    assert "Stopped before anything was sent." in panel.bar.under.value
    assert service.sent == []
    assert panel.bar.run.description == said
