"""The panel without a page: its controls and their request, Generate and Stop, what it shows and what a notebook keeps."""

import json
import threading
from concurrent.futures import Future
from pathlib import Path

import pytest
from html_page import Page
from panel_tools import (
    ReferencesPage,
    execute_notebook,
    is_busy,
    make_run,
    message,
    noisy_png,
    offline_studio,
    png,
    state_of,
    text_of,
    use_manual_clock,
)
from sweep_tools import until

from nbkit import Offline
from nbkit.errors import BudgetExceeded, RefusedError, RequestError, StorageError, UnknownParameter
from nbkit.log.store import RunLog
from nbkit.request import model
from nbkit.request.image_request import PARAMETERS, ImageRequest
from nbkit.request.parameter import Boolean, Choice, Decimal2, Integer
from nbkit.results.money import Budget
from nbkit.results.run import FAILED, Run
from nbkit.service.cancel import CancelToken
from nbkit.widgets.controls.control import Slider, label
from nbkit.widgets.page import plain
from nbkit.widgets.panel import outputs
from nbkit.widgets.panel.panel import Panel
from nbkit.widgets.panel.work import DOUBLE_CLICK

SEED = 2**63 - 1
PROMPT = "A paper lantern"


class RecordingStudio:
    """A studio that sends nothing: it records each request with the future of its run."""

    charged = True
    engine = "runware"
    busy = ""

    def __init__(self, log, error=None):
        self.started, self.log, self.error, self.budget = [], log, error, Budget(None, 0.0, 0.0)

    def new_token(self):
        return CancelToken()

    def start(self, request, *, parent, token):
        if self.error:
            raise self.error
        future = Future()
        self.started.append((request, future))
        return future

    def watch(self, watcher):
        pass


@pytest.fixture
def log(tmp_path):
    log = RunLog(tmp_path / "recorded")
    yield log
    log.close()


@pytest.fixture
def recorder(log):
    return RecordingStudio(log)


@pytest.fixture
def panel(recorder):
    return Panel(recorder)


@pytest.fixture
def studio(tmp_path):
    with offline_studio(tmp_path, budget=1.00) as studio:
        yield studio


def upload(panel, name, data):
    """Upload a file into the control for reference images, as the page does."""
    ReferencesPage(panel.controls["reference_images"]).upload({name: data})


# -- controls -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_parameter_has_a_control_with_the_declared_bounds(panel, name):
    """Bounds, step, choices and help are those of the declaration, and the accessible name begins with the label."""
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


def test_labels_have_the_spelling_of_the_api(panel):
    """Except ``prompt`` and ``seed``, which have the names that people use."""
    labels = {name: label(parameter) for name, parameter in PARAMETERS.items()}
    assert labels["prompt"] == "prompt"
    assert labels["seed"] == "seed"
    assert labels["top_p"] == "topP"
    assert labels["webhook_url"] == "webhookURL"


def test_an_untouched_panel_requests_what_generate_requests(panel):
    """Only the prompt is missing, and no other parameter is set; the size, 1:1 at 1K, is shown in pixels."""
    panel.set(prompt=PROMPT)
    assert panel.request == ImageRequest(PROMPT)
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
def test_a_control_returns_the_value_that_was_set(panel, name, value):
    """Each parameter comes out of its control unchanged, and ``None`` sets the control to "not sent"."""
    panel.set(prompt=PROMPT, **{name: value})
    assert panel.request == ImageRequest(PROMPT, **{name: value})
    panel.set(**{name: None})
    assert panel.request == ImageRequest(PROMPT)


def test_moving_a_slider_sends_its_parameter(panel):
    """Before it is moved the parameter is not sent, and clearing the "send" box stops sending it."""
    panel.set(prompt=PROMPT)
    control = panel.controls["temperature"]
    assert not control.send.value
    control.field.value = 0.31
    assert panel.request.temperature == 0.31
    control.send.value = False
    assert panel.request.temperature is None


def test_the_seed_control_keeps_all_63_bits(panel):
    """The seed is text on the page, because a number would be a double there."""
    panel.controls["seed"].field.value = f" {SEED} "
    panel.set(prompt=PROMPT)
    assert panel.request.seed == SEED
    assert str(SEED) in json.dumps(panel.controls["seed"].field.get_state())


