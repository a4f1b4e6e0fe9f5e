"""The form without a page: what is typed and read, undo, redo and reset, the draft, seeds, presets, and its widgets."""

import json
import re
from pathlib import Path

import pytest
from effort import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from panel_tools import (
    ReferencesPage,
    actions,
    do,
    hear,
    make_run,
    message,
    messages_of,
    offline_studio,
    png,
    press,
    state_of,
    type_in,
    use_undo_clock,
)

import nbkit
from nbkit.errors import RequestError
from nbkit.request.image_request import PARAMETERS, ImageRequest
from nbkit.request.parameter import Address
from nbkit.request.profiles import DEFAULT, RANDOM_SEED_BITS
from nbkit.widgets.form.fields import fields, label, parse, shown
from nbkit.widgets.form.form import Form
from nbkit.widgets.form.undo import BURST, STEPS
from nbkit.widgets.form.view import FormView

SEED = 2**63 - 1
PROMPT = "A paper lantern"
URL = "https://pictures.example/cat.png"

VALUES = {
    "prompt": "A “paper” lantern\nin two lines",
    "reference_images": [URL],
    "aspect_ratio": "21:9",
    "resolution": "4K",
    "width": 1264,
    "height": 848,
    "number_results": 20,
    "seed": SEED,
    "temperature": 0.72,
    "top_p": 0.0,
    "thinking": "HIGH",
    "system_prompt": "be brief",
    "web_search": True,
    "image_search": False,
    "safety_tolerance": "off",
    "check_content": True,
    "safety_mode": "none",
    "output_format": "PNG",
    "output_quality": 20,
    "output_type": "dataURI",
    "delivery_method": "async",
    "ttl": 60,
    "include_cost": False,
    "webhook_url": "https://me:pw@a.org/h?key=1",
    "upload_endpoint": "https://a.org/u",
    "model": "google:nano-banana@2.1",
}
"""A value of every parameter that is not its default."""


@pytest.fixture
def form():
    return Form()


@pytest.fixture
def clock(form):
    return use_undo_clock(form)


# -- fields ------------------------------------------------------------------------------------------------------


def test_there_is_a_value_for_every_parameter():
    """So that a new parameter is tried here too."""
    assert set(VALUES) == set(PARAMETERS)
    assert len(PARAMETERS) == 26


@pytest.mark.parametrize("field", fields(), ids=lambda field: field["name"])
def test_a_field_says_what_its_control_is_about(field):
    """A title for people, the name that the API has, one or more sentences of help, and what is used where nothing is set."""
    assert field["title"][0].isupper()
    assert field["api"]
    assert field["help"].endswith(".")
    assert field["unset"].startswith(("Default", "Auto ("))
    assert json.loads(json.dumps(field)) == field


def test_the_fields_have_every_parameter_once_and_the_important_ones_first():
    """Width and height are set in one control; every other one that comes later is folded under a heading."""
    names = [field["name"] for field in fields()]
    assert sorted([*names, "height"]) == sorted(PARAMETERS)
    assert names[0] == "prompt"
    first = [field for field in fields() if not field["group"]]
    assert names[: len(first)] == [field["name"] for field in first]
    assert all(field["group"] for field in fields()[len(first) :])
    assert {"seed", "temperature", "aspect_ratio"} <= {field["name"] for field in first}


def test_some_of_the_fields_can_be_asked_for():
    """In the same order, whichever order they are asked for in."""
    assert [field["name"] for field in fields(["seed", "prompt"])] == ["prompt", "seed"]


# -- what is typed and what is read ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in VALUES if name not in ("reference_images", "width", "height")])
def test_what_is_shown_of_a_value_can_be_typed_and_is_the_same_value(name):
    """Whole numbers of 63 bits, decimals, booleans, choices and texts; an address keeps the query that is not shown."""
    form, typed = Form(), Form()
    form.write({name: VALUES[name]})
    typed.typed({name: VALUES[name] if isinstance(PARAMETERS[name].kind, Address) else shown(form.read()[name])})
    assert typed.check()[1].keys() == form.check()[1].keys()
    assert typed.read()[name] == VALUES[name]
    page = form.shown(PARAMETERS)["values"][name]
    form.typed({name: page})
    assert form.read()[name] == VALUES[name]
    form.typed({name: None})
    assert form.read() == {}


