"""The panel without a page: its controls and their request, Generate and Stop, what it shows and what a notebook keeps."""

import json
import threading
from concurrent.futures import Future
from pathlib import Path

import pytest
from panel_tools import (
    ReferencesPage,
    do,
    execute_notebook,
    make_run,
    message,
    noisy_png,
    offline_studio,
    png,
    press,
    press_generate,
    queue,
    state_of,
    type_in,
)
from sweep_tools import until

from nbkit import Offline
from nbkit.errors import BudgetExceeded, RefusedError, RequestError, StorageError, UnknownParameter
from nbkit.history import RunLog
from nbkit.request.image_request import PARAMETERS, ImageRequest
from nbkit.request.parameter import Boolean, Choice, Decimal2, Integer
from nbkit.request.profiles import DEFAULT
from nbkit.results.money import Budget
from nbkit.results.run import FAILED, Run
from nbkit.service.cancel import CancelToken
from nbkit.widgets.form.fields import label
from nbkit.widgets.page import plain
from nbkit.widgets.panel import saved_runs
from nbkit.widgets.panel.panel import Panel

SEED = 2**63 - 1
PROMPT = "A paper lantern"


class RecordingStudio:
    """A studio that sends nothing: it records each request with the future of its run."""

    charged = True
    engine = "runware"
    busy = ""
    model = "google:4@3"

    def price_of(self, request):
        return request.price

    def __init__(self, log, error=None):
        self.started, self.log, self.error, self.budget = [], log, error, Budget(None, 0.0, 0.0)

    def new_token(self):
        return CancelToken()

    def start(self, request, *, parent, parent_image, token):
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
    ReferencesPage(panel.form.references).upload({name: data})


def field(panel, name):
    """What the page is told of the control of a parameter."""
    return next(field for field in panel.view.fields if field["name"] == name)


def pixels(panel):
    """The size in pixels that the page shows."""
    return panel.view.state["values"].get("width")


# -- controls -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_parameter_has_a_control_with_the_declared_bounds(panel, name):
    """Bounds, step, choices, title and help are those of the declaration; its name in code stands beside its title."""
    parameter = PARAMETERS[name]
    if name == "height":
        assert [field["name"] for field in panel.view.fields].count("width") == 1  # which sets both
        return
    shown = field(panel, name)
    if name == "width":
        assert (shown["kind"], shown["title"], shown["api"]) == ("pixels", "Pixels", "width, height")
        assert all(PARAMETERS[one].help in shown["help"] for one in ("width", "height"))
        return
    assert (shown["title"], shown["api"], shown["help"]) == (parameter.title, label(parameter), parameter.help)
    if isinstance(parameter.kind, (Choice, Boolean)):
        choices = getattr(parameter.kind, "choices", (True, False))
        assert [value for _, value in shown["options"]] == list(choices)
    elif shown["kind"] == "slider":
        assert (shown["min"], shown["max"]) == (parameter.kind.minimum, parameter.kind.maximum)
        assert shown["step"] == (1 if isinstance(parameter.kind, Integer) else parameter.kind.step)
    assert shown["kind"] == "slider" or not isinstance(parameter.kind, Decimal2)


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
    assert pixels(panel) == "1024 × 1024"


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
    """Before it is moved the parameter is not sent, and clearing it stops sending it."""
    panel.set(prompt=PROMPT)
    assert "temperature" not in panel.view.state["values"]
    type_in(panel, temperature="0.31")
    assert panel.request.temperature == 0.31
    assert panel.view.state["values"]["temperature"] == "0.31"
    type_in(panel, temperature=None)
    assert panel.request.temperature is None


def test_the_seed_control_keeps_all_63_bits(panel):
    """The seed is text on the page, because a number would be a double there."""
    type_in(panel, seed=f" {SEED} ")
    panel.set(prompt=PROMPT)
    assert panel.request.seed == SEED
    assert f'"{SEED}"' in json.dumps(panel.view.get_state())


