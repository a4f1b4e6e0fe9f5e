"""Marks that are written into the log and into the rows that are shown, and taken back one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from nbkit.display.text import count
from nbkit.errors import RequestError
from nbkit.log import RunLog
from nbkit.run import FAILED
from nbkit.storage.marks import Change, checked
from nbkit.widgets.gallery.rows import MARKS

UNDONE = 100
"""Changes that can be taken back."""

Part = tuple[list[str], dict[str, Any]]
"""Keys of rows, and the marks that they get."""


@dataclass(frozen=True)
class Told:
    """What was done: the keys of the rows, and a line that says it."""

    keys: list[str]
    words: str


@dataclass(frozen=True)
class _Done:
    changes: tuple[Change, ...]
    before: pd.DataFrame
    words: str


class Marker:
    """Writes marks. Rows are frames whose index holds the keys of a wall; their marks are changed in place.

    Args:
        log: where they are written first.
    """

    def __init__(self, log: RunLog) -> None:
        self._log = log
        self._done: list[_Done] = []

    def mark(self, rows: pd.DataFrame, keys: Iterable[str], **values: Any) -> Told:
        """Give pictures these marks; those of the keys that have no picture are left out.

        Raises:
            RequestError: for a value that cannot be, or if none of them has a picture; nothing is changed.
        """
        return self._write(rows, [(_pictures(rows, keys), values)])

    def retag(self, rows: pd.DataFrame, keys: Iterable[str], new: Callable[[str], str]) -> Told:
        """Change the tags of pictures, each from what it has; together that is one change to take back."""
        old = rows.loc[_pictures(rows, keys), "tags"].fillna("")
        return self._write(
            rows, [(list(part.index), {"tags": new(str(tags)) or None}) for tags, part in old.groupby(old)]
        )

    def undo(self, rows: pd.DataFrame) -> Told:
        """Take back the last change.

        Raises:
            RequestError: if there is none.
        """
        if not self._done:
            raise RequestError("there is no change to take back", parameter="undo", reason="missing")
        done = self._done[-1]
        for change in reversed(done.changes):
            change.undo()
        self._done.pop()
        here = done.before.index.intersection(rows.index)  # a refresh may have taken rows away
        for name in MARKS:
            rows.loc[here, name] = done.before.loc[here, name]
        return Told([str(key) for key in here], f"taken back: {done.words}")

    def _write(self, rows: pd.DataFrame, parts: list[Part]) -> Told:
        """To the log, then to the rows; all of it or nothing."""
        keys = [key for some, _ in parts for key in some]
        before = rows.loc[keys, list(MARKS)].copy()
        changes: list[Change] = []
        try:
            for some, values in parts:
                changes.append(self._log.mark(list(rows.loc[some, "imageUUID"]), **values))
        except Exception:
            for change in reversed(changes):
                change.undo()
            raise
        for some, values in parts:
            for name, value in _as_kept(values).items():
                rows.loc[some, name] = pd.NA if value is None else value
        told = " or ".join(dict.fromkeys(", ".join(change.told) for change in changes))
        words = f"{told}: {count(len(keys), 'picture')}"
        self._done = [*self._done, _Done(tuple(changes), before, words)][-UNDONE:]
        return Told(keys, words)


def _pictures(rows: pd.DataFrame, keys: Iterable[str]) -> list[str]:
    """Those of the keys whose rows are pictures."""
    named = rows.loc[[key for key in keys if key in rows.index]]
    there = named["imageUUID"].notna() & (named["status"] != FAILED if "status" in named else True)
    if not there.any():
        why = "what is selected has no picture" if len(named) else "no picture is selected"
        raise RequestError(f"{why}; select one or more first", parameter="which", reason="missing")
    return [str(key) for key in named.index[there]]


def _as_kept(values: dict[str, Any]) -> dict[str, Any]:
    """Marks as the log keeps them: tags in order, a rating as a whole number."""
    given = {name: values.get(name, ...) for name in MARKS}
    return checked(**given)