@given(st.floats(0, 1).map(lambda value: round(value, 2)))
def test_every_hundredth_can_be_typed(value):
    """With a point or with a comma."""
    form = Form()
    form.typed({"temperature": shown(value)})
    assert form.read()["temperature"] == value
    form.typed({"temperature": str(value).replace(".", ",")})
    assert form.read()["temperature"] == value


@given(st.integers(0, SEED))
def test_every_seed_can_be_typed(seed):
    """It is text on the page, because a number of the page is a double."""
    form = Form()
    form.write({"seed": seed})
    page = form.shown(PARAMETERS)["values"]["seed"]
    assert isinstance(page, str)
    typed = Form()
    typed.typed({"seed": f" {page} "})
    assert typed.read() == {"seed": seed}


@given(
    st.dictionaries(
        st.sampled_from(sorted(set(VALUES) - {"reference_images", "width", "height"})), st.text(max_size=30)
    )
)
def test_whatever_is_typed_is_kept_or_explained(values):
    """The form never raises; what is no value of its parameter is shown as it was typed, with the reason."""
    form = Form()
    form.typed(values)
    request, problems = form.check()
    assert (request is None) == bool(problems)
    for name, error in form.wrong().items():
        assert isinstance(error, RequestError)
        assert form.shown(PARAMETERS)["values"][name]
    json.dumps(form.shown(PARAMETERS))


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("temperature", "7", "a number from 0 to"),
        ("temperature", "0.123", "0.12"),
        ("temperature", "hot", "a number from 0 to"),
        ("number_results", "21", "from 1 to 20"),
        ("number_results", "1.5", "whole number"),
        ("seed", str(2**63), "from 0 to"),
        ("ttl", "soon", "at least 60"),
    ],
)
def test_a_wrong_number_is_kept_as_it_was_typed_and_explained(form, name, text, words):
    """It is not clamped to the nearest one that is allowed."""
    form.typed({"prompt": PROMPT, name: text})
    request, problems = form.check()
    assert request is None
    assert list(problems) == [name]
    assert words in str(problems[name])
    assert form.shown(PARAMETERS)["values"][name] == text


@pytest.mark.parametrize("text", ["1264x848", "1264×848", " 1264 * 848 px", "1264 848", "1264,848", "1264/848"])
def test_pixels_can_be_typed(form, text):
    """They set the ratio and the tier that make them."""
    form.typed({"prompt": PROMPT, "width": text})
    assert form.check()[0].size == (1264, 848)
    page = form.shown(PARAMETERS)
    assert page["values"]["aspect_ratio"] == "3:2"
    assert page["values"]["resolution"] == "1K"
    assert page["values"]["width"] == "1264 × 848"
    assert page["shape"] == [1264, 848]


@pytest.mark.parametrize("ratio", DEFAULT.ratios)
@pytest.mark.parametrize("tier", DEFAULT.tiers)
def test_the_pixels_that_are_shown_can_be_typed(ratio, tier):
    """Every size of the model comes out as it went in."""
    size = DEFAULT.size_of(ratio, tier)
    if size is None:
        return
    form = Form()
    form.write({"prompt": PROMPT, "aspect_ratio": ratio, "resolution": tier})
    page = form.shown(PARAMETERS)["values"]["width"]
    typed = Form()
    typed.typed({"prompt": PROMPT, "width": page})
    assert typed.check()[0].size == form.check()[0].size == size


