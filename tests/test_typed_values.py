"""Values of an axis as a person types them: words, numbers, ranges, quotation marks; and back to the same text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbkit.errors import RequestError
from nbkit.request.parameter import Boolean, Choice, Decimal2, Integer, Text
from nbkit.widgets.form.values import MOST, read_values, write_values

SEED = 2**63 - 1
UNIT = Decimal2(0, 1)
SEEDS = Integer(0, SEED)


@pytest.mark.parametrize(
    ("text", "kind", "values"),
    [
        ("red, jade", None, ["red", "jade"]),
        ("red\njade\n\n", None, ["red", "jade"]),
        ('"red, dark", "say ""hi"""\n blue ', None, ["red, dark", 'say "hi"', "blue"]),
        ('5" tall, 6" tall', None, ['5" tall', '6" tall']),
        ('1, 2.5, 007, "3"', None, [1, 2.5, "007", "3"]),
        (f"{SEED}, 1", SEEDS, [SEED, 1]),
        ("0.2 , .5\n1", UNIT, [0.2, 0.5, 1.0]),
        ("0.2, not sent, high", UNIT, [0.2, None, "high"]),
        ("0.2, default, Default", UNIT, [0.2, None, None]),
        ("default, HIGH", Choice(("MINIMAL", "HIGH")), [None, "HIGH"]),
        ("on, off, default, maybe", Boolean(), [True, False, None, "maybe"]),
        ('"default", red', None, ["default", "red"]),
        ("A cat, sitting\nA dog, lying", Text(3, 100), ["A cat, sitting", "A dog, lying"]),
        ('"two\nlines"\nA dog', Text(3, 100), ["two\nlines", "A dog"]),
        ("default\n1..8\n0 to 1 in 5", Text(3, 100), ["default", "1..8", "0 to 1 in 5"]),
        (" ,, \n ", None, []),
        ("nan, inf, -inf, 1e999, Infinity", None, ["nan", "inf", "-inf", "1e999", "Infinity"]),
        ("0.2, nan", UNIT, [0.2, "nan"]),
        ("9" * 400, None, [int("9" * 400)]),
    ],
)
def test_typed_values_are_read_and_come_back_when_they_are_written(text, kind, values):
    """Lines or commas separate them, a value with a comma is in quotes, and a seed keeps its 63 bits."""
    assert read_values(text, kind) == values
    assert read_values(write_values(values, kind), kind) == values


