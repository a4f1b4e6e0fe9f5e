"""Annotations of a picture: rating, keep, tags and note. They are stored in the log and never sent."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import sqlalchemy as sa

from nbkit.display.text import count, ellipsis
from nbkit.errors import NoSuchKey, RequestError, printable
from nbkit.log import text_index
from nbkit.log.database import Database
from nbkit.log.frame import check_argument
from nbkit.log.schema import IMAGES
from nbkit.log.sql import one_of
from nbkit.request.parameter import Boolean, Integer, ValueInvalid, is_utf8, type_in_words
from nbkit.results.run import FAILED, GeneratedImage, Run

Rows = list[dict[str, Any]]

_MAX_DESCRIBED_VALUES = 3
_UPDATE = sa.update(IMAGES).where(IMAGES.c.id == sa.bindparam("which"))


@dataclass(frozen=True, slots=True, repr=False)
class Change:
    """What :meth:`nbkit.RunLog.mark` changed, and how to undo it.

    Attributes:
        count: number of pictures that were changed.
        descriptions: what was changed in each of them, as text, such as ``rating 5``.

    Example:
        >>> import nbkit
        >>> studio = nbkit.Studio(engine="offline")
        >>> run = studio.generate("A paper lantern", seed=7)
        >>> change = studio.log.mark(run, keep=True, note="for the cover")
        >>> change
        <Change: 1 picture, keep True, note for the cover>
        >>> change.count
        1
        >>> change.undo()
        <Change: 1 picture, keep and note as before>
    """

    count: int
    descriptions: tuple[str, ...]
    _undo: Callable[[], Change] = field(compare=False)

    def undo(self) -> Change:
        """Restore the values that the same pictures had before; the returned change reverts that.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> run = studio.generate("A paper lantern", seed=7)
            >>> studio.log.mark(run, rating=5).undo().undo()
            <Change: 1 picture, rating as before>
            >>> studio.log.annotations_of([run.image.image_uuid]).rating.tolist()
            [5.0]
        """
        return self._undo()

    def __repr__(self) -> str:
        return printable(f"<Change: {count(self.count, 'picture')}, {', '.join(self.descriptions)}>")


def image_uuids(which: Any) -> list[str]:
    """The imageUUIDs of pictures that are given in any form, each once.

    Args:
        which: a picture, a run, an imageUUID, rows of the log, or a list of those.

    Raises:
        RequestError: for anything else, and for runs and rows without a picture.
    """
    return list(dict.fromkeys(_iter_uuids(which)))


def _iter_uuids(which: Any) -> Iterator[str]:
    if isinstance(which, GeneratedImage):
        yield which.image_uuid
    elif isinstance(which, str):
        yield which
    elif isinstance(which, Run):
        if not which.images:
            raise _which_error(f"run {which.task_uuid} is {which.status} and has no picture to mark", "missing")
        yield from _iter_uuids(which.images)
    elif isinstance(which, (pd.DataFrame, pd.Series)):
        yield from _row_uuids(which)
    elif isinstance(which, Iterable) and not isinstance(which, (bytes, Mapping)):
        for item in which:
            yield from _iter_uuids(item)
    else:
        raise _which_error(
            f"must be a picture, a run, an imageUUID, rows of log.to_frame(), or a list of those, got {type_in_words(which)}"
        )


def _row_uuids(rows: pd.DataFrame | pd.Series[Any]) -> Iterator[str]:
    if isinstance(rows, pd.DataFrame):
        if "imageUUID" not in rows:
            raise _which_error("this frame has no column 'imageUUID'; keep it when selecting columns", "missing")
        rows = rows["imageUUID"]
    gaps = int(rows.isna().sum())
    if gaps:
        raise _which_error(
            f"{gaps:,} of the {count(len(rows), 'row')} have no picture to mark; "
            "frame[frame.imageUUID.notna()] leaves them out",
            "missing",
        )
    return map(str, rows)


def annotate(database: Database, which: Any, given: Mapping[str, Any]) -> Change:
    """Write annotations of pictures in one transaction: all of them, or none.

    Args:
        database: the log.
        which: the pictures, as :func:`image_uuids` takes them.
        given: rating, keep, tags and note; ``...`` leaves one as it is. A function for tags gets the present tags inside
            the transaction that writes the new ones, so tags that another kernel has added meanwhile are not lost.

    Raises:
        KeyError: if the log does not have one of the pictures.
        RequestError: for a value that is not allowed, if all four are ``...``, and for a run, a row or a failed result,
            which have no picture.
    """
    values = {
        name: value if name == "tags" and callable(value) else _checked(name, value)
        for name, value in given.items()
        if value is not ...
    }
    if not values:
        raise RequestError(
            "nothing to change: give rating=, keep=, tags= or note=", parameter="rating", reason="missing"
        )
    uuids = image_uuids(which)

    def new_rows(rows: Rows) -> Rows:
        failed = sum(row["status"] == FAILED for row in rows)
        if failed:
            raise _which_error(f"{count(failed, 'result')} of them failed and have no picture to mark", "missing")
        check_known(uuids, (row["imageUUID"] for row in rows))
        return [
            {"which": row["which"], **{name: _new_value(values[name], row[name]) for name in values}} for row in rows
        ]

    before, after = _replace(database, one_of(IMAGES.c.imageUUID, uuids), values, new_rows) if uuids else ([], [])
    descriptions = tuple(
        _describe(name, [row[name] for row in after] if callable(value) else [value]) for name, value in values.items()
    )
    return Change(len(uuids), descriptions, lambda: _restore(database, len(uuids), before))


def _new_value(value: Any, old: Any) -> Any:
    return _checked("tags", value(old or "")) if callable(value) else value


def _replace(
    database: Database, which: sa.ColumnElement[bool], names: Iterable[str], new_rows: Callable[[Rows], Rows]
) -> tuple[Rows, Rows]:
    """Replace annotations in one transaction.

    Args:
        database: the log.
        which: a condition on the pictures.
        names: the columns to replace.
        new_rows: from the rows that are there to the rows to write, each with its id as ``which``.

    Returns:
        The replaced rows and the new ones.
    """
    columns = (IMAGES.c[name] for name in ("imageUUID", "status", *names))
    query = sa.select(IMAGES.c.id.label("which"), *columns).where(which).order_by(IMAGES.c.id)

    def step(connection: sa.Connection) -> tuple[Rows, Rows]:
        rows = [dict(row) for row in connection.execute(query).mappings()]
        new = new_rows(rows)
        connection.execute(_UPDATE, new)
        if {"tags", "note"} & set(names):
            text_index.refresh(connection, [row["which"] for row in new])
        return [{name: row[name] for name in ("which", *names)} for row in rows], new

    return database.write(step)


def _restore(database: Database, picture_count: int, rows: Rows) -> Change:
    names = [name for name in rows[0] if name != "which"] if rows else []
    ids = one_of(IMAGES.c.id, (row["which"] for row in rows))
    replaced, _ = _replace(database, ids, names, lambda _: rows) if rows else ([], [])
    description = f"{' and '.join(names) or 'nothing'} as before"
    return Change(picture_count, (description,), lambda: _restore(database, picture_count, replaced))


def check_known(uuids: list[str], known: Iterable[str]) -> None:
    """Check that the log has all pictures.

    Raises:
        KeyError: if it does not; the message has the first one that is missing.
    """
    present = set(known)
    missing = [uuid for uuid in uuids if uuid not in present]
    if missing:
        others = f" (and {len(missing) - 1:,} others)" if len(missing) > 1 else ""
        raise NoSuchKey(f"the log has no picture {missing[0]!r}{others}; the column imageUUID of studio.df lists them")


def _which_error(problem: str, reason: str = "type") -> RequestError:
    return RequestError(f"which: {problem}", parameter="which", value=None, reason=reason)


def _checked(name: str, value: Any) -> Any:
    """A value as the log stores it."""
    if value is None or value is pd.NA:
        return None
    return check_argument(name, _CHECKS[name], value, "; None takes it away")


def _tags(value: Any) -> str | None:
    items = list(value) if isinstance(value, Iterable) and not isinstance(value, (str, bytes, Mapping)) else [value]
    tags = [" ".join(tag.split()) for item in items for tag in _text(item, "text, or a list of it").split(",")]
    unique = {tag.casefold(): tag for tag in reversed(tags) if tag}  # reversed: the first of two spellings is kept
    return ", ".join(unique[key] for key in sorted(unique)) or None


def _text(value: Any, rule: str = "text") -> str:
    if not isinstance(value, str):
        raise ValueInvalid("type", f"{rule}, got {type_in_words(value)}")
    if not is_utf8(value):
        raise ValueInvalid("format", "text that can be written as UTF-8, and this holds half of a surrogate pair")
    return value


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "rating": Integer(1, 5).check,
    "keep": Boolean().check,
    "tags": _tags,
    "note": lambda value: _text(value).strip() or None,
}


def normal_annotations(values: Mapping[str, Any], limit: int) -> dict[str, Any]:
    """Annotations of somebody else as the log stores them; what is not allowed is left out.

    Args:
        values: by name.
        limit: characters of a longer text that are kept.
    """
    found = {}
    for name, value in values.items():
        with contextlib.suppress(ValueInvalid):
            if value is not None:
                found[name] = _CHECKS[name](value[:limit] if isinstance(value, str) else value)
    return {name: value for name, value in found.items() if value is not None}


def joined_tags(first: str | None, second: str | None) -> str | None:
    """The tags of two people, each once."""
    return _tags([tags for tags in (first, second) if tags])


def _describe(name: str, values: list[Any]) -> str:
    texts = [f"no {name}" if value is None else f"{name} {ellipsis(str(value), 40)}" for value in dict.fromkeys(values)]
    more = f" or {len(texts) - _MAX_DESCRIBED_VALUES} others" if len(texts) > _MAX_DESCRIBED_VALUES else ""
    return " or ".join(texts[:_MAX_DESCRIBED_VALUES]) + more
