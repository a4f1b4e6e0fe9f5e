"""The panel without a page: controls, what they ask for, what a press does, what is shown and what is kept."""

import html
import io
import json
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import nbformat
import pytest
from ipywidgets import Widget
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image

import nbkit
from nbkit.errors import BudgetExceeded, RefusedError, RequestError, StorageError, UnknownParameter
from nbkit.history import RunLog
from nbkit.request import model
from nbkit.request.image_request import PARAMETERS, ImageRequest
from nbkit.request.parameter import Boolean, Choice, Decimal2, Integer
from nbkit.results.money import Budget
from nbkit.results.run import FAILED, Run
from nbkit.widgets.controls.control import Slider, label
from nbkit.widgets.page import plain
from nbkit.widgets.panel import outputs
from nbkit.widgets.panel.panel import Panel

SEED = 2**63 - 1


class Host:
    """A studio that sends nothing: it writes down what it was asked for, and the test ends each run."""

    charged = True
    engine = "runware"

    def __init__(self, log, error=None):
        self.asked, self.log, self.error, self.budget = [], log, error, Budget(None, 0.0, 0.0)

    def start(self, request, done, *, parent, on_started):
        if self.error:
            raise self.error
        self.asked.append((request, done))

    def watch(self, watcher):
        pass


@pytest.fixture
def log(tmp_path):
    log = RunLog(tmp_path / "host")
    yield log
    log.close()


@pytest.fixture
def host(log):
    return Host(log)


@pytest.fixture
def panel(host):
    return Panel(host)


@pytest.fixture
def studio(tmp_path):
    studio = nbkit.Studio(engine="offline", path=tmp_path / "runs", budget=1.00)
    yield studio
    studio.close()


def widgets_of(box):
    """A widget and everything inside it, their layouts and styles too."""
    yield box
    for value in box.trait_values().values():
        inside = value if isinstance(value, (list, tuple)) else [value]
        for widget in inside:
            if isinstance(widget, Widget):
                yield from widgets_of(widget)


def state_of(panel):
    """All that a notebook could save of the panel's widgets."""
    return json.dumps([widget.get_state() for widget in widgets_of(panel.box)], default=repr)


def busy(button):
    """Whether it says that a press does nothing just now; it keeps the keyboard's focus."""
    return "nbkit-busy" in button._dom_classes


def picture(size=(64, 48)):
    out = io.BytesIO()
    Image.effect_noise(size, 90).convert("RGB").save(out, "PNG")
    return out.getvalue()


def upload(panel, name, content):
    """Send a file as the page does, and wait until it has been taken or refused."""
    control = panel.controls["reference_images"]
    control.field._handle_custom_msg({"kind": "files", "files": [{"key": "a", "name": name, "size": len(content)}]}, [])
    control.field._handle_custom_msg({"kind": "part", "key": "a"}, [memoryview(content)])
    deadline = time.monotonic() + 20
    while control.arriving:
        assert time.monotonic() < deadline
        threading.Event().wait(0.005)


# -- controls come from the declarations ----------------------------------------------------------------------


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_parameter_has_a_control_with_the_declared_bounds(panel, name):
    """Bounds, step, choices and help are those of the declaration, and the name comes first."""
    parameter, control = PARAMETERS[name], panel.controls[name]
    if name in ("width", "height"):
        assert control is panel.controls["aspect_ratio"]
        return
    field = control.tier if name == "resolution" else control.field
    assert field.description.startswith(label(parameter))
    assert field.tooltip == parameter.help
    if isinstance(parameter.kind, (Choice, Boolean)):
        choices = getattr(parameter.kind, "choices", (True, False))
        assert [value for _, value in field.options[1:]] == list(choices)
    elif isinstance(control, Slider):
        assert (field.min, field.max) == (parameter.kind.minimum, parameter.kind.maximum)
        assert field.step == (1 if isinstance(parameter.kind, Integer) else parameter.kind.step)
    assert isinstance(control, Slider) or not isinstance(parameter.kind, Decimal2)


