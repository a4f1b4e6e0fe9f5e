"""Whatever is given as a value, a name or a task, nothing but a RequestError comes of it."""

import datetime as dt
import json
import numbers
import pickle
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbkit.errors import RequestError
from nbkit.request.image_request import NAMES, PARAMETERS, ImageRequest

SPELLINGS = sorted({spelling for p in PARAMETERS.values() for spelling in p.spellings})
GROUPS = ["settings", "providerSettings", "google", "inputs", "safety"]
NAMES_OF_ALL = [*SPELLINGS, *GROUPS, "taskType", "taskUUID", "task_uuid", "model", "extra"]


class Hostile:
    """Fails at whatever is asked of it."""

    def fail(self, *_):
        raise RuntimeError("hostile")

    __repr__ = __str__ = __eq__ = __ne__ = __bool__ = __len__ = __iter__ = __getitem__ = __contains__ = fail
    __int__ = __float__ = __index__ = __fspath__ = __bytes__ = __lt__ = __gt__ = __le__ = __ge__ = __round__ = fail
    __hash__ = None
    bytes = property(fail)
    dtype = property(fail)


class HostileText(str):
    __slots__ = ()
    __repr__ = __str__ = __eq__ = __len__ = strip = encode = split = lower = __getitem__ = Hostile.fail
    __hash__ = str.__hash__


class HostileInteger(Hostile):
    """Says that it is a whole number."""


class HostileReal(Hostile):
    """Says that it is a number."""


class HostileList(list):
    __iter__ = __repr__ = __len__ = Hostile.fail


class LooksLikeText(Hostile):
    """Has the name of a type that a repr treats by its name."""


LooksLikeText.__name__ = "str"
numbers.Integral.register(HostileInteger)
numbers.Real.register(HostileReal)


class Equal:
    """Says that it equals everything."""

    def __eq__(self, _):
        return True

    __hash__ = None


ODD = [
    Hostile(), HostileText("A lantern"), HostileInteger(), HostileReal(), HostileList([1]), LooksLikeText(), Equal(),
    Hostile, object(), ..., print, NotImplemented, range(3), iter([]), slice(3), memoryview(b"x"), bytearray(), {}, set(),
    10**5000, -(10**5000), 2**63, float("nan"), float("inf"), 1j, -0.0, Fraction(1, 3), Fraction(10**400), Decimal("NaN"),
    dt.date(2026, 1, 1), np.array([]), np.array([1, 2]), np.array("HIGH"), np.float32("nan"), np.datetime64("NaT", "s"),
    np.longdouble(2), np.ma.masked, pd.NA, pd.NaT, pd.Series([1, 2]), pd.DataFrame(), pd.Timestamp(0),
    "\ud800", "A" * 400, "https://\ud800", "https://[", "://", "data:;base64,", "data:image/png;base64,AAAA",
    "data:image/png;base64,\ud800", b"\xff\xd8\xff", [[]], [None], [Hostile()], {"topP": Hostile()}, {"google": Hostile()},
    {5: 5}, {"a": {None: Hostile()}}, {"taskUUID": 1},
]  # fmt: skip


def outcome(make):
    """A request that can do all that a request does, or the RequestError that says why there is none."""
    try:
        request = make()
    except RequestError as error:
        return error
    json.dumps(request.to_send())
    assert (hash(request), repr(request)) == (hash(request.replace()), repr(request.replace()))
    assert pickle.loads(pickle.dumps(request)).identity == request.identity
    assert request.price.low > 0
    return request


def in_words(result):
    return isinstance(result, ImageRequest) or (str(result) and " at 0x" not in str(result) and len(str(result)) < 900)


@pytest.mark.parametrize("name", NAMES_OF_ALL)
def test_odd_values(name):
    """Objects that fail when they are looked at, and numbers beyond all bounds, are refused in words."""
    for place, value in enumerate(ODD):  # told by its place: to show the value, pytest would look at it
        assert in_words(outcome(lambda v=value: ImageRequest(**{"prompt": "A lantern", name: v}))), place
        assert in_words(outcome(lambda v=value: ImageRequest("A lantern").replace(**{name: v}))), place
        assert in_words(outcome(lambda v=value: ImageRequest.from_task({"positivePrompt": "A lantern", name: v}))), (
            place
        )


def test_odd_prompts_and_tasks():
    """The same for what is given in first place."""
    for place, value in enumerate(ODD):
        assert in_words(outcome(lambda v=value: ImageRequest(v))), place
        assert in_words(outcome(lambda v=value: ImageRequest.from_task(v))), place


hard = settings(max_examples=250, deadline=None, derandomize=True, database=None)
KEYS = st.sampled_from(NAMES_OF_ALL)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.complex_numbers(), st.decimals(),
    st.fractions(), st.uuids(), st.dates(), st.sampled_from(["URL", "HIGH", "1K", "fast", "https://a.example", 10**4000]),
)  # fmt: skip


def containers(inner):
    return st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text() | st.integers(), inner)


JUNK = st.recursive(LEAVES, containers, max_leaves=6)


@hard
@given(KEYS, JUNK)
def test_random_values(name, value):
    """Nothing but a RequestError comes of any value of any parameter."""
    assert in_words(outcome(lambda: ImageRequest(**{"prompt": "A lantern", name: value})))


@hard
@given(st.dictionaries(KEYS, JUNK, max_size=4))
def test_random_changes(changes):
    """The same for variants."""
    base = ImageRequest("A lantern", width=1264, height=848, temperature=0.3)
    assert in_words(outcome(lambda: base.replace(**changes)))


@hard
@given(st.dictionaries(KEYS | st.text(max_size=9), JUNK | st.dictionaries(KEYS, JUNK, max_size=3), max_size=4))
def test_random_tasks(task):
    """The same for tasks."""
    assert in_words(outcome(lambda: ImageRequest.from_task(task)))
    assert in_words(outcome(lambda: ImageRequest.from_task({"positivePrompt": "A lantern", **task})))


@hard
@given(st.dictionaries(KEYS | st.text(), JUNK, max_size=4))
def test_random_extra(extra):
    """What is JSON passes through extra unchecked, and breaks neither the price nor the repr."""
    assert in_words(outcome(lambda: ImageRequest("A lantern", extra=extra)))


@hard
@given(st.text())
def test_random_names(name):
    """A name is that of a parameter, or is told to be none."""
    try:
        found = NAMES.find(name)
    except RequestError as error:
        known = ()
        message = str(error)
    else:
        known = found.spellings
        message = ""
    assert name in known or message.startswith(name)
