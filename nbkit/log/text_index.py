"""An index of the texts of the log's runs by groups of three letters, for searches in long logs.

It is a full-text table of SQLite, ``folded``: a row for each run, whose text is the prompt, the tags and the notes of its
pictures, in lower case. A search for a word asks for the groups in it, and compares what it finds with the word itself.
A letter that is not ASCII and a pair with one, as most words of Chinese are, have a group of their own.

Runs are added before a search, some thousands in a transaction, and not when they are made, which would cost each run
time. So an old log, too, gets its index in steps, and whoever is interrupted goes on with the next search. A change of
tags or notes changes the row in its own transaction. Without the module FTS5 in SQLite, all rows are compared.
"""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from tqdm import tqdm

from nbkit.errors import StorageError
from nbkit.log.database import Database
from nbkit.log.schema import IMAGES, RUNS
from nbkit.log.sql import one_of, text_bytes
from nbkit.log.sqlite import casefold

FOLDED = sa.table("folded", sa.column("rowid", sa.Integer), sa.column("text", sa.Text), sa.column("folded", sa.Text))

_CREATE = "CREATE VIRTUAL TABLE folded USING fts5(text, tokenize='trigram case_sensitive 1', detail=none, columnsize=0)"
_DECLARED = "SELECT sql FROM sqlite_master WHERE name = 'folded'"
_INSERT = "INSERT INTO folded (rowid, text) VALUES (?, ?)"
_LAST = "SELECT rowid FROM folded ORDER BY rowid DESC LIMIT 1"

AT_ONCE = 5_000
"""Runs that are added in one transaction: a fifth of a second."""

MANY = 20_000
"""So many runs take a second: from there on they are added when a log is opened, and the progress is shown."""

_EDGE = "\n"
"""Stands before and after a text, so that its first and last letters are in as many groups as the others."""

_SHORT = "\1"
"""Begins the group of a short word."""

_GROUPS = 12
"""Groups of a word that are asked for; more of them find hardly fewer rows."""


def update(database: Database, at_least: int = 0) -> bool:
    """Add the runs that are not in the index yet.

    Args:
        database: the log.
        at_least: nothing is done for so many runs, or fewer.

    Returns:
        Whether there is an index: not every SQLite can make one.
    """
    try:
        return _update(database, at_least)
    except (StorageError, sa.exc.DBAPIError):  # it is damaged, or the log is locked: all rows are compared
        return False


def _update(database: Database, at_least: int) -> bool:
    with database.reading() as connection:
        if not _has_index(connection) and not _can_make_one(connection):
            return False
        missing = _newest(connection) - _last(connection)
    if missing <= at_least:
        return missing >= 0
    with tqdm(total=missing, unit=" runs", desc="indexing texts", disable=missing < MANY) as bar:
        while True:
            with database.writing(upgrade=True) as connection:
                if not _has_index(connection):
                    connection.exec_driver_sql(_CREATE)
                runs = sa.select(RUNS.c.id).where(RUNS.c.id > _last(connection)).order_by(RUNS.c.id).limit(AT_ONCE)
                added = _insert(connection, connection.scalars(runs).all())
            if not added:
                return True
            bar.update(added)


def refresh(connection: sa.Connection, results: Iterable[int]) -> None:
    """Write the texts of runs anew, in the transaction that has changed tags or notes of some of their results.

    Args:
        connection: of the transaction.
        results: the numbers of the results.
    """
    if not _has_index(connection):
        return
    with contextlib.suppress(sa.exc.DBAPIError):  # of a damaged index; it is not used then
        _refresh(connection, results)


def _refresh(connection: sa.Connection, results: Iterable[int]) -> None:
    changed = sa.select(IMAGES.c.run).distinct().where(one_of(IMAGES.c.id, results), IMAGES.c.run <= _last(connection))
    runs = connection.scalars(changed).all()
    connection.execute(sa.delete(FOLDED).where(one_of(FOLDED.c.rowid, runs)))
    _insert(connection, runs)


def query_for(word: str) -> str:
    """The query for the runs that may have a word, in the language of FTS5.

    Args:
        word: in lower case.

    Returns:
        The query; empty for a single ASCII letter, which most runs have.
    """
    if "\0" in word and len(word) < 3:
        return ""
    if len(word) == 2 and word.isascii():  # with any letter after it
        groups = [f"{word}{chr(code)}" for code in range(1, 128)]
        return f"({' OR '.join(map(_quoted, [*groups, _SHORT + word]))})"
    if len(word) < 3:
        return "" if word.isascii() else _quoted(f"{_SHORT * (3 - len(word))}{word}")
    groups = list(dict.fromkeys(word[start : start + 3] for start in range(len(word) - 2)))
    groups = [group for group in groups if "\0" not in group]  # which ends a query
    return " AND ".join(map(_quoted, groups[:: max(1, len(groups) // _GROUPS)]))


def indexed_text(texts: Iterable[str | None]) -> str:
    """The text of a run in the index."""
    text = f"{_EDGE}{casefold(_EDGE.join(filter(None, texts)))}{_EDGE}".replace("\0", _EDGE)
    if text.isascii():
        return text
    short = {letter for letter in text if not letter.isascii()}
    for pair, following in zip(map("".join, itertools.pairwise(text)), f"{text[2:]}{_EDGE}", strict=True):
        if not (pair.isascii() and following.isascii()):
            short.add(pair)
    return text + "".join(f"{_SHORT * (3 - len(word))}{word}" for word in sorted(short))


def _quoted(group: str) -> str:
    return '"{}"'.format(group.replace('"', '""'))


def _insert(connection: sa.Connection, runs: Sequence[int]) -> int:
    """Add runs by their numbers. Returns how many."""
    if not runs:
        return 0
    texts: dict[int, list[str]] = {number: [] for number in runs}
    prompts = sa.select(RUNS.c.id, text_bytes(RUNS.c.prompt))
    notes = sa.select(IMAGES.c.run, text_bytes(IMAGES.c.tags), text_bytes(IMAGES.c.note)).where(
        IMAGES.c.tags.is_not(None) | IMAGES.c.note.is_not(None)
    )
    for query, column in ((prompts, RUNS.c.id), (notes, IMAGES.c.run)):
        for number, *of_run in connection.execute(query.where(one_of(column, runs))):
            texts[number] += (text.decode("utf-8", "replace") for text in of_run if text)
    rows = [(number, indexed_text(of_run)) for number, of_run in texts.items()]
    connection.exec_driver_sql(_INSERT, rows)
    return len(rows)


def _has_index(connection: sa.Connection) -> bool:
    """Whether there is the table that this module makes; one of a stranger may have anything in it."""
    return connection.dialect.name == "sqlite" and connection.exec_driver_sql(_DECLARED).scalar() == _CREATE


def _can_make_one(connection: sa.Connection) -> bool:
    if connection.dialect.name != "sqlite" or connection.exec_driver_sql(_DECLARED).first() is not None:
        return False
    has_module = connection.exec_driver_sql("SELECT sqlite_compileoption_used('ENABLE_FTS5')").scalar()
    return bool(has_module) and sqlite3.sqlite_version_info >= (3, 34)


def _last(connection: sa.Connection) -> int:
    """The number of the last run in the index."""
    return int(connection.exec_driver_sql(_LAST).scalar() or 0) if _has_index(connection) else 0


def _newest(connection: sa.Connection) -> int:
    return int(connection.scalar(sa.select(sa.func.max(RUNS.c.id))) or 0)