def test_names_are_those_that_people_know(panel):
    """The API's spelling, with ``prompt`` and ``seed`` as everybody says."""
    said = {name: label(parameter) for name, parameter in PARAMETERS.items()}
    assert said["prompt"] == "prompt"
    assert said["seed"] == "seed"
    assert said["top_p"] == "topP"
    assert said["webhook_url"] == "webhookURL"


def test_at_first_nothing_but_the_prompt_is_missing_and_nothing_is_set(panel):
    """An untouched panel sends what ``generate(prompt)`` sends; 1:1 at 1K is shown in pixels."""
    panel.set(prompt="A paper lantern")
    assert panel.request == ImageRequest("A paper lantern")
    assert "1024 × 1024 px" in panel.controls["width"].pixels.value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("temperature", 0.72), ("top_p", 0.0), ("thinking", "HIGH"), ("seed", SEED), ("number_results", 20)),
        *(("system_prompt", "be brief"), ("web_search", True), ("image_search", False), ("safety_tolerance", "off")),
        *(("check_content", True), ("safety_mode", "none"), ("output_format", "PNG"), ("output_quality", 20)),
        *(("output_type", "dataURI"), ("delivery_method", "async"), ("ttl", 60), ("include_cost", False)),
        *(("webhook_url", "https://me:pw@a.org/h?key=1"), ("upload_endpoint", "https://a.org/u")),
        *(("aspect_ratio", "21:9"), ("resolution", "4K")),
        ("reference_images", ["https://a.org/1.png", "5a1f5f0a-2b63-4f36-8ac8-0123456789ab"]),
    ],
)
def test_what_is_set_is_what_is_asked_for_and_can_be_taken_back(panel, name, value):
    """Every parameter goes into its control and out of it unchanged; ``None`` is "not sent" again."""
    panel.set(prompt="A paper lantern", **{name: value})
    assert panel.request == ImageRequest("A paper lantern", **{name: value})
    panel.set(**{name: None})
    assert panel.request == ImageRequest("A paper lantern")


def test_moving_a_slider_means_that_it_is_sent(panel):
    """Before it is moved it is not sent and says so; unticking "send" takes it back."""
    panel.set(prompt="A paper lantern")
    control = panel.controls["temperature"]
    assert not control.send.value
    control.field.value = 0.31
    assert panel.request.temperature == 0.31
    control.send.value = False
    assert panel.request.temperature is None


def test_a_seed_is_exact_to_its_63rd_bit(panel):
    """The seed is text on the page, where a number would be a double."""
    panel.controls["seed"].field.value = f" {SEED} "
    panel.set(prompt="A paper lantern")
    assert panel.request.seed == SEED
    assert str(SEED) in json.dumps(panel.controls["seed"].field.get_state())


def test_the_random_button_draws_what_the_service_would(panel):
    """An unsigned 32-bit number, another one each time."""
    panel.set(prompt="A paper lantern")
    drawn = set()
    for _ in range(4):
        panel.controls["seed"].draw.click()
        drawn.add(panel.request.seed)
    assert len(drawn) == 4
    assert all(0 <= seed < 2**32 for seed in drawn)


def test_width_and_height_are_a_ratio_and_a_tier(panel):
    """A pair of the table moves both lists; any other pair is refused and moves nothing."""
    panel.set(prompt="A paper lantern", width=1264, height=848)
    assert panel.request.size == (1264, 848)
    assert panel.controls["width"].ratio.value == "3:2"
    with pytest.raises(RequestError, match="not a size"):
        panel.set(width=1000, height=848)
    assert panel.request.size == (1264, 848)


def test_no_size_can_be_chosen_that_the_model_lacks(panel):
    """Every ratio with every tier is a pair of the table."""
    panel.set(prompt="A paper lantern")
    size = panel.controls["width"]
    for _, ratio in size.ratio.options:
        for _, tier in size.tier.options:
            size.ratio.value, size.tier.value = ratio, tier
            assert model.ratio_and_tier(*panel.request.size)


