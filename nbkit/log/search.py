"""Finds rows of the log by words of their prompt, tags and note.

:mod:`nbkit.log.text_index` finds the runs that may have the words, and SQLite compares their rows with the words
themselves, in lower case and in every alphabet. The rule is that of :func:`match_rows`, which compares texts in memory.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from nbkit.errors import RequestError
from nbkit.log import sql, text_index
from nbkit.log.database import Database
from nbkit.log.frame import count_rows
from nbkit.log.schema import IMAGES, RUNS
from nbkit.log.sqlite import casefold, has_words
from nbkit.log.text_index import FOLDED, query_for
from nbkit.request.parameter import is_utf8, type_in_words

_SEARCHED = (RUNS.c.prompt, IMAGES.c.tags, IMAGES.c.note)

# A quotation mark starts a phrase only at the start of a word: 5" is a word. The closing mark may be missing while a
# person is typing.
_TERM = re.compile(r'(?<!\S)"([^"]*)(?:"|$)|(\S+)')

_ASKED = 8
"""Words that are asked of the index, the longest ones; a prompt that somebody pastes may have a hundred."""

_FIRST_LOOK = 500
"""Runs that are compared first where only the newest rows are wanted; each further look is at sixteen times as many."""


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
    words, phrases = _words_and_phrases(text)
    return [row for row, texts in enumerate(zip(*columns, strict=True)) if has_words(words, phrases, texts)]


def find_rows(database: Database, text: str, newest: int | None = None) -> sa.ColumnElement[bool] | None:
    """The condition that a row of the log matches a search; ``None`` for a search without words, which all match.

    Args:
        database: the log.
        text: as for :func:`match_rows`.
        newest: only so many rows are wanted, the newest ones: others may not meet the condition.

    Raises:
        RequestError: if ``text`` is not a string.
        StorageError: if the log cannot be read.
    """
    words, phrases = _words_and_phrases(text)
    if not words:
        return None
    if not is_utf8(text):  # no text in a log has half of a surrogate pair
        return sa.false()
    rows = sql.has_words(words, phrases, _SEARCHED)
    if not text_index.update(database):
        return rows
    runs = candidates(words)
    if newest is None:
        return RUNS.c.id.in_(runs) & rows
    look = _FIRST_LOOK
    while True:
        with database.reading() as connection:
            some = connection.scalars(runs.order_by(FOLDED.c.rowid.desc()).limit(look)).all()
        found = sql.one_of(RUNS.c.id, some) & rows
        if len(some) < look or count_rows(database, found) >= newest:
            return found
        look *= 16


def candidates(words: Sequence[str]) -> sa.Select[Any]:
    """The query for the numbers of the runs that may have all words.

    Args:
        words: in lower case.
    """
    query = sa.select(FOLDED.c.rowid)
    longest = sorted(words, key=len, reverse=True)[:_ASKED]
    if asked := " AND ".join(filter(None, map(query_for, longest))):
        return query.where(FOLDED.c.folded.bool_op("MATCH")(asked))
    for word in longest:
        if "\0" in word:
            continue
        query = query.where(sql.holds(FOLDED.c.text, word))
    return query


def _words_and_phrases(text: str) -> tuple[list[str], list[str]]:
    """The words of a search, those of phrases as well, and its phrases, all in lower case.

    Raises:
        RequestError: if it is not a string.
    """
    if not isinstance(text, str):
        raise RequestError(f"text: must be text, got {type_in_words(text)}", parameter="text", value=text)
    terms = [" ".join((phrase or word).split()) for phrase, word in _TERM.findall(casefold(text))]
    words = list(dict.fromkeys(word for term in terms for word in term.split()))
    return words, [term for term in terms if " " in term]
