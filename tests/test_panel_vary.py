"""The panel with axes: a control's mark has it take several values, and Generate then runs a sweep."""

import pytest
from offline_tasks import held_engine
from panel_tools import (
    button_of,
    complaint_at,
    do,
    head,
    message,
    messages_of,
    offline_studio,
    press,
    press_and_wait,
    press_generate,
    press_run,
    queue,
    state_of,
    tile,
    totals,
    type_in,
    type_values,
    use_undo_clock,
)
from sweep_tools import until

from nbkit.errors import BudgetExceeded, RequestError
from nbkit.request import rules
from nbkit.request.image_request import PARAMETERS
from nbkit.request.parameter import Boolean, Choice, Decimal2, Integer
from nbkit.widgets.form.axes import around, said
from nbkit.widgets.form.fields import MARKED

PROMPT = "A paper lantern"
SEED = 2**63 - 1


@pytest.fixture
def studio(tmp_path):
    with offline_studio(tmp_path, budget=20.00) as studio:
        yield studio


@pytest.fixture
def panel(studio):
    return studio.panel(PROMPT, resolution="0.5K", seed=7)


def axes_of(panel):
    """The axes that the page draws, and their texts."""
    values = panel.view.state["values"]
    return {row["name"]: values[f"axis:{row['name']}"] for row in panel.view.state["axes"]}


def is_sweeping(panel):
    """Whether the panel shows a grid in place of the pictures of a run."""
    return "nbkit-sweeping" in panel._body._dom_classes


# -- values around the present one ---------------------------------------------------------------------------------


