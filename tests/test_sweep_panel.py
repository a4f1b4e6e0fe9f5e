"""The sweep panel without a page: axes, what they come to, a press, Stop and going on, what is shown and kept."""

import contextlib
import html
import io
import json
import operator
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import nbformat
import numpy as np
import pytest
from ipywidgets import Widget
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image
from sweep_tools import until

import nbkit
from nbkit.errors import BudgetExceeded, RequestError, UnknownParameter
from nbkit.request.parameter import Decimal2, Integer, Text
from nbkit.widgets.sweep_panel import counting
from nbkit.widgets.sweep_panel.tables import arrange
from nbkit.widgets.sweep_panel.values import read_values, spread, write_values
from nbkit.widgets.sweep_panel.work import DOUBLE_CLICK

SEED = 2**63 - 1
PROMPT = "A {colour} lantern, {mood}"
WORDS = {"colour": ["red", "jade"], "mood": ["calm", "loud"]}


@pytest.fixture
def studio(tmp_path):
    studio = nbkit.Studio(engine="offline", path=tmp_path / "runs", budget=20.00)
    yield studio
    studio.close()


@pytest.fixture
def slow(tmp_path):
    """A studio whose pictures take their time, so that there is something to stop."""
    studio = nbkit.Studio(engine=nbkit.Offline(latency=0.3), path=tmp_path / "slow", budget=20.00)
    yield studio
    studio.close()


@pytest.fixture
def panel(studio):
    return studio.sweep_panel(PROMPT, **WORDS, temperature=[0.2, 0.8], resolution="0.5K", seed=7)


def widgets_of(box):
    """A widget and everything inside it, their layouts and styles too."""
    yield box
    for value in box.trait_values().values():
        for widget in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(widget, Widget):
                yield from widgets_of(widget)


def state_of(panel):
    """All that a notebook could save of the panel's widgets."""
    return json.dumps([widget.get_state() for widget in widgets_of(panel.box)], default=repr)


def cells_of(sweep):
    return [(cell.key, cell.values) for cell in sweep]


def rows_of(panel):
    return list(panel.form.axes.rows)


def type_values(panel, name, text):
    panel.form.axes.rows[name].field.value = text


# -- values as they are typed ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind", "values"),
    [
        ("red, jade", None, ["red", "jade"]),
        ("red\njade\n\n", None, ["red", "jade"]),
        ('"red, dark", "say ""hi"""\n blue ', None, ["red, dark", 'say "hi"', "blue"]),
        ('5" tall, 6" tall', None, ['5" tall', '6" tall']),
        ('1, 2.5, 007, "3"', None, [1, 2.5, "007", "3"]),
        (f"{SEED}, 1", Integer(0, SEED), [SEED, 1]),
        ("0.2 , .5\n1", Decimal2(0, 1), [0.2, 0.5, 1.0]),
        ("0.2, not sent, high", Decimal2(0, 1), [0.2, None, "high"]),
        ("A cat, sitting\nA dog, lying", Text(3, 100), ["A cat, sitting", "A dog, lying"]),
        ('"two\nlines"\nA dog', Text(3, 100), ["two\nlines", "A dog"]),
        (" ,, \n ", None, []),
        ("nan, inf, -inf, 1e999, Infinity", None, ["nan", "inf", "-inf", "1e999", "Infinity"]),
        ("0.2, nan", Decimal2(0, 1), [0.2, "nan"]),
        ("9" * 400, None, [int("9" * 400)]),
    ],
)
def test_values_are_read_and_written_back(text, kind, values):
    """Lines or commas; what holds a comma stands in quotes; a seed keeps its 63 bits; and the same text comes back."""
    assert read_values(text, kind) == values
    assert read_values(write_values(values, kind), kind) == values


