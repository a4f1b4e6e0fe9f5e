"""Finding rows by their words: what matches, in which letters, and that no sign does harm."""

import subprocess
import sys

import pandas as pd
import pytest
import service_faults as fault
import sqlalchemy as sa

from nbkit import errors
from nbkit.log import frame as frame_module
from nbkit.log.database import read_columns
from nbkit.log.search import match_rows

PROMPTS = [
    "A paper lantern shop, quiet\n  street at night",
    "STRASSE im Regen, café",
    'Größe zählt: 100% _wild_ 5" nails; DROP TABLE runs',
    "Ночной ФОНАРЬ",
    'A sign that says "Open late"',
]


@pytest.fixture
def full(studio):
    """A log of five prompts; the first picture has tags and a note."""
    for number, prompt in enumerate(PROMPTS):
        studio.generate(prompt, width=512, height=512, seed=number)
    studio.log.mark(studio.df[:1], tags="evening, Jade", note="Print this one")
    return studio


@pytest.mark.parametrize(
    ("text", "places"),
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
def test_what_a_search_finds(full, text, places):
    """Every word, somewhere in prompt, tags or note; parts of words; phrases; letters of all alphabets; any sign."""
    found = full.log.search(text)
    assert found.requestedSeed.tolist() == places


def test_a_search_gives_the_same_frame(service, full):
    """Columns, dtypes, values and order are those of ``to_frame``, also for rows without a picture or some pictures."""
    service.faults += [fault.refused("invalidSeed"), fault.partial([{"code": "oops", "message": "no"}], keep=1)]
    full.generate("A lantern", width=512, height=512)
    full.generate("A lantern", width=512, height=512, number_results=2)
    whole, found = full.df, full.log.search("lantern")
    expected = whole[whole.prompt.str.contains("lantern")].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, expected)
    assert found.status.tolist() == ["done", "failed", "done", "failed"]
    none = full.log.search("no such word")
    assert none.empty
    assert none.dtypes.tolist() == whole.dtypes.tolist()


def test_one_picture_of_a_run_is_found_alone(studio):
    """Tags and notes belong to a picture, and not to its run."""
    run = studio.generate("A lantern", width=512, height=512, number_results=3)
    studio.log.mark(run[1], note="the one")
    found = studio.log.search("the one")
    assert found.imageUUID.tolist() == [run[1].image_uuid]
    studio.log.mark(run[1], note=None)
    assert studio.log.search("the one").empty


def test_many_matches_are_the_same_frame(full, monkeypatch):
    """However they are read."""
    by_name = full.log.search("a")
    monkeypatch.setattr(frame_module, "_MAX_RUNS_BY_ID", 1)
    for share in (0, 1):  # of the rows between them: taken out of a whole frame, or one by one
        monkeypatch.setattr(frame_module, "_DENSE_SHARE", share)
        pd.testing.assert_frame_equal(full.log.search("a"), by_name)
    assert 1 < len(by_name) < len(full.df)


@pytest.mark.parametrize("text", [None, 3, b"lantern", ["lantern"]], ids=repr)
def test_a_search_for_no_text_is_told(full, text):
    """It names the argument."""
    with pytest.raises(errors.RequestError, match="text: must be text") as raised:
        full.log.search(text)
    assert raised.value.parameter == "text"


def test_matching_works_on_any_columns():
    """A gallery that has the words in hand asks no log; a gap is no word."""
    assert match_rows("b a", ["x a", "a"], [None, "b"]) == [1]
    assert match_rows("none", [None, None]) == []
    assert match_rows("", [None, None]) == [0, 1]


def test_a_log_that_breaks_while_it_is_read_is_told(full):
    """What the driver raises in the middle of the rows becomes the same clear error as before them."""
    smallest = -(2**63)  # of which SQLite cannot tell the absolute value
    query = sa.text(f"SELECT abs(column1) FROM (VALUES (1), (2), ({smallest}))")
    with (
        pytest.raises(errors.StorageError, match="cannot be read: integer overflow"),
        full.log.database.reading() as connection,
    ):
        read_columns(connection, query, 1)
    assert full.log.search("lantern").requestedSeed.tolist() == [0]


def test_without_pyarrow_it_is_the_same_frame(full, tmp_path):
    """Strings are kept in another way then; names of dtypes and values are the same."""
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "import nbkit; studio = nbkit.Studio(engine='offline', path=sys.argv[1])\n"
        "frame = studio.log.search('a'); print(*frame.dtypes, *frame.prompt, frame.seed.tolist()); studio.close()"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "runs")]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    frame = full.log.search("a")
    assert told.split() == " ".join(map(str, [*frame.dtypes, *frame.prompt, frame.seed.tolist()])).split()
