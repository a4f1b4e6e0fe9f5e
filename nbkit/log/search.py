"""Finds rows of the log by words of their prompt, tags and note.

A search reads and compares the texts of all rows. That works in every alphabet and needs no disk space: 100,000 rows
with 12 MB of prompts take about a third of a second. SQLite's trigram index needs 1 to 40 ms, but 33 MB more on disk,
9 s to build and triggers on two tables; it does not find words of fewer than three letters, or ß for ss.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from nbkit.errors import RequestError
from nbkit.log.damage import KINDS, check_values, read_undamaged
from nbkit.log.database import Database, one_of, read_columns
from nbkit.log.frame import query_of
from nbkit.log.schema import IMAGES, RUNS
from nbkit.log.sqlite import casefold

SEARCHED_COLUMNS = (RUNS.c.prompt, IMAGES.c.tags, IMAGES.c.note)
"""The columns that a search compares."""

# A quotation mark starts a phrase only at the start of a word: 5" is a word. The closing mark may be missing while a
# person is typing.
_TERM = re.compile(r'(?<!\S)"([^"]*)(?:"|$)|(\S+)')


def match_rows(text: str, *columns: Sequence[str | None]) -> list[int]:
    """The indices of the rows that contain every word of a search, in ascending order.

    Case does not matter, and a word may match a part of a word. ``"a phrase"`` must be within one column. A search
    without words matches every row.

    Args:
        text: the search.
        columns: the texts of the rows, one sequence per column, all of the same length.

    Raises:
        RequestError: if ``text`` is not a string.
    """
    if not isinstance(text, str):
        raise RequestError(f"text: must be text, not {type(text).__name__}", parameter="text", value=text)
    terms = [" ".join((phrase or word).split()) for phrase, word in _TERM.findall(casefold(text))]
    rows = list(range(len(columns[0])))
    if not any(terms):
        return rows
    row_texts = [casefold("\n".join(filter(None, texts))) for texts in zip(*columns, strict=True)]
    for word in {word for term in terms for word in term.split()}:
        rows = [row for row in rows if word in row_texts[row]]
    for phrase in (term for term in terms if " " in term):
        rows = [row for row in rows if any(phrase in _normalized(column[row]) for column in columns)]
    return rows


def find_rows(database: Database, text: str) -> sa.ColumnElement[bool]:
    """The condition that a row of the log matches a search.

    Args:
        database: the log.
        text: as for :func:`match_rows`.

    Raises:
        RequestError: if ``text`` is not a string.
    """
    query = query_of(None, (RUNS.c.id, IMAGES.c.id, *SEARCHED_COLUMNS))
    run, result, *texts = read_undamaged(
        database, lambda c, damage: _read_texts(c, damage.without(query, RUNS, IMAGES))
    )
    rows = match_rows(text, *texts)
    of_results = sa.or_(IMAGES.c.id.is_(None), one_of(IMAGES.c.id, (result[row] for row in rows)))
    return one_of(RUNS.c.id, (run[row] for row in rows)) & of_results


def _read_texts(connection: sa.Connection, query: sa.Select[Any]) -> list[list[Any]]:
    columns = read_columns(connection, query)
    for column, texts in zip(SEARCHED_COLUMNS, columns[2:], strict=True):
        check_values(column.key, KINDS[column], texts)
    return columns


def _normalized(text: str | None) -> str:
    return " ".join(casefold(text or "").split())