def test_the_random_button_draws_a_different_seed_each_time(panel):
    """Below 2**31, which each model of the family takes."""
    panel.set(prompt=PROMPT)
    seeds = set()
    for _ in range(4):
        do(panel, "random seed")
        seeds.add(panel.request.seed)
    assert len(seeds) == 4
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_setting_width_and_height_selects_their_ratio_and_tier(panel):
    """A pair that the model does not have is refused, and the controls keep the size that they had."""
    panel.set(prompt=PROMPT, width=1264, height=848)
    assert panel.request.size == (1264, 848)
    assert panel.view.state["values"]["aspect_ratio"] == "3:2"
    with pytest.raises(RequestError) as caught:
        panel.set(width=1000, height=848)
    assert (caught.value.parameter, caught.value.reason) == ("width", "dimensions")
    assert panel.request.size == (1264, 848)


def test_every_ratio_with_every_tier_is_a_size_of_the_model(panel):
    """The two lists offer no combination that the model lacks, and the page shows the size in pixels."""
    panel.set(prompt=PROMPT)
    ratios, tiers = (
        [None, *(value for _, value in field(panel, name)["options"])] for name in ("aspect_ratio", "resolution")
    )
    for ratio in ratios:
        for tier in tiers:
            type_in(panel, aspect_ratio=ratio, resolution=tier)
            size = panel.request.size or (1024, 1024)
            assert DEFAULT.ratio_and_tier(*size)
            assert pixels(panel) == "{} × {}".format(*size)


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
        type_in(panel, temperature=str(step / 100))
        panel.set(number_results=step + 1, seed=step)
    assert recorder.started == []


def test_generate_shows_the_price_of_the_request(panel):
    """Two digits of it on the button and the exact price beside it; a range if it depends on what the service does."""

    def prices():
        return panel.view.bar["price"], panel.view.bar["exact"]

    panel.set(prompt=PROMPT)
    assert prices() == ("$0.069", "$0.06895")
    panel.set(number_results=2, resolution="4K")
    assert prices() == ("$0.31", "$0.3059")
    panel.set(number_results=20)
    assert prices() == ("$3.06", "$3.059")
    panel.set(number_results=None, resolution=None, web_search=True)
    assert prices() == ("$0.069 to $0.21", "$0.06895 to $0.20895")


def test_the_price_is_shown_before_the_prompt_is_written(panel):
    """No price depends on it, and nothing greets an empty form with an error; a press says what is missing."""
    assert (panel.view.bar["price"], panel.view.bar["why"], panel.view.bar["ready"]) == ("$0.069", "", False)
    assert panel.view.state["complaints"] == {}
    assert message(panel) == ""
    type_in(panel, prompt="  ")
    assert (panel.view.bar["why"], panel.view.bar["ready"]) == ("", False)
    assert panel.view.state["complaints"] == {}
    press_generate(panel)
    assert message(panel) == "Write a prompt first."


def test_an_invalid_value_is_reported_at_its_control_and_keeps_generate_from_sending(panel, recorder):
    """It stays as it was typed. Generate names each such control, and ``panel.generate()`` raises the error of the first."""
    panel.set(prompt=PROMPT)
    assert panel.view.bar["why"] == ""
    type_in(panel, seed="-1", ttl="soon")
    assert "from 0 to" in panel.form.complaint("seed")
    assert "at least 60" in panel.form.complaint("ttl")
    assert panel.view.state["values"]["seed"] == "-1"
    assert panel.view.state["values"]["ttl"] == "soon"
    titles = f"{PARAMETERS['seed'].title}, {PARAMETERS['ttl'].title}"
    assert panel.view.bar["why"] == f"Not ready: {titles}."
    assert not panel.form.complaint("prompt")
    with pytest.raises(RequestError) as caught:
        panel.generate()
    assert (caught.value.parameter, caught.value.reason) == ("seed", "range")
    press_generate(panel, quote=0)
    assert message(panel) == "Nothing was sent: see what is wrong below."
    panel.set(seed=None, ttl=None)
    assert panel.view.bar["why"] == ""
    assert not panel.form.complaint("seed")
    assert recorder.started == []