@pytest.mark.parametrize(
    ("text", "kept"), [("1000x848", "1000 × 848"), ("wide", "wide"), ("1264", "1264"), ("0x0", "0 × 0")]
)
def test_pixels_that_the_model_does_not_have_are_kept_and_explained(form, text, kept):
    """The reason stands at the same control, and an empty one sets no size."""
    form.typed({"prompt": PROMPT, "width": text})
    request, problems = form.check()
    assert request is None
    form.complain({name: str(error) for name, error in problems.items()})
    page = form.shown(PARAMETERS)
    assert page["values"]["width"] == kept
    assert page["complaints"]["width"]
    form.typed({"width": ""})
    assert form.check()[0] == ImageRequest(PROMPT)


def test_a_ratio_or_a_tier_takes_the_place_of_pixels_that_were_typed(form):
    """No two controls ask for a size at once."""
    form.typed({"prompt": PROMPT, "width": "1000x848"})
    form.typed({"aspect_ratio": "3:2"})
    assert form.check()[0].size == (1264, 848)
    form.typed({"width": "wide"})
    form.typed({"resolution": "2K"})
    assert form.check()[0].resolution == "2K"


def test_parse_leaves_what_is_no_number_to_the_check():
    """So that the reason is the request's own."""
    assert parse(PARAMETERS["temperature"], " 0,5 ") == 0.5
    assert parse(PARAMETERS["seed"], "1.5") == "1.5"
    assert parse(PARAMETERS["seed"], " ") is None
    assert parse(PARAMETERS["prompt"], "5") == "5"
    assert parse(PARAMETERS["web_search"], value=False) is False


# -- undo and redo -----------------------------------------------------------------------------------------------


def edits():
    """Changes of a form as functions: typed, written, dropped, removed, drafts, seeds, reset."""
    typed = st.one_of(
        st.fixed_dictionaries({"prompt": st.text(max_size=8)}),
        st.fixed_dictionaries({"temperature": st.sampled_from(["0.1", "0.72", "9", "hot", None])}),
        st.fixed_dictionaries({"width": st.sampled_from(["1264x848", "12x12", "wide", ""])}),
        st.fixed_dictionaries({"aspect_ratio": st.sampled_from([None, "1:1", "3:2"])}),
        st.fixed_dictionaries({"resolution": st.sampled_from([None, "0.5K", "4K"])}),
        st.fixed_dictionaries({"webhook_url": st.sampled_from([None, "https://a.org/h?key=1", "nothing"])}),
        st.fixed_dictionaries({"web_search": st.sampled_from([None, True, False])}),
    ).map(lambda values: lambda form: form.typed(values))
    written = st.sampled_from(
        [
            {"seed": SEED},
            {"seed": None, "top_p": 0.5},
            {"reference_images": [URL]},
            {"reference_images": None},
            {"width": 1264, "height": 848},
        ]
    ).map(lambda values: lambda form: form.write(values))
    page = st.sampled_from(
        [
            lambda form: form.references.hear({"kind": "text", "text": f"{URL} no"}, []),
            lambda form: form.references.append(URL),
            lambda form: form.references.items and form.references.remove(0),
            lambda form: form.references.items and form.references.move(len(form.references.items) - 1, 0),
            lambda form: setattr(form, "draft", not form.draft),
            lambda form: form.draw_seed(),
            lambda form: form.reset(),
        ]
    )
    return st.lists(st.one_of(typed, written, page), max_size=25)


@settings(max_examples=examples(150), deadline=None)
@given(edits())
def test_undo_and_redo_bring_back_every_state(changes):
    """Of any sequence of edits, one after the other, to the first and forth to the last one."""
    form = Form()
    clock = use_undo_clock(form)
    states = [form.state]
    for change in changes:
        clock.now += 2 * BURST
        change(form)
        if form.state != states[-1]:
            states.append(form.state)
    for earlier in reversed(states[:-1]):
        assert form.undo()
        assert form.state == earlier
    assert not form.undo()
    for later in states[1:]:
        assert form.redo()
        assert form.state == later
    assert not form.redo()