def test_the_random_button_draws_a_different_seed_each_time(panel):
    """Below 2**31, which each model of the family takes."""
    panel.set(prompt=PROMPT)
    seeds = set()
    for _ in range(4):
        panel.controls["seed"].draw.click()
        seeds.add(panel.request.seed)
    assert len(seeds) == 4
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_setting_width_and_height_selects_their_ratio_and_tier(panel):
    """A pair that the model does not have is refused, and the controls keep the size that they had."""
    panel.set(prompt=PROMPT, width=1264, height=848)
    assert panel.request.size == (1264, 848)
    assert panel.controls["width"].ratio.value == "3:2"
    with pytest.raises(RequestError) as caught:
        panel.set(width=1000, height=848)
    assert (caught.value.parameter, caught.value.reason) == ("width", "dimensions")
    assert panel.request.size == (1264, 848)


def test_every_ratio_with_every_tier_is_a_size_of_the_model(panel):
    """The two lists offer no combination that the model lacks."""
    panel.set(prompt=PROMPT)
    size = panel.controls["width"]
    for _, ratio in size.ratio.options:
        for _, tier in size.tier.options:
            size.ratio.value, size.tier.value = ratio, tier
            assert model.ratio_and_tier(*panel.request.size)


def test_set_accepts_the_spellings_of_the_api(panel):
    """Also its groups."""
    panel.set(positivePrompt=PROMPT, settings={"topP": 0.9})
    assert panel.request == ImageRequest(PROMPT, top_p=0.9)


def test_a_refused_set_moves_no_control(panel):
    """The error for a misspelled name suggests the nearest one."""
    panel.set(prompt=PROMPT, top_p=0.9)
    with pytest.raises(UnknownParameter) as caught:
        panel.set(temprature=0.3, top_p=0.1)
    assert (caught.value.parameter, caught.value.suggestion) == ("temprature", "temperature")
    with pytest.raises(RequestError) as caught:
        panel.set(top_p=0.1, temperature=3)
    assert (caught.value.parameter, caught.value.reason, caught.value.suggestion) == ("temperature", "range", 1.0)
    assert panel.request.top_p == 0.9


# -- before a press -----------------------------------------------------------------------------------------------


def test_moving_controls_sends_nothing(panel, recorder):
    """Only a press of Generate sends, however much is moved."""
    panel.set(prompt=PROMPT)
    for step in range(20):
        panel.controls["temperature"].field.value = step / 100
        panel.set(number_results=step + 1, seed=step)
    assert recorder.started == []


def test_generate_shows_the_price_of_the_request(panel):
    """The exact price, or a range if it depends on what the service does."""
    panel.set(prompt=PROMPT)
    assert panel.bar.generate.description == "Generate · $0.06895"
    panel.set(number_results=2, resolution="4K")
    assert panel.bar.generate.description == "Generate · $0.3059"
    panel.set(number_results=None, resolution=None, web_search=True)
    assert panel.bar.generate.description == "Generate · $0.06895 to $0.20895"


def test_an_invalid_value_is_reported_at_its_control_and_disables_generate(panel, recorder):
    """The tooltip of Generate names each such control, and ``panel.generate()`` raises the error of the first."""
    assert panel.bar.generate.disabled
    panel.set(prompt=PROMPT)
    assert not panel.bar.generate.disabled
    panel.controls["seed"].field.value = "-1"
    panel.controls["ttl"].field.value = "soon"
    assert panel.bar.generate.disabled
    assert "from 0 to" in panel.controls["seed"].complaint
    assert "at least 60" in panel.controls["ttl"].complaint
    assert panel.bar.generate.tooltip == "not ready: seed and ttl"
    assert not panel.controls["prompt"].complaint
    with pytest.raises(RequestError) as caught:
        panel.generate()
    assert (caught.value.parameter, caught.value.reason) == ("seed", "range")
    panel.set(seed=None, ttl=None)
    assert not panel.bar.generate.disabled
    assert not panel.controls["seed"].complaint
    assert recorder.started == []


def test_a_conflict_between_two_parameters_is_reported_at_the_one_to_change(panel):
    """``ttl`` without URL output is reported at ``ttl``, and the folded group with that control opens."""
    panel.set(prompt=PROMPT, output_type="dataURI", ttl=60)
    assert "only a URL expires" in panel.controls["ttl"].complaint
    assert panel.form.fold.buttons["Delivery"].value


