"""The sweep panel without a page: axes and their values, the price, Run, Stop and Go on, the grid, what a notebook keeps."""

import operator
import re
import subprocess
import sys
import threading

import numpy as np
import pandas as pd
import pytest
from panel_tools import (
    button_of,
    complaint_at,
    do,
    execute_notebook,
    head,
    message,
    messages_of,
    offline_studio,
    png,
    press,
    press_and_wait,
    press_run,
    queue,
    state_of,
    tile,
    totals,
    type_in,
    type_values,
)
from sweep_tools import until

import nbkit
from nbkit.errors import BudgetExceeded, RequestError, UnknownParameter
from nbkit.widgets.jobs import counting

SEED = 2**63 - 1
PROMPT = "A {colour} lantern, {mood}"
WORDS = {"colour": ["red", "jade"], "mood": ["calm", "loud"]}


@pytest.fixture
def studio(tmp_path):
    with offline_studio(tmp_path, budget=20.00) as studio:
        yield studio


@pytest.fixture
def slow_studio(tmp_path):
    """Its engine takes 0.3 seconds for a picture, so that a sweep can be stopped in the middle."""
    with offline_studio(tmp_path / "slow", engine=nbkit.Offline(latency=0.3), budget=20.00) as studio:
        yield studio


@pytest.fixture
def panel(studio):
    return studio.sweep_panel(PROMPT, **WORDS, temperature=[0.2, 0.8], resolution="0.5K", seed=7)


def cells_of(sweep):
    return [(cell.key, cell.values) for cell in sweep]


def rows_of(panel):
    return list(panel.form.axes.texts)


def type_prompt(panel, text):
    type_in(panel, prompt=text)


def is_ready(panel):
    """Whether the button of a panel sends something."""
    return panel.view.bar["ready"]


# -- first values -----------------------------------------------------------------------------------------------


def test_a_panel_makes_the_sweep_that_studio_sweep_makes(panel, studio):
    """List-like values are axes, all others are fixed; cells and name are the same."""
    own = studio.sweep(PROMPT, **WORDS, temperature=[0.2, 0.8], resolution="0.5K", seed=7)
    assert rows_of(panel) == ["colour", "mood", "temperature"]
    assert panel.form.read()["seed"] == 7
    assert cells_of(panel.sweep) == cells_of(own)
    assert panel.sweep.name == own.name
    assert "8 cells" in repr(panel)


def test_axes_have_the_order_of_the_keywords(studio):
    """The last one changes fastest, whether it is a variable or a parameter."""
    panel = studio.sweep_panel("A {colour} lantern", temperature=[0.2, 0.8], colour=["red", "jade"])
    own = studio.sweep("A {colour} lantern", temperature=[0.2, 0.8], colour=["red", "jade"])
    assert cells_of(panel.sweep) == cells_of(own)


def test_ranges_arrays_and_lists_are_axes(studio):
    """A seed keeps all of its bits, and values of a few choices are ticked."""
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
    assert str(SEED - 1) in panel.view.state["values"]["axis:seed"]
    assert {row["name"]: row["kind"] for row in panel.view.state["axes"]} == {
        "seed": "values",
        "top_p": "values",
        "thinking": "ticks",
        "web_search": "ticks",
    }


def test_a_list_of_prompts_is_an_axis(studio):
    """Prompts may have commas in them."""
    panel = studio.sweep_panel(["A cat, sitting", "A dog, lying"], seed=7)
    assert [cell.prompt for cell in panel.sweep] == ["A cat, sitting", "A dog, lying"]


def test_a_request_sets_the_controls_of_its_parameters(studio):
    """Its prompt is the template."""
    request = nbkit.ImageRequest("A {colour} lantern", width=1264, height=848, temperature=0.3)
    panel = studio.sweep_panel(request, colour=["red"])
    assert panel.sweep[0].request.size == (1264, 848)
    assert panel.sweep[0].temperature == 0.3


def test_options_are_those_of_sweep_and_of_run(studio):
    """``combine``, ``repeats``, ``sample``, ``name`` are for ``studio.sweep``, the others for ``sweep.run``."""
    panel = studio.sweep_panel(
        PROMPT, **WORDS, combine="zip", repeats=2, name="two", budget=0.5, max_workers=2, retry="failed"
    )
    assert len(panel.sweep) == 4
    assert panel.sweep.name == "two"
    assert panel.code.endswith("sweep.run(max_workers=2, budget=0.5, retry='failed')")
    panel.set(combine="product", repeats=None, sample=3)
    assert len(panel.sweep) == 3


@pytest.mark.parametrize(
    ("given", "error", "reason", "words"),
    [
        ({"temprature": [0.2]}, UnknownParameter, "unknown", "Did you mean temperature"),
        ({"temperature": [0.2, 3]}, RequestError, "range", "from 0 to 1"),
        ({"seed": {1, 2}}, RequestError, "type", "no order"),
        ({"reference_images": [["https://a.org/1.png"]]}, RequestError, "type", r"studio\.sweep\(reference_images"),
        ({"max_workers": 0}, RequestError, "range", "at least 1"),
        ({"budget": -1}, RequestError, "type", "an amount in USD"),
        ({"combine": "cross"}, RequestError, "type", "'product' or 'zip'"),
        ({"taskUUID": "x"}, RequestError, "type", "has no control for it"),
    ],
)
def test_a_refused_set_moves_no_control(panel, given, error, reason, words):
    """The error names the parameter, and what is allowed."""
    before = cells_of(panel.sweep)
    with pytest.raises(error, match=words) as caught:
        panel.set(top_p=0.5, **given)
    assert caught.value.parameter in given
    assert caught.value.reason == reason
    assert cells_of(panel.sweep) == before


