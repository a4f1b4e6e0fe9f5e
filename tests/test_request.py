"""A request as a value: to a task and back, what is sent, its spellings, and the addresses that it does not show."""

import copy
import json
import pickle
import re
from enum import Enum
from pathlib import Path

import pytest
from small_requests import URL, lantern

from nbkit.errors import NbkitError, RequestError, UnknownParameter
from nbkit.request.image_request import PARAMETERS, ImageRequest, has_credentials, redacted
from nbkit.request.price import MICRO

EXAMPLES = sorted(Path(__file__).parent.joinpath("data", "examples").glob("*.request.json"))
UUID_TEXT = "16830039-18a1-48fc-b10a-3f40efdf519a"
UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def response_of(path):
    """The published response to the request in a file."""
    return read(path.with_name(path.name.replace("request", "response")))


@pytest.fixture(params=EXAMPLES, ids=lambda path: path.name.partition(".")[0])
def example(request):
    """The task of one of the published examples."""
    return read(request.param)


def test_four_published_requests_have_their_responses_beside_them():
    """Request and response have the same taskUUID."""
    responses = [response_of(path) for path in EXAMPLES]
    assert [read(path)["taskUUID"] for path in EXAMPLES] == [response["taskUUID"] for response in responses]
    assert len(responses) == 4


def test_from_task_and_to_task_return_a_published_example_unchanged(example):
    """Keys, values and nesting are kept, and nothing is added."""
    before = copy.deepcopy(example)
    back = ImageRequest.from_task(example).to_task()
    assert back == before == example
    # The text of the JSON distinguishes 1, 1.0 and true, which are equal in Python.
    assert json.dumps(back, sort_keys=True) == json.dumps(before, sort_keys=True)


def test_a_published_example_works_as_keywords(example):
    """The keys of the task, with its groups, make the same request as the task itself."""
    assert ImageRequest(**example) == ImageRequest.from_task(example)
    assert ImageRequest(**example).to_task() == example


def test_to_send_adds_only_include_cost_to_a_complete_task(example):
    """A published example has everything else that the service needs."""
    assert ImageRequest.from_task(example).to_send() == {**example, "includeCost": True}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name.partition(".")[0])
def test_the_price_of_an_example_equals_its_published_cost(path):
    """With a search it is a range that contains the cost."""
    request = ImageRequest.from_task(read(path))
    cost = round(response_of(path)["cost"] * MICRO)
    assert request.price.low <= cost <= request.price.high
    assert (request.price.low == request.price.high) == (not request.web_search)


def test_a_given_task_uuid_is_sent_and_does_not_affect_equality(example):
    """``replace()`` drops it, and ``to_send(uuid)`` overrides it."""
    request = ImageRequest.from_task(example)
    bare = ImageRequest.from_task({key: value for key, value in example.items() if key != "taskUUID"})
    assert (request, hash(request), request.identity) == (bare, hash(bare), bare.identity)
    assert request.task_uuid == request.to_send()["taskUUID"] == example["taskUUID"]
    assert request.replace().task_uuid is None
    assert request.replace() == request
    assert "taskUUID" not in request.replace(seed=1).to_task()
    assert request.replace(task_uuid=UUID_TEXT).task_uuid == UUID_TEXT
    assert request.to_send(UUID_TEXT)["taskUUID"] == UUID_TEXT


def test_to_send_adds_task_type_uuid_model_size_and_include_cost():
    """Nothing else; the UUID is of version 4 and a new one each time, and ``to_task`` has none of them."""
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
def test_to_send_has_a_size_in_pixels_unless_the_size_follows_a_reference(given, sent):
    """Without a reference image, width and height are always sent; with one, only the size parameters that were set."""
    task = lantern(**given).to_send()
    assert (task.get("width"), task.get("height"), task.get("resolution")) == sent
    assert lantern(**given).has_default_size == (not given)


def test_include_cost_false_is_sent_as_false():
    """``to_send`` does not override a value that was set."""
    assert lantern(include_cost=False).to_send()["includeCost"] is False