def test_the_button_of_a_folded_group_counts_its_parameters(panel):
    """A parameter that is sent can be seen while its control is hidden."""
    panel.set(output_format="PNG")
    assert panel.form.fold.buttons["Output"].description == "Output · 1 set"


def test_an_error_message_of_the_service_is_escaped(panel, recorder):
    """In the line under the buttons, and at the control that the error is about."""
    panel.set(prompt=PROMPT)
    panel.generate()
    request, future = recorder.started[0]
    future.set_result(Run(request, "", FAILED, error=RefusedError("<b>no</b>", parameter=["settings.topP"])))
    assert "&lt;b&gt;" in panel.bar.under.value
    assert "<b>" not in panel.bar.under.value + panel.controls["top_p"].complaint
    assert "no" in panel.controls["top_p"].complaint


@pytest.mark.parametrize(("charged", "mark"), [(True, "REAL MONEY"), (False, "OFFLINE")])
def test_the_panel_shows_whether_runs_cost_real_money(recorder, charged, mark):
    """In words, and by the colour of Generate."""
    recorder.charged = charged
    state = state_of(Panel(recorder))
    assert mark in state
    assert ("warning" in state) is charged


def test_code_and_json_are_shown_on_request_without_credentials(panel):
    """The code makes the same run, the JSON is what is sent; a comment in the code says what is left out."""
    panel.set(prompt="A <lantern>", temperature=0.3, webhook_url="https://a.org/h?key=secret")
    assert "studio.generate" not in state_of(panel)
    panel.source.code.value = panel.source.json.value = True
    shown = text_of("".join(part.value for part in panel.source.box.children))
    assert "studio.generate('A <lantern>', temperature=0.3" in shown
    assert '"positivePrompt": "A <lantern>"' in shown
    assert "secret" not in state_of(panel)
    assert "# the query of https://a.org/h may be a credential: it is left out here" in shown


def test_the_code_for_an_uploaded_picture_makes_the_same_request(studio):
    """Although it was never sent, and although another file of that name is beside the notebook."""
    Path("cat.png").write_bytes(png("red"))
    panel = studio.panel(PROMPT, seed=7)
    upload(panel, "cat.png", noisy_png((400, 300)))
    panel.source.code.value = True
    (code,) = Page(panel.source.box.children[0].value).texts["pre"]
    run = eval(code, {"studio": studio})
    assert run.request == panel.request
    assert run.request.identity == panel.request.identity


# -- a press ------------------------------------------------------------------------------------------------------


def test_generate_makes_a_run_with_the_values_of_the_controls(studio):
    """The run is in the frame, and its pictures are in the output."""
    panel = studio.panel()
    run = make_run(panel, prompt=PROMPT, temperature=0.72, seed=SEED, number_results=2)
    assert run is panel.last
    assert run.status == "done"
    row = studio.df.iloc[0]
    assert (row.prompt, row.temperature, row.requestedSeed) == (PROMPT, 0.72, SEED)
    assert panel.results.bundle.html.count("data:image/jpeg") == 2
    assert f"seed {SEED}" in panel.results.bundle.text
    assert "$0.1379" in message(panel)
    assert "$0.8621 left of $1.00" in state_of(panel)


def test_a_press_has_no_effect_while_a_run_is_under_way(panel, recorder):
    """Neither one from code nor one with the mouse, and the button is shown as busy."""
    panel.set(prompt=PROMPT)
    assert panel.generate()
    assert not panel.generate()
    panel.bar.generate.click()
    assert len(recorder.started) == 1
    assert is_busy(panel.bar.generate)


def test_a_double_click_makes_one_run(studio):
    """Even if the first run has ended before the second click; a click after that is a press of its own."""
    panel = studio.panel(PROMPT, resolution="0.5K")
    clock = use_manual_clock(panel)
    panel.bar.generate.click()
    panel.bar.generate.click()
    panel.wait(20)
    panel.bar.generate.click()
    panel.wait(20)
    assert len(studio.log) == 1
    clock.now += DOUBLE_CLICK
    panel.bar.generate.click()
    panel.wait(20)
    assert len(studio.log) == 2


def test_a_click_sends_the_prompt_with_the_last_keystroke(panel, recorder):
    """While the kernel is busy, a click can overtake what was typed before it."""
    panel.set(prompt="A paper")
    panel.bar.generate.click()
    panel.set(prompt=PROMPT)
    until(lambda: recorder.started)
    assert recorder.started[0][0].prompt == PROMPT