# -- controls ---------------------------------------------------------------------------------------------------


def test_a_variable_of_the_prompt_is_an_axis(studio):
    """It comes and goes with its name in the prompt, and a name that comes again has its values."""
    panel = studio.sweep_panel()
    type_prompt(panel, "A {colour} lantern")
    assert rows_of(panel) == ["colour"]
    assert complaint_at(panel, "colour") == "Add values for {colour}, separated by commas or lines."
    assert not is_ready(panel)
    assert panel.view.bar["why"] == "Not ready: {colour}."
    type_values(panel, "colour", "red, jade")
    assert button_of(panel) == "Run · 2 cells · $0.1379"
    assert is_ready(panel)
    type_prompt(panel, "A lantern")
    assert rows_of(panel) == []
    type_prompt(panel, "A {colour} lantern at {{heat}}")
    assert [cell.prompt for cell in panel.sweep] == ["A red lantern at {heat}", "A jade lantern at {heat}"]
    type_prompt(panel, "A {colour} lantern at {temperature}")
    assert panel.view.bar["why"] == "Not ready: Temperature."
    panel.set(temperature=0.5)
    assert [cell.prompt for cell in panel.sweep] == ["A red lantern at 0.5", "A jade lantern at 0.5"]


@pytest.mark.parametrize("name", ["name", "sample", "class", "taskUUID", "settings"])
def test_a_variable_with_a_reserved_name_must_be_renamed(studio, name):
    """The name of an argument of ``studio.sweep``, of a key of a task, or a word of Python."""
    panel = studio.sweep_panel()
    type_prompt(panel, f"A {{{name}}} lantern")
    assert "another name" in complaint_at(panel, name)
    assert not is_ready(panel)


def test_a_parameter_can_become_an_axis_and_be_fixed_again(panel):
    """Its mark makes three values of it, the present one among them; pressed again, the present one is fixed."""
    do(panel, "vary", "seed")
    assert panel.form.axes.values("seed") == [7, 8, 9]
    assert "seed" not in panel.form.read()
    assert len(panel.sweep) == 24
    type_values(panel, "seed", f"1, {SEED}")
    assert len(panel.sweep) == 16
    do(panel, "vary", "seed")
    assert "seed" not in rows_of(panel)
    assert panel.form.read()["seed"] == 7
    assert len(panel.sweep) == 8
    panel.set(temperature=0.3)
    assert rows_of(panel) == ["colour", "mood"]
    assert panel.sweep[0].temperature == 0.3
    panel.set(thinking=["HIGH", "MINIMAL"])
    assert panel.form.axes.values("thinking") == ["HIGH", "MINIMAL"]
    (row,) = (row for row in panel.view.state["axes"] if row["name"] == "thinking")
    assert [text for _, text in row["options"]] == ["MINIMAL", "HIGH", "default"]


def test_the_ratio_can_be_an_axis_while_the_tier_is_fixed(panel):
    """The list of tiers stays, with its value."""
    panel.set(aspect_ratio=["1:1", "3:2"])
    assert "aspect_ratio" in rows_of(panel)
    assert "resolution" not in rows_of(panel)
    assert panel.view.state["values"]["resolution"] == "0.5K"
    assert {cell.request.size for cell in panel.sweep} == {(512, 512), (632, 424)}


def test_a_range_is_typed_as_it_is_said(panel):
    """From start to stop; one that is too long is reported at the axis."""
    type_values(panel, "temperature", "0.1 to 0.4 in 4")
    assert [cell.temperature for cell in panel.sweep][:4] == [0.1, 0.2, 0.3, 0.4]
    assert len(panel.sweep) == 16
    type_values(panel, "temperature", "0.1 to 0.4 in 4000")
    assert "at most 1,000 values" in complaint_at(panel, "temperature")
    assert not is_ready(panel)


def test_an_invalid_value_is_reported_at_its_axis_and_keeps_run_from_sending(panel, studio):
    """The other axes report nothing, the line beside Run names the axis, and ``panel.run()`` raises the error."""
    type_values(panel, "temperature", "0.2, 3")
    assert complaint_at(panel, "temperature") == "Must be a number from 0 to 1 in steps of 0.01. Nearest: 1.0"
    assert complaint_at(panel, "colour") == ""
    assert not is_ready(panel)
    assert panel.view.bar["why"] == "Not ready: Temperature."
    sent = messages_of(panel.view)
    assert press_run(panel) is None
    assert message(panel) == "Nothing was sent: see what is wrong below."
    assert sent == [{"kind": "focus", "name": "temperature", "unless_acted": True}]
    type_values(panel, "temperature", "0.2, 0.20")
    assert "twice" in complaint_at(panel, "temperature")
    with pytest.raises(RequestError, match="twice") as caught:
        panel.run()
    assert (caught.value.parameter, caught.value.reason) == ("temperature", "conflict")
    type_in(panel, **{"option:combine": "zip"})
    type_values(panel, "temperature", "0.2")
    assert "same number of values" in complaint_at(panel, "colour")
    type_values(panel, "temperature", "0.2, 0.3")
    assert button_of(panel).startswith("Run · 2 cells")
    assert len(studio.log) == 0