def test_a_range_is_spread_in_steps_of_its_parameter():
    """Hundredths are those that are written so; whole numbers are exact at any size; none comes twice."""
    assert spread("0", "1", "4", Decimal2(0, 1)) == [0.0, 0.33, 0.67, 1.0]
    assert spread("0.1", "0.3", "3", Decimal2(0, 1)) == [0.1, 0.2, 0.3]
    assert spread("0", str(SEED), "3", Integer(0, SEED)) == [0, (SEED + 1) // 2, SEED]
    assert spread("1", "3", "9", Integer(0, SEED)) == [1, 2, 3]
    assert spread("5", "9", "1", Integer(0, SEED)) == [5]
    with pytest.raises(RequestError, match="start='x': must be a whole number"):
        spread("x", "9", "3", Integer(0, SEED))
    with pytest.raises(RequestError, match="stop='1e999999': must be a number from 0 to 1"):
        spread("0", "1e999999", "3", Decimal2(0, 1))
    with pytest.raises(RequestError, match="count=0"):
        spread("1", "9", "0", Integer(0, SEED))


# -- what it begins with ----------------------------------------------------------------------------------------


def test_it_begins_with_what_studio_sweep_takes(panel, studio):
    """List-like values are axes, anything else stays; the sweep is the same in each cell, its name too."""
    own = studio.sweep(PROMPT, **WORDS, temperature=[0.2, 0.8], resolution="0.5K", seed=7)
    assert rows_of(panel) == ["colour", "mood", "temperature"]
    assert panel.form.stay.controls["seed"].read() == {"seed": 7}
    assert cells_of(panel.sweep) == cells_of(own)
    assert panel.sweep.name == own.name
    assert "8 cells" in repr(panel)


def test_the_order_of_the_axes_is_that_of_the_keywords(studio):
    """The last one moves fastest, whether it is a variable or a parameter."""
    panel = studio.sweep_panel("A {colour} lantern", temperature=[0.2, 0.8], colour=["red", "jade"])
    own = studio.sweep("A {colour} lantern", temperature=[0.2, 0.8], colour=["red", "jade"])
    assert cells_of(panel.sweep) == cells_of(own)


def test_list_like_values_of_any_kind(studio):
    """Ranges and numpy's arrays are axes; a seed keeps all of its bits; booleans and words are ticked."""
    panel = studio.sweep_panel(
        "A lantern",
        seed=range(SEED - 2, SEED),
        topP=np.arange(0.1, 0.31, 0.1),
        thinking=["HIGH", None],
        web_search=[True],
    )
    assert {cell.seed for cell in panel.sweep} == {SEED - 2, SEED - 1}
    assert {cell.top_p for cell in panel.sweep} == {0.1, 0.2, 0.3}
    assert {cell.thinking for cell in panel.sweep} == {"HIGH", None}
    assert str(SEED - 1) in json.dumps(panel.form.axes.rows["seed"].field.get_state())


def test_several_prompts_and_a_request(studio):
    """A list of prompts is an axis, commas and all; a request sets what it holds."""
    panel = studio.sweep_panel(["A cat, sitting", "A dog, lying"], seed=7)
    assert [cell.prompt for cell in panel.sweep] == ["A cat, sitting", "A dog, lying"]
    request = nbkit.ImageRequest("A {colour} lantern", width=1264, height=848, temperature=0.3)
    panel = studio.sweep_panel(request, colour=["red"])
    assert panel.sweep[0].request.size == (1264, 848)
    assert panel.sweep[0].temperature == 0.3


def test_options_are_those_of_sweep_and_run(studio):
    """``combine``, ``repeats``, ``sample``, ``name`` build it; ``max_workers``, ``budget``, ``retry`` run it."""
    panel = studio.sweep_panel(
        PROMPT, **WORDS, combine="zip", repeats=2, name="two", budget=0.5, max_workers=2, retry="failed"
    )
    assert len(panel.sweep) == 4
    assert panel.sweep.name == "two"
    assert panel.code.endswith("sweep.run(budget=0.5, retry='failed', max_workers=2)")
    panel.set(combine="product", repeats=None, sample=3)
    assert len(panel.sweep) == 3


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"temprature": [0.2]}, UnknownParameter, "temperature"),
        ({"temperature": [0.2, 3]}, RequestError, "from 0 to 1"),
        ({"seed": {1, 2}}, RequestError, "no order"),
        (
            {"reference_images": [["https://a.org/1.png"]]},
            RequestError,
            r"studio\.sweep\(referenceImages|reference_images",
        ),
        ({"max_workers": 0}, RequestError, "max_workers"),
        ({"budget": -1}, RequestError, "budget"),
        ({"combine": "cross"}, RequestError, "product"),
        ({"taskUUID": "x"}, RequestError, "taskUUID"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_moves(panel, given, error, words):
    """In the words of the parameter's own check."""
    before = cells_of(panel.sweep)
    with pytest.raises(error, match=words):
        panel.set(top_p=0.5, **given)
    assert cells_of(panel.sweep) == before


# -- moving the controls ----------------------------------------------------------------------------------------


def test_a_name_in_braces_is_an_axis_by_itself(studio):
    """It comes with the template and goes with it, and when it comes again it has its values."""
    panel = studio.sweep_panel()
    prompt = panel.form.stay.controls["prompt"].field
    prompt.value = "A {colour} lantern"
    assert rows_of(panel) == ["colour"]
    assert "without a value" in panel.form.axes.rows["colour"].complaint
    assert panel.bar.run.disabled
    assert panel.bar.run.tooltip == "not ready: colour"
    type_values(panel, "colour", "red, jade")
    assert panel.bar.run.description == "Run · 2 cells · $0.1379"
    assert not panel.bar.run.disabled
    prompt.value = "A lantern"
    assert rows_of(panel) == []
    prompt.value = "A {colour} lantern at {temperature}"
    assert [cell.prompt for cell in panel.sweep] == [
        "A red lantern at {temperature}",
        "A jade lantern at {temperature}",
    ]


@pytest.mark.parametrize("name", ["name", "sample", "class", "model", "settings"])
def test_a_variable_that_cannot_be_called_so_is_told(studio, name):
    """What ``studio.sweep`` or Python take for something else needs another name."""
    panel = studio.sweep_panel()
    panel.form.stay.controls["prompt"].field.value = f"A {{{name}}} lantern"
    assert "another name" in panel.form.axes.rows[name].complaint
    assert panel.bar.run.disabled


def test_a_parameter_becomes_an_axis_and_is_held_still_again(panel):
    """Its control goes out of sight, and its value is the first of the axis; "remove" brings the control back."""
    control = panel.form.stay.controls["seed"]
    panel.form.axes.add.value = "seed"
    assert control.box.layout.display == "none"
    assert panel.form.axes.rows["seed"].read() == [7]
    type_values(panel, "seed", f"1, {SEED}")
    assert len(panel.sweep) == 16
    panel.form.axes.rows["seed"].remove.click()
    assert control.box.layout.display == ""
    assert len(panel.sweep) == 8
    panel.set(temperature=0.3)
    assert rows_of(panel) == ["colour", "mood"]
    assert panel.sweep[0].temperature == 0.3
    panel.set(thinking=["HIGH", "MINIMAL"])
    assert [box.value for box in panel.form.axes.rows["thinking"].ticks.values()] == [True, True, False]


def test_a_size_may_vary_in_one_of_its_two(panel):
    """The ratio is an axis while the tier stays where it is."""
    panel.set(aspect_ratio=["1:1", "3:2"])
    size = panel.form.stay.size
    assert (size.ratio.layout.display, size.tier.layout.display) == ("none", "")
    assert "aspectRatio varies" in size.pixels.value
    assert {cell.request.size for cell in panel.sweep} == {(512, 512), (632, 424)}


def test_fill_writes_the_values_of_a_range(panel):
    """From start to stop, so many; what is no number is told at the axis."""
    row = panel.form.axes.rows["temperature"]
    row.range.start.value, row.range.stop.value, row.range.count.value = "0.1", "0.4", "4"
    row.range.fill.click()
    assert row.field.value == "0.1, 0.2, 0.3, 0.4"
    assert len(panel.sweep) == 16
    row.range.count.value = "many"
    row.range.fill.click()
    assert "temperature count=&#x27;many&#x27;: must be a whole number" in row.complaint


def test_what_is_wrong_stands_at_its_axis(panel):
    """In the words of the declaration's own check; the others are quiet, Run is locked and says why."""
    type_values(panel, "temperature", "0.2, 3")
    assert "temperature=3.0: must be a number from 0 to 1" in panel.form.axes.rows["temperature"].complaint
    assert panel.form.axes.rows["colour"].complaint == ""
    assert panel.bar.run.disabled
    assert panel.bar.run.tooltip == "not ready: temperature"
    type_values(panel, "temperature", "0.2, 0.20")
    assert "twice" in panel.form.axes.rows["temperature"].complaint
    with pytest.raises(RequestError, match="twice"):
        panel.run()
    panel.form.options.combine.value = "zip"
    type_values(panel, "temperature", "0.2")
    assert "same number of values" in panel.form.axes.rows["colour"].complaint
    type_values(panel, "temperature", "0.2, 0.3")
    assert panel.bar.run.description.startswith("Run · 2 cells")


def test_a_cell_that_cannot_be_is_told_at_its_control(panel):
    """A template that is too short once it is filled is found before anything is sent."""
    panel.set(prompt="{colour}", colour=["jade", "r"], mood=None)
    assert "prompt=&#x27;r&#x27;: must be" in panel.form.stay.controls["prompt"].complaint
    assert panel.bar.run.tooltip == "not ready: prompt"
    assert panel.bar.run.disabled


def test_what_people_type_is_no_html(studio):
    """Values, names and complaints are shown as they are."""
    panel = studio.sweep_panel("A {colour} lantern", colour=["<b>red</b>", "<i>"])
    type_values(panel, "colour", "<b>, <b>")
    panel.source.code.value = True
    assert "&lt;b&gt;" in panel.form.axes.rows["colour"].complaint
    type_values(panel, "colour", "<b>, <i>")
    assert "&lt;b&gt;" in panel.source.box.children[0].value
    assert "<b>" not in panel.source.box.children[0].value


# -- what it comes to -------------------------------------------------------------------------------------------


def test_cells_images_and_price_follow_each_change(panel):
    """As the plan counts them, and the plan itself on demand."""
    totals = panel.sweep.plan().totals
    assert (
        panel.bar.totals.value
        == "<strong>8 cells, 8 images: $0.37256</strong> · offline list prices, nothing is charged"
    )
    assert panel.bar.totals.value.startswith(f"<strong>{totals.lines()[0]}</strong>")
    panel.set(number_results=2)
    assert "8 cells, 16 images" in panel.bar.totals.value
    panel.source.plan.value = True
    assert panel.source.box.children[1].value.count("<tr>") == 8
    panel.form.stay.controls["prompt"].field.value = ""
    assert panel.bar.totals.value == ""
    assert "Nothing to show yet" in panel.source.box.children[1].value


def test_many_cells_are_counted_beside_the_kernels_work(studio):
    """A few hundred cells are not counted before a change is answered: Run is locked meanwhile; then comes the price."""
    panel = studio.sweep_panel("A lantern", seed=range(20), temperature=[0.1, 0.2, 0.3], resolution="0.5K")
    until(lambda: "60 images" in panel.bar.totals.value)
    for last in range(21, 26):
        type_values(panel, "seed", ", ".join(map(str, range(10 * last))))
    assert panel.bar.run.disabled
    assert panel.bar.run.tooltip == "counting"
    until(lambda: "750 cells, 750 images: $34.9275" in panel.bar.totals.value)


@pytest.mark.parametrize(
    ("seeds", "words"), [(100_000, "1,000,000 cells"), (1_000, "10,000 cells are too many for a panel")]
)
def test_a_huge_product_freezes_nothing(studio, seeds, words):
    """It says how many cells that would be and what to do."""
    panel = studio.sweep_panel("A lantern", seed=range(seeds), temperature=[i / 10 for i in range(10)])
    said = panel.bar.run.tooltip + state_of(panel)
    assert words in said
    assert "sample=" in said
    assert panel.bar.run.disabled
    panel.set(sample=5)
    assert panel.bar.run.description.startswith("Run · 5 cells")


def test_an_older_question_does_not_answer_a_newer_one(studio, monkeypatch):
    """While many cells are being counted, another change asks again, and only that is answered."""
    monkeypatch.setattr(counting, "AT_ONCE", 1)
    panel = studio.sweep_panel("A lantern", seed=range(3))
    panel.set(seed=range(5))
    until(lambda: "5 cells, 5 images" in panel.bar.totals.value)
    threading.Event().wait(2 * counting.SETTLE)
    assert "5 cells, 5 images" in panel.bar.totals.value


def test_nothing_is_sent_while_controls_move(panel, studio):
    """However much is moved, only Run sends."""
    for step in range(10):
        type_values(panel, "temperature", f"0.{step}")
        panel.set(seed=step, repeats=None)
    assert len(studio.log) == 0


# -- a run ------------------------------------------------------------------------------------------------------


def test_a_press_runs_the_sweep(panel, studio):
    """All cells are in the log with their values, the grid has their pictures, the output keeps it."""
    assert panel.run()
    assert panel.wait(60).counts == {"done": 8}
    assert len(studio.log) == 8
    assert "8 done · $0.37256" in panel.bar.under.value
    assert panel.record.bundle.html.count("data:image/jpeg") == 8
    assert "colour red, temperature 0.2: ✓ done" in panel.record.bundle.text
    assert all(panel.grid.board._tiles[place].file.exists() for place in range(8))
    assert panel.bar.locked
    assert panel.bar.run.tooltip == "nothing to send: every cell is in the log"
    assert "$19.62744 left of $20.00" in state_of(panel)


def test_two_presses_make_one_sweep(panel, studio):
    """While one is under way a press does nothing; the second half of a double click is none."""
    panel.bar.run.click()
    panel.bar.run.click()
    assert not panel.run()
    panel.wait(60)
    assert len(studio.log) == 8


def test_stop_and_go_on(slow):
    """Stop is answered at once and says what is paid; Go on sends what is missing, and nothing twice."""
    panel = slow.sweep_panel("A lantern", seed=range(12), resolution="0.5K", max_workers=2)
    panel.run()
    until(lambda: panel.work.job.running and panel.work.job.running.progress.done >= 2)
    panel.bar.stop.click()
    assert re.search(r"\d requests? under way, up to \$0\.\d+, at list prices", panel.bar.under.value)
    here = panel.wait(20).counts["done"]
    assert 2 <= here < 12
    assert "landed" in panel.bar.under.value
    assert "not run" in panel.record.bundle.text
    rest = 12 - here
    assert panel.bar.run.description.startswith(f"Go on · {rest} cells · $")
    assert panel.run()
    assert panel.wait(30).counts == {"done": 12}
    assert slow.budget.spent == pytest.approx(12 * 0.04657)
    assert (slow.df.status == "done").sum() == 12
    assert "not run" not in panel.record.bundle.text


def test_stop_while_it_settles_sends_nothing(panel, studio):
    """Between the click and the sending there is a moment."""
    panel.bar.run.click()
    panel.bar.stop.click()
    panel.work.latest.over.wait(10)
    assert len(studio.log) == 0
    assert panel.bar.run.description == "Run · 8 cells · $0.37256"
    assert not panel.bar.run.disabled


def test_what_is_in_the_log_is_not_paid_again(panel, studio):
    """A value that is added to an axis costs its own cells only, in another panel, too."""
    panel.run()
    panel.wait(60)
    again = studio.sweep_panel(PROMPT, **WORDS, temperature=[0.2, 0.8, 0.5], resolution="0.5K", seed=7)
    assert again.bar.run.description == "Go on · 4 cells · $0.18628"
    assert "already there: 8 done" in again.bar.totals.value
    assert sum(again.grid.board._tiles[place].status == "done" for place in range(12)) == 8


def test_many_images_need_a_tick(studio):
    """Above a hundred, Run is locked until it is ticked; another number is another question."""
    panel = studio.sweep_panel("A lantern", seed=range(51), number_results=2, resolution="0.5K")
    assert panel.bar.confirm.layout.display == ""
    assert panel.bar.confirm.description == "send 102 images"
    assert panel.bar.run.disabled
    assert "tick" in panel.bar.run.tooltip
    panel.bar.confirm.value = True
    assert not panel.bar.run.disabled
    panel.set(seed=range(52))
    assert panel.bar.run.disabled
    assert not panel.bar.confirm.value
    panel.run()
    with pytest.raises(RequestError, match="104 images"):
        panel.wait(10)
    assert "104 images" in panel.bar.under.value
    assert len(studio.log) == 0


def test_a_budget_that_does_not_reach_is_said(studio):
    """What it reached for is there; a larger one goes on."""
    panel = studio.sweep_panel("A lantern", seed=range(4), resolution="0.5K", budget=0.1)
    panel.run()
    with pytest.raises(BudgetExceeded):
        panel.wait(20)
    assert "larger budget" in panel.bar.under.value
    assert panel.bar.run.description == "Go on · 2 cells · $0.09314"
    panel.set(budget=None)
    panel.run()
    assert panel.wait(20).counts == {"done": 4}


def test_how_far_the_money_reaches_is_said_beforehand(tmp_path):
    """The studio's budget or the run's own, whichever is less; and nothing of it while it is enough."""
    with contextlib.closing(nbkit.Studio(engine="offline", path=tmp_path / "runs", budget=0.2)) as studio:
        panel = studio.sweep_panel("A lantern", seed=range(12), resolution="0.5K")
        assert "more than the $0.20 left: about 4 of 12 cells" in panel.bar.totals.value
        panel.set(budget=0.1)
        assert "more than this run's budget of $0.10: about 2 of 12 cells" in html.unescape(panel.bar.totals.value)
        panel.set(seed=range(4), budget=None)
        assert "more than" not in panel.bar.totals.value
        panel.run()
        panel.wait(30)
        panel.set(seed=range(12))
        assert "more than the $0.01372 left: about 0 of 8 cells" in panel.bar.totals.value


def test_failed_cells_are_told_and_sent_again_on_request(tmp_path):
    """The tile says why; they are due only with "retry failed"."""
    studio = nbkit.Studio(engine=nbkit.Offline(failures={"failed": 1.0}), path=tmp_path / "runs")
    panel = studio.sweep_panel("A lantern", seed=range(2), resolution="0.5K")
    panel.run()
    assert panel.wait(30).counts == {"failed": 2}
    assert panel.grid.board._tiles[0].status == "failed"
    assert panel.grid.board._tiles[0].note
    assert "2 failed: “retry failed” sends them again" in panel.bar.run.tooltip
    panel.form.options.retry.value = True
    assert panel.bar.run.description == "Run · 2 cells · $0.09314"
    assert not panel.bar.run.disabled
    studio.close()


def test_a_fault_of_a_handler_is_said(panel):
    """Jupyter would swallow it."""
    panel.form.stay.fold.tell = lambda: 1 / 0
    panel.form.stay.controls["seed"].field.value = "3"
    assert "ZeroDivisionError" in panel.bar.under.value


# -- nothing beyond what the button said ------------------------------------------------------------------------


def press(panel, *, showing=None):
    """Press Run as a page does, which tells what its button showed; or as code does, which tells nothing."""
    if showing is not None:
        panel.access._hear({"seen": showing})
    before = panel.work.latest
    panel.bar.run.click()
    return panel.work.latest if panel.work.latest is not before else None


def pressed(panel, *, showing=None):
    """Press Run, and wait until nothing of it is under way."""
    job = press(panel, showing=showing)
    assert job.over.wait(30)
    return job


@pytest.fixture
def single(studio):
    return studio.sweep_panel("A lantern", seed=[0], resolution="0.5K")


def test_a_page_that_is_behind_sends_no_more_than_it_showed(single, studio):
    """Ninety seeds were typed while a cell kept the kernel busy: the page's button still said one."""
    shown = single.bar.run.description
    assert shown == "Run · 1 cell · $0.04657"
    type_values(single, "seed", ", ".join(map(str, range(90))))
    assert single.bar.run.description == "Run · 90 cells · $4.1913"
    pressed(single, showing=shown)
    said = "The button said $0.04657, and this is $4.1913 for 90 cells now. Nothing was sent: press again."
    assert said in single.bar.under.value
    assert len(studio.log) == 0
    with pytest.raises(RequestError, match="press again"):
        single.wait(1)


def test_what_the_page_showed_may_be_told_after_the_click(single, studio):
    """The two messages come in either order."""
    shown = single.bar.run.description
    type_values(single, "seed", "1, 2, 3")
    job = press(single)
    single.access._hear({"seen": shown})
    assert job.over.wait(10)
    assert "The button said $0.04657" in single.bar.under.value
    assert len(studio.log) == 0


def test_what_is_typed_after_the_click_is_not_sent_beyond_it(studio):
    """An axis that grows before the sending; what grew cheaper or smaller goes through."""
    panel = studio.sweep_panel("A lantern", seed=[0, 1], resolution="0.5K")
    job = press(panel)
    type_values(panel, "seed", ", ".join(map(str, range(10))))
    assert job.over.wait(10)
    assert "The button said $0.09314, and this is $0.4657 for 10 cells now" in panel.bar.under.value
    assert len(studio.log) == 0
    assert panel.bar.run.description == "Run · 10 cells · $0.4657"
    panel.work._clicked = float("-inf")  # long ago
    job = press(panel)
    type_values(panel, "seed", "0, 1, 2")
    assert job.over.wait(30)
    assert panel.wait(1).counts == {"done": 3}


def test_more_images_for_less_money_are_not_sent(studio):
    """The number on the button counts, too; it says images where these are more than cells."""
    panel = studio.sweep_panel("A lantern", seed=[0], resolution="4K")
    shown = panel.bar.run.description
    panel.set(seed=[0, 1], resolution="0.5K")
    pressed(panel, showing=shown)
    assert "The button said 1 cell, and this is $0.09314 for 2 cells now" in panel.bar.under.value
    panel.set(seed=[0], resolution="4K", number_results=2)
    assert " · 1 cell · 2 images · $" in panel.bar.run.description
    shown = panel.bar.run.description
    panel.set(resolution="0.5K", number_results=3)
    panel.work._clicked = float("-inf")
    pressed(panel, showing=shown)
    assert "The button said 1 cell and 2 images, and this is" in panel.bar.under.value
    assert len(studio.log) == 0


def test_a_button_without_a_price_sends_nothing(single, studio):
    """A page that has not been told the price yet has promised nothing."""
    pressed(single, showing="Run")
    assert "The button named no price yet, and this is $0.04657 for 1 cell" in single.bar.under.value
    assert len(studio.log) == 0


def test_the_tick_counts_for_the_number_that_it_names(studio):
    """Many more than were ticked are asked about again, and while they are counted a press sends nothing."""
    panel = studio.sweep_panel("A lantern", seed=range(101), resolution="0.5K")
    until(lambda: panel.bar.confirm.description == "send 101 images")
    panel.bar.confirm.value = True
    assert not panel.bar.run.disabled  # a tick is no other sweep: nothing is counted again
    type_values(panel, "seed", ", ".join(map(str, range(1500))))
    assert press(panel) is None
    assert "still being counted" in panel.bar.under.value
    until(lambda: panel.bar.confirm.description == "send 1,500 images")
    assert not panel.bar.confirm.value
    panel.work._clicked = float("-inf")
    assert press(panel) is None
    assert "Nothing was sent: tick “send 1,500 images” first" in panel.bar.under.value
    assert len(studio.log) == 0


def test_a_tick_holds_until_its_press_has_sent(studio):
    """The press itself has the sweep counted again; what was ticked at the press is sent."""
    panel = studio.sweep_panel("A lantern", seed=range(101), resolution="0.5K")
    until(lambda: panel.bar.confirm.description == "send 101 images")
    panel.bar.confirm.value = True
    job = press(panel, showing=panel.bar.run.description)
    until(lambda: job.running or job.over.is_set())
    panel.stop()
    assert job.over.wait(30)
    assert job.failure is None
    assert job.running is not None


def test_a_press_with_nothing_due_makes_no_job(single, studio):
    """It says so; neither does one whose cells have been made meanwhile."""
    shown = single.bar.run.description
    other = studio.sweep_panel("A lantern", seed=[0], resolution="0.5K")
    assert pressed(single).failure is None
    single.work._clicked = float("-inf")
    assert press(single, showing=shown) is None
    assert "Nothing was sent: every cell is in the log." in single.bar.under.value
    pressed(other)
    assert "Nothing was sent: every cell is in the log" in other.bar.under.value
    assert len(studio.log) == 1


def test_going_on_at_once_counts_what_was_only_written_down(service, open_studio):
    """Written down ahead and not sent before Stop, cells are due again once the rest has landed: the press is refused."""
    panel = open_studio().sweep_panel("A lantern", seed=range(12), resolution="0.5K", max_workers=2)
    service.free.clear()
    panel.run()
    until(lambda: len(service.accepted) == 2 and len(panel._studio.log) == 5)  # two sent, three written down ahead
    panel.bar.stop.click()
    assert panel.bar.run.description == "Go on · 7 cells · $0.32599"
    job = press(panel)
    service.free.set()
    assert job.over.wait(30)
    said = "The button said $0.32599, and this is $0.4657 for 10 cells now. Nothing was sent: press again."
    assert said in panel.bar.under.value
    assert len(service.sent) == 2
    assert panel.bar.run.description == "Go on · 10 cells · $0.4657"


def test_a_closed_studio_is_said(studio, panel):
    """Nothing is sent; the panel says what to do."""
    studio.close()
    pressed(panel)
    assert "this studio is closed" in panel.bar.under.value


def boom(*_arguments, **_named):
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("part", "name", "do"),
    [
        ("form.axes", "_show", lambda panel: setattr(panel.form.axes.add, "value", "seed")),
        ("form.axes", "_show", lambda panel: panel.form.axes.rows["temperature"].remove.click()),
        ("form.axes", "_moved", lambda panel: panel.form.axes.rows["temperature"].remove.click()),
        ("grid", "_states", lambda panel: setattr(panel.grid.rows, "value", "mood")),
        ("bar", "ask", lambda panel: setattr(panel.bar.confirm, "value", True)),
        ("bar", "ask", lambda panel: panel._told(None, RequestError("x", parameter="seed"))),
        ("work", "click", lambda panel: panel.bar.run.click()),
        ("work", "stop", lambda panel: panel.bar.stop.click()),
        ("form", "asked", lambda panel: setattr(panel.source.code, "value", True)),
    ],
)
def test_no_handler_raises_into_nothing(panel, part, name, do):
    """A page's handler has nobody above it: whatever goes wrong is said under the buttons."""
    setattr(operator.attrgetter(part)(panel), name, boom)
    do(panel)
    assert "ZeroDivisionError" in panel.bar.under.value