@pytest.mark.parametrize(
    "error",
    [
        StorageError("the log cannot be written; free some space"),
        BudgetExceeded("this might cost more than is left", limit=1.0, spent=1.0, held=0.0, asked=0.1),
        RuntimeError("a surprise"),
    ],
)
def test_an_error_before_the_send_is_shown_and_raised(log, error):
    """By ``generate`` and by ``wait``; the panel can be used again."""
    panel = Panel(RecordingStudio(log, error))
    panel.set(prompt=PROMPT)
    with pytest.raises(type(error)):
        panel.generate()
    assert str(error) in message(panel)
    assert not is_busy(panel.bar.generate)
    with pytest.raises(type(error)):
        panel.wait(1)


def test_a_request_beyond_the_budget_is_not_sent(tmp_path):
    """The panel shows the error, and the log has no run."""
    with offline_studio(tmp_path, budget=0.05) as studio:
        panel = studio.panel(PROMPT)
        with pytest.raises(BudgetExceeded) as caught:
            panel.generate()
        assert (caught.value.limit, caught.value.asked) == (0.05, 0.06895)
        assert "budget" in message(panel)
        assert len(studio.log) == 0


def test_a_blocked_run_is_shown_with_its_reason_and_with_advice(tmp_path):
    """The advice in the panel, the service's reason in the output that the notebook keeps."""
    with offline_studio(tmp_path, engine=Offline(failures={"blocked": 1.0})) as studio:
        panel = studio.panel(PROMPT)
        assert make_run(panel).status == "blocked"
        assert "Change the prompt" in message(panel)
        assert "refused by a safety filter" in panel.results.bundle.html


def test_an_error_during_the_run_is_shown_and_raised_by_wait(panel, recorder):
    """It occurs in the thread of the run."""
    panel.set(prompt=PROMPT)
    panel.generate()
    recorder.started[0][1].set_exception(StorageError("the disk is full"))
    assert "the disk is full" in message(panel)
    with pytest.raises(StorageError):
        panel.wait(1)


def test_an_exception_in_a_handler_is_shown_in_the_panel(panel):
    """Jupyter would drop it."""
    panel.form.fold.tell = lambda: 1 / 0
    panel.set(seed=3)
    assert "ZeroDivisionError" in message(panel)


def test_wait_raises_a_timeout_error_while_the_run_goes_on(panel):
    """The message says that the run is still under way."""
    panel.set(prompt=PROMPT)
    panel.generate()
    with pytest.raises(TimeoutError, match="still under way"):
        panel.wait(0.05)


def test_stop_frees_the_panel_and_shows_what_may_still_be_paid(panel, recorder):
    """A run that comes afterwards is announced."""
    panel.set(prompt=PROMPT)
    panel.generate()
    panel.bar.stop.click()
    assert "up to $0.06895 is paid" in message(panel)
    assert not is_busy(panel.bar.generate)
    assert panel.wait(1) is None
    request, future = recorder.started[0]
    future.set_result(Run(request, "", "done"))
    assert "no longer waited for" in message(panel)


def test_the_elapsed_time_is_updated_at_most_four_times_a_second(panel, monkeypatch):
    """A page and its connection can process only 10 to 20 messages a second in all."""
    updates = []
    monkeypatch.setattr(panel.bar, "working", lambda seconds, _jobs: updates.append(seconds))
    panel.set(prompt=PROMPT)
    panel.generate()
    threading.Event().wait(0.9)
    assert 2 <= len(updates) <= 4


# -- reference images ---------------------------------------------------------------------------------------------


def test_addresses_uuids_and_files_are_reference_images_in_the_order_of_the_list(panel):
    """The prompt may refer to them by number; each can be removed."""
    panel.set(prompt="Put 1 into 2")
    control = panel.controls["reference_images"]
    control.append("https://a.org/1.png")
    control.append("5a1f5f0a-2b63-4f36-8ac8-0123456789ab")
    upload(panel, "cat.png", png())
    assert [item.name for item in control.items][-1] == "cat.png"
    assert len(panel.request.reference_images) == 3
    control.remove(0)
    assert len(panel.request.reference_images) == 2
    assert control.field.tiles[1]["name"] == "cat.png"


