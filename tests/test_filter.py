"""A filter's text: what it finds, as a mask and as SQL, what it refuses, and that nothing of it is evaluated."""

import datetime as dt
import json
import operator
import unicodedata

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from effort import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nbkit.errors import RequestError
from nbkit.history import RunLog
from nbkit.log.filter import CALLS, MAX_CHARACTERS, MAX_COMPARISONS, MAX_DEPTH, parse
from nbkit.log.frame import COLUMNS
from nbkit.log.schema import IMAGES, RUNS

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
OPERATORS = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip

# -- random logs: few values for each column, so that comparisons meet them --------------------------------------------

TEXTS = ["A lantern", "a LANTERN shop", 'it says "OPEN"', "100% jade", "100_ jade", "1001 jade", "Straße", "STRASSE",
         "it's", "caf\u00e9", "cafe\u0301", "漢字 🏮", "back\\slash", "two\nlines", "x' OR 1=1 --", "@x", "", "İstanbul"]  # fmt: skip
SEEDS = [0, 1, 7, 2**31, 2**53 - 1, 2**53, 2**53 + 1, 2**63 - 2, 2**63 - 1]
FLOATS = [0.0, 0.01, 0.1, 0.3, 0.57, 0.72, 1.0]
SECONDS = [0.1, 0.30000000000000004, 1 / 3, 1.0, 2.0**53, 1e-9]
TIMES = [0, 1, 1_767_225_600_000_000, 1_767_225_600_000_001, 1_774_915_200_000_000]
VALUES = {
    "prompt": TEXTS, "tags": [*TEXTS, None], "note": [*TEXTS, None], "sweep": ["a", "b", None],
    "seed": [*SEEDS, None], "requestedSeed": [*SEEDS, None], "rating": [1, 2, 3, 4, 5, None], "width": [512, 1024, None],
    "temperature": [*FLOATS, None], "topP": [*FLOATS, None], "latency": [*SECONDS, None], "cost": [0.06895, 0.1, 0.0, None],
    "keep": [True, False, None], "webSearch": [True, False, None], "charged": [True, False], "created": TIMES,
    "referenceImages": ["one two", "https://example.org/a%20b.png", None], "extra": ['{"a": 1}', None],
}  # fmt: skip
ROWS = st.lists(st.fixed_dictionaries({name: st.sampled_from(values) for name, values in VALUES.items()}), max_size=12)
OF_IMAGES = ("tags", "note", "seed", "rating", "cost", "keep")
PYTHON_NAMES = {"topP": "top_p", "webSearch": "web_search", "referenceImages": "reference_images"}


def write(log, rows):
    """Rows of a log, each with one picture."""
    with log.database.writing() as connection:
        connection.execute(IMAGES.delete())
        connection.execute(RUNS.delete())
        for number, row in enumerate(rows, 1):
            run = {name: value for name, value in row.items() if name not in (*OF_IMAGES, "file")}
            if row["referenceImages"]:
                run["referenceImages"] = row["referenceImages"].split(" ")
            run["extra"] = row["extra"] and json.loads(row["extra"])
            fixed = {
                "status": "done",
                "engine": "offline",
                "model": "m",
                "resendable": True,
                "studio": "s",
                "task": {},
                "request": {"prompt": "A lantern"},
            }
            money = dict.fromkeys(("estimateLow", "estimateHigh", "held", "spent"), 0)
            connection.execute(RUNS.insert().values(id=number, taskUUID=f"task {number}", **run, **fixed, **money))
            image = {name: row[name] for name in OF_IMAGES}
            image["cost"] = None if row["cost"] is None else round(row["cost"] * 1e6)
            connection.execute(
                IMAGES.insert().values(
                    run=number,
                    status="done",
                    imageUUID=f"image {number}",
                    sha256=f"{number:064}",
                    mediaType="image/jpeg",
                    file=row.get("file", f"00/{number:064}.jpg"),
                    **image,
                )
            )


