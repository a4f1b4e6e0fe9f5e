"""Variants of a request, its identity, and what ``extra`` merges into its task."""

import pytest

from nbkit.errors import RequestError
from nbkit.request.image_request import PARAMETERS, ImageRequest

URL = "https://example.com/cat.jpg"


def lantern(**parameters):
    return ImageRequest("A lantern", **parameters)


@pytest.mark.parametrize(
    ("before", "change", "after"),
    [
        ({"seed": 7}, {"temperature": 0.3}, {"seed": 7, "temperature": 0.3}),
        ({"top_p": 0.9}, {"topP": 0.3}, {"top_p": 0.3}),
        ({"top_p": 0.9}, {"settings": {"topP": 0.3}}, {"top_p": 0.3}),
        ({"seed": 7}, {"seed": None}, {}),
        ({"extra": {"a": 1}}, {"seed": 7}, {"extra": {"a": 1}, "seed": 7}),
        ({"extra": {"a": 1}}, {"extra": {"b": 1}}, {"extra": {"b": 1}}),
        ({"extra": {"a": 1}}, {"extra": None}, {}),
        ({"width": 1264, "height": 848}, {"resolution": "4K"}, {"resolution": "4K", "aspect_ratio": "3:2"}),
        ({"width": 1264, "height": 848}, {"aspect_ratio": "1:1"}, {"aspect_ratio": "1:1"}),
        ({"width": 1264, "height": 848}, {"width": 848, "height": 1264}, {"width": 848, "height": 1264}),
        ({"width": 1264, "height": 848}, {"width": None, "height": None}, {}),
        ({"resolution": "4K", "aspect_ratio": "3:2"}, {"width": 848, "height": 1264}, {"width": 848, "height": 1264}),
        ({"resolution": "4K", "aspect_ratio": "3:2"}, {"resolution": None}, {"aspect_ratio": "3:2"}),
        ({"reference_images": [URL]}, {"reference_images": None}, {}),
    ],
)
def test_a_variant(before, change, after):
    """``replace`` changes what is named, in any spelling, and keeps the rest; a new size replaces the old one."""
    assert lantern(**before).replace(**change) == lantern(**after)


@pytest.mark.parametrize("change", [{"prompt": None}, {"width": 848}, {"seed": -1}, {"sed": 1}, {"height": None}])
def test_a_variant_is_checked_too(change):
    """A change that leads to an invalid request is refused."""
    with pytest.raises(RequestError):
        lantern(width=1264, height=848).replace(**change)


SAME = [
    # two ways to ask for the same picture
    ({}, {"number_results": 1}),
    ({}, {"output_format": "JPG", "output_quality": 95}),
    ({}, {"web_search": False, "image_search": False, "safety_tolerance": "none", "check_content": False}),
    ({}, {"safety_mode": "none"}),
    ({"check_content": True}, {"check_content": True, "safety_mode": "fast"}),
    ({}, {"output_type": "base64Data"}),
    ({}, {"delivery_method": "async"}),
    ({}, {"webhook_url": URL, "upload_endpoint": URL}),
    ({}, {"ttl": 60}),
    ({}, {"include_cost": False}),
    ({}, {"include_cost": True}),
    ({}, {"task_uuid": "16830039-18a1-48fc-b10a-3f40efdf519a"}),
    ({}, {"model": "google:4@3"}),
    ({}, {"width": 1024, "height": 1024}),
    ({}, {"resolution": "1K"}),
    ({}, {"aspect_ratio": "1:1"}),
    ({"width": 5504, "height": 3072}, {"resolution": "4K", "aspect_ratio": "16:9"}),
    ({"temperature": 0.0}, {"temperature": -0.0}),
    ({"temperature": 1}, {"temperature": 1.0}),
    ({"extra": {"a": 1, "b": 2}}, {"extra": {"b": 2, "a": 1}}),
    ({}, {"extra": {}}),
]

DIFFERENT = [
    # two that may give different pictures
    ({}, {"seed": 0}),
    ({}, {"temperature": 0}),
    ({"temperature": 0}, {"top_p": 0}),
    ({}, {"thinking": "MINIMAL"}),
    ({}, {"system_prompt": "x"}),
    ({}, {"web_search": True}),
    ({"image_search": True}, {"web_search": True}),
    ({}, {"safety_tolerance": "off"}),
    ({}, {"check_content": True}),
    ({"check_content": True}, {"check_content": True, "safety_mode": "none"}),
    ({}, {"output_format": "PNG"}),
    ({}, {"output_quality": 94}),
    ({}, {"number_results": 2}),
    ({}, {"resolution": "2K"}),
    ({}, {"aspect_ratio": "3:2"}),
    ({}, {"reference_images": URL}),
    ({"reference_images": URL}, {"reference_images": [URL, URL]}),
    ({"reference_images": URL}, {"reference_images": URL, "resolution": "1K"}),
    ({"reference_images": URL}, {"reference_images": URL, "aspect_ratio": "1:1"}),
    ({}, {"extra": {"a": 1}}),
    ({"extra": {"a": 1}}, {"extra": {"a": 2}}),
]