def test_an_uploaded_file_that_is_not_a_picture_is_refused_by_name(panel):
    """At the control."""
    upload(panel, "notes.txt", b"not a picture")
    assert "notes.txt is not taken" in panel.controls["reference_images"].complaint
    assert panel.controls["reference_images"].items == ()


def test_with_reference_images_a_size_that_is_not_set_is_left_to_the_service(panel):
    """The price is then a range."""
    panel.set(prompt=PROMPT, reference_images=["https://a.org/1.png"])
    assert panel.request.size is None
    assert "follows" in panel.controls["width"].pixels.value
    assert " to " in panel.bar.generate.description
    panel.set(aspect_ratio="3:2")
    assert "1264 × 848 px" in panel.controls["width"].pixels.value


def test_the_saved_state_of_a_panel_has_no_pictures(studio):
    """Neither uploads nor results: bytes are in the kernel and in outputs only, also while the code names them."""
    panel = studio.panel(PROMPT)
    before = len(state_of(panel))
    upload(panel, "cat.png", noisy_png((400, 300)))
    panel.source.code.value = panel.source.json.value = True
    make_run(panel)
    state = state_of(panel)
    assert "studio.log.reference('" in text_of(panel.source.box.children[0].value)
    assert len(state) < before + 12_000  # the row of the file, the code and the JSON
    assert "base64," not in state
    assert "memory" not in state


def test_the_saved_state_of_a_panel_has_no_credentials(panel):
    """The query of an address is in the kernel only, and is sent as it was typed."""
    panel.controls["webhook_url"].field.value = "https://a.org/h?key=secret"
    panel.set(prompt=PROMPT)
    assert "secret" not in state_of(panel)
    assert panel.request.webhook_url == "https://a.org/h?key=secret"
    panel.controls["webhook_url"].field.value = "https://b.org/h"
    assert panel.request.webhook_url == "https://b.org/h"


# -- the output ---------------------------------------------------------------------------------------------------


def test_the_output_has_a_few_earlier_pictures_beside_the_latest(studio, monkeypatch):
    """So many that the notebook stays small; the log has all of them."""
    monkeypatch.setattr(outputs, "EARLIER", 2)
    panel = studio.panel(PROMPT, resolution="0.5K", seed=7)
    for temperature in (0.1, 0.2, 0.3, 0.4):
        make_run(panel, temperature=temperature)
    text = panel.results.bundle.text
    assert text.index("temperature 0.4") < text.index("temperature 0.3") < text.index("temperature 0.2")
    assert "temperature 0.1" not in text
    assert panel.results.bundle.html.count("data:image/jpeg") == 3


def test_a_headless_notebook_keeps_the_panel_and_the_results_that_code_asked_for(tmp_path):
    """Executed with no page, the panel sends nothing by itself."""
    sources = [
        "import nbkit\nstudio = nbkit.Studio(engine='offline', path='runs')\npanel = studio.panel()\npanel",
        "panel.set(prompt='A paper lantern', resolution='0.5K', seed=7)\npanel.generate()\npanel.wait(20).status",
    ]
    cells = execute_notebook(tmp_path, sources)
    view, result = cells[0].outputs
    assert "application/vnd.jupyter.widget-view+json" in view.data
    assert "run this cell again" in view.data["text/plain"]
    assert "data:image/jpeg" in result.data["text/html"]
    assert "seed 7" in result.data["text/plain"]
    assert cells[1].outputs[-1].data["text/plain"] == "'done'"


def test_the_layouts_and_styles_that_widgets_share_never_change(studio):
    """Most widgets share one layout and one style of their kind: hiding one widget must not hide all of them."""
    panel, sweeps, gallery = studio.panel("A lantern"), studio.sweep_panel("A {colour} lantern"), studio.gallery()
    panel.set(temperature=0.3, reference_images=[noisy_png()])
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
    for kind, shared in plain._held.items():
        assert shared.get_state() == kind().get_state(), kind


@pytest.mark.parametrize("make", ["panel", "sweep_panel"])
def test_extra_has_no_control(studio, make):
    """The error says where it goes; it does not suggest itself."""
    with pytest.raises(UnknownParameter, match=r"studio\.generate") as caught:
        getattr(studio, make)("A lantern", extra={"mode": "new"})
    assert caught.value.suggestion is None