def test_python_names_api_names_and_api_groups_make_the_same_request():
    """Each declared parameter is also an attribute of the class, with a sentence of help."""
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
    ("task", "parameter", "suggestion", "hint"),
    [
        ({"topP": 0.9}, "topP", "settings.topP", "The API has it as settings.topP."),
        (
            {"settings": {"webSearch": True}}, "settings.webSearch", "providerSettings.google.webSearch",
            "The API has it as providerSettings.google.webSearch.",
        ),
        (
            {"settings": {"temprature": 1}}, "settings.temprature", "settings.temperature",
            "Did you mean settings.temperature?",
        ),
        ({"top_p": 0.9}, "top_p", "settings.topP", "Did you mean settings.topP?"),
        ({"aspectRatio": "1:1"}, "aspectRatio", None, "Its page has no such key."),
        ({"zzz": 1}, "zzz", None, "Its page has no such key."),
        ({"safety": {"zzz": 1}}, "safety.zzz", None, "Its page has no such key."),
    ],
)  # fmt: skip
def test_a_key_at_the_wrong_path_of_a_task_raises_with_the_right_path(task, parameter, suggestion, hint):
    """``from_task`` accepts a key at the API's own path only; an unknown key gets the nearest one as a suggestion."""
    with pytest.raises(UnknownParameter) as caught:
        ImageRequest.from_task({"positivePrompt": "A lantern", **task})
    assert (caught.value.parameter, caught.value.suggestion) == (parameter, suggestion)
    assert caught.value.reason == "unknown"
    assert str(caught.value).startswith(f'"{parameter}" is not a parameter. ')
    assert hint in str(caught.value)


@pytest.mark.parametrize(
    ("task", "parameter", "reason", "words"),
    [
        ({"seed": None}, "seed", "type", "seed=null: must be a whole number .* leave it out"),
        ({"settings": {"topP": None}}, "topP", "type", "topP=null"),
        ({"settings": None}, "settings", "type", "settings is a group: must be a dict, got None"),
        (
            {"providerSettings": {"google": "x"}},
            "providerSettings.google",
            "type",
            "providerSettings.google is a group",
        ),
        ({"taskUUID": None}, "taskUUID", "format", "taskUUID=None"),
        ({"model": None}, "model", "type", "model=null"),
    ],
)
def test_null_in_a_task_raises_a_request_error(task, parameter, reason, words):
    """A task omits what is not sent; ``null`` is no value of any parameter, and no group."""
    with pytest.raises(RequestError, match=words) as caught:
        ImageRequest.from_task({"positivePrompt": "A lantern", **task})
    assert (caught.value.parameter, caught.value.reason) == (parameter, reason)


@pytest.mark.parametrize("task", [None, [], "x", 5, [{"positivePrompt": "A lantern"}]])
def test_from_task_refuses_anything_but_a_dict(task):
    """Also the list of tasks that is the API's body: a request is one task of it."""
    with pytest.raises(RequestError, match="a task must be a dict, got") as caught:
        ImageRequest.from_task(task)
    assert (caught.value.parameter, caught.value.value) == ("task", task)


def test_a_member_of_a_str_enum_is_sent_as_its_value():
    """Not as the name of the member, which is what ``str()`` returns for it."""

    class Depth(str, Enum):  # noqa: UP042  str() of a StrEnum returns the value, so it would prove nothing
        HIGH = "HIGH"

    request = ImageRequest(Depth.HIGH, thinking=Depth.HIGH, system_prompt=Depth.HIGH)
    assert request.to_task() == {"positivePrompt": "HIGH", "settings": {"thinking": "HIGH", "systemPrompt": "HIGH"}}