def test_any_spelling_and_no_other_name(panel):
    """The API's spelling works too; a misspelled name is told with the nearest, and no control moves."""
    panel.set(positivePrompt="A paper lantern", settings={"topP": 0.9})
    assert panel.request.top_p == 0.9
    with pytest.raises(UnknownParameter, match="temperature"):
        panel.set(temprature=0.3, top_p=0.1)
    with pytest.raises(RequestError, match="temperature"):
        panel.set(top_p=0.1, temperature=3)
    assert panel.request.top_p == 0.9


# -- before a press ---------------------------------------------------------------------------------------------


def test_nothing_is_sent_while_controls_move(panel, host):
    """However much is moved, only a press of Generate sends."""
    panel.set(prompt="A paper lantern")
    for step in range(20):
        panel.controls["temperature"].field.value = step / 100
        panel.set(number_results=step + 1, seed=step)
    assert host.asked == []


def test_the_price_stands_on_the_button(panel):
    """Exactly this request's price, a range where it is one."""
    panel.set(prompt="A paper lantern")
    assert panel.bar.generate.description == "Generate · $0.06895"
    panel.set(number_results=2, resolution="4K")
    assert panel.bar.generate.description == "Generate · $0.3059"
    panel.set(number_results=None, resolution=None, web_search=True)
    assert panel.bar.generate.description == "Generate · $0.06895 to $0.20895"


def test_what_is_wrong_stands_at_its_control_and_locks_the_button(panel, host):
    """Every wrong control says why; Generate is locked and names them; from code it raises."""
    assert panel.bar.generate.disabled
    panel.set(prompt="A paper lantern")
    assert not panel.bar.generate.disabled
    panel.controls["seed"].field.value = "-1"
    panel.controls["ttl"].field.value = "soon"
    assert panel.bar.generate.disabled
    assert "from 0 to" in panel.controls["seed"].complaint
    assert "at least 60" in panel.controls["ttl"].complaint
    assert panel.bar.generate.tooltip == "not ready: seed and ttl"
    assert not panel.controls["prompt"].complaint
    with pytest.raises(RequestError, match="seed"):
        panel.generate()
    panel.set(seed=None, ttl=None)
    assert not panel.bar.generate.disabled
    assert not panel.controls["seed"].complaint
    assert host.asked == []


def test_a_conflict_of_two_stands_at_the_one_to_change(panel):
    """``ttl`` without URL output is told at ttl, and the folded group that holds it is opened."""
    panel.set(prompt="A paper lantern", output_type="dataURI", ttl=60)
    assert "only a URL expires" in panel.controls["ttl"].complaint
    assert panel.form.fold.buttons["Delivery"].value


def test_what_is_folded_is_counted(panel):
    """A parameter that is sent is never out of sight: its group's button says so."""
    panel.set(output_format="PNG")
    assert panel.form.fold.buttons["Output"].description == "Output · 1 set"


def test_a_prompt_is_text_and_no_html(panel, host):
    """What people and services write is shown as it is."""
    panel.set(prompt="A paper lantern")
    panel.generate()
    request, done = host.asked[0]
    done(Run(request, "", FAILED, error=RefusedError("<b>no</b>", parameter=["settings.topP"])), None)
    assert "&lt;b&gt;" in panel.bar.under.value
    assert "<b>" not in panel.bar.under.value + panel.controls["top_p"].complaint
    assert "no" in panel.controls["top_p"].complaint


@pytest.mark.parametrize(("charged", "mark"), [(True, "REAL MONEY"), (False, "OFFLINE")])
def test_real_money_is_told_from_the_offline_engine(host, charged, mark):
    """In words, and by the button's colour."""
    host.charged = charged
    state = state_of(Panel(host))
    assert mark in state
    assert ("warning" in state) is charged


