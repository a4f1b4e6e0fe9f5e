"""Cells of a sweep whose answers were lost: they are counted, quoted, stopped and paid like cells that are sent first."""

import math

import pytest
import service_faults as fault
from panel_tools import button_of, message, press, press_and_wait, press_run, totals
from service import PRICE
from sweep_tools import assert_books_agree, lanterns, studio_after_lost_answers, until

from nbkit import errors
from nbkit.request.price import Price
from nbkit.sweep.plan import CostSummary, Quote


def lanterns_panel(studio, seeds=range(5), **options):
    """A panel for the same sweep as ``lanterns``."""
    return studio.sweep_panel("A lantern", seed=seeds, resolution="1K", name="lanterns", **options)


def earlier_quote(panel, *, cells, resend, price):
    """The number of a quote that Run had before; each cell makes one image, and the price is in micro-dollars."""
    pending = CostSummary(cells, cells, Price(price, price))
    return panel.sweeps.quotes.offer("sweep", Quote(pending, CostSummary(resend, resend, Price(0, 0))))


# -- a sweep ---------------------------------------------------------------------------------------------------


def test_the_plan_lists_what_may_be_sent_again_apart_from_what_is_to_do(service, open_studio):
    """Cells with a lost answer are not among the pending ones, because most of them may have been accepted."""
    studio = studio_after_lost_answers(service, open_studio)
    plan = lanterns(studio, range(5)).plan()
    assert plan.totals.quote.pending.cells == 1
    assert (plan.totals.quote.resend.cells, plan.totals.quote.price.high) == (4, 5 * 68_950)
    assert "up to 4 sent again if the service does not know them: up to $0.28" in repr(plan)
    assert service.sent == []


def test_the_progress_includes_cells_that_are_sent_again(service, open_studio):
    """Cells and money agree with what the service charged, and each cell keeps its first taskUUID."""
    studio = studio_after_lost_answers(service, open_studio)
    first_uuids = set(studio.df.taskUUID)
    handle = lanterns(studio, range(5)).start()
    assert (handle.quote.cells, handle.quote.price.low, handle.quote.price.high) == (5, 68_950, 5 * 68_950)
    assert handle.wait(20).counts == {"done": 5}
    now = handle.progress
    assert (now.total, now.done, now.not_run, now.held) == (5, 5, 0, 0.0)
    assert now.spent == pytest.approx(service.spent) == pytest.approx(5 * PRICE)
    assert first_uuids < set(service.charges)
    assert_books_agree(service, studio, 5)


def test_a_cell_that_the_service_knows_is_fetched_and_not_sent_again(service, open_studio):
    """Its cost is added to the progress when the service reports it."""
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


def test_many_images_need_a_confirmation_also_when_some_are_sent_again(service, open_studio):
    """The error has the number of both and their price, and nothing is sent before ``confirm=True``."""
    studio = studio_after_lost_answers(service, open_studio, range(2), number_results=20)
    sweep = lanterns(studio, range(6), number_results=20)
    with pytest.raises(
        errors.RequestError, match=r"6 cells for 120 images, up to 2 of them once more: \$5\.516 to"
    ) as caught:
        sweep.run()
    assert (caught.value.parameter, caught.value.suggestion) == ("confirm", True)
    assert service.sent == []
    assert sweep.run(confirm=True).counts == {"done": 6}
    assert_books_agree(service, studio, 6)


def test_the_budget_of_a_run_covers_cells_that_are_sent_again(service, open_studio):
    """They are sent before the others, and what the budget does not cover is left for the next run."""
    studio = studio_after_lost_answers(service, open_studio)
    sweep = lanterns(studio, range(5))
    for budget, accepted in ((3.5 * PRICE, 3), (1.5 * PRICE, 4)):
        before = len(service.accepted)
        with pytest.raises(errors.BudgetExceeded, match="this sweep") as caught:
            sweep.run(budget=budget)
        assert len(service.accepted) == accepted
        used = (accepted - before) * PRICE
        assert caught.value.limit == pytest.approx(budget, abs=1e-6), "the budget of the run, not what is left of it"
        assert caught.value.spent + caught.value.held == pytest.approx(used)
        assert f"sweep.run(budget={math.ceil((used + PRICE) * 100) / 100:.2f}) or more" in str(caught.value)
    assert sweep.run(budget=1.5 * PRICE).counts == {"done": 5}
    assert_books_agree(service, studio, 5)


def test_stop_ends_the_sending_of_cells_again(service, open_studio):
    """Requests under way are settled; the other cells keep their money held until a later run looks them up."""
    studio = studio_after_lost_answers(service, open_studio, range(8))
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


def test_the_run_button_shows_how_many_cells_may_be_sent_again(service, open_studio):
    """Its price is the most that a press pays, and the summary at the end includes what was sent again."""
    studio = studio_after_lost_answers(service, open_studio)
    panel = lanterns_panel(studio)
    assert button_of(panel) == "Go on · 1 cell · up to 4 sent again · $0.06895 to $0.34475"
    assert "up to 4 sent again if the service does not know them: up to $0.28" in totals(panel)
    press_and_wait(panel)
    assert "5 done · $0.34 ·" in message(panel)
    assert_books_agree(service, studio, 5)


def test_a_page_that_showed_less_sends_nothing_again(service, open_studio):
    """A quote from before the lost answers, or with fewer cells to send again, is not agreed to."""
    studio = studio_after_lost_answers(service, open_studio)
    panel = lanterns_panel(studio)
    press_and_wait(panel, quote=earlier_quote(panel, cells=1, resend=0, price=68_950))
    assert (
        "The button said $0.06895, and this is $0.34475 for 1 cell and up to 4 sent again now. Nothing was sent"
        in message(panel)
    )
    press_and_wait(panel, quote=earlier_quote(panel, cells=1, resend=3, price=9_000_000))
    assert "The button said 1 cell and up to 3 sent again, and this is" in message(panel)
    assert service.sent == []


def test_run_can_be_pressed_when_all_cells_may_only_be_sent_again(service, open_studio):
    """The press settles them all, and then the button has nothing left to send."""
    studio = studio_after_lost_answers(service, open_studio)
    panel = lanterns_panel(studio, range(4))
    assert button_of(panel) == "Go on · up to 4 sent again · $0.00 to $0.2758"
    press_and_wait(panel)
    assert "4 done · $0.28 ·" in message(panel)
    assert panel.view.bar["why"] == "All cells are done."


def test_the_panel_shows_how_many_cells_its_budget_covers(service, open_studio):
    """Cells that are sent again are counted first."""
    studio = studio_after_lost_answers(service, open_studio)
    panel = lanterns_panel(studio, range(6), budget=0.4)
    assert "budget of $0.40: about 5 of 6 cells" in totals(panel)


def test_stop_before_the_first_send_sends_nothing_again(service, open_studio):
    """The panel shows that nothing was sent, and the button keeps its label."""
    studio = studio_after_lost_answers(service, open_studio)
    panel = lanterns_panel(studio)
    label = button_of(panel)
    with panel.form.lock:  # which the sending takes, too
        job = press_run(panel)
        press(panel, "stop")
    assert job.over.wait(20)
    assert message(panel) == "1 waiting run was not sent."
    assert service.sent == []
    assert button_of(panel) == label
