"""Searching the log: which rows match a text, in which order they come, and that no character breaks the query."""

import subprocess
import sys

import pandas as pd
import pytest
import service_faults as fault
import sqlalchemy as sa

from nbkit import errors
from nbkit.log.database import read_columns
from nbkit.log.schema import IMAGES, RUNS
from nbkit.log.search import match_rows
from nbkit.log.sql import one_of

PROMPTS = [
    "A paper lantern shop, quiet\n  street at night",
    "STRASSE im Regen, café",
    'Größe zählt: 100% _wild_ 5" nails; DROP TABLE runs',
    "Ночной ФОНАРЬ",
    'A sign that says "Open late"',
]


@pytest.fixture
def full(studio):
    """A studio whose log has five prompts; the first picture has tags and a note."""
    for number, prompt in enumerate(PROMPTS):
        studio.generate(prompt, width=512, height=512, seed=number)
    studio.log.mark(studio.df[:1], tags="evening, Jade", note="Print this one")
    return studio


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("lantern", [0]),
        ("LANT", [0]),
        ("street shop", [0]),
        ("lantern regen", []),
        ("lantern jade print", [0]),
        ("straße", [1]),
        ("strasse CAFÉ", [1]),
        ("cafe\u0301", [1]),
        ("grösse", [2]),
        ("фонарь", [3]),
        ('"quiet street"', [0]),
        ('"street quiet"', []),
        ('"night evening"', []),
        ('"quiet str', [0]),
        ('"quiet  street" jade', [0]),
        ("100%", [2]),
        ("%", [2]),
        ("_", [2]),
        ('5"', [2]),
        ("'; DROP", []),
        ("; drop", [2]),
        ('"open', [4]),
        ("*", []),
        ("\\", []),
        ("a OR b", []),
        ("", [0, 1, 2, 3, 4]),
        (" \n", [0, 1, 2, 3, 4]),
        ('""', [0, 1, 2, 3, 4]),
        ('"', [0, 1, 2, 3, 4]),
        ("sign that", [4]),
    ],
)
def test_search_finds_the_rows_that_contain_every_word(full, text, seeds):
    """In prompt, tags or note: parts of words, quoted phrases, letters of every alphabet in either case, any sign."""
    found = full.log.search(text)
    assert found.requestedSeed.tolist() == seeds


def test_search_returns_rows_of_the_frame_of_the_log(service, full):
    """Columns, dtypes, values and order are those of ``to_frame``; also rows without a picture, and an empty result."""
    service.faults += [fault.refused("invalidSeed"), fault.partial([{"code": "oops", "message": "no"}], keep=1)]
    full.generate("A lantern", width=512, height=512)
    full.generate("A lantern", width=512, height=512, number_results=2)
    whole, found = full.df, full.log.search("lantern")
    expected = whole[whole.prompt.str.contains("lantern")].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, expected)
    assert found.status.tolist() == ["done", "failed", "done", "failed"]
    empty = full.log.search("no such word")
    assert empty.empty
    assert empty.dtypes.tolist() == whole.dtypes.tolist()


def test_searching_for_a_note_finds_only_its_picture(studio):
    """Tags and notes belong to one picture, not to its whole run."""
    run = studio.generate("A lantern", width=512, height=512, number_results=3)
    studio.log.mark(run[1], note="the one")
    found = studio.log.search("the one")
    assert found.imageUUID.tolist() == [run[1].image_uuid]
    studio.log.mark(run[1], note=None)
    assert studio.log.search("the one").empty


@pytest.mark.parametrize("text", [None, 3, b"lantern", ["lantern"]], ids=repr)
def test_search_refuses_anything_but_a_string(full, text):
    """The error names the argument."""
    with pytest.raises(errors.RequestError, match="text: must be text") as raised:
        full.log.search(text)
    assert raised.value.parameter == "text"


def test_match_rows_searches_any_columns():
    """A gallery that has the texts in memory does not read the log for a search; a gap matches no word."""
    assert match_rows("b a", ["x a", "a"], [None, "b"]) == [1]
    assert match_rows("none", [None, None]) == []
    assert match_rows("", [None, None]) == [0, 1]


@pytest.mark.file
def test_an_error_in_the_middle_of_reading_the_log_is_a_storage_error(full):
    """The driver raises it between two rows; the log can be searched afterwards."""
    smallest = -(2**63)  # SQLite cannot compute its absolute value, and raises for it
    query = sa.text(f"SELECT abs(column1) FROM (VALUES (1), (2), ({smallest}))")
    with (
        pytest.raises(errors.StorageError, match="cannot be read: integer overflow"),
        full.log.database.reading() as connection,
    ):
        read_columns(connection, query)
    assert full.log.search("lantern").requestedSeed.tolist() == [0]


def test_search_returns_the_same_frame_without_pyarrow(full, tmp_path):
    """Strings are then stored in another way; the names of the dtypes and the values are the same."""
    code = (
        "import sys; from importlib.abc import MetaPathFinder\n"
        "class Missing(MetaPathFinder):\n"
        "    def find_spec(self, name, *_):\n"
        "        if name.partition('.')[0] == 'pyarrow': raise ModuleNotFoundError(name=name)\n"
        "sys.meta_path.insert(0, Missing())\n"
        "import nbkit; studio = nbkit.Studio(engine='offline', path=sys.argv[1])\n"
        "frame = studio.log.search('a'); print(*frame.dtypes, *frame.prompt, frame.seed.tolist()); studio.close()"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "runs")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    frame = full.log.search("a")
    assert printed.split() == " ".join(map(str, [*frame.dtypes, *frame.prompt, frame.seed.tolist()])).split()


@pytest.mark.file
@pytest.mark.parametrize("column", [RUNS.c.id, RUNS.c.taskUUID, IMAGES.c.imageUUID])
def test_rows_that_are_named_are_found_by_an_index(open_studio, column):
    """However long the log is."""
    query = sa.select(column).where(one_of(column, ["x"]))
    with open_studio(engine="offline").log.database.reading() as connection:
        text = query.compile(connection, compile_kwargs={"literal_binds": True})
        steps = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")]
    assert steps[0].startswith(f"SEARCH {column.table.name} ")