def test_code_and_json_are_shown_on_demand(panel):
    """The line that makes the same run, and what is sent; credentials in neither."""
    panel.set(prompt="A <lantern>", temperature=0.3, webhook_url="https://a.org/h?key=secret")
    assert "studio.generate" not in state_of(panel)
    panel.source.code.value = panel.source.json.value = True
    shown = "".join(place.value for place in panel.source.box.children)
    assert "studio.generate(&#x27;A &lt;lantern&gt;&#x27;, temperature=0.3" in shown
    assert "&quot;positivePrompt&quot;: &quot;A &lt;lantern&gt;&quot;" in shown
    assert "secret" not in state_of(panel)
    assert "# the query of https://a.org/h may be a credential: it is left out here" in shown


def test_the_code_of_a_dropped_picture_makes_the_same_request(studio):
    """Before it was ever sent, and also where another file of that name lies beside the notebook."""
    panel = studio.panel("A paper lantern", seed=7)
    upload(panel, "cat.png", picture((400, 300)))
    panel.source.code.value = True
    code = html.unescape(re.search("<pre[^>]*>(.*)</pre>", panel.source.box.children[0].value, re.DOTALL)[1])
    run = eval(code, {"studio": studio})
    assert run.request == panel.request
    assert run.request.identity == panel.request.identity


# -- a press ------------------------------------------------------------------------------------------------------


def test_a_press_makes_a_run_in_the_log(studio):
    """The run is in the frame with what the controls said, and its picture is in the output."""
    panel = studio.panel()
    panel.set(prompt="A paper lantern", temperature=0.72, seed=SEED, number_results=2)
    assert panel.generate()
    run = panel.wait(20)
    assert run is panel.last
    assert run.status == "done"
    row = studio.df.iloc[0]
    assert (row.prompt, row.temperature, row.requestedSeed) == ("A paper lantern", 0.72, SEED)
    assert panel.results.bundle.html.count("data:image/jpeg") == 2
    assert f"seed {SEED}" in panel.results.bundle.text
    assert "$0.1379" in panel.bar.under.value
    assert "$0.8621 left of $1.00" in state_of(panel)


def test_two_presses_make_one_run(panel, host):
    """While one is under way, the button does nothing, from code or with the mouse."""
    panel.set(prompt="A paper lantern")
    assert panel.generate()
    assert not panel.generate()
    panel.bar.generate.click()
    assert len(host.asked) == 1
    assert busy(panel.bar.generate)


def test_a_double_click_is_one_press(studio, monkeypatch):
    """Even when the first run has ended before the second click comes."""
    monkeypatch.setattr(
        "nbkit.widgets.panel.work.DOUBLE_CLICK", 60.0
    )  # a busy machine may take its time between two clicks
    panel = studio.panel()
    panel.set(prompt="A paper lantern", resolution="0.5K")
    panel.bar.generate.click()
    panel.bar.generate.click()
    panel.wait(20)
    panel.bar.generate.click()
    panel.wait(20)
    assert len(studio.log) == 1


def test_a_click_waits_for_the_last_keystroke(panel, host):
    """While the kernel is busy, a click can overtake what was typed before it; the run has the whole prompt."""
    panel.set(prompt="A paper")
    panel.bar.generate.click()
    panel.set(prompt="A paper lantern")
    for _ in range(100):
        if host.asked:
            break
        threading.Event().wait(0.02)
    assert host.asked[0][0].prompt == "A paper lantern"


@pytest.mark.parametrize(
    "error",
    [
        StorageError("the log cannot be written; free some space"),
        BudgetExceeded("this might cost more than is left", limit=1.0, spent=1.0, held=0.0, asked=0.1),
        RuntimeError("a surprise"),
    ],
)
def test_what_keeps_a_run_from_being_sent_is_said_in_the_panel(log, error):
    """Whatever it is; and the panel can be used again."""
    panel = Panel(Host(log, error))
    panel.set(prompt="A paper lantern")
    with pytest.raises(type(error)):
        panel.generate()
    assert str(error) in panel.bar.under.value
    assert not busy(panel.bar.generate)
    with pytest.raises(type(error)):
        panel.wait(1)