@pytest.mark.parametrize(
    ("name", "text", "words", "title"),
    [
        ("repeats", "0", "from 1 to 100000", "Repeats"),
        ("sample", "some", "at least 1", "Sample"),
        ("max_workers", "-1", "at least 1", "At once"),
        ("budget", "much", "an amount in USD", "Budget"),
        ("combine", "cross", "'product' or 'zip'", "Combine"),
    ],
)
def test_an_invalid_option_is_reported_at_its_control(panel, studio, name, text, words, title):
    """Nothing is sent while it stands there, and an empty control is as it would be anyway."""
    type_in(panel, **{f"option:{name}": text})
    assert words in complaint_at(panel, name)
    assert panel.view.bar["why"] == f"Not ready: {title}."
    assert press_run(panel) is None
    assert len(studio.log) == 0
    type_in(panel, **{f"option:{name}": " "})
    assert complaint_at(panel, name) == ""
    assert button_of(panel) == "Run · 8 cells · $0.37256"


def test_an_invalid_cell_is_reported_at_the_control_of_its_parameter(panel):
    """Before anything is sent: here, a prompt that is too short once its variables have values."""
    panel.set(prompt="{colour}", colour=["jade", "r"], mood="calm")
    assert "Must be" in complaint_at(panel, "prompt")
    assert panel.view.bar["why"] == "Not ready: Prompt."
    assert not is_ready(panel)
    job = press_and_wait(panel)
    assert isinstance(job.failure, RequestError)
    assert len(panel._studio.log) == 0


# -- cells, images, price ---------------------------------------------------------------------------------------


def test_cells_images_and_price_follow_each_change(panel):
    """They are those of ``sweep.plan()``; the plan itself is shown on request."""
    lines = panel.sweep.plan().totals.lines()
    assert panel.view.bar["totals"] == ["8 cells, 8 images: $0.37", "list prices (offline, not charged)"]
    assert panel.view.bar["totals"] == [line for line in lines if "account" not in line]  # which a plan asks about
    panel.set(number_results=2)
    assert "8 cells, 16 images" in totals(panel)
    press(panel, "plan")
    assert panel.view.source["plan"].count("to do") == 8
    type_prompt(panel, "")
    assert panel.view.bar["totals"] == []
    assert panel.view.source["plan"] == ""


def test_many_cells_are_counted_in_the_background(studio):
    """More than a hundred are not counted before a change is answered. Run is disabled until they are counted."""
    panel = studio.sweep_panel("A lantern", seed=range(20), temperature=[0.1, 0.2, 0.3], resolution="0.5K")
    until(lambda: "60 images" in totals(panel))
    for last in range(21, 26):
        type_values(panel, "seed", ", ".join(map(str, range(10 * last))))
    assert not is_ready(panel)
    assert panel.view.bar["why"] == "Counting the cells…"
    until(lambda: "750 cells, 750 images: $34.93" in totals(panel))


@pytest.mark.parametrize(
    ("seeds", "words"), [(100_000, "the axes span 1,000,000 cells"), (1_000, "10,000 cells are too many for a panel")]
)
def test_too_many_cells_are_not_counted(studio, seeds, words):
    """The panel shows their number and suggests ``sample=``, and it does not freeze."""
    panel = studio.sweep_panel("A lantern", seed=range(seeds), temperature=[i / 10 for i in range(10)])
    said = totals(panel) + complaint_at(panel, "sample")
    assert words in said
    assert "sample" in said.lower()
    assert not is_ready(panel)
    assert press_run(panel) is None
    assert "Nothing was sent" in message(panel)
    panel.set(sample=5)
    assert button_of(panel).startswith("Run · 5 cells")


def test_the_count_for_earlier_values_does_not_replace_a_later_one(studio, monkeypatch):
    """Values that change while many cells are counted are counted again, and only that count is shown."""
    monkeypatch.setattr(counting, "AT_ONCE", 1)
    panel = studio.sweep_panel("A lantern", seed=range(3))
    panel.set(seed=range(5))
    until(lambda: "5 cells, 5 images" in totals(panel))
    threading.Event().wait(2 * counting.SETTLE)  # an earlier count would have ended by then
    assert "5 cells, 5 images" in totals(panel)


def test_moving_controls_sends_nothing(panel, studio):
    """Only Run sends, however much is moved."""
    for step in range(10):
        type_values(panel, "temperature", f"0.{step}")
        panel.set(seed=step, repeats=None)
    assert len(studio.log) == 0


# -- a run ------------------------------------------------------------------------------------------------------