def test_a_fault_in_a_range_is_said_at_its_axis(panel):
    """Where what is wrong with its numbers is said, too."""
    row = panel.form.axes.rows["temperature"]
    row.write = boom
    row.range.fill.click()
    assert "ZeroDivisionError" in row.complaint


def test_a_fault_after_the_last_cell_is_said(panel, studio):
    """Of the thread that watched it; what was sent is in the log, and the panel is free."""
    said = []
    panel.bar.say_error = said.append
    panel._say_end = boom
    panel.run()
    assert panel.work.latest.over.wait(60)
    assert [type(error) for error in said] == [ZeroDivisionError]
    assert panel.work.job is None
    assert len(studio.log) == 8


# -- the grid ---------------------------------------------------------------------------------------------------


def test_cells_stand_in_rows_and_columns(panel):
    """What is neither becomes a table of its own; each cell stands in one place."""
    tables = arrange(panel.sweep.cells, "temperature", "mood")
    assert [table.title for table in tables] == ["colour red", "colour jade"]
    assert tables[0].rows == ("0.2", "0.8")
    assert tables[0].columns == ("calm", "loud")
    assert sorted(place for table in tables for row in table.places for place in row) == list(range(8))
    assert panel.sweep[tables[1].places[1][0]].values == {"colour": "jade", "mood": "calm", "temperature": 0.8}