# -- random filters: a text, and a function of a row that is True, False or None (not known) ---------------------------


def compared(name, sign, constant):
    compare = OPERATORS[sign]
    return lambda row: None if row[name] is None else compare(row[name], constant)


def both(one, other):
    def found(row):
        known = {one(row), other(row)}
        return False if False in known else None if None in known else True

    return found


def either(one, other):
    opposite = both(negated(one), negated(other))
    return negated(opposite)


def negated(one):
    return lambda row: None if one(row) is None else not one(row)


def spelled(draw, name):
    return draw(st.sampled_from([name, PYTHON_NAMES.get(name, name), f"`{name}`"]))


def constant_for(draw, name):
    """A constant that a column can be compared with, as its text and as its value."""
    known = [value for value in VALUES[name] if value is not None]
    if name == "created":
        micros = draw(st.sampled_from(known))
        time = EPOCH + dt.timedelta(microseconds=micros)
        text = draw(st.sampled_from([time.isoformat(), time.isoformat(" ").removesuffix("+00:00")]))
        return repr(text), micros
    if isinstance(known[0], str):
        value = draw(st.sampled_from(known) | st.text(max_size=5))
        return (repr(value), value) if value.isprintable() or draw(st.booleans()) else (ascii(value), value)
    if isinstance(known[0], bool):
        value = draw(st.booleans())
        return draw(st.sampled_from([repr(value), str(int(value))])), value
    numbers = st.sampled_from(known) | st.sampled_from(
        [*SEEDS, *FLOATS, -1, 2**63, -(2**63) - 1, 10**30, 0.5, 1e300, -1e300]
    )
    value = draw(numbers | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**70), 2**70))
    return repr(value), value


ORDERED = [name for name, values in VALUES.items() if not isinstance(values[0], bool)]
BOOLEANS = [name for name in VALUES if name not in ORDERED]
TEXT_COLUMNS = [name for name in ORDERED if isinstance(VALUES[name][0], str)]
PAIRS = [("seed", "requestedSeed"), ("seed", "width"), ("temperature", "topP"), ("seed", "latency"), ("prompt", "note"),
         ("keep", "webSearch"), ("rating", "temperature")]  # fmt: skip


def folded(text):
    return unicodedata.normalize("NFC", text).casefold()


def bare(draw, _):
    name = draw(st.sampled_from(BOOLEANS))
    return spelled(draw, name), lambda row: row[name]


def gap(draw, name):
    column = spelled(draw, name)
    text, is_gap = draw(st.sampled_from([
        (f"{column} is None", True), (f"{column} == None", True), (f"{column}.isna()", True),
        (f"{column}.isnull()", True), (f"{column} is not None", False), (f"{column} != None", False),
        (f"None != {column}", False), (f"{column}.notna()", False), (f"{column}.notnull()", False),
    ]))  # fmt: skip
    return text, lambda row: (row[name] is None) == is_gap


def listed(draw, name):
    constants = [constant_for(draw, name) for _ in range(draw(st.integers(0, 3)))]
    texts, values = [text for text, _ in constants], [value for _, value in constants]
    if draw(st.booleans()):
        texts, values = [*texts, "None"], [*values, None]
    column, inside, negative = spelled(draw, name), f"[{', '.join(texts)}]", draw(st.booleans())
    yes, no = draw(st.sampled_from([
        (f"{column} in {inside}", f"{column} not in {inside}"), (f"{column} == {inside}", f"{column} != {inside}"),
        (f"{column}.isin({inside})", f"not {column}.isin({inside})"),
    ]))  # fmt: skip
    return (no if negative else yes), lambda row: (row[name] in values) != negative