def test_run_makes_all_cells(panel, studio):
    """They are in the log with their values, and their pictures are in the grid and in the output."""
    assert panel.run()
    assert panel.wait(60).counts == {"done": 8}
    assert len(studio.log) == 8
    assert "8 done · $0.37" in message(panel)
    assert panel.saved.output.bundle.html.count("data:image/jpeg") == 8
    assert "colour red, temperature 0.2: ✓ done" in panel.saved.output.bundle.text
    assert all(tile(panel, cell).file.exists() for cell in range(8))
    assert not is_ready(panel)
    assert panel.view.bar["why"] == "All cells are done."
    assert "$19.62744 left of $20.00" in head(panel)


def test_a_press_has_no_effect_while_a_sweep_is_under_way(service, open_studio):
    """Neither with the mouse nor from code. A press by the same number when all has come sends nothing either."""
    studio = open_studio()
    panel = studio.sweep_panel("A lantern", seed=range(4), resolution="0.5K")
    service.free.clear()
    quote = panel.view.bar["quote"]
    job = press_run(panel)
    assert press_run(panel, quote=quote) is None
    assert not panel.run()
    assert queue(panel)[0][0] == 1
    service.free.set()
    assert panel.wait(60).counts == {"done": 4}
    assert panel.jobs.latest is job
    assert "4 done" in message(panel)
    press_and_wait(panel, quote=quote)
    assert "All cells are done: nothing was sent." in message(panel)
    assert len(service.sent) == 4


def test_go_on_sends_the_cells_that_stop_left_out(slow_studio):
    """Stop takes effect at once and shows what may still be paid; no cell is sent twice."""
    panel = slow_studio.sweep_panel("A lantern", seed=range(12), resolution="0.5K", max_workers=2)
    panel.run()
    until(lambda: (running := panel.jobs.latest.work.running) and running.progress.done >= 2)
    press(panel, "stop")
    assert re.search(r"\d requests? under way, up to \$0\.\d+, at list prices", message(panel))
    done = panel.wait(20).counts["done"]
    assert 2 <= done < 12
    assert "landed" in message(panel)
    assert "not run" in panel.saved.output.bundle.text
    assert button_of(panel).startswith(f"Go on · {12 - done} cells · $")
    assert panel.run()
    assert panel.wait(30).counts == {"done": 12}
    assert slow_studio.budget.spent == pytest.approx(12 * 0.04657)
    assert (slow_studio.df.status == "done").sum() == 12
    assert "not run" not in panel.saved.output.bundle.text


def test_stop_right_after_the_click_sends_nothing(panel, studio):
    """The press is handed to a thread, which has not begun."""
    with panel.form.lock:  # which the thread takes, too
        job = press_run(panel)
        press(panel, "stop")
    assert job.over.wait(10)
    assert len(studio.log) == 0
    assert queue(panel) == []
    assert button_of(panel) == "Run · 8 cells · $0.37256"
    assert is_ready(panel)


def test_stop_while_the_cells_are_planned_sends_nothing(panel, studio, monkeypatch):
    """The thread finds out when it would begin."""
    planning, planned = threading.Event(), threading.Event()
    prepare = nbkit.sweep.sweep.Sweep.prepare

    def slowly(sweep, **how):
        planning.set()
        assert planned.wait(20)
        return prepare(sweep, **how)

    monkeypatch.setattr(nbkit.sweep.sweep.Sweep, "prepare", slowly)
    job = press_run(panel)
    assert planning.wait(20)
    press(panel, "stop")
    assert message(panel) == "Stopped before anything was sent."
    planned.set()
    assert job.over.wait(20)
    assert len(studio.log) == 0
    assert button_of(panel) == "Run · 8 cells · $0.37256"


def test_cells_that_are_in_the_log_are_not_paid_again(panel, studio):
    """In another panel too, a further value of an axis costs its own cells only."""
    panel.run()
    panel.wait(60)
    later = studio.sweep_panel(PROMPT, **WORDS, temperature=[0.2, 0.8, 0.5], resolution="0.5K", seed=7)
    assert button_of(later) == "Go on · 4 cells · $0.18628"
    assert "already there: 8 done" in totals(later)
    assert sum(tile(later, cell).status == "done" for cell in range(12)) == 8


def test_more_than_a_hundred_images_need_a_confirmation(studio):
    """The page asks for a tick and names the number of images; from code it is ``confirm=True``."""
    panel = studio.sweep_panel("A lantern", seed=range(51), number_results=2, resolution="0.5K")
    assert panel.view.bar["confirm"] == {"images": 102, "label": "Send 102 images"}
    press_and_wait(panel)
    assert "The tick was not set, and this is $4.75014 for 51 cells and 102 images now" in message(panel)
    panel.set(seed=range(52))
    assert panel.view.bar["confirm"] == {"images": 104, "label": "Send 104 images"}
    press_and_wait(panel, ticked=102)
    assert "The tick said 102 images, and this is" in message(panel)
    panel.run()
    with pytest.raises(RequestError, match="104 images") as caught:
        panel.wait(10)
    assert caught.value.parameter == "confirm"
    assert "104 images" in message(panel)
    assert len(studio.log) == 0
    panel.set(seed=range(50))
    assert panel.view.bar["confirm"] is None