def test_a_budget_that_does_not_reach_is_said(tmp_path):
    """Nothing is sent and nothing is logged."""
    studio = nbkit.Studio(engine="offline", path=tmp_path / "runs", budget=0.05)
    panel = studio.panel()
    panel.set(prompt="A paper lantern")
    with pytest.raises(BudgetExceeded):
        panel.generate()
    assert "budget" in panel.bar.under.value
    assert len(studio.log) == 0
    studio.close()


def test_a_failing_engine_is_said_with_what_to_do(tmp_path):
    """The service's words and the advice, in the panel and in the output that is kept."""
    studio = nbkit.Studio(engine=nbkit.Offline(failures={"blocked": 1.0}), path=tmp_path / "runs")
    panel = studio.panel()
    panel.set(prompt="A paper lantern")
    panel.generate()
    run = panel.wait(20)
    assert run.status == "blocked"
    assert "Change the prompt" in panel.bar.under.value
    assert "refused by a safety filter" in panel.results.bundle.html
    studio.close()


def test_an_error_that_comes_back_is_said(panel, host):
    """What the work's thread raises reaches the panel and whoever waits."""
    panel.set(prompt="A paper lantern")
    panel.generate()
    host.asked[0][1](None, StorageError("the disk is full"))
    assert "the disk is full" in panel.bar.under.value
    with pytest.raises(StorageError):
        panel.wait(1)


def test_a_fault_of_a_handler_is_said(panel):
    """Jupyter would swallow it."""
    panel.form.fold.tell = lambda: 1 / 0
    panel.set(seed=3)
    assert "ZeroDivisionError" in panel.bar.under.value


def test_waiting_has_an_end(panel):
    """A time-out says that the work goes on."""
    panel.set(prompt="A paper lantern")
    panel.generate()
    with pytest.raises(TimeoutError, match="still under way"):
        panel.wait(0.05)


def test_stop_stops_the_waiting_and_says_what_it_costs(panel, host):
    """The panel is free at once; what was sent is still paid, and its pictures are shown when they come."""
    panel.set(prompt="A paper lantern")
    panel.generate()
    panel.bar.stop.click()
    assert "up to $0.06895 is paid" in panel.bar.under.value
    assert not busy(panel.bar.generate)
    assert panel.wait(1) is None
    request, done = host.asked[0]
    done(Run(request, "", "done"), None)
    assert "no longer waited for" in panel.bar.under.value


def test_the_clock_moves_at_most_four_times_a_second(panel, monkeypatch):
    """A page and its connection take 10 to 20 messages a second in all."""
    moved = []
    monkeypatch.setattr(panel.bar, "working", lambda seconds, _jobs: moved.append(seconds))
    panel.set(prompt="A paper lantern")
    panel.generate()
    threading.Event().wait(0.9)
    assert 2 <= len(moved) <= 4


# -- references -------------------------------------------------------------------------------------------------


def test_references_come_from_addresses_and_files_in_order(panel):
    """The list has the order in which the prompt may number them, and each can be taken away."""
    panel.set(prompt="Put 1 into 2")
    control = panel.controls["reference_images"]
    control.append("https://a.org/1.png")
    control.append("5a1f5f0a-2b63-4f36-8ac8-0123456789ab")
    upload(panel, "cat.png", picture())
    assert [item.name for item in control.items][-1] == "cat.png"
    assert len(panel.request.reference_images) == 3
    control.remove(0)
    assert len(panel.request.reference_images) == 2
    assert control.field.tiles[1]["name"] == "cat.png"


def test_a_file_that_is_no_picture_is_named(panel):
    """It is not taken, and the control says which and why."""
    upload(panel, "notes.txt", b"not a picture")
    assert "notes.txt is not taken" in panel.controls["reference_images"].complaint
    assert panel.controls["reference_images"].items == ()


