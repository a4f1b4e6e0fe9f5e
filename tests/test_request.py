"""The typed request as a value: to the wire and back, its variants, its identity, and what it keeps to itself."""

import copy
import json
import pickle
import re
from enum import Enum
from pathlib import Path

import pytest

from nbkit.errors import NbkitError, RequestError, UnknownParameter
from nbkit.request.image_request import PARAMETERS, ImageRequest, has_credentials, redacted
from nbkit.request.model import MICRO

EXAMPLES = sorted(Path(__file__).parent.joinpath("data", "examples").glob("*.request.json"))
UUID_TEXT = "16830039-18a1-48fc-b10a-3f40efdf519a"
UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
URL = "https://example.com/cat.jpg"


def lantern(**parameters):
    return ImageRequest("A lantern", **parameters)


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(params=EXAMPLES, ids=lambda path: path.name.partition(".")[0])
def example(request):
    """The task of one of the published examples."""
    return read(request.param)


def test_there_are_four_examples_with_their_answers():
    """Each request lies beside its response, for the same task."""
    answers = [read(path.with_name(path.name.replace("request", "response"))) for path in EXAMPLES]
    assert [read(path)["taskUUID"] for path in EXAMPLES] == [answer["taskUUID"] for answer in answers]
    assert len(answers) == 4


def test_an_example_comes_back_exactly(example):
    """Keys, values and nesting of a published task are kept, and nothing is added."""
    before = copy.deepcopy(example)
    back = ImageRequest.from_task(example).to_task()
    assert back == before == example
    assert json.dumps(back, sort_keys=True) == json.dumps(before, sort_keys=True)  # tells 1 from 1.0 and from true


def test_an_example_can_be_pasted_as_keywords(example):
    """The same task as keywords, groups and all, is the same request."""
    assert ImageRequest(**example) == ImageRequest.from_task(example)
    assert ImageRequest(**example).to_task() == example


def test_sending_an_example_adds_the_cost_flag_only(example):
    """A task that is complete is sent as it is, with the question for its cost."""
    assert ImageRequest.from_task(example).to_send() == {**example, "includeCost": True}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name.partition(".")[0])
def test_the_price_of_an_example_is_what_it_cost(path):
    """The estimate equals the published cost; with a search it is a range that holds it."""
    request = ImageRequest.from_task(read(path))
    cost = round(read(path.with_name(path.name.replace("request", "response")))["cost"] * MICRO)
    assert request.price.low <= cost <= request.price.high
    assert (request.price.low == request.price.high) == (not request.web_search)


def test_a_task_uuid_is_kept_and_takes_no_part_in_equality(example):
    """A given taskUUID is sent; a variant, and a send under another UUID, does not carry it."""
    request = ImageRequest.from_task(example)
    bare = ImageRequest.from_task({key: value for key, value in example.items() if key != "taskUUID"})
    assert (request, hash(request), request.identity) == (bare, hash(bare), bare.identity)
    assert request.task_uuid == request.to_send()["taskUUID"] == example["taskUUID"]
    assert request.replace().task_uuid is None
    assert request.replace() == request
    assert "taskUUID" not in request.replace(seed=1).to_task()
    assert request.replace(task_uuid=UUID_TEXT).task_uuid == UUID_TEXT
    assert request.to_send(UUID_TEXT)["taskUUID"] == UUID_TEXT


def test_a_send_adds_what_it_needs_and_nothing_else():
    """Task type, a fresh UUID of version 4, model, cost flag, and a size where the API wants one."""
    request = lantern()
    first, second = request.to_send(), request.to_send()
    assert UUID4.fullmatch(first.pop("taskUUID"))
    assert first == {
        "taskType": "imageInference",
        "model": "google:4@3",
        "positivePrompt": "A lantern",
        "width": 1024,
        "height": 1024,
        "includeCost": True,
    }
    assert second["taskUUID"] != request.to_send()["taskUUID"]
    assert request.to_task() == {"positivePrompt": "A lantern"}
    assert request.has_default_size


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({}, (1024, 1024, None)),
        ({"resolution": "4K"}, (4096, 4096, None)),
        ({"aspect_ratio": "16:9"}, (1376, 768, None)),
        ({"aspect_ratio": "16:9", "resolution": "0.5K"}, (688, 384, None)),
        ({"width": 848, "height": 1264}, (848, 1264, None)),
        ({"reference_images": URL}, (None, None, None)),
        ({"reference_images": URL, "resolution": "2K"}, (None, None, "2K")),
        ({"reference_images": URL, "aspect_ratio": "1:1", "resolution": "2K"}, (2048, 2048, None)),
        ({"extra": {"width": 999, "height": 999}}, (999, 999, None)),
        ({"extra": {"resolution": "8K"}}, (None, None, "8K")),
        ({"resolution": "2K", "extra": {"width": 999, "height": 999}}, (999, 999, "2K")),
    ],
)
def test_the_size_that_is_sent(given, sent):
    """Without a reference a size is always sent, as width and height; with one, only what was set."""
    task = lantern(**given).to_send()
    assert (task.get("width"), task.get("height"), task.get("resolution")) == sent
    assert lantern(**given).has_default_size == (not given)