def test_a_budget_that_is_too_small_ends_the_sweep_early(studio):
    """The cells before it are there, and a larger budget sends the others."""
    panel = studio.sweep_panel("A lantern", seed=range(4), resolution="0.5K", budget=0.1)
    panel.run()
    with pytest.raises(BudgetExceeded) as caught:
        panel.wait(20)
    assert (caught.value.limit, caught.value.spent) == (0.1, 0.09314)
    assert "larger budget" in message(panel)
    assert button_of(panel) == "Go on · 2 cells · $0.09314"
    panel.set(budget=None)
    panel.run()
    assert panel.wait(20).counts == {"done": 4}


def test_the_panel_shows_how_many_cells_the_budget_covers(tmp_path):
    """The budget of the studio or that of the run, whichever covers fewer; nothing is shown if it covers all."""
    with offline_studio(tmp_path, budget=0.2) as studio:
        panel = studio.sweep_panel("A lantern", seed=range(12), resolution="0.5K")
        assert "more than the $0.20 left: about 4 of 12 cells" in totals(panel)
        panel.set(budget=0.1)
        assert "more than this run's budget of $0.10: about 2 of 12 cells" in totals(panel)
        panel.set(seed=range(4), budget=None)
        assert "more than" not in totals(panel)
        panel.run()
        panel.wait(30)
        panel.set(seed=range(12))
        assert "more than the $0.01372 left: about 0 of 8 cells" in totals(panel)


def test_failed_cells_are_sent_again_only_with_retry_failed(tmp_path):
    """Their tiles show the reason."""
    with offline_studio(tmp_path, engine=nbkit.Offline(failures={"failed": 1.0})) as studio:
        panel = studio.sweep_panel("A lantern", seed=range(2), resolution="0.5K")
        panel.run()
        assert panel.wait(30).counts == {"failed": 2}
        assert tile(panel, 0).status == "failed"
        assert tile(panel, 0).missing
        assert "2 failed: “Send again” in Sweep sends them." in panel.view.bar["why"]
        type_in(panel, **{"option:retry": "failed"})
        assert button_of(panel) == "Run · 2 cells · $0.09314"
        assert is_ready(panel)


def test_an_exception_after_a_change_is_shown_in_the_panel(panel):
    """Jupyter would drop it."""
    panel.form.on_change(lambda: 1 / 0)
    type_in(panel, seed="3")
    assert "ZeroDivisionError" in message(panel)


# -- a press sends no more than the button showed ---------------------------------------------------------------


@pytest.fixture
def single(studio):
    """A panel for one cell."""
    return studio.sweep_panel("A lantern", seed=[0], resolution="0.5K")


def test_a_press_sends_no_more_than_the_page_showed(single, studio):
    """Ninety seeds were typed while a cell kept the kernel busy: the page's button still had the price of one."""
    quote = single.view.bar["quote"]
    assert button_of(single) == "Run · 1 cell · $0.04657"
    type_values(single, "seed", ", ".join(map(str, range(90))))
    assert button_of(single) == "Run · 90 cells · $4.1913"
    press_and_wait(single, quote=quote)
    refusal = "The button said $0.04657, and this is $4.1913 for 90 cells now. Nothing was sent: press again."
    assert refusal in message(single)
    assert len(studio.log) == 0
    with pytest.raises(RequestError, match="press again") as caught:
        single.wait(1)
    assert (caught.value.parameter, caught.value.reason) == ("price", "conflict")


def test_a_press_with_an_older_number_is_served_if_it_covers_what_is_sent(studio):
    """The page still had the price of more cells."""
    panel = studio.sweep_panel("A lantern", seed=[0, 1, 2], resolution="0.5K")
    quote = panel.view.bar["quote"]
    type_values(panel, "seed", "0, 1")
    assert panel.view.bar["quote"] > quote
    assert press_and_wait(panel, quote=quote).failure is None
    assert len(studio.log) == 2


@pytest.mark.parametrize("number", [-1, 10**9, 1.5, "1", [1], True])
def test_a_press_with_a_number_that_run_never_had_sends_nothing(single, studio, number):
    """The panel says so, and nothing is under way."""
    assert press_run(single, quote=number) is None
    assert "Nothing was sent: press again." in message(single)
    assert single.jobs.latest is None
    assert len(studio.log) == 0


def test_a_number_of_a_single_picture_is_none_of_a_sweep(studio):
    """The prices of the two are promised apart."""
    panel = studio.panel("A lantern", resolution="4K")
    quote = panel.view.bar["quote"]
    panel.set(resolution="0.5K")
    panel.form.vary("seed")
    assert press_run(panel, quote=quote) is None
    assert "Nothing was sent: press again." in message(panel)
    quote = panel.view.bar["quote"]
    panel.form.vary("seed")
    press(panel, "generate", quote=quote)
    assert "Nothing was sent: press again." in message(panel)
    assert len(studio.log) == 0