def holding(draw, _):
    name, text = draw(st.sampled_from(TEXT_COLUMNS)), draw(st.sampled_from(TEXTS))
    text = draw(st.sampled_from([text, text[:3], text[-3:], text[1:4].upper()]))
    method = draw(st.sampled_from(["contains", "startswith", "endswith", "case", "in"]))
    column, na = spelled(draw, name), draw(st.sampled_from([None, True, False]))
    options = "" if na is None else f", na={na}"
    test = {"startswith": str.startswith, "endswith": str.endswith}.get(method, str.__contains__)
    change = folded if method == "case" else str
    if method == "in":
        written, na = f"{text!r} in {column}", None
    elif method in ("contains", "case"):
        case = ", case=False" if method == "case" else draw(st.sampled_from(["", ", case=True"]))
        written = f"{column}.str.contains({text!r}{case}, regex=False{options})"
    else:
        written = f"{column}.str.{method}({text!r}{options})"
    return written, lambda row: na if row[name] is None else test(change(row[name]), change(text))


def columns(draw, _):
    one, other = draw(st.sampled_from(PAIRS))
    sign = draw(st.sampled_from(["==", "!="] if one == "keep" else list(OPERATORS)))
    as_number = float if {one, other} & {"temperature", "latency"} else lambda value: value

    def found(row):
        values = (row[one], row[other])
        return None if None in values else OPERATORS[sign](*map(as_number, values))

    return f"{spelled(draw, one)} {sign} {spelled(draw, other)}", found


def ordered(draw, _):
    name = draw(st.sampled_from(ORDERED))
    (text, value), (text2, value2) = constant_for(draw, name), constant_for(draw, name)
    sign, sign2 = draw(st.sampled_from(list(OPERATORS))), draw(st.sampled_from(["<", "<="]))
    if isinstance(VALUES[name][0], float) or name == "rating":
        value, value2 = float(value), float(value2)
    column = spelled(draw, name)
    back = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(sign, sign)
    chain = both(compared(name, ">", value), compared(name, sign2, value2))
    between = both(compared(name, ">=", value), compared(name, "<=", value2))
    return draw(st.sampled_from([
        (f"{column} {sign} {text}", compared(name, sign, value)),
        (f"{text} {sign} {column}", compared(name, back, value)),
        (f"{text} < {column} {sign2} {text2}", chain),
        (f"{column}.between({text}, {text2})", between),
    ]))  # fmt: skip


@st.composite
def comparisons(draw):
    make = draw(st.sampled_from([bare, gap, listed, holding, columns, ordered, ordered]))
    return make(draw, draw(st.sampled_from(list(VALUES))))


def combined(parts):
    def join(drawn):
        (one, test), (other, test2), word = drawn
        make = both if word in ("and", "&") else either
        return f"({one}) {word} ({other})", make(test, test2)

    pairs = st.tuples(parts, parts, st.sampled_from(["and", "or", "&", "|"])).map(join)
    nots = st.tuples(st.sampled_from(["not ", "~"]), parts).map(
        lambda part: (f"{part[0]}({part[1][0]})", negated(part[1][1]))
    )
    return pairs | nots


FILTERS = st.recursive(comparisons(), combined, max_leaves=6)


@pytest.fixture(scope="module")
def random_log(tmp_path_factory):
    log = RunLog(tmp_path_factory.mktemp("random") / "runs")
    yield log
    log.close()


@settings(max_examples=examples(120), deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=ROWS, made=st.lists(FILTERS, min_size=1, max_size=3))
def test_the_mask_and_the_sql_of_a_random_filter_find_the_rows_that_its_meaning_has(random_log, rows, made):
    """A comparison with a gap is not known, and neither is its negation; a row is found where the whole is true."""
    write(random_log, rows)
    frame = random_log.to_frame()
    for text, test in made:
        expected = [f"task {number}" for number, row in enumerate(rows, 1) if test(row) is True]
        assert frame.loc[parse(text).mask(frame), "taskUUID"].tolist() == expected, text
        assert random_log.filter(text).taskUUID.tolist() == expected, text


# -- the spellings of DataFrame.query ----------------------------------------------------------------------------------


