"""Annotations of a picture: a rating, whether to keep it, tags, a note. None of it is ever sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import EllipsisType
from typing import Any

import pandas as pd
import sqlalchemy as sa

from nbkit.display.text import count, ellipsis
from nbkit.errors import RequestError
from nbkit.log.database import Database
from nbkit.log.schema import IMAGES
from nbkit.request.parameter import Boolean, Integer, ValueInvalid, is_utf8
from nbkit.results.image import GeneratedImage
from nbkit.results.run import FAILED, Run

DTYPES: dict[str, Any] = {"rating": "Int64", "keep": "boolean", "tags": "string", "note": "string"}
"""The marks, and what they are in a frame."""

_TOLD = 3
_AT_ONCE = 500  # SQLite takes no question with thousands of names in it


@dataclass(frozen=True, slots=True, repr=False)
class Change:
    """What :meth:`RunLog.mark` did.

    Attributes:
        count: how many pictures it was done to.
        told: what was done to each, in words.
    """

    count: int
    told: tuple[str, ...]
    _back: Callable[[], Change] = field(compare=False)

    def undo(self) -> Change:
        """Give the same pictures the values that they had before; what this returns takes that back again."""
        return self._back()

    def __repr__(self) -> str:
        return f"<Change: {count(self.count, 'picture')}, {', '.join(self.told)}>"


def checked(
    rating: int | EllipsisType | None,
    keep: bool | EllipsisType | None,
    tags: str | Iterable[str] | Callable[[str], str] | EllipsisType | None,
    note: str | EllipsisType | None,
) -> dict[str, Any]:
    """The columns to change, by name; ``...`` stands for "leave it". What is called for tags stays to be called.

    Raises:
        RequestError: for a value that cannot be, or if nothing is given.
    """
    given = {"rating": rating, "keep": keep, "tags": tags, "note": note}
    values = {name: _CHECKS[name](value) for name, value in given.items() if value is not ...}
    if not values:
        raise RequestError(
            "nothing to change: give rating=, keep=, tags= or note=", parameter="rating", reason="missing"
        )
    return values


def image_uuids(which: Any) -> list[str]:
    """The pictures that a person means, by imageUUID, each once.

    Args:
        which: a picture, a run, an imageUUID, rows of the log, or several of those.

    Raises:
        RequestError: for anything else, and for runs and rows that have no picture.
    """
    return list(dict.fromkeys(_named(which)))


def _named(which: Any) -> Iterator[str]:
    if isinstance(which, GeneratedImage):
        yield which.image_uuid
    elif isinstance(which, str):
        yield which
    elif isinstance(which, Run):
        if not which.images:
            raise _wrong(f"run {which.task_uuid} is {which.status} and has no picture to mark", "missing")
        yield from (image.image_uuid for image in which.images)
    elif isinstance(which, pd.DataFrame):
        if "imageUUID" not in which:
            raise _wrong("this frame has no column 'imageUUID'; keep it when selecting columns", "missing")
        yield from _of_column(which["imageUUID"])
    elif isinstance(which, pd.Series):
        yield from _of_column(which)
    elif isinstance(which, Iterable) and not isinstance(which, (bytes, Mapping)):
        for one in which:
            yield from _named(one)
    else:
        raise _wrong(
            f"a picture, a run, an imageUUID, rows of log.to_frame(), or a list of those, not {type(which).__name__}"
        )


def _of_column(column: pd.Series[Any]) -> list[str]:
    known = column.dropna()
    if len(known) < len(column):
        raise _wrong(
            f"{len(column) - len(known):,} of the {count(len(column), 'row')} have no picture to mark; "
            "frame[frame.imageUUID.notna()] leaves them out",
            "missing",
        )
    return [str(name) for name in known]


def annotate(database: Database, names: list[str], values: Mapping[str, Any]) -> Change:
    """Set columns of pictures, all of them in one transaction or none.

    Args:
        database: the log.
        names: imageUUIDs, each once.
        values: by column, as :func:`checked` gives them. What is called for tags sees them as they are in the
            transaction that writes the new ones: what another kernel has added meanwhile is not lost.

    Raises:
        KeyError: if the log does not have one of them.
        RequestError: if one of them is a result without a picture.
    """
    columns = [IMAGES.c[name] for name in values]
    places = {name: place for place, name in enumerate(names)}

    def step(connection: sa.Connection) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        rows: list[sa.RowMapping] = []
        for some in _batches(names):
            query = sa.select(IMAGES.c.id.label("which"), IMAGES.c.imageUUID, IMAGES.c.status, *columns)
            rows += connection.execute(query.where(IMAGES.c.imageUUID.in_(some))).mappings()
        _refuse_missing(names, rows)
        rows.sort(key=lambda row: places[row["imageUUID"]])  # so that what is told stands in the order of the names
        new = [{"which": row["which"], **{name: _new(values[name], row[name]) for name in values}} for row in rows]
        _set(connection, new)
        return [{"which": row["which"], **{name: row[name] for name in values}} for row in rows], new

    before, after = database.write(step) if names else ([], [])
    told = tuple(
        _told(name, [row[name] for row in after] if callable(value) else [value]) for name, value in values.items()
    )
    return Change(len(names), told, lambda: _put_back(database, len(names), before))


def read_annotations(database: Database, names: Sequence[str]) -> pd.DataFrame:
    """What the log says of pictures now, by imageUUID; those that it does not have are left out.

    Args:
        database: the log.
        names: imageUUIDs, each once.
    """
    columns = [IMAGES.c.imageUUID, *(IMAGES.c[name] for name in DTYPES)]
    rows: list[Any] = []
    with database.reading() as connection:
        for some in _batches(list(names)):
            rows += connection.execute(sa.select(*columns).where(IMAGES.c.imageUUID.in_(some)))
    found = dict(zip(("imageUUID", *DTYPES), zip(*rows, strict=True), strict=True)) if rows else {}
    index = pd.Index(found.get("imageUUID", ()), dtype=object)
    marks = pd.DataFrame(
        {name: pd.Series(list(found.get(name, ())), index=index, dtype=dtype) for name, dtype in DTYPES.items()}
    )
    return marks[~marks.index.duplicated()]


def _new(value: Any, old: Any) -> Any:
    return value(old) if callable(value) else value


def _put_back(database: Database, number: int, rows: list[dict[str, Any]]) -> Change:
    columns = [name for name in rows[0] if name != "which"] if rows else []

    def step(connection: sa.Connection) -> list[dict[str, Any]]:
        query = sa.select(IMAGES.c.id.label("which"), *(IMAGES.c[name] for name in columns))
        now: list[dict[str, Any]] = []
        for some in _batches([row["which"] for row in rows]):
            now += (dict(row) for row in connection.execute(query.where(IMAGES.c.id.in_(some))).mappings())
        _set(connection, rows)
        return now

    replaced = database.write(step) if rows else []
    told = (f"{' and '.join(columns) or 'nothing'} as before",)
    return Change(number, told, lambda: _put_back(database, number, replaced))


def _set(connection: sa.Connection, rows: list[dict[str, Any]]) -> None:
    columns = [name for name in rows[0] if name != "which"]
    values = {name: sa.bindparam(f"new_{name}", type_=IMAGES.c[name].type) for name in columns}
    update = sa.update(IMAGES).where(IMAGES.c.id == sa.bindparam("which")).values(values)
    new = [{"which": row["which"], **{f"new_{name}": row[name] for name in columns}} for row in rows]
    connection.execute(update, new)


def _refuse_missing(names: list[str], rows: list[sa.RowMapping]) -> None:
    without = sum(row["status"] == FAILED for row in rows)
    if without:
        raise _wrong(f"{count(without, 'result')} of them failed and have no picture to mark", "missing")
    unknown = set(names) - {row["imageUUID"] for row in rows}
    if unknown:
        name = next(name for name in names if name in unknown)
        others = f" (and {len(unknown) - 1:,} others)" if len(unknown) > 1 else ""
        raise KeyError(f"the log has no picture {name!r}{others}; the column imageUUID of log.to_frame() lists them")


def _batches(items: list[Any]) -> Iterator[list[Any]]:
    return (items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE))


def _wrong(why: str, reason: str = "type") -> RequestError:
    return RequestError(f"which: {why}", parameter="which", value=None, reason=reason)


def _by_kind(name: str, kind: Integer | Boolean, value: Any) -> Any:
    if value is None or value is pd.NA:
        return None
    try:
        return kind.check(value)
    except ValueInvalid as wrong:
        raise RequestError(
            f"{name}={ellipsis(repr(value), 40)}: must be {wrong.args[0]}; None takes it away",
            parameter=name,
            value=value,
            reason=wrong.reason,
            suggestion=wrong.suggestion,
        ) from None


def _tags(value: Any) -> str | Callable[[str | None], str | None] | None:
    return (lambda old: _tags_of(value(old or ""))) if callable(value) else _tags_of(value)


def _tags_of(value: Any) -> str | None:
    if value is None or value is pd.NA:
        return None
    items = list(value) if isinstance(value, Iterable) and not isinstance(value, (str, bytes, Mapping)) else [value]
    words = [
        " ".join(word.split()) for item in items for word in _text("tags", item, "text, or a list of it").split(",")
    ]
    unique = {word.casefold(): word for word in reversed(words) if word}  # of two spellings the first one stays
    return ", ".join(unique[key] for key in sorted(unique)) or None


def _note(value: Any) -> str | None:
    return None if value is None or value is pd.NA else _text("note", value, "text").strip() or None


def _text(name: str, value: Any, rule: str) -> str:
    if not isinstance(value, str):
        raise RequestError(f"{name}: must be {rule}, not {type(value).__name__}", parameter=name, value=value)
    if not is_utf8(value):
        raise RequestError(
            f"{name}: must be text that can be written as UTF-8, and this holds half of a surrogate pair",
            parameter=name,
            value=value,
            reason="format",
        )
    return value


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "rating": partial(_by_kind, "rating", Integer(1, 5)),
    "keep": partial(_by_kind, "keep", Boolean()),
    "tags": _tags,
    "note": _note,
}


def _told(name: str, values: list[Any]) -> str:
    words = [f"no {name}" if value is None else f"{name} {ellipsis(str(value), 40)}" for value in dict.fromkeys(values)]
    more = f" or {len(words) - _TOLD} others" if len(words) > _TOLD else ""
    return " or ".join(words[:_TOLD]) + more
