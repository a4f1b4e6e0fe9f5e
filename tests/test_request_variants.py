"""Variants of a request, its identity, and what ``extra`` merges into its task."""

import pytest
from small_requests import URL, lantern

from nbkit.errors import RequestError
from nbkit.request.image_request import PARAMETERS, ImageRequest


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
def test_replace_changes_the_given_parameters_and_keeps_the_others(before, change, after):
    """In any spelling; a new size replaces the whole old one."""
    assert lantern(**before).replace(**change) == lantern(**after)


@pytest.mark.parametrize(
    ("change", "parameter", "reason"),
    [
        ({"prompt": None}, "prompt", "missing"),
        ({"width": 848}, "width", "dimensions"),
        ({"seed": -1}, "seed", "range"),
        ({"sed": 1}, "sed", "unknown"),
        ({"height": None}, "height", "dimensions"),
    ],
)
def test_replace_checks_the_new_request(change, parameter, reason):
    """A change that makes an invalid request raises a RequestError."""
    with pytest.raises(RequestError) as caught:
        lantern(width=1264, height=848).replace(**change)
    assert (caught.value.parameter, caught.value.reason) == (parameter, reason)


SAME = [
    # two requests for the same picture
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
    # two requests whose pictures may differ
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
def test_requests_for_the_same_picture_have_the_same_identity(one, other):
    """Parameters that do not affect the picture are left out of it, and an explicit default counts as not set."""
    assert lantern(**one).identity == lantern(**other).identity


@pytest.mark.parametrize(("one", "other"), DIFFERENT, ids=str)
def test_requests_whose_pictures_may_differ_have_different_identities(one, other):
    """Every parameter that may affect the picture is part of the identity."""
    assert lantern(**one).identity != lantern(**other).identity


def test_each_prompt_has_its_own_identity():
    """Capitals and spaces count."""
    assert len({ImageRequest(p).identity for p in ("A lantern", "a lantern", "A lantern ")}) == 3


def test_an_identity_is_the_same_in_every_process_and_version():
    """``reuse`` finds old runs by it, so this literal value must never change."""
    pinned = "fa6e113d499c4dde888810137f8e0f65d02fc3155f208856c107ca80158c13d4"
    assert ImageRequest("A lantern", seed=7, temperature=0.3).identity == pinned


def test_the_effective_value_is_the_one_that_was_set_or_else_the_default():
    """The default of ``safety_mode`` depends on ``check_content``."""
    assert lantern().effective("number_results") == 1
    assert lantern(number_results=3).effective("number_results") == 3
    assert lantern().effective("temperature") is None
    assert lantern().effective("safety_mode") == "none"
    assert lantern(check_content=True).effective("safety_mode") == "fast"
    assert lantern(check_content=True, safety_mode="none").effective("safety_mode") == "none"
    assert {lantern().effective(name) == parameter.default for name, parameter in PARAMETERS.items()} == {True, False}


def test_extra_is_merged_into_the_task_at_every_level_and_unchecked():
    """It adds keys to groups, and overrides values that were set."""
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


def test_to_send_keeps_the_values_of_extra():
    """Also for keys that ``to_send`` would add; ``from_task`` takes an ``extra`` too."""
    task = lantern(extra={"model": "google:4@4", "includeCost": False, "new": 1}).to_send()
    assert (task["model"], task["includeCost"], task["new"]) == ("google:4@4", False, 1)
    assert ImageRequest.from_task({"positivePrompt": "A lantern"}, extra={"new": 1}) == lantern(extra={"new": 1})


def test_extra_is_stored_as_the_json_that_is_sent():
    """A number as a key becomes a text and a tuple a list, so that a variant and a copy equal the request."""
    request = lantern(extra={2: None, 100: (1, 2), "a": True})
    assert request.to_task() == {"positivePrompt": "A lantern", "2": None, "100": [1, 2], "a": True}
    assert request == request.replace() == lantern(extra=request.extra)


@pytest.mark.parametrize("extra", [None, {}])
def test_an_empty_extra_equals_no_extra(extra):
    """``None`` does too."""
    assert lantern(extra=extra) == lantern()
    assert lantern(extra=extra).extra == {}


@pytest.mark.parametrize("name", ["taskUUID", "taskType"])
def test_extra_refuses_a_task_uuid_and_a_task_type(name):
    """The log identifies runs by them; inside a nested dict the names mean nothing, and are accepted."""
    with pytest.raises(RequestError, match="extra cannot carry taskUUID or taskType") as caught:
        lantern(extra={name: "x"})
    assert caught.value.parameter == "extra"
    assert lantern(extra={"deep": {name: "x"}}).to_task()["deep"] == {name: "x"}


def test_extra_refuses_a_dict_that_cannot_be_written_as_json():
    """One that contains itself, or 100,000 nested dicts."""
    circular, deep = {}, {}
    circular["me"] = circular
    for _ in range(100_000):
        deep = {"deep": deep}
    for extra in (circular, deep):
        with pytest.raises(RequestError, match="extra must be made of what JSON knows") as caught:
            lantern(extra=extra)
        assert caught.value.parameter == "extra"
