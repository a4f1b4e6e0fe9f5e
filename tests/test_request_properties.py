"""Properties of every valid request, checked on random ones."""

import copy
import json
import pickle

from effort import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_pictures import WITH_TRACES, WITHOUT_TRACES

from nbkit.request.image_request import PARAMETERS, ImageRequest
from nbkit.request.parameter import Address, Boolean, Choice, Decimal2, Integer, ListOf, Text
from nbkit.request.profile import LACKING, PROFILES
from nbkit.request.profiles import DEFAULT

steady = settings(max_examples=examples(200), deadline=None, derandomize=True, database=None)

ADDRESSES = st.builds(
    "{}://{}.example/{}?{}".format,
    st.sampled_from(["http", "https"]),
    *[st.text("abcdefghij-_~%", min_size=1) for _ in range(3)],
)
REFERENCES = st.one_of(
    ADDRESSES, st.uuids().map(str), st.uuids(), st.sampled_from([*WITH_TRACES.values(), *WITHOUT_TRACES.values()])
)


def sizes(profile):
    """A size of a model, in pixels or as a tier, or none."""
    table = [size for by_ratio in profile.sizes.values() for size in by_ratio.values()]
    return st.one_of(
        st.just({}),
        st.sampled_from(table).map(lambda size: {"width": size[0], "height": size[1]}),
        st.sampled_from(profile.tiers).map(lambda tier: {"resolution": tier}),
    )


def texts(kind):
    letters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
    return st.text(letters, min_size=kind.minimum, max_size=200).filter(str.strip)


def valid(kind):
    """Values that a kind accepts, made from its bounds."""
    makers = {
        Text: texts,
        Integer: lambda whole: st.integers(whole.minimum, whole.maximum or 10**9),
        Decimal2: lambda _: st.integers(0, 100).flatmap(lambda n: st.sampled_from([n / 100, n * 0.01])),
        Choice: lambda choice: st.sampled_from(choice.choices),
        Boolean: lambda _: st.booleans(),
        Address: lambda _: ADDRESSES,
        ListOf: lambda several: st.lists(REFERENCES, min_size=several.minimum, max_size=4),
    }
    return makers[type(kind)](kind)


SIZE_PARAMETERS = ("width", "height", "resolution", "aspect_ratio")
APART = (*SIZE_PARAMETERS, "prompt", "model")
OPTIONAL = {
    profile: {n: valid(p.kind) for n, p in profile.parameters.items() if n not in APART and p.state != LACKING}
    for profile in PROFILES.values()
}


@st.composite
def requests(draw):
    profile = draw(st.sampled_from(list(PROFILES.values())))
    named = {} if profile is DEFAULT and draw(st.booleans()) else {"model": st.just(profile.identifier)}
    prompt = valid(profile.parameters["prompt"].kind)
    parameters = draw(st.fixed_dictionaries({"prompt": prompt, **named}, optional=OPTIONAL[profile]))
    if parameters.get("output_type", "URL") != "URL":
        parameters.pop("ttl", None)
    head = draw(st.fixed_dictionaries({}, optional={"task_uuid": st.uuids(version=4)}))
    return ImageRequest(**parameters, **head, **draw(sizes(profile)))


@steady
@given(requests())
def test_from_task_of_to_task_is_the_same_request(request):
    """Also through JSON; a copy equals the request, and so does a pickle, unless it lacks credentials."""
    task = request.to_task()
    back = ImageRequest.from_task(task)
    assert (back, hash(back), back.identity) == (request, hash(request), request.identity)
    assert back.to_task() == task
    assert back.task_uuid == request.task_uuid
    assert ImageRequest.from_task(json.loads(json.dumps(task))) == request
    assert copy.deepcopy(request) == request
    kept = pickle.loads(pickle.dumps(request))
    assert kept.lacking or kept == request
    assert kept.identity == request.identity


@steady
@given(requests())
def test_the_task_that_is_sent_makes_a_request_with_the_same_identity_and_price(request):
    """It has every key that the service needs, and adds no others to the task of the request."""
    task = request.to_send()
    back = ImageRequest.from_task(task)
    assert task.keys() >= {"taskType", "taskUUID", "model", "positivePrompt", "includeCost"}
    assert (back.identity, back.price, back.task_uuid) == (request.identity, request.price, task["taskUUID"])
    assert task.keys() - request.to_task().keys() <= {"taskType", "taskUUID", "model", "includeCost", "width", "height"}
    assert back.to_send() == task


@steady
@given(requests(), st.data())
def test_an_aspect_ratio_becomes_a_width_and_a_height_in_the_task(request, data):
    """The API has no aspect ratio; the request that is made from the task has the same size, identity and price."""
    ratio = data.draw(st.sampled_from(request.profile.ratios))
    tier = data.draw(st.none() | st.sampled_from(request.profile.tiers))
    shaped = request.replace(width=None, height=None, aspect_ratio=ratio, resolution=tier)
    back = ImageRequest.from_task(shaped.to_task())
    assert (back.size, back.identity, back.price) == (shaped.size, shaped.identity, shaped.price)


@steady
@given(requests())
def test_python_names_and_api_names_make_the_same_request(request):
    """Also as changes of the request."""
    values = request.parameters
    assert ImageRequest(**values) == request
    assert ImageRequest(**{PARAMETERS[name].wire[-1]: value for name, value in values.items()}) == request
    assert request.replace(**values) == request


@steady
@given(requests())
def test_a_repr_is_short_and_contains_no_query(request):
    """However many parameters are set, and however long their values are."""
    assert len(repr(request)) < 2000
    shown = repr(request.replace(prompt="A lantern", system_prompt=None, reference_images=None))
    assert "?" not in shown