def test_a_request_is_immutable():
    """Setting or deleting an attribute raises, and changing what it returned has no effect on it."""
    request = lantern(seed=7, reference_images=[URL], extra={"new": {"deep": [1]}})
    before = (hash(request), request.to_task())
    for change in (
        lambda: setattr(request, "seed", 8),
        lambda: setattr(request, "new", 8),
        lambda: delattr(request, "seed"),
        lambda: setattr(request, "_values", {}),  # private attributes are protected too
    ):
        with pytest.raises(AttributeError, match=r"a request does not change; request.replace"):
            change()
    request.parameters["seed"] = 8
    request.extra["new"]["deep"].append(2)
    request.to_task()["new"]["deep"].append(2)
    request.to_task()["inputs"]["referenceImages"].append(URL)
    assert (hash(request), request.to_task()) == before


def test_changing_an_argument_later_does_not_change_the_request():
    """A request copies the lists and dicts that it is made from."""
    references, extra = [URL], {"new": {"deep": [1]}}
    request = lantern(reference_images=references, extra=extra)
    references.append(URL)
    extra["new"]["deep"].append(2)
    assert request == lantern(reference_images=[URL], extra={"new": {"deep": [1]}})


def test_equal_requests_have_equal_hashes_copies_and_pickles():
    """The order of the parameters does not matter, and the taskUUID survives a copy and a pickle."""
    request = lantern(seed=7, temperature=0.3, extra={"b": 1, "a": 2}, task_uuid=UUID_TEXT)
    assert request == lantern(extra={"a": 2, "b": 1}, temperature=0.30000000000000004, seed=7)
    assert request != lantern(seed=8, temperature=0.3)
    assert request != request.to_task()
    assert len({request, request.replace(), request.replace(seed=8)}) == 2
    for twin in (pickle.loads(pickle.dumps(request)), copy.copy(request), copy.deepcopy(request)):
        assert (twin, hash(twin), twin.task_uuid, repr(twin)) == (request, hash(request), UUID_TEXT, repr(request))


def test_a_request_that_was_refused_has_a_repr():
    """A debugger and a traceback with local variables show it."""
    assert repr(object.__new__(ImageRequest)) == "<ImageRequest>"


def test_a_repr_lists_the_set_parameters_in_a_fixed_order():
    """Long texts are cut; a prompt that looks like an address keeps its query."""
    assert repr(lantern(seed=7, temperature=0.3)) == "ImageRequest(prompt='A lantern', seed=7, temperature=0.3)"
    assert repr(lantern(temperature=0.3, seed=7)) == repr(lantern(seed=7, temperature=0.3))
    assert len(repr(ImageRequest("x" * 45_000, system_prompt="y" * 50_000, extra={"z": ["z" * 9999] * 99}))) < 800
    assert repr(ImageRequest("https://example.com/?a poster of this")) == (
        "ImageRequest(prompt='https://example.com/?a poster of this')"
    )


@pytest.mark.parametrize("name", ["webhook_url", "webhookURL", "upload_endpoint", "uploadEndpoint"])
def test_a_repr_and_the_logged_task_contain_no_credentials(name):
    """The query, the fragment and the user of an address are sent to the service only."""
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
def test_an_error_about_an_address_contains_no_credentials(name, value):
    """Neither for an invalid address, nor for one that is given twice."""
    with pytest.raises(RequestError, match=f"{name}=") as caught:
        lantern(**{name: value})
    assert caught.value.parameter == name
    assert "secret" not in str(caught.value)
    twice = {"webhook_url": "https://a.example/?sig=secret", "webhookURL": "https://a.example/?sig=secret"}
    with pytest.raises(RequestError) as conflict:
        lantern(**twice)
    assert "secret" not in str(conflict.value)


def test_an_error_can_be_pickled():
    """Its type, message and attributes survive, so that it can come from a worker process."""
    for parameters in ({"temperature": 2}, {"temprature": 0.2}):
        with pytest.raises(NbkitError) as caught:
            lantern(**parameters)
        twin = pickle.loads(pickle.dumps(caught.value))
        assert type(twin) is type(caught.value)
        assert (str(twin), vars(twin)) == (str(caught.value), vars(caught.value))
