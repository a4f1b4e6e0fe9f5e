"""Finds the prompts that were typed before, newest first, without reading a whole log.

The newest runs are read backwards in steps until there are enough distinct prompts. A search asks the text index for the
runs that may have the text, and compares their prompts with it.
"""

from __future__ import annotations

import sqlalchemy as sa

from nbkit.errors import RequestError
from nbkit.log import text_index
from nbkit.log.database import Database, read_columns
from nbkit.log.frame import check_argument
from nbkit.log.schema import RUNS
from nbkit.log.search import candidates
from nbkit.log.sql import text_bytes
from nbkit.log.sqlite import casefold, has_words
from nbkit.log.text_index import FOLDED
from nbkit.request.image_request import PARAMETERS
from nbkit.request.parameter import Integer, ValueInvalid, is_utf8, type_in_words

MAX_RUNS = 100_000
"""Limit for the runs that are read, the newest ones: a sweep of one prompt may have as many."""

_FIRST_STEP = 500
"""Runs of the first step; each further step has four times as many."""


def find_prompts(database: Database, search: str, limit: int) -> list[str]:
    """The distinct prompts of a log, newest first.

    Args:
        database: the log.
        search: a text that they contain. Case does not matter, and any white space in it is like one space.
        limit: only so many.

    Raises:
        RequestError: if the search is not a string, or the limit is no number of prompts.
        StorageError: if the log cannot be read.
    """
    if not isinstance(search, str):
        raise RequestError(f"search: must be text, got {type_in_words(search)}", parameter="search", value=search)
    limit = check_argument("limit", Integer(0).check, limit)
    words = casefold(search).split()
    if not limit or not is_utf8(search):  # no text in a log has half of a surrogate pair
        return []
    runs = candidates(words) if words and text_index.update(database) else None
    number, phrase = (RUNS.c.id if runs is None else FOLDED.c.rowid), " ".join(words)
    numbers = sa.select(RUNS.c.id) if runs is None else runs
    found: dict[str, bool] = {}  # each prompt that was read, and whether it is wanted
    before, step, left = 2**63 - 1, _FIRST_STEP, MAX_RUNS
    while left > 0 and sum(found.values()) < limit:
        some = numbers.where(number < before).order_by(number.desc()).limit(min(step, left)).subquery()
        query = sa.select(RUNS.c.id, text_bytes(RUNS.c.prompt)).where(RUNS.c.id.in_(sa.select(some)))
        with database.reading() as connection:
            ids, prompts = read_columns(connection, query.order_by(RUNS.c.id.desc()))
        for prompt in filter(None, prompts):
            text = prompt.decode("utf-8", "replace")
            if text not in found:
                found[text] = _is_prompt(prompt) and has_words((), [phrase], [text])
        if len(ids) < min(step, left):
            break
        before, left, step = ids[-1], left - len(ids), 4 * step
    return [prompt for prompt, is_wanted in found.items() if is_wanted][:limit]


def _is_prompt(text: bytes) -> bool:
    """Whether a request takes it; a damaged row may have anything."""
    try:
        PARAMETERS["prompt"].kind.check(text.decode())
    except (ValueInvalid, UnicodeDecodeError):
        return False
    return True
