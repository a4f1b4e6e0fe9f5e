"""A sweep before it runs: the price of each cell, the totals, what an earlier run has done, and the checks."""

import subprocess
import sys

import numpy as np
import pytest
import service_faults as fault
from service import PRICE
from sweep_tools import assert_books_agree, until

import nbkit
from nbkit import errors, statistics
from nbkit.request.price import Price


def test_a_plan_has_one_row_per_cell_and_sends_nothing(service, studio):
    """The axes come first, under the API's names; then images, prices and status, in nullable dtypes."""
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
        "float64",
        "float64",
        "string",
    ]
    assert set(plan.status) == {"to do"}
    assert plan.high.sum() == pytest.approx(16 * PRICE)
    assert service.sent == []


def test_a_variable_named_like_a_column_has_a_column_of_another_name(studio):
    """It does not hide the column of the plan or of the frame."""
    sweep = studio.sweep("A {status} lantern, {images}", status=["red", "lit"], images=["one"])
    plan = sweep.plan()
    assert plan["var_status"].tolist() == ["red", "lit"]
    assert (plan.status.tolist(), plan.images.tolist()) == (["to do"] * 2, [1, 1])
    sweep.run()
    frame = sweep.result.to_frame()
    assert (frame["var_status"].tolist(), frame.status.tolist()) == (["red", "lit"], ["done"] * 2)
    assert len(sweep.result.promote([0], "2K")) == 1


def test_a_plan_shows_its_totals_before_the_table(studio):
    """They have the number of cells and images, the range of the price, the balance, and whether it is real money."""
    plan = studio.sweep("<script>", web_search=[True, False], number_results=3, resolution="0.5K").plan()
    html, text = plan._repr_html_(), repr(plan)
    for shown in (html, text):
        head = shown.split("webSearch")[0]
        assert "2 cells, 6 images: $0.28 to $0.70" in head
        assert "the account holds $12.50" in head
        assert "real money" in head
    assert "<script>" not in html
    assert "mathjax_ignore" in html
    assert type(plan[plan.high > 0.3]).__name__ == "DataFrame"


def test_a_plan_has_no_balance_if_the_service_does_not_answer(open_studio):
    """It is made all the same."""
    plan = open_studio(engine="http://127.0.0.1:9/v1").sweep("A lantern", seed=[1]).plan()
    assert plan.totals.balance is None
    assert "the account" not in repr(plan)


def test_a_plan_has_the_status_of_each_cell_of_an_earlier_run(service, studio):
    """The totals count them by status, and have the price of what is left to send."""
    service.faults += [fault.refused("inferenceError"), fault.refused("contentPolicyViolation")]
    sweep = studio.sweep("A lantern", seed=[1, 2, 3, 4], resolution="0.5K", name="lanterns")
    studio.sweep("A lantern", seed=[1, 2, 3], resolution="0.5K", name="lanterns").run(max_workers=1)
    plan = sweep.plan()
    assert plan.status.tolist() == ["failed", "blocked", "done", "to do"]
    assert "already there: 1 blocked, 1 done, 1 failed" in repr(plan)
    assert "to send: 1 cell for $0.047" in repr(plan)
    assert plan.totals.quote.pending == (1, 1, Price(46570, 46570))


def test_a_cell_that_was_sent_is_running_and_a_planned_one_is_to_do(service, studio):
    """The plan and the result agree, while it runs and at its end."""
    service.free.clear()
    sweep = studio.sweep("A lantern", seed=range(6))
    handle = sweep.start(max_workers=2)
    until(lambda: len(service.accepted) == 2)
    until(lambda: len(studio.df) > 2)  # a further one is planned: it is in the log, and has not been sent
    assert sorted(sweep.plan().status) == ["running"] * 2 + ["to do"] * 4
    assert sweep.result.counts == {"running": 2, "not run": 4}
    service.free.set()
    handle.wait(20)
    assert set(sweep.plan().status) == {"done"}


def test_a_plan_estimates_its_duration_from_latencies_in_the_log(studio):
    """Without any latency in the log there is no estimate."""
    sweep = studio.sweep("A lantern", seed=range(8))
    assert sweep.plan().totals.seconds is None
    studio.sweep("A lantern", seed=range(2)).run()
    latency = studio.log.history.typical_latency(studio.engine)
    assert sweep.plan(max_workers=2).totals.seconds == pytest.approx(3 * latency)
    assert "about 1 s" in repr(sweep.plan())


def test_the_price_of_a_plan_is_what_the_service_charges(service, studio):
    """At list prices, the plan, the result, the budget and the service have the same sum."""
    sweep = studio.sweep("A lantern", number_results=[1, 2], seed=[1, 2], resolution="1K")
    plan = sweep.plan()
    assert plan.low.sum() == plan.high.sum()
    result = sweep.run()
    assert result.cost == pytest.approx(plan.high.sum())
    assert_books_agree(service, studio, 4)
    assert studio.budget.spent == pytest.approx(service.spent) == pytest.approx(6 * PRICE)


def test_the_totals_of_ten_thousand_cells_are_exact(studio):
    """Each cell is counted and priced."""
    sweep = studio.sweep(
        "A {c} lantern", c=[str(n) for n in range(10)], temperature=np.arange(0, 1, 0.01), seed=range(10)
    )
    totals = sweep.plan().totals
    assert (totals.cells, totals.price.high) == (10_000, 10_000 * 68_950)


