"""Judgements: which of some pictures a person found best. Rows are added; one that is taken back stays, with the time.

They are rows of their own, and no columns of pictures: a rating says what one person thinks of one picture, a judgement
what was better than what, to whom, asked how, in which order on the screen.
"""

from __future__ import annotations

import json
import math
import time
import uuid
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import pandas as pd
import sqlalchemy as sa

from nbkit.errors import NoSuchKey, RequestError
from nbkit.log.annotations import check_known
from nbkit.log.database import Database
from nbkit.log.frame import MEASURE, STRING, TIME, check_argument
from nbkit.log.schema import IMAGES, JUDGEMENTS
from nbkit.log.sql import one_of
from nbkit.request.parameter import Text, ValueInvalid, type_in_words

TIED, SKIPPED = "tie", "skip"
"""Outcomes that name no picture: all that were shown are equally good; the person did not answer."""

MAX_SHOWN = 9
"""Pictures that one judgement is about; a person cannot choose among more."""

_RATER, _QUESTION = Text(1, 100), Text(1, 500)
_DTYPES = {"created": TIME, "rater": STRING, "question": STRING, "outcome": STRING, "seconds": MEASURE}


def check_rater(name: object) -> str:
    """The name of a rater, without spaces around it.

    Raises:
        RequestError: if it is no text of 1 to 100 characters.
    """
    return str(check_argument("rater", _checked(_RATER), name))


def check_question(text: object) -> str:
    """A question to raters, without spaces around it.

    Raises:
        RequestError: if it is no text of 1 to 500 characters.
    """
    return str(check_argument("question", _checked(_QUESTION), text))


def _checked(kind: Text) -> Any:
    def check(value: object) -> str:
        if not isinstance(value, str):
            raise ValueInvalid("type", f"text, got {type_in_words(value)}")
        return str(kind.check(" ".join(value.split())))

    return check


def add_judgement(
    database: Database,
    *,
    rater: str,
    question: str,
    shown: Sequence[str],
    outcome: str,
    seconds: float | None = None,
    author: str | None = None,
    once: bool = False,
) -> str:
    """Write one judgement, and return its id.

    Args:
        database: the log.
        rater: who judged.
        question: that was asked.
        shown: imageUUIDs of the pictures, in the order in which they stood on the screen.
        outcome: the imageUUID of the best one, ``"tie"`` or ``"skip"``.
        seconds: between showing and answering, if it was measured.
        author: who adds it to a log of somebody else.
        once: whether the first answer counts: nothing is written if the rater has answered this question about the same
            pictures, whoever wrote that. The id is that of the first answer then.

    Raises:
        RequestError: for anything that is not allowed; nothing is written then.
        KeyError: for a picture that the log does not have.
    """
    names = list(shown)
    if not 2 <= len(names) <= MAX_SHOWN or len(set(names)) < len(names):
        message = f"shown: must be from 2 to {MAX_SHOWN} different pictures, got {len(names)}"
        raise RequestError(message, parameter="shown", value=names, reason="count")
    if outcome not in (*names, TIED, SKIPPED):
        message = f'outcome={outcome!r}: must be one of the pictures that were shown, "{TIED}" or "{SKIPPED}"'
        raise RequestError(message, parameter="outcome", value=outcome)
    if seconds is not None and not (math.isfinite(seconds) and seconds >= 0):
        raise RequestError(f"seconds={seconds!r}: must be 0 or more", parameter="seconds", value=seconds)
    row: dict[str, Any] = {
        "judgementUUID": str(uuid.uuid4()),
        "created": time.time_ns() // 1000,
        "rater": check_rater(rater),
        "question": check_question(question),
        "shown": json.dumps(names),
        "outcome": outcome,
        "seconds": seconds,
        "author": author,
    }

    def step(connection: sa.Connection) -> str:
        found = connection.scalars(sa.select(IMAGES.c.imageUUID).where(one_of(IMAGES.c.imageUUID, names)))
        check_known(names, found)
        first = _first_answer(connection, row["rater"], row["question"], names) if once else None
        if first is None:
            connection.execute(sa.insert(JUDGEMENTS), row)
        return first or row["judgementUUID"]

    return database.write(step)


