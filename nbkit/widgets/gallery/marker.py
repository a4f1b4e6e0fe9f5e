"""Marks that are written into the log and into the rows that are shown, and taken back one by one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from nbkit.display.text import count
from nbkit.errors import RequestError
from nbkit.history import RunLog
from nbkit.log.annotations import Change
from nbkit.results.run import FAILED
from nbkit.widgets.gallery.rows import MARKS

UNDONE = 100
"""Changes that can be taken back."""


@dataclass(frozen=True)
class Told:
    """What was done: the keys of the rows, a line that says it, and whether it was done to files."""

    keys: list[str]
    words: str
    is_on_disk: bool = False


@dataclass(frozen=True)
class _Done:
    change: Change
    names: list[str]
    words: str
    is_on_disk: bool = False


class Marker:
    """Writes marks. Rows are frames whose index holds the keys of a grid; their marks are changed in place.

    Args:
        log: where they are written first.
    """

    def __init__(self, log: RunLog) -> None:
        self._log = log
        self._done: list[_Done] = []

    def mark(self, rows: pd.DataFrame, keys: Iterable[str], **values: Any) -> Told:
        """Give pictures these marks; those of the keys that have no picture are left out.

        Args:
            rows: what is shown.
            keys: of some of them.
            **values: as :meth:`nbkit.RunLog.mark` takes them.

        Raises:
            RequestError: for a value that cannot be, or if none of them has a picture; nothing is changed.
        """
        names = list(rows.loc[pictured(rows, keys), "imageUUID"])
        change = self._log.mark(names, **values)
        return self._note(rows, _Done(change, names, _words(change, values)))

    def remove(self, rows: pd.DataFrame, keys: Iterable[str]) -> Told:
        """Remove pictures from the disk; :meth:`undo` brings them back.

        Raises:
            RequestError: if none of the keys has a picture.
        """
        names = list(rows.loc[pictured(rows, keys), "imageUUID"])
        change = self._log.remove_pictures(names)
        words = f"Removed {count(change.count, 'picture')} from the disk."
        return self._note(rows, _Done(change, names, words, is_on_disk=True))

    def _note(self, rows: pd.DataFrame, done: _Done) -> Told:
        self._done = [*self._done, done][-UNDONE:]
        return Told(self._follow(rows, done.names), done.words, done.is_on_disk)

    def turned(self, rows: pd.DataFrame, keys: Iterable[str], *, keep: bool) -> bool | None:
        """What ``keep`` becomes at a press: where that is said of all of these already, it is taken back."""
        said = rows.loc[[key for key in keys if key in rows.index], "keep"]
        return None if len(said) and (said == keep).fillna(value=False).all() else keep

    def undo(self, rows: pd.DataFrame) -> Told:
        """Take back the last change.

        Raises:
            RequestError: if there is none.
        """
        if not self._done:
            raise RequestError("there is no change to take back", parameter="undo", reason="missing")
        done = self._done[-1]
        done.change.undo()
        self._done.pop()
        return Told(self._follow(rows, done.names), f"Undone: {done.words}", done.is_on_disk)

    def _follow(self, rows: pd.DataFrame, names: list[str]) -> list[str]:
        """Put into the rows what the log says of these pictures now, whoever said it; the keys of those rows."""
        here = rows["imageUUID"].isin(names)  # one picture may stand in several rows, and a refresh take rows away
        now = self._log.annotations_of(names).reindex(rows.loc[here, "imageUUID"])
        for name in MARKS:
            rows.loc[here, name] = now[name].array
        return [str(key) for key in rows.index[here]]


def _words(change: Change, values: Mapping[str, Any]) -> str:
    """What was marked, as a sentence."""
    many = count(change.count, "picture")
    match dict(values):
        case {"keep": True}:
            return f"Kept {many}."
        case {"keep": False}:
            return f"Rejected {many}."
        case {"keep": None}:
            return f"Neither kept nor rejected: {many}."
        case {"rating": None}:
            return f"Rating removed: {many}."
        case {"rating": rating}:
            return f"Rated {rating} of 5: {many}."
    return f"{', '.join(change.descriptions)}: {many}."


def pictured(rows: pd.DataFrame, keys: Iterable[str]) -> list[str]:
    """Those of the keys whose rows are pictures.

    Raises:
        RequestError: if there is none.
    """
    named = rows.loc[[key for key in keys if key in rows.index]]
    there = named["imageUUID"].notna() & (named["status"] != FAILED if "status" in named else True)
    if not there.any():
        why = "what is selected has no picture" if len(named) else "no picture is selected"
        raise RequestError(f"{why}; select one or more first", parameter="which", reason="missing")
    return [str(key) for key in named.index[there]]


def tags_of(tags: str | Iterable[str]) -> str:
    """Tags as one text with commas.

    Raises:
        RequestError: if there is none in it.
    """
    text = tags if isinstance(tags, str) else ",".join(str(tag) for tag in tags or ())
    if not text.replace(",", "").strip():
        raise RequestError("type a tag first", parameter="tags", value=tags, reason="missing")
    return text