# -- checks before the first send ------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["plan", "run", "start"])
def test_every_cell_is_checked_before_the_first_send(service, studio, method):
    """A combination that the model does not allow is an error that names the cell; nothing is sent or logged."""
    sweep = studio.sweep("A {c} lantern", c=["red"], width=[512, 512, 600], height=[512, 1024, 448])
    with pytest.raises(
        errors.RequestError, match=r"width=512, height=1024: not a size .*cell 1: c='red', width=512"
    ) as caught:
        getattr(sweep, method)()
    error = caught.value
    assert (error.parameter, error.value, error.reason) == ("width", (512, 1024), "dimensions")
    assert service.sent == []
    assert len(studio.log) == 0


def test_the_length_of_a_prompt_is_checked_after_the_template_is_filled(service, studio):
    """A filled prompt that is too short is an error that names the cell, and nothing is sent."""
    sweep = studio.sweep("{a}", a=["a lantern", "x"])
    with pytest.raises(errors.RequestError, match=r"prompt='x'.*cell 1: a='x'") as caught:
        sweep.run()
    assert (caught.value.parameter, caught.value.value, caught.value.reason) == ("prompt", "x", "length")
    assert service.sent == []


def test_more_than_a_hundred_images_need_a_confirmation(service, studio):
    """The error has their number and price; ``confirm=True`` sends them, and a finished sweep needs none."""
    sweep = studio.sweep("A lantern", seed=range(51), number_results=2, resolution="0.5K", output_format="WEBP")
    with pytest.raises(errors.RequestError, match=r"51 cells for 102 images: \$4\.75014.*confirm=True") as caught:
        sweep.run()
    assert (caught.value.parameter, caught.value.suggestion) == ("confirm", True)
    assert service.sent == []
    assert studio.sweep("A lantern", seed=range(2), number_results=20).run().counts == {"done": 2}
    assert sweep.run(confirm=True, max_workers=8).counts == {"done": 51}
    assert sweep.run().counts == {"done": 51}


@pytest.mark.parametrize("workers", [0, 2.0, "two"])
def test_a_plan_with_a_wrong_number_of_workers_is_an_error_that_names_it(studio, workers):
    """A plan that divided by it would promise a wrong time."""
    with pytest.raises(errors.RequestError) as caught:
        studio.sweep("A lantern", seed=[1]).plan(max_workers=workers)
    assert (caught.value.parameter, caught.value.value) == ("max_workers", workers)


@pytest.mark.parametrize(
    "wrong", [{"max_workers": 0}, {"max_workers": 2.0}, {"budget": -1}, {"budget": "5"}, {"retry": "all"}]
)
def test_a_wrong_argument_of_run_is_an_error_that_names_it(service, studio, wrong):
    """Nothing is sent."""
    ((name, value),) = wrong.items()
    with pytest.raises(errors.RequestError) as caught:
        studio.sweep("A lantern", seed=[1]).run(**wrong)
    assert (caught.value.parameter, caught.value.value) == (name, value)
    assert service.sent == []


# -- what a plan can tell ------------------------------------------------------------------------------------------


def test_a_plan_says_which_gap_it_sees():
    """Of the axis with most values, what else varies counting as repeats; the numbers are those of the statistics."""
    studio = nbkit.Studio(engine="offline")
    sweep = studio.sweep("A lantern", temperature=[0.2, 0.6, 1.0], topP=[0.5, 0.9], seed=range(1, 8))
    plan = sweep.plan()
    assert plan.sees() == plan.sees("temperature") == pytest.approx(statistics.smallest_gap(3, 14))
    assert plan.sees("top_p") == pytest.approx(statistics.smallest_gap(2, 21))
    assert plan.sees(gap=1.5) == pytest.approx(statistics.power(3, 14, 1.5))
    assert "gap of 1.3 standard deviations between two values of temperature" in repr(plan)
    assert "gap of 1.3" in plan._repr_html_()


def test_pictures_of_one_request_are_repeats():
    """Four results of a request are four seeds."""
    plan = nbkit.Studio(engine="offline").sweep("A lantern", temperature=[0.2, 1.0], number_results=4).plan()
    assert plan.sees() == pytest.approx(statistics.smallest_gap(2, 4))


@pytest.mark.parametrize("axes", [{"seed": [1, 2, 3]}, {"temperature": [0.2, 1.0], "seed": [1]}, {"seed": 1}])
def test_a_plan_that_compares_nothing_says_so(axes):
    """When it is asked; the plan itself has no line about it."""
    plan = nbkit.Studio(engine="offline").sweep("A lantern", **axes).plan()
    with pytest.raises(errors.RequestError):
        plan.sees()
    assert "gap" not in repr(plan)


def test_without_scipy_a_plan_has_no_such_line():
    """And the question says what to install."""
    code = """
import sys
sys.modules["scipy"] = sys.modules["scipy.stats"] = None
import nbkit
plan = nbkit.Studio(engine="offline").sweep("A lantern", temperature=[0.2, 1.0], seed=[1, 2, 3]).plan()
assert "gap" not in repr(plan), plan
try:
    plan.sees()
except nbkit.NbkitError as error:
    assert "nbkit[science]" in str(error), error
else:
    raise AssertionError
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