@pytest.fixture
def log(random_log):
    """A small log of known rows."""
    row = {name: values[-1] for name, values in VALUES.items()}
    write(
        random_log,
        [
            row
            | {"prompt": "A lantern", "seed": 7, "temperature": 0.2, "rating": 5, "keep": True, "created": TIMES[2]},
            row | {"prompt": "Lanterns, and 'OPEN'", "seed": 2**63 - 1, "temperature": 0.8, "rating": 4, "keep": False},
            row | {"prompt": "100% jade", "seed": 2**53 + 1, "temperature": None, "tags": "night, lantern"},
            row | {"prompt": "A teapot", "seed": None, "temperature": 0.5, "webSearch": True, "charged": True},
        ],
    )
    return random_log


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("temperature > 0.2", [2, 4]),
        ("0.2 < temperature <= 0.8", [2, 4]),
        ("temperature > 0.2 & rating == 4 | seed == 7", [1, 2]),
        ("temperature>0.2&~(rating==4)", []),
        ("not temperature > 0.2", [1]),
        ("~keep", [2]),
        ("keep", [1]),
        ("keep == True", [1]),
        ("keep != True", [2]),
        ("webSearch or charged", [4]),
        ("web_search", [4]),
        ("seed == 9223372036854775807", [2]),
        ("seed == 9223372036854775806", []),
        ("seed == 9007199254740992.0", []),
        ("seed >= 9_007_199_254_740_993", [2, 3]),
        ("seed > 1.5", [1, 2, 3]),
        ("seed < 1e30", [1, 2, 3]),
        ("seed > -1", [1, 2, 3]),
        ("rating in [4, 5]", [1, 2]),
        ("rating in (4, 5)", [1, 2]),
        ("rating == [4, 5]", [1, 2]),
        ("rating not in [4]", [1, 3, 4]),
        ("rating != 4", [1]),
        ("rating in [4, None]", [2, 3, 4]),
        ("rating.isna()", [3, 4]),
        ("rating == None", [3, 4]),
        ("rating is not None", [1, 2]),
        ("`temperature` == 0.5", [4]),
        ("number_results.isna() and numberResults.isnull()", [1, 2, 3, 4]),
        ("prompt == '100% jade'", [3]),
        ('prompt.str.contains("antern")', [1, 2]),
        ("prompt.str.contains('LANTERN', case=False)", [1, 2]),
        ("prompt.str.contains('0%')", [3]),
        ("prompt.str.contains('_')", []),
        ("tags.str.contains('night', na=False)", [3]),
        ("not tags.str.contains('night', na=False)", [1, 2, 4]),
        ("not tags.str.contains('night')", []),
        ("'antern' in prompt", [1, 2]),
        ("'antern' not in prompt", [3, 4]),
        ("prompt.str.startswith('A ')", [1, 4]),
        ("prompt.str.endswith('jade')", [3]),
        ("temperature.between(0.2, 0.5)", [1, 4]),
        ("created == '2026-01-01'", [1]),
        ("created > '2026-01-01 01:00'", [2, 3, 4]),
        ("created < '2026-01-01T01:00+01:00'", []),
        ("created <= '2026-01-01T01:00+01:00'", [1]),
        ("temperature > 0.2\n  and rating >= 4", [2]),
        ("file.str.endswith('02.jpg')", [2]),
        ("task_uuid == 'task 3'", [3]),
        ("cost == None and imageUUID != None", [1, 2, 3, 4]),
    ],
)
def test_a_filter_finds_rows_by_sql_and_in_a_frame(log, text, rows):
    """As ``DataFrame.query`` has it, with a few spellings more."""
    names = [f"task {row}" for row in rows]
    assert log.filter(text).taskUUID.tolist() == names
    frame = log.to_frame()
    assert frame[parse(text).mask(frame)].taskUUID.tolist() == names


