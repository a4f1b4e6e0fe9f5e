"""A sweep before it runs: every cell with its price, the totals first, and what an earlier run has done already."""

import numpy as np
import pytest
import service_faults as fault
from service import PRICE
from sweep_tools import assert_books_agree, until

from nbkit import errors
from nbkit.request.model import Price

SMALL = 0.04657


def test_one_row_per_cell(service, studio):
    """Axes first under the API's names, then images, prices and status, in nullable dtypes; nothing is sent for it."""
    plan = studio.sweep(
        "A {c} lantern", c=["red", "jade"], top_p=[0.5, None], seed=[2**63 - 1, None], number_results=2
    ).plan()
    assert list(plan) == ["c", "topP", "seed", "images", "low", "high", "status"]
    assert len(plan) == 8
    assert plan.seed.tolist()[0] == 2**63 - 1
    assert [str(plan[name].dtype) for name in plan] == [
        "string",
        "Float64",
        "Int64",
        "Int64",
        "Float64",
        "Float64",
        "string",
    ]
    assert set(plan.status) == {"to do"}
    assert plan.high.sum() == pytest.approx(16 * PRICE)
    assert service.sent == []


def test_variables_with_names_of_columns(studio):
    """A variable called like a column of the frame has its own column, in braces, and hides nothing."""
    sweep = studio.sweep("A {status} lantern, {images}", status=["red", "lit"], images=["one"])
    plan = sweep.plan()
    assert plan["{status}"].tolist() == ["red", "lit"]
    assert (plan.status.tolist(), plan.images.tolist()) == (["to do"] * 2, [1, 1])
    sweep.run()
    frame = sweep.result.to_frame()
    assert (frame["{status}"].tolist(), frame.status.tolist()) == (["red", "lit"], ["done"] * 2)
    assert len(sweep.result.promote([0], "2K")) == 1


def test_the_totals_stand_first(studio):
    """Shown in a cell, cells, images, the range of the price, the balance and whose money it is come before the table."""
    plan = studio.sweep("<script>", web_search=[True, False], number_results=3, resolution="0.5K").plan()
    html, text = plan._repr_html_(), repr(plan)
    for shown in (html, text):
        head = shown.split("webSearch")[0]
        assert "2 cells, 6 images: $0.27942 to $0.69942" in head
        assert "the account holds $12.50" in head
        assert "real money" in head
    assert "<script>" not in html
    assert "mathjax_ignore" in html
    assert type(plan[plan.high > 0.3]).__name__ == "DataFrame"


def test_a_service_that_does_not_tell_its_balance(open_studio):
    """The plan comes without a balance when nobody answers."""
    plan = open_studio(engine="http://127.0.0.1:9/v1").sweep("A lantern", seed=[1]).plan()
    assert plan.totals.balance is None
    assert "the account" not in repr(plan)


def test_what_is_done_already(service, studio):
    """After a partial run each cell says what became of it, and the totals what is left to pay."""
    service.faults += [fault.refused("inferenceError"), fault.refused("contentPolicyViolation")]
    sweep = studio.sweep("A lantern", seed=[1, 2, 3, 4], resolution="0.5K", name="lanterns")
    studio.sweep("A lantern", seed=[1, 2, 3], resolution="0.5K", name="lanterns").run(max_workers=1)
    plan = sweep.plan()
    assert plan.status.tolist() == ["failed", "blocked", "done", "to do"]
    assert "already there: 1 blocked, 1 done, 1 failed" in repr(plan)
    assert f"to send: 1 cell for ${SMALL}" in repr(plan)
    assert plan.totals.quote.pending == (1, 1, Price(46570, 46570))


def test_what_is_under_way(service, studio):
    """A cell that has been sent is running; one that is only written down is still to do."""
    service.free.clear()
    sweep = studio.sweep("A lantern", seed=range(6))
    handle = sweep.start(max_workers=2)
    until(lambda: len(service.accepted) == 2)
    until(lambda: len(studio.df) > 2)  # a further one is written down
    assert sorted(sweep.plan().status) == ["running"] * 2 + ["to do"] * 4
    assert sweep.result.counts == {"running": 2, "not run": 4}
    service.free.set()
    handle.wait(20)
    assert set(sweep.plan().status) == {"done"}


