"""Finding rows of the log by words of their prompt, tags and note.

Every row's words are read and compared, which knows all letters and needs no room: at 100,000 rows with 12 MB of
prompts it takes about a third of a second. SQLite's own index of trigrams answers the same in 1 to 40 ms, but takes
33 MB more on disk and 9 s to build, must be kept in step by triggers on two tables, knows no word of fewer than three
letters, and takes ß for no ss.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from nbkit.errors import RequestError
from nbkit.log.database import Database, read_columns
from nbkit.log.schema import IMAGES, RUNS

WORDS = (RUNS.c.prompt, IMAGES.c.tags, IMAGES.c.note)
"""What is searched."""

# A quotation mark begins a phrase only where a word might begin: 5" is a word. While it is typed, it has no end yet.
_PARTS = re.compile(r'(?<!\S)"([^"]*)(?:"|$)|(\S+)')


def match_rows(text: str, *columns: Sequence[str | None]) -> list[int]:
    """The places of the rows that hold every word of a search, in their order; a search without words finds all.

    Case does not matter, and a word may be a part of a word; ``"a phrase"`` is found as it stands, in one column.

    Args:
        text: what is searched for.
        columns: the rows' words, column by column, all of one length.

    Raises:
        RequestError: if the search is no text.
    """
    if not isinstance(text, str):
        raise RequestError(f"text: must be text, not {type(text).__name__}", parameter="text", value=text)
    parts = [" ".join((phrase or word).split()) for phrase, word in _PARTS.findall(_folded(text))]
    rows = list(range(len(columns[0])))
    if not any(parts):
        return rows
    folded = [_folded("\n".join(filter(None, words))) for words in zip(*columns, strict=True)]
    for word in {word for part in parts for word in part.split()}:
        rows = [row for row in rows if word in folded[row]]
    for phrase in (part for part in parts if " " in part):
        rows = [row for row in rows if any(phrase in _line(column[row]) for column in columns)]
    return rows


def find_rows(database: Database, text: str, *keys: sa.ColumnElement[Any]) -> list[tuple[Any, ...]]:
    """The keys of the log's rows that match a search, in the log's order.

    Args:
        database: the log.
        text: as for :func:`match_rows`.
        keys: the columns that name a row.
    """
    query = sa.select(*keys, *WORDS).select_from(RUNS.outerjoin(IMAGES, IMAGES.c.run == RUNS.c.id))
    with database.reading() as connection:
        columns = read_columns(connection, query.order_by(RUNS.c.id, IMAGES.c.id), len(keys) + len(WORDS))
    rows = match_rows(text, *columns[len(keys) :])
    return [tuple(column[row] for column in columns[: len(keys)]) for row in rows]


def _line(text: str | None) -> str:
    return " ".join(_folded(text or "").split())


def _folded(text: str) -> str:
    # One letter may be written in several ways: é as one sign, or as e and an accent.
    return text.casefold() if text.isascii() else unicodedata.normalize("NFC", text).casefold()