QUERIES = ["temperature > 0.2", "rating != 4", "rating not in [4]", "keep == True", "~keep",
           "prompt.str.contains('antern')", "temperature > 0.2 & rating == 4 | seed == 7", "seed == 9223372036854775807",
           "rating.isna()", "0.2 < temperature <= 0.8", "rating == [4, 5]", "`temperature` == 0.5"]  # fmt: skip


@pytest.mark.parametrize("text", QUERIES)
def test_a_filter_means_what_pandas_means(log, text):
    """On columns whose gaps are ``pd.NA``; ``!=`` with a gap is true where a gap is NaN, and only there."""
    frame = log.to_frame().astype({"rating": "Int64"})
    assert frame[parse(text).mask(frame)].equals(frame.query(text))


def test_a_filter_works_on_whatever_columns_a_frame_has():
    """Of numpy's dtypes, of objects, of categories; gaps are gaps in each."""
    frame = pd.DataFrame(
        {
            "whole": [1, 2, 3],
            "small": np.array([1, 2, 3], dtype="uint8"),
            "real": [0.5, np.nan, 2.5],
            "flag": [True, False, True],
            "maybe": [True, None, False],
            "word": ["a", None, "b"],
            "kind": pd.Categorical(["x", "y", None]),
            "when": pd.to_datetime(["2026-01-01", None, "2026-02-01"]),
            "there": pd.to_datetime(["2026-01-01", None, "2026-02-01"]).tz_localize("Asia/Tokyo"),
            "two words": [1, 2, 3],
            "mixed": [1, "b", None],
        }
    )
    expected = {
        "whole >= 2": [1, 2], "small < 3": [0, 1], "real > 1": [2], "not real > 1": [0], "flag": [0, 2], "maybe": [0],
        "~maybe": [2], "word == 'b'": [2], "word != 'b'": [0], "kind in ['x']": [0], "kind == None": [2],
        "when > '2026-01-15'": [2], "there < '2026-01-01'": [0], "there == '2026-01-31 15:00'": [2], "`two words` == 2": [1],
        "mixed == 'b'": [1], "mixed is None": [2], "whole < real": [], "whole > real": [0, 2],
    }  # fmt: skip
    for text, rows in expected.items():
        assert frame.index[parse(text).mask(frame)].tolist() == rows, text


# -- what is refused ---------------------------------------------------------------------------------------------------

EVIL = [
    "__import__('os').system('touch evil')",
    "@__import__('os').system('touch evil')",
    "seed == @x",
    "seed > @pd.io.common.os.system('touch evil')",
    "prompt.str.contains(@evil)",
    "(lambda: open('evil', 'w'))()",
    "prompt.apply(print)",
    "prompt.__class__",
    "prompt.str.__class__ == 1",
    "prompt.str.replace('a', 'b') == 'b'",
    "prompt.str.contains(open('evil', 'w'))",
    "prompt.str.contains(f'{open(1)}')",
    "seed[0] == 1",
    "[seed for seed in [1]]",
    "seed if keep else 1",
    "(x := 1) == seed",
    "seed + 1 > 2",
    "seed % 2 == 0",
    "seed ** 99999 > 1",
    "seed == 9**9**9",
    "'a' * 10**9 == prompt",
    "seed == (1).bit_length()",
    "seed in range(10)",
    "seed in {1, 2}",
    "rating in [*[1, 2]]",
    "prompt == b'a'",
    "seed == 1j",
    "seed == ...",
    "seed == [seed]",
    "seed == 1; import os",
    "seed == 1\nimport os",
    "print",
    "exec",
    "__builtins__",
    "`a` `b`",
    "`prompt`.`x`",
    "__quoted__[prompt]",
    "await prompt",
    "prompt.str.contains(pat='a', **{})",
    "prompt.str.contains(*['a'])",
]