@pytest.mark.parametrize(
    ("text", "kind", "values"),
    [
        ("1..8", SEEDS, [1, 2, 3, 4, 5, 6, 7, 8]),
        ("1 .. 3, 7", None, [1, 2, 3, 7]),
        ("3..1", None, [3, 2, 1]),
        ("5..5", SEEDS, [5]),
        (f"{SEED - 2}..{SEED}", SEEDS, [SEED - 2, SEED - 1, SEED]),
        ("0..1", UNIT, [0.0, 1.0]),
        ("1, 2, .., 10", SEEDS, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        ("1, 3, ..., 9", None, [1, 3, 5, 7, 9]),
        ("10, 8, …, 2", None, [10, 8, 6, 4, 2]),
        ("1, .., 4", None, [1, 2, 3, 4]),
        ("1, 4, .., 9", SEEDS, [1, 4, 7, 9]),
        ("0.1, 0.2, .., 0.5", UNIT, [0.1, 0.2, 0.3, 0.4, 0.5]),
        ("0, 0.25, .., 1, 0.9", UNIT, [0.0, 0.25, 0.5, 0.75, 1.0, 0.9]),
        (f"{SEED - 4}, {SEED - 2}, .., {SEED}", SEEDS, [SEED - 4, SEED - 2, SEED]),
        ("0 to 1 in 5", UNIT, [0.0, 0.25, 0.5, 0.75, 1.0]),
        ("0 to 1 in 4", UNIT, [0.0, 0.33, 0.67, 1.0]),
        (".1 to .3 in 3, 0.9", UNIT, [0.1, 0.2, 0.3, 0.9]),
        (f"0 to {SEED} in 3", SEEDS, [0, (SEED + 1) // 2, SEED]),
        ("1 to 3 in 9", SEEDS, [1, 2, 3]),
        ("5 to 9 in 1", SEEDS, [5]),
        ("1 to 0 in 3", UNIT, [1.0, 0.5, 0.0]),
        ("0 to 1 in 3", None, [0, 0.5, 1]),
        ('"1..8", "0 to 1 in 5", ".."', None, ["1..8", "0 to 1 in 5", ".."]),
    ],
)
def test_a_range_stands_for_its_values(text, kind, values):
    """Whole numbers are exact at any size, steps are those of the parameter, and what is in quotes is a word."""
    assert read_values(text, kind) == values
    assert [type(value) for value in read_values(text, kind)] == [type(value) for value in values]


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("1..1001", SEEDS, "at most 1,000"),
        (f"0..{SEED}", SEEDS, "at most 1,000"),
        ("0 to 1 in 1001", UNIT, "at most 1,000"),
        (f"0 to 1 in {'9' * 100}", UNIT, "at most 1,000"),
        ("0 to 1 in 0", UNIT, "at most 1,000"),
        ("0, 0.001, .., 100000", None, "at most 1,000"),
        ("0 to 2 in 3", UNIT, "must be a number from 0 to 1"),
        ("0.5 to 9 in 3", SEEDS, "must be a whole number"),
        ("..", SEEDS, "between numbers"),
        ("1, ..", SEEDS, "between numbers"),
        (".., 5", SEEDS, "between numbers"),
        ("red, .., 5", None, "between numbers"),
        ("1, default, .., 5", SEEDS, "between numbers"),
        ("1, 2, .., red", SEEDS, "between numbers"),
        ('1, 2, .., "5"', SEEDS, "between numbers"),
        ("1, 2, .., nan", SEEDS, "between numbers"),
        ("1, 2, .., 0", SEEDS, "does not lead"),
    ],
)
def test_a_range_that_cannot_be_spread_raises_a_request_error(text, kind, words):
    """It has an end, and no more than a thousand values; the error says what is wrong."""
    with pytest.raises(RequestError, match=words) as caught:
        read_values(text, kind)
    assert caught.value.parameter == "values"


def test_the_longest_range_is_read():
    """Of each spelling."""
    for text in (f"1..{MOST}", f"1 to {MOST} in {MOST}", f"1, 2, .., {MOST}"):
        assert read_values(text, SEEDS) == list(range(1, MOST + 1))


KINDS = st.sampled_from([None, SEEDS, UNIT, Integer(1), Text(1, 100), Boolean(), Choice(("MINIMAL", "HIGH"))])
PARTS = st.sampled_from(
    ["1", "-2", "0.5", ".", "..", "…", " to ", " in ", ",", "\n", '"', " ", "default", "nan", "1e9"]
)
TYPED = st.one_of(st.text(), st.lists(PARTS, max_size=12).map("".join))


def stripped(text):
    return text.strip() == text != ""


WORDS = TYPED.filter(stripped)
ITEMS = {
    "variable": (None, st.one_of(WORDS, st.integers(), st.floats(allow_nan=False, allow_infinity=False))),
    "seed": (SEEDS, st.one_of(st.none(), st.integers(0, SEED))),
    "hundredths": (UNIT, st.one_of(st.none(), st.integers(0, 100).map(lambda number: number / 100))),
    "prompt": (Text(1, 100), WORDS),
    "choice": (Choice(("MINIMAL", "HIGH")), st.sampled_from([None, "MINIMAL", "HIGH"])),
}


@pytest.mark.parametrize("name", ITEMS)
@given(data=st.data())
def test_what_is_written_is_read_as_the_same_values(name, data):
    """Whatever a word has in it; numbers stay numbers, and words that look like numbers or ranges stay words."""
    kind, items = ITEMS[name]
    values = data.draw(st.lists(items, max_size=6))
    found = read_values(write_values(values, kind), kind)
    assert found == values
    assert [type(value) for value in found] == [type(value) for value in values]


@given(TYPED, KINDS)
def test_any_text_is_read_or_refused(text, kind):
    """Nothing else is raised, and no range is endless; what was read comes back when it is written."""
    try:
        values = read_values(text, kind)
    except RequestError:
        return
    assert len(values) <= MOST * (1 + len(text) // 4)
    if not isinstance(kind, Text):  # whose quotation marks may be part of a word
        assert read_values(write_values(values, kind), kind) == values