def test_a_cost_flag_that_was_set_is_sent():
    """``include_cost=False`` stays false."""
    assert lantern(include_cost=False).to_send()["includeCost"] is False


def test_each_spelling_leads_to_the_parameter():
    """The Python name, the API's leaf and the API's nesting mean the same."""
    snake = lantern(top_p=0.9, web_search=True, check_content=True, number_results=2, reference_images=URL)
    camel = lantern(topP=0.9, webSearch=True, checkContent=True, numberResults=2, referenceImages=[URL])
    nested = ImageRequest(
        positivePrompt="A lantern",
        settings={"topP": 0.9},
        providerSettings={"google": {"webSearch": True}},
        safety={"checkContent": True},
        inputs={"referenceImages": [URL]},
        numberResults=2,
    )
    assert snake == camel == nested
    assert ImageRequest(settings={"topP": None}, prompt="A lantern", seed=None) == lantern()
    for name, parameter in PARAMETERS.items():
        assert getattr(ImageRequest, name) is parameter
        assert parameter.help


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ({"topP": 0.9}, "topP is no parameter .* the API has it as settings.topP"),
        ({"settings": {"webSearch": True}}, "settings.webSearch .* providerSettings.google.webSearch"),
        ({"settings": {"temprature": 1}}, "settings.temprature .* did you mean settings.temperature"),
        ({"top_p": 0.9}, "top_p .* did you mean settings.topP"),
        ({"aspectRatio": "1:1"}, "aspectRatio is no parameter"),
        ({"zzz": 1}, "its page has no such key"),
        ({"safety": {"zzz": 1}}, "safety.zzz"),
    ],
)
def test_a_key_of_a_task_has_one_place(task, words):
    """A task with a key that the API does not have there is refused, and told where it belongs."""
    with pytest.raises(UnknownParameter, match=words):
        ImageRequest.from_task({"positivePrompt": "A lantern", **task})


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ({"seed": None}, "seed=null: must be a whole number .* leave it out"),
        ({"settings": {"topP": None}}, "topP=null"),
        ({"settings": None}, "settings is a group: a dict, not NoneType"),
        ({"providerSettings": {"google": "x"}}, "providerSettings.google is a group"),
        ({"taskUUID": None}, "taskUUID=None"),
        ({"model": None}, "model=None"),
    ],
)
def test_a_task_holds_no_null(task, words):
    """What is not sent is left out: null is no value on the wire."""
    with pytest.raises(RequestError, match=words):
        ImageRequest.from_task({"positivePrompt": "A lantern", **task})


@pytest.mark.parametrize("task", [None, [], "x", 5, [{"positivePrompt": "A lantern"}]])
def test_a_task_is_a_dict(task):
    """The API's body is a list of tasks; a request is one of them."""
    with pytest.raises(RequestError, match="a task is a dict, not"):
        ImageRequest.from_task(task)


def test_a_member_of_a_text_enum_is_its_value():
    """Choices kept in an enum are sent by value, not by the name of the member."""

    class Depth(str, Enum):  # noqa: UP042 - StrEnum has no such trap
        HIGH = "HIGH"

    request = ImageRequest(Depth.HIGH, thinking=Depth.HIGH, system_prompt=Depth.HIGH)
    assert request.to_task() == {"positivePrompt": "HIGH", "settings": {"thinking": "HIGH", "systemPrompt": "HIGH"}}


def test_a_request_does_not_change():
    """Nothing can be set, deleted or changed behind its back."""
    request = lantern(seed=7, reference_images=[URL], extra={"new": {"deep": [1]}})
    before = (hash(request), request.to_task())
    for change in (
        lambda: setattr(request, "seed", 8),
        lambda: setattr(request, "new", 8),
        lambda: delattr(request, "seed"),
        lambda: setattr(request, "_values", {}),
    ):
        with pytest.raises(AttributeError, match=r"a request does not change; request.replace"):
            change()
    request.parameters["seed"] = 8
    request.extra["new"]["deep"].append(2)
    request.to_task()["new"]["deep"].append(2)
    request.to_task()["inputs"]["referenceImages"].append(URL)
    assert (hash(request), request.to_task()) == before