def test_zipped_axes_are_one_side(studio):
    """Their steps stand in one line, and no diagonal of blanks is drawn."""
    panel = studio.sweep_panel(PROMPT, **WORDS, combine="zip")
    (table,) = arrange(panel.sweep.cells, panel.grid.rows.value, panel.grid.columns.value)
    assert table.columns == ("red, calm", "jade, loud")
    assert table.places == ((0, 1),)


def test_no_axis_goes_both_ways(panel):
    """Choosing the other side's axis swaps the two."""
    grid = panel.grid
    assert (grid.rows.value, grid.columns.value) == ("colour", "temperature")
    grid.rows.value = "temperature"
    assert (grid.rows.value, grid.columns.value) == ("temperature", "colour")
    assert grid.board.box.names == ["temperature", "colour"]


def test_the_grid_of_a_run_stays_while_the_controls_ask_for_another(panel):
    """It says so; and comes in step again when they ask for it again."""
    panel.run()
    panel.wait(60)
    panel.set(seed=8)
    assert "controls ask for another" in panel.grid.note.value
    assert panel.grid.board._tiles[0].status == "done"
    assert panel.bar.run.description.startswith("Run · 8 cells")
    panel.set(seed=7)
    assert panel.grid.note.value == ""


def test_a_grid_that_is_too_large_is_not_drawn(studio):
    """Its cells are counted and can be run; the frame has them all."""
    panel = studio.sweep_panel("A lantern", seed=range(700), resolution="0.5K")
    until(lambda: "700 cells, 700 images" in panel.bar.totals.value)
    assert "700 cells are too many to show" in panel.grid.note.value
    assert panel.grid.board.box.layout.display == "none"