def test_a_conflict_between_two_parameters_is_reported_at_the_one_to_change(panel):
    """``ttl`` without URL output is reported at ``ttl``."""
    panel.set(prompt=PROMPT, output_type="dataURI", ttl=60)
    assert "only a URL expires" in panel.form.complaint("ttl")
    assert "only a URL expires" in panel.view.state["complaints"]["ttl"]


def test_an_error_message_of_the_service_is_text(panel, recorder):
    """In the line under the buttons, and at the control that the error is about; the page is told no HTML."""
    panel.set(prompt=PROMPT)
    panel.generate()
    request, future = recorder.started[0]
    future.set_result(Run(request, "", FAILED, error=RefusedError("<b>no</b>", parameter=["settings.topP"])))
    assert "<b>no</b>" in message(panel)
    assert panel.view.bar["status"]["wrong"]
    assert "<b>no</b>" in panel.form.complaint("top_p")
    type_in(panel, top_p="0.5")
    assert panel.form.complaint("top_p") == ""


@pytest.mark.parametrize(("charged", "mark"), [(True, "REAL MONEY"), (False, "OFFLINE")])
def test_the_panel_shows_whether_runs_cost_real_money(recorder, charged, mark):
    """In words, and by the colour of Generate."""
    recorder.charged = charged
    panel = Panel(recorder)
    assert panel.view.head["mark"] == mark
    assert (panel.view.head["charged"], panel.view.bar["charged"]) == (charged, charged)


def test_code_and_json_are_shown_on_request_without_credentials(panel):
    """The code makes the same run, the JSON is what is sent; a comment in the code says what is left out."""
    panel.set(prompt="A <lantern>", temperature=0.3, webhook_url="https://a.org/h?key=secret")
    assert "studio.generate" not in state_of(panel)
    press(panel, "code")
    press(panel, "json")
    shown = panel.view.source["code"] + panel.view.source["json"]
    assert "studio.generate('A <lantern>', temperature=0.3" in shown
    assert '"positivePrompt": "A <lantern>"' in shown
    assert "secret" not in state_of(panel)
    assert "# the query of https://a.org/h may be a credential: it is left out here" in shown
    press(panel, "code")
    assert panel.view.source["code"] is None


def test_the_code_for_an_uploaded_picture_makes_the_same_request(studio):
    """Although it was never sent, and although another file of that name is beside the notebook."""
    Path("cat.png").write_bytes(png("red"))
    panel = studio.panel(PROMPT, seed=7)
    upload(panel, "cat.png", noisy_png((400, 300)))
    press(panel, "code")
    run = eval(panel.view.source["code"], {"studio": studio})
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
    assert panel.saved.output.bundle.html.count("data:image/jpeg") == 2
    assert f"seed {SEED}" in panel.saved.output.bundle.text
    assert "2 pictures · $0.14" in message(panel)
    assert "$0.8621 left of $1.00" in state_of(panel)


def test_a_press_while_a_run_is_under_way_waits_in_line(panel, recorder):
    """From code and on the page alike; it is sent as it was at the press. The page shows both."""
    panel.set(prompt=PROMPT)
    assert panel.generate()
    panel.set(prompt="The second")
    assert panel.generate()
    panel.set(prompt="The third")
    press_generate(panel)
    assert queue(panel) == [(1, True), (2, False), (3, False)]
    assert [job["prompt"] for job in panel.view.bar["jobs"]] == [PROMPT, "The second", "The third"]
    panel.set(prompt="The fourth")
    for number, prompt in enumerate((PROMPT, "The second", "The third")):
        until(lambda number=number: len(recorder.started) == number + 1)
        request, future = recorder.started[number]
        assert request.prompt == prompt
        future.set_result(Run(request, "", "done"))
    assert queue(panel) == []
    assert len(recorder.started) == 3


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
    assert panel.view.bar["status"]["wrong"]
    assert queue(panel) == []
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
        assert "refused by a safety filter" in panel.saved.output.bundle.html


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
    panel.form.on_change(lambda: 1 / 0)
    type_in(panel, seed="3")
    assert "ZeroDivisionError" in message(panel)
    assert "studio.log shows whether anything was sent" in message(panel)


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
    press(panel, "stop")
    assert "The request was already sent, so it may still cost up to $0.069" in message(panel)
    assert queue(panel) == []
    assert panel.wait(1) is None
    request, future = recorder.started[0]
    future.set_result(Run(request, "", "done"))
    assert message(panel) == "A run that was stopped has come: its pictures are in the strip and in History."