def test_what_was_handed_over_may_change_later():
    """A request keeps no hold on the lists and dicts that it was made from."""
    references, extra = [URL], {"new": {"deep": [1]}}
    request = lantern(reference_images=references, extra=extra)
    references.append(URL)
    extra["new"]["deep"].append(2)
    assert request == lantern(reference_images=[URL], extra={"new": {"deep": [1]}})


def test_a_request_is_a_value():
    """It can be compared, hashed, pickled and copied; the order of its parameters does not matter."""
    request = lantern(seed=7, temperature=0.3, extra={"b": 1, "a": 2}, task_uuid=UUID_TEXT)
    assert request == lantern(extra={"a": 2, "b": 1}, temperature=0.30000000000000004, seed=7)
    assert request != lantern(seed=8, temperature=0.3)
    assert request != request.to_task()
    assert len({request, request.replace(), request.replace(seed=8)}) == 2
    for twin in (pickle.loads(pickle.dumps(request)), copy.copy(request), copy.deepcopy(request)):
        assert (twin, hash(twin), twin.task_uuid, repr(twin)) == (request, hash(request), UUID_TEXT, repr(request))


def test_a_repr_is_short_and_stable():
    """A repr names what was set, in a fixed order, and cuts long texts."""
    assert repr(lantern(seed=7, temperature=0.3)) == "ImageRequest(prompt='A lantern', seed=7, temperature=0.3)"
    assert repr(lantern(temperature=0.3, seed=7)) == repr(lantern(seed=7, temperature=0.3))
    assert len(repr(ImageRequest("x" * 45_000, system_prompt="y" * 50_000, extra={"z": ["z" * 9999] * 99}))) < 800
    assert repr(ImageRequest("https://example.com/?a poster of this")) == (
        "ImageRequest(prompt='https://example.com/?a poster of this')"
    )


@pytest.mark.parametrize("name", ["webhook_url", "webhookURL", "upload_endpoint", "uploadEndpoint"])
def test_credentials_are_in_no_text(name):
    """The query, the fragment and the user of an address are sent, and shown and logged nowhere."""
    address = "https://user:secret@example.com/hook?sig=secret#secret"
    request = lantern(**{name: address})
    assert address in request.to_send().values()
    assert has_credentials(request.to_send())
    assert "https://example.com/hook" in repr(request)
    extra = lantern(extra={next(iter(request.to_task().keys() - {"positivePrompt"})): address})
    for text in (repr(request), repr(extra), repr(redacted(request.to_send())), repr(redacted(extra.to_send()))):
        assert "secret" not in text


@pytest.mark.parametrize(
    "value",
    [
        "user:secret@example.com/hook?sig=secret",
        "//user:secret@example.com/hook?sig=secret",
        "example.com/hook?sig=secret",
        "example.com/hook#secret",
        "ftp://user:secret@example.com/hook?sig=secret",
        "https://user:secret@exa mple.com/hook?sig=secret",
        "https://user:secret@[bad/hook?sig=secret",
        "https://user:secret@example.com:99999/?sig=secret",
        b"https://example.com/hook?sig=secret",
        ["https://example.com/hook?sig=secret"],
        {"url": "https://example.com/hook?sig=secret"},
        Path("example.com/hook?sig=secret"),
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["webhook_url", "uploadEndpoint"])
def test_credentials_are_in_no_error(name, value):
    """Also an address that is refused shows no credential in the message."""
    with pytest.raises(RequestError, match=f"{name}=") as caught:
        lantern(**{name: value})
    assert "secret" not in str(caught.value)
    twice = {"webhook_url": "https://a.example/?sig=secret", "webhookURL": "https://a.example/?sig=secret"}
    with pytest.raises(RequestError) as conflict:
        lantern(**twice)
    assert "secret" not in str(conflict.value)


def test_an_error_can_be_pickled():
    """An error crosses to another process, or to a worker of another machine, with all it says."""
    for parameters in ({"temperature": 2}, {"temprature": 0.2}):
        with pytest.raises(NbkitError) as caught:
            lantern(**parameters)
        twin = pickle.loads(pickle.dumps(caught.value))
        assert type(twin) is type(caught.value)
        assert (str(twin), vars(twin)) == (str(caught.value), vars(caught.value))