@settings(max_examples=examples(100), deadline=None)
@given(edits(), edits(), st.integers(0, 25))
def test_an_edit_after_undo_is_the_new_end(first, second, back):
    """What was undone cannot be redone then, and undo goes back over the new edits to the same beginning."""
    form = Form()
    clock = use_undo_clock(form)
    beginning = form.state
    for change in first:
        clock.now += 2 * BURST
        change(form)
    for _ in range(back):
        form.undo()
    before = form.state
    for change in second:
        clock.now += 2 * BURST
        change(form)
        if form.state != before:
            assert not form.history.can_redo
            before = form.state
    while form.undo():
        pass
    assert form.state == beginning


def test_a_text_that_is_typed_without_a_pause_is_one_step(form, clock):
    """A pause, another control, or an undo in between ends the step."""
    for end in range(1, len(PROMPT) + 1):
        form.typed({"prompt": PROMPT[:end]})
        clock.now += BURST / 2
    clock.now += BURST
    form.typed({"prompt": f"{PROMPT}s"})
    form.typed({"seed": "1"})
    form.typed({"seed": "12"})
    form.typed({"prompt": "Another"})
    steps = []
    while form.undo():
        steps.append({name: form.read().get(name) for name in ("prompt", "seed")})
    assert steps == [
        {"prompt": f"{PROMPT}s", "seed": 12},
        {"prompt": f"{PROMPT}s", "seed": None},
        {"prompt": PROMPT, "seed": None},
        {"prompt": None, "seed": None},
    ]
    form.redo()
    form.typed({"prompt": f"{PROMPT}, red"})
    form.undo()
    assert form.read()["prompt"] == PROMPT


def test_what_does_not_change_anything_is_no_step(form, clock):
    """Setting the same value, an address as the page shows it, or undoing with nothing to undo."""
    assert not form.undo()
    assert not form.redo()
    form.write({"webhook_url": "https://a.org/h?key=1", "seed": 1})
    clock.now += 2 * BURST
    form.typed({"webhook_url": "https://a.org/h?…"})
    form.write({"seed": 1})
    form.draft = False
    assert form.undo()
    assert form.read() == {}
    assert not form.history.can_undo


def test_a_refused_write_is_no_step(form):
    """Nothing changes, and nobody is told of a change."""
    told = []
    form.on_change(lambda: told.append(1))
    with pytest.raises(RequestError):
        form.write({"seed": 1, "temperature": 99})
    assert (form.read(), form.history.can_undo, told) == ({}, False, [])


def test_reset_unsets_everything_in_one_step(form):
    """References and the draft too; undo brings all of it back."""
    form.write(
        {name: value for name, value in VALUES.items() if name not in ("aspect_ratio", "resolution", "ttl", "model")}
    )
    form.draft = True
    before = form.state
    form.reset()
    assert (form.read(), form.references.items, form.draft) == ({}, (), False)
    form.undo()
    assert form.state == before


def test_references_that_were_removed_come_back_with_their_name_and_place(form):
    """The picture itself, although it came over the page and is in no file."""
    page = ReferencesPage(form.references)
    page.upload({"cat.png": png("teal"), "dog.png": png("red")})
    cat, dog = form.references.items
    page.send("remove", key=cat.key)
    page.send("text", text=URL)
    form.undo()
    assert form.references.items == (dog,)
    form.undo()
    assert form.references.items == (cat, dog)
    assert form.references.items[0].reference.data == png("teal")
    form.redo()
    form.redo()
    assert [item.name for item in form.references.items] == ["dog.png", "cat.png"]


def test_undo_keeps_a_limited_number_of_steps(form, clock):
    """The oldest ones are forgotten."""
    for number in range(STEPS + 10):
        clock.now += 2 * BURST
        form.typed({"seed": str(number)})
    count = 0
    while form.undo():
        count += 1
    assert count == STEPS
    assert form.read() == {"seed": 9}