@pytest.mark.parametrize(("one", "other"), SAME, ids=str)
def test_one_identity(one, other):
    """What does not touch the picture takes no part in the identity, and an explicit default equals unset."""
    assert lantern(**one).identity == lantern(**other).identity


@pytest.mark.parametrize(("one", "other"), DIFFERENT, ids=str)
def test_two_identities(one, other):
    """Whatever may touch the picture takes part in the identity."""
    assert lantern(**one).identity != lantern(**other).identity


def test_the_prompt_takes_part_in_the_identity():
    """Another prompt is another picture, down to its capitals."""
    assert len({ImageRequest(p).identity for p in ("A lantern", "a lantern", "A lantern ")}) == 3


def test_an_identity_is_the_same_in_every_process():
    """Logs of years are compared by it: it is a hash of content, pinned here."""
    pinned = "fa6e113d499c4dde888810137f8e0f65d02fc3155f208856c107ca80158c13d4"
    assert ImageRequest("A lantern", seed=7, temperature=0.3).identity == pinned


def test_the_effective_value_is_what_the_service_will_use():
    """What was set, else the default, which for the mode of the content check depends on the check."""
    assert lantern().effective("number_results") == 1
    assert lantern(number_results=3).effective("number_results") == 3
    assert lantern().effective("temperature") is None
    assert lantern().effective("safety_mode") == "none"
    assert lantern(check_content=True).effective("safety_mode") == "fast"
    assert lantern(check_content=True, safety_mode="none").effective("safety_mode") == "none"
    assert {lantern().effective(name) == parameter.default for name, parameter in PARAMETERS.items()} == {True, False}


def test_extra_is_merged_deep_and_unchecked():
    """What nbkit does not know yet goes into the task as it is, beside and over what was set."""
    extra = {
        "settings": {"newKnob": 3, "temperature": 7},
        "providerSettings": {"google": {"new": {"deep": [1]}}, "other": None},
        "width": "wide",
        "model": "google:4@4",
    }
    task = lantern(temperature=0.3, top_p=0.9, web_search=True, extra=extra).to_task()
    assert task == {
        "model": "google:4@4",
        "positivePrompt": "A lantern",
        "settings": {"temperature": 7, "topP": 0.9, "newKnob": 3},
        "providerSettings": {"google": {"webSearch": True, "new": {"deep": [1]}}, "other": None},
        "width": "wide",
    }
    assert lantern(temperature=0.3, extra={"settings": 5}).to_task()["settings"] == 5


def test_extra_reaches_the_wire():
    """A send keeps what came as extra, also where it says something that a send would add."""
    task = lantern(extra={"model": "google:4@4", "includeCost": False, "new": 1}).to_send()
    assert (task["model"], task["includeCost"], task["new"]) == ("google:4@4", False, 1)
    assert ImageRequest.from_task({"positivePrompt": "A lantern"}, extra={"new": 1}) == lantern(extra={"new": 1})


def test_extra_is_what_json_makes_of_it():
    """Numbers as keys are the texts that are sent, so that a variant and a copy equal the request."""
    request = lantern(extra={2: None, 100: (1, 2), "a": True})
    assert request.to_task() == {"positivePrompt": "A lantern", "2": None, "100": [1, 2], "a": True}
    assert request == request.replace() == lantern(extra=request.extra)


@pytest.mark.parametrize("extra", [None, {}])
def test_no_extra_is_no_extra(extra):
    """An empty dict is the same as none."""
    assert lantern(extra=extra) == lantern()
    assert lantern(extra=extra).extra == {}


@pytest.mark.parametrize("name", ["taskUUID", "taskType"])
def test_extra_cannot_carry_what_the_log_is_kept_by(name):
    """A taskUUID or taskType in extra is refused; deeper down it is nobody's business."""
    with pytest.raises(RequestError, match="extra cannot carry taskUUID or taskType"):
        lantern(extra={name: "x"})
    assert lantern(extra={"deep": {name: "x"}}).to_task()["deep"] == {name: "x"}


def test_what_is_too_deep_for_json_is_refused():
    """A dict that holds itself, or a thousand others, cannot be sent."""
    itself, deep = {}, {}
    itself["me"] = itself
    for _ in range(100_000):
        deep = {"deep": deep}
    for extra in (itself, deep):
        with pytest.raises(RequestError, match="extra must be made of what JSON knows"):
            lantern(extra=extra)