def test_with_references_the_size_may_follow_them(panel):
    """What is left at "not sent" is then the service's choice, and the price a range."""
    panel.set(prompt="A paper lantern", reference_images=["https://a.org/1.png"])
    assert panel.request.size is None
    assert "follows" in panel.controls["width"].pixels.value
    assert " to " in panel.bar.generate.description
    panel.set(aspect_ratio="3:2")
    assert "1264 × 848 px" in panel.controls["width"].pixels.value


def test_no_picture_is_in_what_a_notebook_saves_of_widgets(studio):
    """Neither uploads nor results nor the code that names them: bytes live in the kernel and in outputs."""
    panel = studio.panel()
    panel.set(prompt="A paper lantern")
    before = len(state_of(panel))
    upload(panel, "cat.png", picture((400, 300)))
    panel.source.code.value = panel.source.json.value = True
    panel.generate()
    panel.wait(20)
    state = state_of(panel)
    assert "studio.log.reference(&#x27;" in panel.source.box.children[0].value
    assert len(state) < before + 12_000  # the file's row and the two texts
    assert "base64," not in state
    assert "memory" not in state


def test_credentials_are_not_in_what_a_notebook_saves_of_widgets(panel):
    """An address's query stays in the kernel; it is sent as it was typed."""
    panel.controls["webhook_url"].field.value = "https://a.org/h?key=secret"
    panel.set(prompt="A paper lantern")
    assert "secret" not in state_of(panel)
    assert panel.request.webhook_url == "https://a.org/h?key=secret"
    panel.controls["webhook_url"].field.value = "https://b.org/h"
    assert panel.request.webhook_url == "https://b.org/h"


# -- the output -------------------------------------------------------------------------------------------------


def test_earlier_pictures_stay_small_beside_the_latest(studio, monkeypatch):
    """To compare with; the notebook stays small, and the log has them all."""
    monkeypatch.setattr(outputs, "EARLIER", 2)
    panel = studio.panel()
    for temperature in (0.1, 0.2, 0.3, 0.4):
        panel.set(prompt="A paper lantern", resolution="0.5K", seed=7, temperature=temperature)
        panel.generate()
        panel.wait(20)
    text = panel.results.bundle.text
    assert text.index("temperature 0.4") < text.index("temperature 0.3") < text.index("temperature 0.2")
    assert "temperature 0.1" not in text
    assert panel.results.bundle.html.count("data:image/jpeg") == 3


def test_a_headless_notebook_shows_the_panel_and_keeps_its_results(tmp_path):
    """Executed with no page, the panel does nothing by itself; what code asks of it is in the notebook."""
    sources = [
        "import nbkit\nstudio = nbkit.Studio(engine='offline', path='runs')\npanel = studio.panel()\npanel",
        "panel.set(prompt='A paper lantern', resolution='0.5K', seed=7)\npanel.generate()\npanel.wait(20).status",
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
    assert "data:image/jpeg" in result.data["text/html"]
    assert "seed 7" in result.data["text/plain"]
    assert cells[1].outputs[-1].data["text/plain"] == "'done'"


def test_what_all_widgets_share_is_never_changed(studio):
    """Most share one layout and one style of their kind; whatever hides or shows one must not hide or show all."""
    panel, sweeps, gallery = studio.panel("A lantern"), studio.sweep_panel("A {colour} lantern"), studio.gallery()
    panel.set(temperature=0.3, reference_images=[picture((64, 48))])
    panel.draft = panel.source.code.value = panel.source.json.value = True
    for fold in panel.form.fold.buttons.values():
        fold.value = True
    panel.generate()
    panel.wait(30)
    panel.pictures.history.value = True
    sweeps.set(colour=["red", "jade"], aspect_ratio=["1:1", "3:2"])
    sweeps.run()
    sweeps.wait(30)
    gallery.refresh()
    gallery.filter("temperature > 0")
    gallery.clear()
    for kind, held in plain._held.items():
        assert held.get_state() == kind().get_state(), kind