def _first_answer(connection: sa.Connection, rater: str, question: str, names: Collection[str]) -> str | None:
    table = JUDGEMENTS.c
    query = sa.select(table.judgementUUID, table.shown).where(table.rater == rater, table.question == question)
    rows = connection.execute(query.where(table.withdrawn.is_(None)).order_by(table.id))
    return next((row.judgementUUID for row in rows if frozenset(_shown(row.shown)) == frozenset(names)), None)


def withdraw_judgement(database: Database, name: str) -> None:
    """Take a judgement back: its row stays, and takes part in nothing.

    Raises:
        KeyError: if the log has no such judgement, or it was taken back before.
    """
    query = sa.update(JUDGEMENTS).where(JUDGEMENTS.c.judgementUUID == name, JUDGEMENTS.c.withdrawn.is_(None))
    values = {"withdrawn": time.time_ns() // 1000}
    if not database.write(lambda connection: connection.execute(query.values(values)).rowcount):
        raise NoSuchKey(f"the log has no judgement {name!r} that counts")


class Judgement(NamedTuple):
    """One judgement that counts.

    Attributes:
        created: microseconds since 1970, UTC.
        rater: who judged.
        question: that was asked.
        shown: imageUUIDs of the pictures, in the order in which they stood on the screen.
        outcome: the imageUUID of the best one, ``"tie"`` or ``"skip"``.
        seconds: that the answer took; ``None`` where that was not measured.
    """

    created: int
    rater: str
    question: str
    shown: tuple[str, ...]
    outcome: str
    seconds: float | None


def read_judgements(
    database: Database,
    *,
    question: str | None = None,
    rater: str | None = None,
    pictures: Collection[str] | None = None,
) -> list[Judgement]:
    """The judgements that count, oldest first. Rows that another program has damaged are left out.

    Args:
        database: the log.
        question: only those of this question.
        rater: only those of this person.
        pictures: imageUUIDs; only judgements of nothing but these.
    """
    table = JUDGEMENTS.c
    query = sa.select(*(table[name] for name in Judgement._fields)).where(table.withdrawn.is_(None)).order_by(table.id)
    if question is not None:
        query = query.where(table.question == question)
    if rater is not None:
        query = query.where(table.rater == rater)
    with database.reading() as connection:
        rows = connection.execute(query).all()
    known = None if pictures is None else frozenset(pictures)
    found = [Judgement(*row)._replace(shown=_shown(row.shown)) for row in rows]
    return [one for one in found if is_whole(one) and (known is None or known.issuperset(one.shown))]


def judgements_by_uuid(connection: sa.Connection) -> dict[str, Judgement]:
    """The judgements that count, by their judgementUUID; the others are left out as :func:`read_judgements` does."""
    table = JUDGEMENTS.c
    query = sa.select(table.judgementUUID, *(table[name] for name in Judgement._fields)).order_by(table.id)
    rows = connection.execute(query.where(table.withdrawn.is_(None))).all()
    found = {row[0]: Judgement(*row[1:])._replace(shown=_shown(row.shown)) for row in rows}
    return {name: one for name, one in found.items() if isinstance(name, str) and is_whole(one)}


def judgements_frame(judgements: Sequence[Judgement]) -> pd.DataFrame:
    """Judgements as a frame, with the columns of :attr:`nbkit.RunLog.judgements`."""
    frame = pd.DataFrame(judgements, columns=list(Judgement._fields))
    frame["shown"] = pd.Series([list(one.shown) for one in judgements], dtype=object)
    frame["created"] = pd.to_datetime(frame["created"].astype("int64"), unit="us", utc=True)
    return frame.astype(_DTYPES)


def _shown(text: Any) -> tuple[str, ...]:
    try:
        names = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return ()
    return tuple(names) if isinstance(names, list) and all(isinstance(name, str) for name in names) else ()


def is_whole(one: Judgement) -> bool:
    """Whether all values of a judgement are some that nbkit writes."""
    texts = all(isinstance(text, str) for text in (one.rater, one.question, one.outcome))
    numbers = type(one.created) is int and 0 <= one.created < 2**53
    seconds = one.seconds is None or isinstance(one.seconds, (int, float))
    is_shown = 2 <= len(one.shown) <= MAX_SHOWN and len(set(one.shown)) == len(one.shown)
    return texts and numbers and seconds and is_shown and one.outcome in (*one.shown, TIED, SKIPPED)