def test_the_pictures_of_chosen_cells_stand_below(panel):
    """All results of a cell, with what is particular to it; none for a cell that was not run."""
    panel.set(number_results=2, mood=["calm"])
    panel.grid.board._hear(None, {"type": "choose", "version": panel.grid.board.box.version, "at": [0]}, [])
    assert len(panel.grid.stage) == 0
    panel.run()
    panel.wait(60)
    panel.grid.board._hear(None, {"type": "choose", "version": panel.grid.board.box.version, "at": [0, 3]}, [])
    assert len(panel.grid.stage) == 4
    assert panel.grid.board.box.problem == ""
    assert panel.grid.board._tiles[0].note == "+ 1 more"


def test_no_picture_is_in_what_a_notebook_saves_of_widgets(panel):
    """Headings and places only; pictures are asked for."""
    before = len(state_of(panel))
    panel.run()
    panel.wait(60)
    panel.source.code.value = panel.source.plan.value = True
    state = state_of(panel)
    assert "base64," not in state
    assert "memory" not in state
    assert len(state) < before + 12_000  # the code and the plan


# -- code -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        {"prompt": PROMPT, **WORDS, "temperature": [0.2, 0.8], "seed": [1, SEED]},
        {"prompt": ["A 'cat', sitting", 'A "dog"'], "topP": [0.1], "thinking": ["HIGH", None], "combine": "product"},
        {"prompt": "A {n} lantern", "n": [1, 2.5, "007", "3"], "repeats": 2, "name": "it's"},
        {"prompt": "A {n} lantern", "n": ["nan", "inf", float("-inf")]},
        {
            "prompt": "A lantern",
            "aspect_ratio": ["3:2", "1:1"],
            "resolution": "4K",
            "web_search": [True, False],
            "sample": 3,
        },
        {"prompt": "A lantern", "reference_images": ["https://a.org/1.png"], "temperature": [0.1]},
    ],
)
def test_the_code_makes_the_same_sweep(studio, given):
    """Every value, and the name under which the log keeps it."""
    panel = studio.sweep_panel(**given)
    scope = {"studio": studio}
    exec(panel.code.rpartition("\n")[0], scope)  # the code that the panel shows, without its run
    assert cells_of(scope["sweep"]) == cells_of(panel.sweep)
    assert scope["sweep"].name == panel.sweep.name


