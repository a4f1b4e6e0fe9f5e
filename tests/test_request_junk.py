"""A request from arbitrary values, names and tasks works, or raises a RequestError: never any other exception."""

import datetime as dt
import json
import numbers
import pickle
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from effort import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from nbkit.errors import RequestError, printable
from nbkit.request.image_request import NAMES, PARAMETERS, ImageRequest

SPELLINGS = sorted({spelling for p in PARAMETERS.values() for spelling in p.spellings})
GROUPS = ["settings", "providerSettings", "google", "inputs", "safety"]
NAMES_OF_ALL = [*SPELLINGS, *GROUPS, "taskType", "taskUUID", "task_uuid", "model", "extra"]


class Hostile:
    """Every method of it raises."""

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
    """Is registered as a ``numbers.Integral``."""


class HostileReal(Hostile):
    """Is registered as a ``numbers.Real``."""


class HostileList(list):
    __iter__ = __repr__ = __len__ = Hostile.fail


class LooksLikeText(Hostile):
    """Its class is named ``str``: ``reprlib`` chooses by the name of the class."""


LooksLikeText.__name__ = "str"
numbers.Integral.register(HostileInteger)
numbers.Real.register(HostileReal)


class Equal:
    """Equals everything."""

    def __eq__(self, _):
        return True

    __hash__ = None


ODD = [
    Hostile(), HostileText("A lantern"), HostileInteger(), HostileReal(), HostileList([1]), LooksLikeText(), Equal(),
    Hostile, object(), ..., print, NotImplemented, range(3), iter([]), slice(3), memoryview(b"x"), bytearray(), {},
    set(), 10**5000, -(10**5000), 2**63, float("nan"), float("inf"), 1j, -0.0, Fraction(1, 3), Fraction(10**400),
    Decimal("NaN"), dt.date(2026, 1, 1), np.array([]), np.array([1, 2]), np.array("HIGH"), np.float32("nan"),
    np.datetime64("NaT", "s"), np.longdouble(2), np.ma.masked, pd.NA, pd.NaT, pd.Series([1, 2]), pd.DataFrame(),
    pd.Timestamp(0),
    "\ud800", "A" * 400, "https://\ud800", "https://[", "://", "data:;base64,", "data:image/png;base64,AAAA",
    "data:image/png;base64,\ud800", b"\xff\xd8\xff", [[]], [None], [Hostile()], {"topP": Hostile()},
    {"google": Hostile()}, {5: 5}, {"a": {None: Hostile()}}, {"taskUUID": 1},
]  # fmt: skip


def request_or_error(make):
    """The request that a call makes, after its methods have been called, or the RequestError that the call raises."""
    try:
        request = make()
    except RequestError as error:
        return error
    json.dumps(request.to_send())
    assert (hash(request), repr(request)) == (hash(request.replace()), repr(request.replace()))
    assert pickle.loads(pickle.dumps(request)).identity == request.identity
    assert request.price.low > 0
    return request


def is_valid(result):
    """Whether a result is a request, or an error with a readable message: short, without a memory address."""
    return isinstance(result, ImageRequest) or (str(result) and " at 0x" not in str(result) and len(str(result)) < 900)


@pytest.mark.parametrize("name", NAMES_OF_ALL)
def test_an_odd_value_of_any_parameter_raises_a_request_error_or_works(name):
    """Objects whose methods raise and numbers beyond all bounds: as a keyword, in ``replace`` and in ``from_task``."""
    for index, value in enumerate(ODD):  # a failure shows the index only: pytest cannot show a hostile value
        assert is_valid(request_or_error(lambda v=value: ImageRequest(**{"prompt": "A lantern", name: v}))), index
        assert is_valid(request_or_error(lambda v=value: ImageRequest("A lantern").replace(**{name: v}))), index
        task = {"positivePrompt": "A lantern", name: value}
        assert is_valid(request_or_error(lambda t=task: ImageRequest.from_task(t))), index


def test_an_odd_prompt_or_task_raises_a_request_error_or_works():
    """The same values as the only argument."""
    for index, value in enumerate(ODD):
        assert is_valid(request_or_error(lambda v=value: ImageRequest(v))), index
        assert is_valid(request_or_error(lambda v=value: ImageRequest.from_task(v))), index


hard = settings(max_examples=examples(250), deadline=None, derandomize=True, database=None)
KEYS = st.sampled_from(NAMES_OF_ALL)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.complex_numbers(), st.decimals(),
    st.fractions(), st.uuids(), st.dates(),
    st.sampled_from(["URL", "HIGH", "1K", "fast", "https://a.example", 10**4000]),
)  # fmt: skip


def containers(inner):
    return st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text() | st.integers(), inner)


JUNK = st.recursive(LEAVES, containers, max_leaves=6)


@hard
@given(KEYS, JUNK)
def test_a_random_value_of_any_parameter_raises_a_request_error_or_works(name, value):
    """No value of any parameter raises another exception."""
    assert is_valid(request_or_error(lambda: ImageRequest(**{"prompt": "A lantern", name: value})))


@hard
@given(st.dictionaries(KEYS, JUNK, max_size=4))
def test_a_random_change_of_a_request_raises_a_request_error_or_works(changes):
    """``replace`` with any values raises no other exception."""
    base = ImageRequest("A lantern", width=1264, height=848, temperature=0.3)
    assert is_valid(request_or_error(lambda: base.replace(**changes)))


@hard
@given(st.dictionaries(KEYS | st.text(max_size=9), JUNK | st.dictionaries(KEYS, JUNK, max_size=3), max_size=4))
def test_a_random_task_raises_a_request_error_or_works(task):
    """``from_task`` with any keys and values raises no other exception, with and without a prompt."""
    assert is_valid(request_or_error(lambda: ImageRequest.from_task(task)))
    assert is_valid(request_or_error(lambda: ImageRequest.from_task({"positivePrompt": "A lantern", **task})))


@hard
@given(st.dictionaries(KEYS | st.text(), JUNK, max_size=4))
def test_a_random_extra_raises_a_request_error_or_works(extra):
    """``extra`` is not checked beyond being JSON, and breaks neither the price nor the repr."""
    assert is_valid(request_or_error(lambda: ImageRequest("A lantern", extra=extra)))


@hard
@given(st.text())
def test_a_random_name_finds_its_parameter_or_raises_a_request_error(name):
    """The message of the error begins with the name, in quotation marks."""
    try:
        found = NAMES.find(name)
    except RequestError as error:
        spellings = ()
        message = str(error)
    else:
        spellings = found.spellings
        message = ""
    assert name in spellings or message.startswith(printable(f'"{name}"'))