def candidates(name):
    """Values of a parameter: its bounds, some between, all choices; ``None`` where it is not set."""
    kind = PARAMETERS[name].kind
    if isinstance(kind, Boolean):
        return [None, True, False]
    if isinstance(kind, Choice):
        return [None, *kind.choices]
    assert isinstance(kind, (Integer, Decimal2))
    high = kind.minimum + 10 if kind.maximum is None else kind.maximum
    between = [kind.minimum + (high - kind.minimum) * part // 8 for part in range(9)]
    hundredths = [round(part / 20, 2) for part in range(21)] if isinstance(kind, Decimal2) else []
    return [None, kind.minimum, high, *map(type(kind.minimum), between), *hundredths]


@pytest.mark.parametrize("name", MARKED)
def test_a_mark_makes_three_values_around_the_present_one(name):
    """Inside the bounds, in order, each once; the present one is among them. Fewer only where there are no three."""
    kind = PARAMETERS[name].kind
    for value in candidates(name):
        if value is not None:
            rules.check_value(PARAMETERS[name], said(name), value)
        values = around(name, value)
        many = 2 if isinstance(kind, Boolean) else min(3, len(kind.choices)) if isinstance(kind, Choice) else 3
        assert len(values) == len(set(values)) == many, (value, values)
        assert value is None or value in values
        for one in values:
            rules.check_value(PARAMETERS[name], said(name), one)
        if isinstance(kind, (Integer, Decimal2)):
            assert values == sorted(values)


@pytest.mark.parametrize("name", [name for name in MARKED if name != "model"])  # which lack what others have
def test_each_mark_makes_an_axis_and_takes_it_away_again(panel, studio, name):
    """The sweep has a cell for each value; a second press brings the single value back as it was."""
    before, request = panel.form.read(), panel.request
    do(panel, "vary", name)
    assert list(axes_of(panel)) == [name]
    assert is_sweeping(panel)
    assert panel.view.bar["why"] == ""
    assert len(panel.sweep) == len(panel.form.axes.values(name))
    assert panel.sweep.name == studio.sweep(**panel.form.keywords()).name
    do(panel, "vary", name)
    assert axes_of(panel) == {}
    assert not is_sweeping(panel)
    assert panel.form.read() == before
    assert panel.request == request


def test_the_largest_seed_has_its_neighbours_below(panel):
    """A seed keeps all of its bits."""
    panel.set(seed=SEED)
    panel.form.vary("seed")
    assert axes_of(panel) == {"seed": f"{SEED - 2}, {SEED - 1}, {SEED}"}
    assert [cell.seed for cell in panel.sweep] == [SEED - 2, SEED - 1, SEED]


def test_a_mark_of_a_value_that_is_none_makes_values_that_are(panel):
    """What was typed comes back with the second press, and its complaint with it."""
    type_in(panel, temperature="hot")
    assert complaint_at(panel, "temperature")
    panel.form.vary("temperature")
    assert complaint_at(panel, "temperature") == ""
    assert len(panel.sweep) == 3
    panel.form.vary("temperature")
    assert panel.view.state["values"]["temperature"] == "hot"
    assert complaint_at(panel, "temperature")


@pytest.mark.parametrize("name", ["prompt", "width", "reference_images", "webhook_url", "nothing", ""])
def test_what_has_no_mark_cannot_be_varied(panel, name):
    """Neither a text, nor a size in pixels, nor what a picture does not depend on, nor what is no parameter."""
    do(panel, "vary", name)
    assert axes_of(panel) == {}
    assert panel.request.prompt == PROMPT


# -- a sweep in the plain panel ------------------------------------------------------------------------------------


def test_two_marks_make_a_grid_of_nine(panel, studio):
    """The button says what they come to, Generate makes them, and the single picture's controls come back."""
    assert panel.view.bar["price"] == "$0.047"
    panel.form.vary("top_p")
    assert button_of(panel) == "Generate · 3 cells · $0.13971"
    panel.form.vary("temperature")
    assert button_of(panel) == "Generate · 9 cells · $0.41913"
    assert panel.view.bar["totals"][0] == panel.sweep.plan().totals.lines()[0] == "9 cells, 9 images: $0.42"
    assert "9 cells" in repr(panel)
    assert len(studio.log) == 0
    press_and_wait(panel)
    assert panel.result.counts == {"done": 9}
    assert len(studio.log) == 9
    assert panel.grid.sides["rows"] == "topP"
    assert panel.grid.sides["columns"] == "temperature"
    assert panel.saved.output.bundle.html.count("data:image/jpeg") == 9
    assert "9 done" in message(panel)
    assert panel.view.bar["why"] == "All cells are done."
    assert panel.last is None
    panel.form.vary("top_p")
    panel.form.vary("temperature")
    assert panel.view.bar["price"] == "$0.047"
    assert panel.generate()
    assert panel.wait(30).seed == 7
    assert len(studio.log) == 10


def test_a_value_from_code_takes_the_place_of_an_axis(panel):
    """In either spelling; what else varies goes on, and undo brings the axis back."""
    panel.form.vary("top_p")
    panel.form.vary("temperature")
    panel.set(topP=0.9, seed=7)
    assert list(panel.form.axes.texts) == ["temperature"]
    panel.set(temperature=0.3)
    assert not panel.form.is_sweep
    assert (panel.request.top_p, panel.request.temperature, panel.request.seed) == (0.9, 0.3, 7)
    do(panel, "undo")
    assert list(panel.form.axes.texts) == ["temperature"]


def test_generate_from_code_runs_the_sweep(panel, studio):
    """``panel.wait()`` waits for it, and ``panel.result`` has it, also when the controls ask for a single picture again."""
    panel.form.vary("seed")
    assert panel.generate()
    assert panel.wait(60) is None
    assert panel.result.counts == {"done": 3}
    panel.form.vary("seed")
    assert [run.image.seed for run in panel.result.runs] == [7, 8, 9]


def test_more_than_a_hundred_images_are_not_sent_from_code(panel, studio):
    """The error says what sends them; the panel is free again."""
    panel.form.vary("seed")
    type_values(panel, "seed", "1..101")
    panel.generate()
    with pytest.raises(RequestError, match="101 images") as caught:
        panel.wait(30)
    assert caught.value.parameter == "confirm"
    assert "101 images" in message(panel)
    assert len(studio.log) == 0
    assert queue(panel) == []


def test_a_name_in_braces_is_text_until_something_varies(panel):
    """In the plain panel a prompt with braces is one request; beside an axis its names are axes, or stay text."""
    type_in(panel, prompt="A {colour} lantern")
    assert not is_sweeping(panel)
    assert panel.request.prompt == "A {colour} lantern"
    panel.form.vary("seed")
    assert list(axes_of(panel)) == ["colour", "seed"]
    assert panel.view.bar["why"] == "Not ready: {colour}."
    do(panel, "vary", "colour")
    assert {cell.prompt for cell in panel.sweep} == {"A {colour} lantern"}


def test_show_code_of_a_sweep_makes_the_same_sweep(panel, studio):
    """The code of a single picture comes back with it; the JSON is that of the first cell."""
    press(panel, "code")
    press(panel, "json")
    single = panel.view.source["code"]
    assert "studio.generate(" in single
    panel.form.vary("top_p")
    code = panel.view.source["code"]
    scope = {"studio": studio}
    exec(code.rpartition("\n")[0], scope)
    assert scope["sweep"].name == panel.sweep.name
    assert [cell.values for cell in scope["sweep"]] == [cell.values for cell in panel.sweep]
    assert code.endswith("sweep.run(max_workers=4)")
    assert f'"topP": {panel.sweep[0].top_p}' in panel.view.source["json"]
    panel.form.vary("top_p")
    assert panel.view.source["code"] == single


def test_a_cell_that_the_model_refuses_is_reported_at_its_control(panel, studio):
    """And a press sends nothing."""
    panel.form.vary("top_p")
    type_values(panel, "top_p", "0.2, 7")
    assert complaint_at(panel, "top_p") == "Must be a number from 0 to 1 in steps of 0.01. Nearest: 1.0"
    assert panel.view.bar["why"] == "Not ready: Top-p."
    sent = messages_of(panel.view)
    press_generate(panel)
    assert message(panel) == "Nothing was sent: see what is wrong below."
    assert sent == [{"kind": "focus", "name": "top_p", "unless_acted": True}]
    with pytest.raises(RequestError, match="from 0 to 1"):
        panel.generate()
    assert len(studio.log) == 0


def test_a_press_of_a_sweep_is_no_agreement_to_a_dearer_one(panel, studio):
    """The page was behind: the panel says the price, and the second press sends."""
    panel.form.vary("seed")
    quote = panel.view.bar["quote"]
    type_values(panel, "seed", "1..5")
    press_and_wait(panel, quote=quote)
    assert "The button said $0.13971, and this is $0.23285 for 5 cells now." in message(panel)
    assert len(studio.log) == 0
    press_and_wait(panel)
    assert panel.result.counts == {"done": 5}


def test_an_option_is_asked_for_only_by_a_sweep(panel):
    """It stays typed while a single picture is asked for."""
    type_in(panel, **{"option:repeats": "2"})
    assert panel.view.bar["price"] == "$0.047"
    panel.form.vary("top_p")
    panel.set(seed=None)
    assert button_of(panel).startswith("Generate · 6 cells")
    assert panel.view.state["values"]["option:repeats"] == "2"


def test_a_text_of_an_axis_that_was_taken_away_is_ignored(panel):
    """The page was behind."""
    type_values(panel, "top_p", "0.1, 0.2")
    assert axes_of(panel) == {}
    panel.form.vary("top_p")
    panel.form.vary("top_p")
    type_values(panel, "top_p", "0.1, 0.2")
    assert axes_of(panel) == {}


# -- undo, reset, draft --------------------------------------------------------------------------------------------


def test_undo_and_redo_bring_axes_and_options_back(panel):
    """Each mark and each text is a step."""
    clock = use_undo_clock(panel.form)
    seen = [panel.form.state]
    for act in (
        lambda: do(panel, "vary", "top_p"),
        lambda: type_values(panel, "top_p", "0.1, 0.9"),
        lambda: type_in(panel, **{"option:repeats": "3"}),
        lambda: do(panel, "vary", "seed"),
        lambda: do(panel, "vary", "top_p"),
    ):
        clock.now += 10
        act()
        seen.append(panel.form.state)
    for state in reversed(seen[:-1]):
        do(panel, "undo")
        assert panel.form.state == state
    assert not panel.view.state["undo"]
    assert not is_sweeping(panel)
    for state in seen[1:]:
        do(panel, "redo")
        assert panel.form.state == state
    assert not panel.view.state["redo"]
    assert is_sweeping(panel)


def test_reset_takes_axes_and_options_away(panel):
    """One step, which Undo takes back."""
    panel.form.vary("top_p")
    type_in(panel, **{"option:repeats": "2"})
    before = panel.form.state
    press(panel, "reset")
    assert axes_of(panel) == {}
    assert panel.form.options.texts == {}
    assert not is_sweeping(panel)
    do(panel, "undo")
    assert panel.form.state == before
    assert is_sweeping(panel)


def test_a_draft_of_a_sweep_has_the_smallest_resolution_and_one_result(studio):
    """Unless the resolution is what varies. Off, all is as before."""
    panel = studio.panel(PROMPT, resolution="2K", number_results=2, seed=7)
    panel.form.vary("top_p")
    do(panel, "draft")
    assert button_of(panel) == "Generate · 3 cells · $0.13971"
    assert {cell.request.number_results for cell in panel.sweep} == {None}
    panel.form.vary("resolution")
    assert {cell.resolution for cell in panel.sweep} == {"0.5K", "1K", "2K"}
    assert {cell.request.number_results for cell in panel.sweep} == {None}
    panel.form.vary("resolution")
    do(panel, "draft")
    assert {cell.request.size for cell in panel.sweep} == {(2048, 2048)}
    assert {cell.request.number_results for cell in panel.sweep} == {2}


def test_a_preset_leaves_what_varies(panel):
    """It holds single values; an axis is none."""
    panel.form.vary("top_p")
    press(panel, "save preset", name="mine")
    panel.set(temperature=0.3)
    press(panel, "use preset", name="mine")
    assert list(axes_of(panel)) == ["top_p"]
    assert "temperature" not in panel.form.read()


# -- one queue -----------------------------------------------------------------------------------------------------


@pytest.fixture
def held(tmp_path):
    """A panel of a studio whose engine holds its tasks back, and what lets them go."""
    engine, arrived, release = held_engine()
    with offline_studio(tmp_path / "held", engine=engine, budget=1.00) as studio:
        yield studio.panel(PROMPT, resolution="0.5K", seed=7), studio, arrived, release
        release.set()


def test_a_picture_and_a_sweep_wait_in_one_queue(held):
    """In the order of the presses; each lands, the run in the pictures and the sweep in the grid."""
    panel, studio, arrived, release = held
    press_generate(panel)
    assert arrived.wait(20)
    panel.form.vary("seed")
    press_run(panel)
    panel.form.vary("seed")
    panel.set(seed=20)
    press_generate(panel)
    assert queue(panel) == [(1, True), (2, False), (3, False)]
    prompts = [job["prompt"] for job in panel.view.bar["jobs"]]
    assert prompts[0] == prompts[2] == PROMPT
    assert prompts[1].startswith("3 cells: ")
    assert [job["exact"] for job in panel.view.bar["jobs"]] == ["$0.04657", "$0.13971", "$0.04657"]
    release.set()
    assert panel.wait(60).seed == 20
    assert panel.result.counts == {"done": 3}
    assert queue(panel) == []
    assert sorted(studio.df.seed.astype(int)) == [7, 7, 8, 9, 20]
    assert [tile(panel, cell).status for cell in range(3)] == ["done"] * 3
    assert len(panel.pictures.strip) == 2


def test_each_of_a_queue_has_its_own_stop(held):
    """A sweep that waits is not sent, and what is under way goes on."""
    panel, studio, arrived, release = held
    press_generate(panel)
    assert arrived.wait(20)
    panel.form.vary("top_p")
    sweep = press_run(panel)
    panel.form.vary("top_p")
    panel.set(seed=20)
    press_generate(panel)
    press(panel, "stop", number=2)
    assert message(panel) == "Run 2 was not sent."
    assert sweep.over.is_set()
    assert queue(panel) == [(1, True), (3, False)]
    release.set()
    assert panel.wait(60).seed == 20
    assert sorted(studio.df.seed.astype(int)) == [7, 20]
    assert studio.budget.held == 0


def test_a_sweep_under_way_is_stopped_by_its_number(held):
    """The picture that waits behind it is sent then; what was sent of the sweep lands."""
    panel, studio, arrived, release = held
    panel.form.vary("top_p")
    type_in(panel, **{"option:max_workers": "1"})
    sweep = press_run(panel)
    assert arrived.wait(20)
    panel.form.vary("top_p")
    panel.set(seed=20)
    press_generate(panel)
    assert queue(panel) == [(1, True), (2, False)]
    press(panel, "stop", number=1)
    assert "Stopped. 1 request under way, up to $0.047, at list prices." in message(panel)
    until(lambda: queue(panel) == [(2, True)])
    release.set()
    assert panel.wait(60).seed == 20
    assert sweep.over.wait(30)
    assert sweep.work.sweep.result.counts == {"done": 1, "not run": 2}
    assert studio.df.status.tolist().count("done") == 2


def test_the_budget_counts_a_sweep_that_waits(held):
    """A press that could not be paid together with it is not taken; the line beside the button says so before."""
    panel, _, arrived, _ = held
    press_generate(panel)
    assert arrived.wait(20)
    panel.form.vary("seed")
    type_values(panel, "seed", "1..20")
    press_run(panel)  # $0.9314 of the $0.95343 that are left
    type_values(panel, "seed", "31..32")
    assert "more than the $0.02203 left: about 0 of 2 cells" in totals(panel)
    panel.form.vary("seed")
    assert panel.view.bar["why"] == "The budget has $0.022 left, and this may cost $0.047."
    assert not panel.view.bar["ready"]
    with pytest.raises(BudgetExceeded, match="What waits in line counts"):
        panel.generate()
    press(panel, "stop", number=2)
    assert panel.view.bar["why"] == ""
    assert "$0.95343 left of $1.00" in head(panel)


def test_no_more_than_four_wait_whatever_they_are(held):
    """A fifth press is not taken, neither on the page nor from code; Stop empties the queue."""
    panel, studio, arrived, release = held
    press_generate(panel)
    assert arrived.wait(20)
    panel.form.vary("top_p")
    for seed in range(4):
        type_in(panel, seed=str(seed))
        press_run(panel)
        assert press_run(panel) is None  # these very cells wait already
    assert len(queue(panel)) == 5
    assert not panel.view.bar["ready"]
    assert not panel.generate()
    assert press_run(panel) is None
    assert len(queue(panel)) == 5
    press(panel, "stop")
    assert queue(panel) == []
    release.set()
    until(lambda: studio.budget.held == 0)
    assert len(studio.df) == 1


def test_a_stopped_sweep_leaves_the_saved_grid(held):
    """With what has come, and what was not run."""
    panel, _, arrived, release = held
    panel.form.vary("top_p")
    type_in(panel, **{"option:max_workers": "1"})
    job = press_run(panel)
    assert arrived.wait(20)
    press(panel, "stop")
    release.set()
    assert job.over.wait(30)
    assert "✓ done" in panel.saved.output.bundle.text
    assert "not run" in panel.saved.output.bundle.text
    assert "landed" in message(panel)
    panel.form.vary("top_p")
    panel.form.vary("top_p")
    assert "base64," not in state_of(panel)


def test_of_two_sweeps_in_line_the_grid_shows_the_one_under_way(held):
    """Then the other one; ``panel.result`` is about the one that began last."""
    panel, _, arrived, release = held
    panel.form.vary("seed")
    first = press_run(panel)
    assert arrived.wait(20)
    until(lambda: tile(panel, 0) and tile(panel, 0).status == "running")
    type_values(panel, "seed", "31..34")
    second = press_run(panel)
    assert queue(panel) == [(1, True), (2, False)]
    assert len(panel.result) == 3
    assert len(panel.sweeps.grid.sweep) == 3
    release.set()
    assert second.over.wait(60)
    assert first.over.is_set()
    assert panel.result.counts == {"done": 4}
    assert len(panel.sweeps.grid.sweep) == 4
    assert "seed 34: ✓ done" in panel.saved.output.bundle.text
    assert "4 done" in message(panel)