def test_changes_that_belong_together_are_one_step_and_told_once(form):
    """Also if one of them fails."""
    told = []
    form.on_change(lambda: told.append(1))
    with form.change():
        form.write({"seed": 1})
        form.references.append(URL)
        form.draft = True
    assert told == [1]

    def fail_in_the_middle():
        with form.change():
            form.write({"seed": 2})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_in_the_middle()
    assert form.read()["seed"] == 2
    form.undo()
    assert form.read()["seed"] == 1
    form.undo()
    assert form.state == Form().state


# -- draft and seed ----------------------------------------------------------------------------------------------


def test_the_seed_of_the_next_run_is_not_a_step(form):
    """It changes by itself after a run; undo takes back what a person did."""
    form.write({"prompt": PROMPT})
    form.keep_seed(on=False)
    form.write({"seed": 5})
    form.after_run(5)
    drawn = form.read()["seed"]
    assert drawn != 5
    assert 0 <= drawn < 2**RANDOM_SEED_BITS
    form.undo()
    assert form.read() == {"prompt": PROMPT}


def test_a_seed_that_is_left_to_the_service_stays_so(form):
    """Also when the seed is not kept."""
    form.keep_seed(on=False)
    form.after_run(5)
    assert "seed" not in form.read()
    assert form.last_seed == 5


# -- the widget --------------------------------------------------------------------------------------------------


@pytest.fixture
def view(form):
    """A widget with all controls, which shows the form's state after each change."""
    faults = []
    view = FormView(form, faults.append)
    view.faults = faults
    form.on_change(view.refresh)
    return view


def test_the_page_is_told_what_the_kernel_has_seen(view):
    """In the same update as the state, for each page, so that no older state takes the place of what is typed."""
    updates = []
    view.observe(lambda _: updates.append((view.seen, view.state["values"].get("prompt"))), names=["seen", "state"])
    hear(view, kind="set", page="a", number=7, values={"prompt": "A"})
    hear(view, kind="set", page="b", number=2, values={"prompt": "B"})
    assert view.seen == {"a": 7, "b": 2}
    assert ({"a": 7}, "A") in updates
    assert updates[-1] == ({"a": 7, "b": 2}, "B")


def test_a_text_that_is_chosen_at_once_is_a_step_of_its_own(view, form):
    """Such as a prompt of the history, right after others and right before more is typed."""
    for number, (text, whole) in enumerate(
        (("a lan", False), ("a red boat", True), ("a red boat at dusk", False)), start=1
    ):
        values = {"prompt": text}
        hear(view, kind="set", page="a", number=number, values=values, whole=whole)
    for text in ("a red boat", "a lan", None):
        assert form.undo()
        assert form.read().get("prompt") == text


def test_the_buttons_of_a_form_work_from_the_page(view, form):
    """Undo, redo, draft, and the seed's tools."""
    type_in(view, seed="5")
    for what, seen in (("undo", (False, True)), ("redo", (True, False))):
        hear(view, kind="do", what=what)
        assert (view.state["undo"], view.state["redo"]) == seen
    hear(view, kind="do", what="draft")
    assert view.state["draft"]
    hear(view, kind="do", what="undo")
    assert not view.state["draft"]
    assert form.read() == {"seed": 5}
    form.after_run(9)
    hear(view, kind="do", what="last seed")
    assert form.read()["seed"] == 9
    hear(view, kind="do", what="keep seed")
    assert view.state["seed"] == {"kept": False, "last": True}
    hear(view, kind="do", what="random seed")
    assert form.read()["seed"] != 9
    assert view.faults == []


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"kind": "set"},
        {"kind": "set", "page": "a", "number": 1, "values": {"nothing": "1"}},
        {"kind": "set", "page": "a", "number": 1, "values": None},
        {"kind": "set", "page": "a", "number": 1, "values": {"prompt": {"a": 1}, "seed": [1], "width": 5}},
        {"kind": "do", "what": "fly"},
        {"kind": "do", "what": "last seed"},
        {"kind": "part", "key": "nothing"},
        {"kind": "move", "key": "nothing", "to": 0},
    ],
)
def test_a_malformed_message_does_not_leave_the_handler(view, content):
    """It is a fault that is shown, or nothing; the form goes on working."""
    hear(view, **content)
    type_in(view, prompt=PROMPT, seed="5", width="")
    assert view.state["values"]["seed"] == "5"
    assert view.state["values"]["prompt"] == PROMPT