def test_credentials_are_neither_in_the_code_nor_in_the_state(studio):
    """An address's query stays in the kernel."""
    panel = studio.sweep_panel("A lantern", seed=[1, 2], webhook_url="https://a.org/h?key=secret")
    panel.source.code.value = True
    assert "https://a.org/h" in panel.code
    assert "secret" not in panel.code + state_of(panel)
    assert panel.sweep[0].request.webhook_url == "https://a.org/h?key=secret"


def test_a_headless_notebook_shows_the_panel_and_keeps_its_grid(tmp_path):
    """Executed with no page, the panel does nothing by itself; what code asks of it is in the notebook."""
    made = "panel = studio.sweep_panel('A lantern', seed=[1, 2], resolution='0.5K')\npanel"
    sources = [
        f"import nbkit\nstudio = nbkit.Studio(engine='offline', path='runs')\n{made}",
        "len(studio.log)",
        "panel.run()\npanel.wait(60).counts",
    ]
    file = tmp_path / "headless.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(source) for source in sources]), str(file))
    command = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "--inplace", str(file)]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONPATH": str(Path(nbkit.__file__).parents[1])}
    subprocess.run(command, check=True, capture_output=True, env=environment, cwd=tmp_path, timeout=120)
    cells = nbformat.read(str(file), as_version=4).cells
    view, result = cells[0].outputs
    assert "application/vnd.jupyter.widget-view+json" in view.data
    assert "run this cell again" in view.data["text/plain"]
    assert result.data["text/html"].count("data:image/jpeg") == 2
    assert "seed 1: ✓ done" in result.data["text/plain"]
    assert cells[1].outputs[-1].data["text/plain"] == "0"
    assert cells[2].outputs[-1].data["text/plain"] == "{'done': 2}"