def test_the_duration_comes_from_the_log(studio):
    """With latencies in the log the totals say how long the rest takes; without any they say nothing."""
    sweep = studio.sweep("A lantern", seed=range(8))
    assert sweep.plan().totals.seconds is None
    studio.sweep("A lantern", seed=range(2)).run()
    latency = studio.log.history.typical_latency(studio.engine)
    assert sweep.plan(max_workers=2).totals.seconds == pytest.approx(3 * latency)
    assert "about 1 s" in repr(sweep.plan())


def test_the_estimate_is_what_is_charged(service, studio):
    """At list prices the plan's sum is the money that the service takes."""
    sweep = studio.sweep("A lantern", number_results=[1, 2], seed=[1, 2], resolution="1K")
    plan = sweep.plan()
    assert plan.low.sum() == plan.high.sum()
    result = sweep.run()
    assert result.cost == pytest.approx(plan.high.sum())
    assert_books_agree(service, studio, 4)
    assert studio.budget.spent == pytest.approx(service.spent) == pytest.approx(6 * PRICE)


def test_ten_thousand_cells(studio):
    """The totals of many cells are exact."""
    sweep = studio.sweep(
        "A {c} lantern", c=[str(n) for n in range(10)], temperature=np.arange(0, 1, 0.01), seed=range(10)
    )
    totals = sweep.plan().totals
    assert (totals.cells, totals.price.high) == (10_000, 10_000 * 68_950)


# -- nothing is sent before everything is known ----------------------------------------------------------------


@pytest.mark.parametrize("how", ["plan", "run", "start"])
def test_every_cell_is_checked_first(service, studio, how):
    """A combination that the model does not allow stops the sweep before the first send, and says which cell it is."""
    sweep = studio.sweep("A {c} lantern", c=["red"], width=[512, 512, 600], height=[512, 1024, 448])
    with pytest.raises(
        errors.RequestError, match=r"width=512, height=1024: not a size .*cell 1: c='red', width=512"
    ) as caught:
        getattr(sweep, how)()
    assert caught.value.parameter == "width"
    assert service.sent == []
    assert len(studio.log) == 0


def test_a_text_that_is_too_short_when_it_is_filled(service, studio):
    """Lengths are checked on the text that would be sent."""
    sweep = studio.sweep("{a}", a=["a lantern", "x"])
    with pytest.raises(errors.RequestError, match=r"prompt='x'.*cell 1: a='x'"):
        sweep.run()
    assert service.sent == []


def test_many_images_want_a_confirmation(service, studio):
    """Above a hundred images the error says how many and the price; with ``confirm=True`` they are sent."""
    sweep = studio.sweep("A lantern", seed=range(51), number_results=2, resolution="0.5K", output_format="WEBP")
    with pytest.raises(errors.RequestError, match=r"51 cells for 102 images: \$4\.75014.*confirm=True") as caught:
        sweep.run()
    assert caught.value.parameter == "confirm"
    assert service.sent == []
    assert studio.sweep("A lantern", seed=range(2), number_results=20).run().counts == {"done": 2}
    assert sweep.run(confirm=True, max_workers=8).counts == {"done": 51}
    assert sweep.run().counts == {"done": 51}  # nothing is left, so nothing is asked


@pytest.mark.parametrize(
    "how", [{"max_workers": 0}, {"max_workers": 2.0}, {"budget": -1}, {"budget": "5"}, {"retry": "all"}]
)
def test_arguments_of_run(service, studio, how):
    """A wrong argument is named, and nothing is sent."""
    (name,) = how
    with pytest.raises(errors.RequestError) as caught:
        studio.sweep("A lantern", seed=[1]).run(**how)
    assert caught.value.parameter == name
    assert service.sent == []
