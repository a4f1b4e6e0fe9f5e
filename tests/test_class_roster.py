"""The roster of a class: names, budgets and keys, as they are read, made, kept and found again."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbkit.classroom.roster import (
    ALPHABET,
    TEACHER,
    Classroom,
    check_name,
    hashed,
    micros_of,
    new_key,
    read_roster,
)
from nbkit.errors import RequestError, StorageError

NAMES = st.text(st.characters(categories=("L", "N", "P")), min_size=1, max_size=30).filter(
    lambda name: name.casefold() not in ("name", "student") and name.isprintable()
)
ROSTERS = st.lists(NAMES, min_size=1, max_size=12, unique_by=lambda name: check_name(name).casefold())


def roster(text, file=Path("roster.csv")):
    """The students of a table that is a text."""
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_roster(file)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Mia\nBen\n", [("Mia", None), ("Ben", None)]),
        ("\ufeffname;budget\r\nMia;0,50\r\nBen;\r\n", [("Mia", 0.5), ("Ben", None)]),
        ("mail\tName\tBudget\na@b\tMia  Li\t$2\n\n", [("Mia Li", 2.0)]),
        ('Student\n"Li, Mia"\n', [("Li, Mia", None)]),
    ],
)
def test_a_roster_is_read_as_spreadsheets_write_it(text, found):
    """With commas, semicolons or tabs, a mark at the beginning, and with or without headers."""
    assert roster(text) == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Mia\nBen\nmia\n", "line 3"),
        ("name,budget\n,0.5\n", "line 2"),
        ("name,budget\nMia,much\n", "line 2"),
        ("name\n", "no students"),
        ("M" * 61, "1 to 60"),
        ("Mia\x07", "1 to 60"),
        (b"M\xfcller\n", "UTF-8"),
    ],
)
def test_a_roster_that_cannot_be_names_its_line(text, message):
    """The error is one of nbkit's."""
    with pytest.raises(RequestError, match=message):
        roster(text)


@given(ROSTERS)
@settings(deadline=None, max_examples=30)
def test_a_table_of_names_is_read_back(names):
    """Whatever characters they have, as a spreadsheet quotes them."""
    out = io.StringIO()
    csv.writer(out).writerows([["name"], *([name] for name in names)])
    assert roster(out.getvalue()) == [(check_name(name), None) for name in names]


@given(st.text(max_size=40))
@settings(deadline=None, max_examples=30)
def test_a_key_can_be_typed_from_paper(name):
    """Lower-case letters, digits and hyphens; the chance in it has no characters that look alike."""
    key = new_key(name)
    head, *groups = key.split("-")
    assert head.isascii()
    assert head.isalnum()
    assert len(groups) == 4
    assert set("".join(groups)) <= set(ALPHABET)
    assert hashed(f" {key.upper()}\n") == hashed(key)


def test_only_hashes_of_keys_are_kept(tmp_path):
    """No file of the folder has a key."""
    room, keys, teacher = Classroom.create(tmp_path / "class", [("Mia", None)], 0.5)
    assert (room.who(keys["Mia"]).name, room.who(teacher), room.who("mia")) == ("Mia", TEACHER, None)
    room.close()
    for file in (tmp_path / "class").iterdir():
        data = file.read_bytes()
        assert not any(key.encode() in data for key in (keys["Mia"], teacher))


def test_a_class_is_made_once(tmp_path):
    """And only a folder of a class is opened."""
    folder = tmp_path / "class"
    with pytest.raises(StorageError, match="is no class"):
        Classroom.open(folder)
    Classroom.create(folder, [("Mia", 1.5)], 0.5)[0].close()
    with pytest.raises(StorageError, match="already"):
        Classroom.create(folder, [("Mia", None)], 0.5)
    room = Classroom.open(folder)
    assert [(one.name, one.budget, one.left) for one in room.students()] == [("Mia", 1_500_000, 1_500_000)]
    room.close()


@pytest.mark.parametrize("students", [[], [("Mia", None), ("mia", None)], [("", None)], [("Mia", -1.0)]])
def test_a_class_that_cannot_be_leaves_no_class(tmp_path, students):
    """An error, and the same folder can be made later."""
    with pytest.raises(RequestError):
        Classroom.create(tmp_path / "class", students, 0.5)
    Classroom.create(tmp_path / "class", [("Mia", None)], 0.5)[0].close()


@given(st.one_of(st.floats(), st.integers(), st.booleans(), st.none()))
@settings(deadline=None)
def test_a_budget_is_an_amount_of_money(amount):
    """From nothing to a million; anything else is an error."""
    is_amount = isinstance(amount, int | float) and not isinstance(amount, bool) and 0 <= amount <= 1_000_000
    if is_amount:
        assert abs(micros_of(amount) - amount * 1e6) <= 0.5
    else:
        with pytest.raises(RequestError, match="budget="):
            micros_of(amount)