def test_what_a_killed_kernel_had_only_written_down_is_on_the_button_before_it_is_sent(studio):
    """It is due again once that kernel is known to be gone: the first press says so, the second sends it."""
    plans = (
        "import os, nbkit\n"
        f"studio = nbkit.Studio(engine='offline', path={str(studio.log.folder)!r})\n"
        "sweep = studio.sweep('A lantern', seed=[1, 2, 3], resolution='0.5K')\n"
        "for cell in sweep[:2]:\n    studio._ledger.plan(cell.request, sweep=sweep.name)\n"
        "os._exit(1)"
    )
    assert subprocess.run([sys.executable, "-c", plans], timeout=60, check=False).returncode == 1
    panel = studio.sweep_panel("A lantern", seed=[1, 2, 3], resolution="0.5K")
    assert panel.bar.run.description.endswith("1 cell · $0.04657")
    panel.bar.run.click()
    until(lambda: "for 3 cells now" in panel.bar.under.value)
    assert studio.budget.spent == 0
    until(lambda: "3 cells · $0.13971" in panel.bar.run.description)
    until(lambda: panel.work.job is None)
    time.sleep(DOUBLE_CLICK)
    panel.bar.run.click()
    until(lambda: studio.budget.spent == 0.13971)


def test_a_name_in_braces_may_stay_as_it_is(studio):
    """A sign that reads {open}, or JSON in a prompt, is no axis for somebody who says so; and may become one again."""
    panel = studio.sweep_panel("A {colour} lantern, the sign reads {open}", colour=["red"], resolution="0.5K")
    panel.form.axes.rows["open"].remove.click()
    assert list(panel.form.axes.rows) == ["colour"]
    assert [cell.prompt for cell in panel.sweep] == ["A red lantern, the sign reads {open}"]
    (vary,) = panel.form.axes._stay.children
    assert vary.description == "vary {open}"
    vary.click()
    assert list(panel.form.axes.rows) == ["colour", "open"]
    panel.form.axes.rows["open"].remove.click()
    panel.set(open=["late", "early"])
    assert [cell.prompt[-5:].strip() for cell in panel.sweep] == ["late", "early"]
    assert panel.form.axes._stay.children == ()


def test_the_code_of_a_dropped_picture_makes_the_same_sweep(studio):
    """The picture is in the image folder as soon as its code is shown."""
    panel = studio.sweep_panel("A lantern", seed=[1, 2])
    out = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(out, "PNG")
    panel.form.stay.references.append(out.getvalue(), "teal.png")
    scope = {"studio": studio}
    exec(panel.code.rpartition("\n")[0], scope)
    assert [cell.request for cell in scope["sweep"]] == [cell.request for cell in panel.sweep]


def test_what_a_button_said_under_another_name_is_forgotten(panel):
    """Run becomes Go on: what it said before is not taken for what it says at a later press."""
    for text in ("Run · 9 cells · $0.41913", "Go on · 1 cell · $0.04657"):
        panel.access._hear({"seen": text})
    assert panel.access.take_seen() == "Go on · 1 cell · $0.04657"
    assert panel.access.take_seen() is None