@pytest.mark.parametrize("text", EVIL)
def test_nothing_of_a_filter_is_evaluated(log, tmp_path, text):
    """Whatever is no comparison is refused before anything else happens, for a frame and for the log."""
    frame = log.to_frame()
    for use in (lambda: parse(text).mask(frame), lambda: log.filter(text)):
        with pytest.raises(RequestError, match="cannot be used") as caught:
            use()
        assert (caught.value.parameter, caught.value.value) == ("filter", text)
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize(
    ("text", "words", "suggestion"),
    [
        ("temperatur > 0.5", "'temperatur' is not a column; did you mean temperature", "temperature"),
        ("rating > 3 and prompt2 == 'a'", "'prompt2' is not a column", "prompt"),
        ("keep == true", "'true' is not a column", None),
        ("temperature == 'hot'", "temperature is compared with a number, not 'hot'", None),
        ("temperature == True", "temperature is compared with a number, not True", None),
        ("prompt == 7", "prompt is compared with text in quotation marks, not 7", None),
        ("keep == 'yes'", "keep is compared with True or False, not 'yes'", None),
        ("keep > False", "keep is true or false", None),
        ("created > 'soon'", "created is compared with a date such as", None),
        ("created > 5", "created is compared with a date such as", None),
        ("created > '2026-01-01 XYZ'", "created is compared with a date such as", None),
        ("temperature", "temperature is not true or false by itself", None),
        ("temperature and keep", "temperature is not true or false by itself", None),
        ("temperature + 1", "does not compute", None),
        ("seed > @x", "put the value in", None),
        ("rating = 5", "==", None),
        ("temperature >", "it is not an expression at", None),
        ("seed > (", "it is not an expression", None),
        ("prompt == 'open", "it is not an expression", None),
        ("", "it is not an expression", None),
        ("   ", "it is not an expression", None),
        ("1 < 2", "a column is compared", None),
        ("True", "a constant alone", None),
        ("7", "a constant alone", None),
        ("rating in 5", r"'in' takes a list of constants, such as \[1, 2\]", None),
        ("rating < None", "< takes one value", None),
        ("rating is 5", "'is' takes None", None),
        ("prompt.str.upper() == 'A'", r"has \.isna\(\)", None),
        ("prompt.lower()", r"has \.isna\(\)", None),
        ("sum(seed) > 1", r"has \.isna\(\)", None),
        ("prompt.str.contains('a|b')", "regex=False takes it as it is", None),
        ("prompt.str.contains('^A')", "regex=False takes it as it is", None),
        ("prompt.str.contains('a', regex=True)", "takes case=, na= and regex=False", None),
        ("prompt.str.contains()", r"\.str\.contains\(\) takes pat", None),
        ("prompt.str.contains('a', flags=2)", r"\.str\.contains\(\) takes pat", None),
        ("prompt.isna(1)", r"\.isna\(\) takes nothing", None),
        ("temperature.between(1)", r"takes left and right", None),
        ("seed.str.contains('1')", "is for text", None),
        ("prompt > seed", "prompt is compared with text in quotation marks, and seed with a number", None),
        ("(rating > 3) == True", "is a condition, not a value", None),
        ("prompt == '\\ud800'", "half of a surrogate pair", None),
        ("no_such.isna()", "'no_such' is not a column", None),
    ],
)
def test_what_a_filter_cannot_have_is_named_with_what_to_type(log, text, words, suggestion):
    """In a frame and in the log alike."""
    frame = log.to_frame()
    for use in (lambda: parse(text).mask(frame), lambda: log.filter(text)):
        with pytest.raises(RequestError, match=words) as caught:
            use()
        assert (caught.value.parameter, caught.value.value) == ("filter", text)
        if suggestion:
            assert caught.value.suggestion == suggestion


@pytest.mark.parametrize("value", [None, 7, b"seed > 1", ["seed > 1"], lambda frame: frame.seed > 1])
def test_a_filter_is_text(log, value):
    """A mask belongs in brackets: ``frame[mask]``."""
    with pytest.raises(RequestError) as caught:
        log.filter(value)
    assert caught.value.parameter == "filter"


DEEP = 5_000