def test_the_time_that_passes_sends_nothing_to_the_page(panel):
    """The page counts the seconds itself; a page and its connection process only 10 to 20 messages a second in all."""
    panel.set(prompt=PROMPT)
    panel.generate()
    sent = []
    panel.view.observe(sent.append, names=["bar", "head", "state", "source"])
    threading.Event().wait(1.2)
    assert sent == []


# -- reference images ---------------------------------------------------------------------------------------------


def test_addresses_uuids_and_files_are_reference_images_in_the_order_of_the_list(panel):
    """The prompt may refer to them by number; each can be removed."""
    panel.set(prompt="Put 1 into 2")
    references = panel.form.references
    references.append("https://a.org/1.png")
    references.append("5a1f5f0a-2b63-4f36-8ac8-0123456789ab")
    upload(panel, "cat.png", png())
    assert [item.name for item in references.items][-1] == "cat.png"
    assert len(panel.request.reference_images) == 3
    references.remove(0)
    assert len(panel.request.reference_images) == 2
    assert panel.view.tiles[1]["name"] == "cat.png"


def test_an_uploaded_file_that_is_not_a_picture_is_refused_by_name(panel):
    """At the control."""
    upload(panel, "notes.txt", b"not a picture")
    assert "notes.txt cannot be used" in panel.form.complaint("reference_images")
    assert panel.form.references.items == ()


def test_with_reference_images_a_size_that_is_not_set_is_left_to_the_service(panel):
    """The price is then a range."""
    panel.set(prompt=PROMPT, reference_images=["https://a.org/1.png"])
    assert panel.request.size is None
    assert pixels(panel) is None
    assert panel.view.state["unset"] == {"aspect_ratio": "As reference", "resolution": "As reference"}
    assert " to " in panel.view.bar["price"]
    panel.set(aspect_ratio="3:2")
    assert pixels(panel) == "1264 × 848"


def test_the_saved_state_of_a_panel_has_no_pictures(studio):
    """Neither uploads nor results: bytes are in the kernel and in outputs only, also while the code names them."""
    panel = studio.panel(PROMPT)
    before = len(state_of(panel))
    upload(panel, "cat.png", noisy_png((400, 300)))
    press(panel, "code")
    press(panel, "json")
    make_run(panel)
    state = state_of(panel)
    assert "studio.log.reference('" in panel.view.source["code"]
    assert len(state) < before + 12_000  # the row of the file, the code and the JSON
    assert "base64," not in state
    assert "memory" not in state


def test_the_saved_state_of_a_panel_has_no_credentials(panel):
    """The query of an address is in the kernel only, and is sent as it was typed."""
    type_in(panel, webhook_url="https://a.org/h?key=secret")
    panel.set(prompt=PROMPT)
    assert "secret" not in state_of(panel)
    assert panel.request.webhook_url == "https://a.org/h?key=secret"
    type_in(panel, webhook_url="https://b.org/h")
    assert panel.request.webhook_url == "https://b.org/h"


# -- the output ---------------------------------------------------------------------------------------------------


def test_the_output_has_a_few_earlier_pictures_beside_the_latest(studio, monkeypatch):
    """So many that the notebook stays small; the log has all of them."""
    monkeypatch.setattr(saved_runs, "EARLIER", 2)
    panel = studio.panel(PROMPT, resolution="0.5K", seed=7)
    for temperature in (0.1, 0.2, 0.3, 0.4):
        make_run(panel, temperature=temperature)
    text = panel.saved.output.bundle.text
    assert text.index("temperature 0.4") < text.index("temperature 0.3") < text.index("temperature 0.2")
    assert "temperature 0.1" not in text
    assert panel.saved.output.bundle.html.count("data:image/jpeg") == 3


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
    panel.draft = True
    for text in ("code", "json"):
        press(panel, text)
    panel.generate()
    panel.wait(30)
    press(panel, "history")
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