def test_some_controls_of_a_form_can_be_a_widget_of_their_own(form):
    """Two widgets show one form; each is told of its own controls, and both of undo."""
    prompt = FormView(form, [].append, ["prompt"])
    rest = FormView(form, [].append, [name for name in PARAMETERS if name != "prompt"])
    for part in (prompt, rest):
        form.on_change(part.refresh)
    type_in(prompt, prompt=PROMPT)
    type_in(rest, seed="5")
    assert prompt.state["values"]["prompt"] == PROMPT
    assert "seed" not in prompt.state["values"]
    assert rest.state["values"]["seed"] == "5"
    assert (prompt.state["undo"], rest.state["undo"]) == (True, True)
    assert prompt.state["axes"] == rest.state["axes"] == []


@pytest.mark.parametrize(
    "address", ["https://me:xyzzy@a.org/h?key=xyzzy", "https://a.org/v2?token=xyzzy", "htp://me:xyzzy@a.org?xyzzy"]
)
def test_no_credential_is_in_what_a_page_is_told(form, view, address):
    """Neither in a value, nor in what is wrong with it, nor after undo and redo."""
    type_in(view, prompt=PROMPT, webhook_url=address)
    type_in(view, upload_endpoint=address)
    hear(view, kind="text", text=address)
    for what in ("undo", "redo", "undo", "undo", "redo", "redo"):
        hear(view, kind="do", what=what)
        _, problems = form.check()
        form.complain({name: str(error) for name, error in problems.items()})
        view.refresh()
        assert "xyzzy" not in json.dumps(view.get_state())
    assert form.read()["webhook_url"] == address


# -- in a panel --------------------------------------------------------------------------------------------------


@pytest.fixture
def studio(tmp_path):
    with offline_studio(tmp_path, budget=5.00) as studio:
        yield studio


def test_undo_in_a_panel_brings_back_price_and_request(studio):
    """The first values of a panel are its beginning: there is nothing to undo before them."""
    panel = studio.panel(PROMPT, seed=7)
    assert not panel.view.state["undo"]
    first = panel.request
    type_in(panel, resolution="4K")
    assert panel.view.bar["exact"] == "$0.15295"
    do(panel, "undo")
    assert panel.view.bar["exact"] == "$0.06895"
    assert panel.request == first
    do(panel, "undo")
    assert panel.request == first
    make_run(panel)
    assert not panel.view.state["undo"]


def test_reset_in_a_panel_can_be_undone_from_its_status_line(studio):
    """The page puts the cursor into the empty prompt."""
    panel = studio.panel(PROMPT, seed=7, reference_images=[URL])
    panel.draft = True
    before, messages = panel.form.state, messages_of(panel.view)
    press(panel, "reset")
    assert panel.form.state == Form().state
    assert (message(panel), list(actions(panel))) == ("Form emptied.", ["undo"])
    assert {"kind": "focus", "name": "prompt"} in messages
    do(panel, "undo")
    assert panel.form.state == before
    assert (message(panel), actions(panel)) == ("", {})


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"temperature": "7"}, "Must be a number from 0 to 1 in steps of 0.01. Nearest: 1.0"),
        ({"seed": "-1"}, "Must be a whole number from 0 to"),
        ({"width": "1000x848"}, "Not a size of Nano Banana 2. Nearest: 1152 × 928 (5:4 at 1K)"),
    ],
)
def test_what_is_wrong_is_said_at_its_control_as_a_sentence(studio, typed, words):
    """Without the name and the value, which stand there; code gets both in its error."""
    panel = studio.panel(PROMPT)
    type_in(panel, **typed)
    (name,) = typed
    assert words in panel.view.state["complaints"][name]
    assert "=" not in panel.view.state["complaints"][name]
    with pytest.raises(RequestError, match=f"{name}="):
        _ = panel.request