@pytest.mark.parametrize(
    "text",
    [
        "(" * DEEP + "keep" + ")" * DEEP,
        "not " * DEEP + "keep",
        "~" * DEEP + "keep",
        "seed == " + "-" * DEEP + "1",
        "seed in " + "[" * DEEP + "1" + "]" * DEEP,
        "prompt" + ".str" * DEEP + "()",
        "prompt.isin(values=" + "-" * DEEP + "1)",
        "keep" + " and keep.isna()" * (MAX_COMPARISONS + 1),
        "seed" + " < seed" * (MAX_COMPARISONS + 1),
        "seed == 1 or " * MAX_COMPARISONS + "seed == 1",
        "(seed == 1 or not " * MAX_DEPTH + "keep" + ")" * MAX_DEPTH,
        "seed == " + "9" * 10_000,
        "seed == 1 " + " " * MAX_CHARACTERS,
        "prompt == '" + "x" * MAX_CHARACTERS + "'",
        "+".join(["seed"] * DEEP),
        "\0",
        "seed == 1 \0",
    ],
    ids=range(17),
)
def test_a_filter_has_limits(log, text):
    """A message, and no recursion without end."""
    with pytest.raises(RequestError) as caught:
        log.filter(text)
    assert caught.value.parameter == "filter"
    assert len(str(caught.value)) < 600


def test_filters_at_the_limits_are_carried_out(log):
    """By SQLite and by pandas: as many comparisons, as deep, and a list as long as the text may be."""
    frame = log.to_frame()
    deep = "(seed == 7 or not (" * (MAX_DEPTH // 3) + "keep" + "))" * (MAX_DEPTH // 3)
    long = f"seed in [{', '.join(map(str, range(MAX_CHARACTERS // 8)))}]"
    for text in (" or ".join(["seed == 7"] * MAX_COMPARISONS), deep, long):
        assert "task 1" in log.filter(text).taskUUID.tolist()
        assert log.filter(text).equals(frame[parse(text).mask(frame)].reset_index(drop=True))


def test_every_column_of_the_log_can_be_compared(log):
    """With a gap; in SQL and in a frame."""
    frame = log.to_frame()
    for name in COLUMNS:
        text = f"{name} is None"
        assert log.filter(text).taskUUID.tolist() == frame[parse(text).mask(frame)].taskUUID.tolist(), name


def test_a_filter_is_shown_as_it_was_typed():
    """On the button that takes it away."""
    assert str(parse("temperature > 0.5")) == "temperature > 0.5"
    assert set(CALLS) >= {"isna", "str.contains"}


def test_a_filter_reads_only_the_rows_that_it_finds(log):
    """The condition is carried out by the database."""
    with log.database.reading() as connection:
        query = sa.select(RUNS.c.id).select_from(RUNS.outerjoin(IMAGES, IMAGES.c.run == RUNS.c.id)).order_by(RUNS.c.id)
        assert connection.execute(query.where(parse("rating >= 4").condition())).scalars().all() == [1, 2]


@pytest.mark.parametrize("name", ["1.jpg", "../../etc/passwd", "/etc/passwd", f"00/{'0' * 64}", f"00/{'0' * 64}.j/../x", f"0G/{'0' * 64}.jpg",
                                  f"00/{'0' * 63}.jpg", f"00/{'0' * 64}.JPG", f"00/{'0' * 64}.", f"00/{'0' * 64}.jpg", None])  # fmt: skip
def test_a_file_that_a_log_may_not_name_is_a_gap_for_sql_too(random_log, name):
    """As in the frame, which has only files of the image folder."""
    write(random_log, [{name: values[-1] for name, values in VALUES.items()} | {"file": name}])
    frame = random_log.to_frame()
    for text in ("file is None", "file.str.contains('0')"):
        assert random_log.filter(text).taskUUID.tolist() == frame[parse(text).mask(frame)].taskUUID.tolist()
    assert len(random_log.filter("file is not None")) == (name == f"00/{'0' * 64}.jpg")