def test_cells_that_are_typed_after_the_click_are_not_sent(service, open_studio):
    """A press is about the cells that were there; what is typed while it is prepared is for the next one."""
    panel = open_studio().sweep_panel("A lantern", seed=[0, 1], resolution="0.5K")
    with panel.form.lock:  # which the sending takes, too
        job = press_run(panel)
        type_values(panel, "seed", ", ".join(map(str, range(10))))
    assert job.over.wait(30)
    assert panel.result.counts == {"done": 2}
    assert len(service.sent) == 2
    assert button_of(panel) == "Go on · 8 cells · $0.37256"
    with panel.form.lock:
        job = press_run(panel)
        type_values(panel, "seed", "0, 1, 2")
    assert job.over.wait(30)
    assert len(service.sent) == 10


def test_more_images_than_shown_are_not_sent_for_less_money(studio):
    """The numbers on the button count too; it has the number of images if that is not the number of cells."""
    panel = studio.sweep_panel("A lantern", seed=[0], resolution="4K")
    quote = panel.view.bar["quote"]
    panel.set(seed=[0, 1], resolution="0.5K")
    press_and_wait(panel, quote=quote)
    assert "The button said 1 cell, and this is $0.09314 for 2 cells now" in message(panel)
    panel.set(seed=[0], resolution="4K", number_results=2)
    assert "1 cell · 2 images · $" in button_of(panel)
    quote = panel.view.bar["quote"]
    panel.set(resolution="0.5K", number_results=3)
    press_and_wait(panel, quote=quote)
    assert "The button said 1 cell and 2 images, and this is" in message(panel)
    assert len(studio.log) == 0


def test_a_press_on_a_button_without_a_price_sends_nothing(single, studio):
    """The page has not received the price yet."""
    press_and_wait(single, quote=0)
    assert "The button named no price yet, and this is $0.04657 for 1 cell" in message(single)
    assert len(studio.log) == 0


def test_a_tick_is_valid_for_the_number_of_images_that_it_names(studio):
    """A larger number needs another tick, and while the cells are counted a press sends nothing."""
    panel = studio.sweep_panel("A lantern", seed=range(101), resolution="0.5K")
    until(lambda: panel.view.bar["confirm"] == {"images": 101, "label": "Send 101 images"})
    quote = panel.view.bar["quote"]
    type_values(panel, "seed", ", ".join(map(str, range(1500))))
    assert press_run(panel, quote=quote, ticked=101) is None
    assert "still being counted" in message(panel)
    until(lambda: panel.view.bar["confirm"] == {"images": 1500, "label": "Send 1,500 images"})
    press_and_wait(panel, ticked=101)
    assert "The tick said 101 images, and this is $69.855 for 1,500 cells now" in message(panel)
    assert len(studio.log) == 0


@pytest.mark.parametrize("ticked", ["101", None, 1e9, [101], True])
def test_a_malformed_tick_is_none(studio, ticked):
    """Only a number of images counts."""
    panel = studio.sweep_panel("A lantern", seed=range(101), resolution="0.5K")
    until(lambda: panel.view.bar["quote"])
    job = press_and_wait(panel, ticked=ticked)
    assert isinstance(job.failure, RequestError)
    assert len(studio.log) == 0


def test_a_tick_stays_valid_while_its_press_counts_the_cells_again(studio):
    """The images that were ticked at the press are sent."""
    panel = studio.sweep_panel("A lantern", seed=range(101), resolution="0.5K")
    until(lambda: panel.view.bar["confirm"] == {"images": 101, "label": "Send 101 images"})
    job = press_run(panel, ticked=101)
    until(lambda: job.work.running or job.over.is_set())
    panel.stop()
    assert job.over.wait(30)
    assert job.failure is None
    assert job.work.running is not None


def test_what_is_paid_elsewhere_does_not_have_many_cells_counted_again(studio):
    """The button keeps its price, and the line about the budget follows."""
    panel = studio.sweep_panel("A lantern", seed=range(150), resolution="0.5K")
    until(lambda: panel.view.bar["quote"])
    before = panel.view.bar
    seen = []
    panel.view.observe(lambda change: seen.append(change["new"]["why"]), "bar")
    studio.generate("A boat", resolution="0.5K")
    assert "Counting the cells…" not in seen
    assert panel.view.bar["quote"] == before["quote"]
    assert "$19.95343 left" in head(panel)


def test_a_press_sends_nothing_if_every_cell_is_in_the_log(single, studio):
    """Also if another panel has made the cells meanwhile; the line under the buttons has the reason."""
    quote = single.view.bar["quote"]
    other = studio.sweep_panel("A lantern", seed=[0], resolution="0.5K")
    assert press_and_wait(single).failure is None
    press_and_wait(single, quote=quote)
    assert "All cells are done: nothing was sent." in message(single)
    press_and_wait(other)
    assert "All cells are done: nothing was sent." in message(other)
    assert len(studio.log) == 1