def test_pixels_are_explained_while_something_else_is_wrong_too(studio):
    """Each control says its own; the button names both."""
    panel = studio.panel(PROMPT)
    type_in(panel, width="1000x848", seed="-1")
    assert set(panel.view.state["complaints"]) == {"width", "seed"}
    assert sorted(panel.view.bar["why"].removeprefix("Not ready: ").rstrip(".").split(", ")) == ["Pixels", "Seed"]


def test_a_preset_keeps_the_settings_of_a_panel_without_prompt_references_and_credentials(studio):
    """It is used in another panel, where undo takes it back; the list on the page has its name."""
    panel = studio.panel(PROMPT, temperature=0.3, seed=7, webhook_url="https://a.org/h?key=1", reference_images=[URL])
    panel.set(aspect_ratio="3:2")
    messages = messages_of(panel.view)
    press(panel, "save preset", name="  warm \n light ")
    assert messages[-1] == {"kind": "presets", "names": ["warm light"]}
    assert "Kept as “warm light”" in message(panel)
    other = studio.panel("Another", top_p=0.5, resolution="4K")
    press(other, "use preset", name="warm light")
    assert other.request == ImageRequest("Another", temperature=0.3, seed=7, aspect_ratio="3:2")
    do(other, "undo")
    assert other.request == ImageRequest("Another", top_p=0.5, resolution="4K")
    press(other, "delete preset", name="warm light")
    press(other, "use preset", name="warm light")
    assert other.view.bar["status"]["wrong"]
    assert other.request == ImageRequest("Another", top_p=0.5, resolution="4K")


def test_the_prompts_that_were_typed_before_can_be_searched(studio):
    """The page asks for them; the newest comes first."""
    for prompt in ("A red lantern", "A jade teapot"):
        studio.generate(prompt, resolution="0.5K", seed=1)
    panel = studio.panel()
    messages = messages_of(panel.view)
    press(panel, "prompts")
    press(panel, "prompts", search="lantern")
    assert [content["prompts"] for content in messages] == [["A jade teapot", "A red lantern"], ["A red lantern"]]


def test_nothing_that_a_notebook_saves_of_a_panel_has_a_credential_or_a_picture(studio):
    """While code and JSON are open, after a run, an undo and an edit."""
    panel = studio.panel(PROMPT, resolution="0.5K", webhook_url="https://me:xyzzy@a.org/h?key=xyzzy")
    ReferencesPage(panel.form.references).upload({"cat.png": png()})
    hear(panel.view, kind="text", text="https://pictures.example/cat.png?sig=xyzzy")
    for button in ("code", "json", "history"):
        press(panel, button)
    panel.set(reference_images=None)
    do(panel, "undo")
    type_in(panel, upload_endpoint="https://a.org/u?xyzzy")
    panel.set(reference_images=None)
    make_run(panel, seed=1)
    press(panel, "edit")
    state = state_of(panel)
    assert "xyzzy" not in state
    assert "base64," not in state
    assert label(PARAMETERS["webhook_url"]) in state


STYLES = sorted(path for path in Path(nbkit.__file__).parent.rglob("*.css") if path.name != "page.css")
"""All but that of a page of its own, which is in no notebook."""


@pytest.mark.parametrize("path", STYLES, ids=lambda path: path.stem)
def test_no_font_size_is_in_pixels(path):
    """Sizes follow the notebook's text, which JupyterLab's presentation mode enlarges; 28 px are the least in full screen."""
    style = path.read_text("utf-8")
    assert "font-size" in style
    assert re.findall(r"font(?:-size)?: *(?:\d+ +)?[\d.]+px|font-size: *var\(--jp-ui", style) == []