def test_go_on_waits_for_the_requests_that_are_under_way(service, open_studio):
    """Cells that were planned and not sent before Stop are due again then, so that the press costs more than it showed."""
    panel = open_studio().sweep_panel("A lantern", seed=range(12), resolution="0.5K", max_workers=2)
    service.free.clear()
    panel.run()
    until(lambda: len(service.accepted) == 2 and len(panel._studio.log) == 4)  # two are sent, two are planned
    press(panel, "stop")
    assert button_of(panel) == "Go on · 8 cells · $0.37256"
    job = press_run(panel)
    assert not job.over.wait(0.5)  # a press that did not wait would be counted by then
    service.free.set()
    assert job.over.wait(30)
    refusal = "The button said $0.37256, and this is $0.4657 for 10 cells now. Nothing was sent: press again."
    assert refusal in message(panel)
    assert len(service.sent) == 2
    assert button_of(panel) == "Go on · 10 cells · $0.4657"


def test_another_sweep_does_not_wait_for_the_requests_of_one_that_was_stopped(service, open_studio):
    """What is under way comes into the log by itself, and each cell is paid once."""
    studio = open_studio()
    panel = studio.sweep_panel("A lantern", seed=range(4), resolution="0.5K", max_workers=2)
    service.free.clear()
    panel.run()
    until(lambda: len(service.accepted) == 2)
    press(panel, "stop")
    panel.set(prompt="A boat", seed=[1, 2])
    job = press_run(panel, quote=panel.view.bar["quote"])
    until(lambda: len(service.accepted) == 4)
    service.free.set()
    assert job.over.wait(30)
    assert panel.result.counts == {"done": 2}
    until(lambda: studio.df.status.tolist().count("done") == 4)
    assert len(service.charges) == 4


def test_a_closed_studio_is_reported_in_the_panel(studio, panel):
    """Nothing is sent."""
    studio.close()
    assert press_run(panel) is None
    assert "this studio is closed" in message(panel)


# -- exceptions -------------------------------------------------------------------------------------------------


def fail(*_arguments, **_named):
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("part", "name", "act"),
    [
        ("form", "typed", lambda panel: type_values(panel, "temperature", "0.1")),
        ("form", "vary", lambda panel: do(panel, "vary", "temperature")),
        ("form.axes", "rows", lambda panel: type_in(panel, seed="8")),
        ("grid.grid", "show_table", lambda panel: panel.set(seed=3)),
        ("sweeps", "bar", lambda panel: type_in(panel, seed="8")),
        ("sweeps", "bar", lambda panel: panel._counted()),
        ("_presses", "press", press_run),
        ("jobs", "stop", lambda panel: (panel.run(), press(panel, "stop"))),
        ("form", "asked", lambda panel: press(panel, "code")),
    ],
)
def test_an_exception_in_a_handler_is_shown_in_the_panel(panel, monkeypatch, part, name, act):
    """It does not leave the handler, where Jupyter would drop it."""
    monkeypatch.setattr(operator.attrgetter(part)(panel), name, fail)
    act(panel)
    assert "ZeroDivisionError" in message(panel)


def test_an_exception_while_many_cells_are_counted_is_shown_in_the_panel(studio, monkeypatch):
    """It occurs in the thread that counts."""
    monkeypatch.setattr(counting, "count_up", fail)
    panel = studio.sweep_panel("A lantern", seed=range(101))
    until(lambda: "ZeroDivisionError" in message(panel))
    assert not is_ready(panel)


def test_an_exception_after_the_last_cell_is_shown_in_the_panel(panel, studio, monkeypatch):
    """It occurs in the thread that watches the sweep. The runs are in the log, and the panel can be used again."""
    monkeypatch.setattr(panel.sweeps, "ended", fail)
    panel.run()
    assert panel.jobs.latest.over.wait(60)
    assert "ZeroDivisionError" in message(panel)
    assert panel.jobs.jobs == ()
    assert len(studio.log) == 8


# -- the grid ---------------------------------------------------------------------------------------------------


def test_the_grid_keeps_the_sweep_that_was_run_while_the_controls_describe_another(panel):
    """A note has the reason, until the controls describe the same sweep again."""
    panel.run()
    panel.wait(60)
    panel.set(seed=8)
    assert "controls ask for another" in panel.grid.grid.box.message
    assert tile(panel, 0).status == "done"
    assert button_of(panel).startswith("Run · 8 cells")
    panel.set(seed=7)
    assert panel.grid.grid.box.message == ""


def test_a_grid_with_too_many_cells_is_not_drawn(studio):
    """The cells are counted and can be run; in place of the grid stands that the frame has all of them."""
    panel = studio.sweep_panel("A lantern", seed=range(2001), resolution="0.5K")
    until(lambda: "2,001 cells are too many to show" in panel.grid.grid.box.empty)
    assert len(panel.grid.grid) == 0


def test_the_saved_state_of_a_sweep_panel_has_no_pictures(panel):
    """Only headings and places: the page asks for the pictures."""
    before = len(state_of(panel))
    panel.run()
    panel.wait(60)
    press(panel, "code")
    press(panel, "plan")
    state = state_of(panel)
    assert "base64," not in state
    assert "memory" not in state
    assert len(state) < before + 12_000  # the code and the plan


# -- code -------------------------------------------------------------------------------------------------------


def sweep_made_by(code, studio):
    """The sweep that the code of a panel makes; its last line, which runs the sweep, is left out."""
    scope = {"studio": studio}
    exec(code.rpartition("\n")[0], scope)
    return scope["sweep"]


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
    """Every value, and the name under which the log keeps the sweep."""
    panel = studio.sweep_panel(**given)
    sweep = sweep_made_by(panel.code, studio)
    assert cells_of(sweep) == cells_of(panel.sweep)
    assert sweep.name == panel.sweep.name


def test_credentials_are_in_neither_the_code_nor_the_saved_state(studio):
    """The query of an address is in the kernel only."""
    panel = studio.sweep_panel("A lantern", seed=[1, 2], webhook_url="https://a.org/h?key=secret")
    press(panel, "code")
    assert "https://a.org/h" in panel.code
    assert "https://a.org/h" in panel.view.source["code"]
    assert "secret" not in panel.code + state_of(panel)
    assert panel.sweep[0].request.webhook_url == "https://a.org/h?key=secret"


def test_the_code_for_an_uploaded_picture_makes_the_same_sweep(studio):
    """The picture is in the image folder as soon as its code is shown."""
    panel = studio.sweep_panel("A lantern", seed=[1, 2])
    panel.form.references.append(png(), "teal.png")
    sweep = sweep_made_by(panel.code, studio)
    assert [cell.request for cell in sweep] == [cell.request for cell in panel.sweep]


def test_a_headless_notebook_keeps_the_panel_and_the_grid_that_code_asked_for(tmp_path):
    """Executed with no page, the panel sends nothing by itself."""
    make_panel = "panel = studio.sweep_panel('A lantern', seed=[1, 2], resolution='0.5K')\npanel"
    sources = [
        f"import nbkit\nstudio = nbkit.Studio(engine='offline', path='runs')\n{make_panel}",
        "len(studio.log)",
        "panel.run()\npanel.wait(60).counts",
    ]
    cells = execute_notebook(tmp_path, sources)
    view, result = cells[0].outputs
    assert "application/vnd.jupyter.widget-view+json" in view.data
    assert "run this cell again" in view.data["text/plain"]
    assert result.data["text/html"].count("data:image/jpeg") == 2
    assert "seed 1: ✓ done" in result.data["text/plain"]
    assert cells[1].outputs[-1].data["text/plain"] == "0"
    assert cells[2].outputs[-1].data["text/plain"] == "{'done': 2}"


# -- a kernel that was killed, names in braces, labels -----------------------------------------------------------


def test_cells_that_a_killed_kernel_had_planned_are_sent_by_the_second_press(studio):
    """The first press finds that the kernel has ended and the cells are due again; the button did not show their price."""
    plans = (
        "import os, nbkit\nfrom nbkit.ledger.journal import RunPlan\n"
        f"studio = nbkit.Studio(engine='offline', path={str(studio.log.folder)!r})\n"
        "sweep = studio.sweep('A lantern', seed=[1, 2, 3], resolution='0.5K')\n"
        "for cell in sweep[:2]:\n    studio._ledger.plan(RunPlan(cell.request, cell.request.to_send(), sweep=sweep.name))\n"
        "os._exit(1)"
    )
    assert subprocess.run([sys.executable, "-c", plans], timeout=60, check=False).returncode == 1
    panel = studio.sweep_panel("A lantern", seed=[1, 2, 3], resolution="0.5K")
    assert button_of(panel).endswith("1 cell · $0.04657")
    press_and_wait(panel)
    assert "for 3 cells now" in message(panel)
    assert studio.budget.spent == 0
    assert button_of(panel).endswith("3 cells · $0.13971")
    press_and_wait(panel)
    assert studio.budget.spent == 0.13971


@pytest.mark.parametrize("gap", [None, float("nan"), pd.NA, pd.NaT], ids=str)
def test_a_gap_in_a_variable_from_code_is_an_error(studio, gap):
    """As in ``studio.sweep``; what a person types is a text, also if it spells a gap."""
    for values in (["red", gap], [gap], gap):
        with pytest.raises(RequestError, match="a gap is not a value for") as caught:
            studio.sweep_panel("A {colour} lantern", colour=values)
        assert caught.value.parameter == "colour"
    panel = studio.sweep_panel("A {colour} lantern", colour=["nan", "red"])
    assert [cell.prompt for cell in panel.sweep] == ["A nan lantern", "A red lantern"]


def test_a_name_in_braces_can_stay_text(studio):
    """A sign that reads {open}, or JSON in a prompt, need not be an axis, and can become one again."""
    panel = studio.sweep_panel("A {colour} lantern, the sign reads {open}", colour=["red"], resolution="0.5K")
    do(panel, "vary", "open")
    assert rows_of(panel) == ["colour"]
    assert [cell.prompt for cell in panel.sweep] == ["A red lantern, the sign reads {open}"]
    assert "the sign reads {{open}}" in panel.code
    assert panel.view.state["literal"] == ["open"]
    do(panel, "vary", "open")
    assert rows_of(panel) == ["colour", "open"]
    do(panel, "vary", "open")
    panel.set(open=["late", "early"])
    assert [cell.prompt[-5:].strip() for cell in panel.sweep] == ["late", "early"]
    assert panel.view.state["literal"] == []
