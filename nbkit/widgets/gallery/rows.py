"""Rows of the log as tiles of a grid, made when they come into view."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from nbkit.display.text import ellipsis, missing_words, replay_caption, usd_short
from nbkit.log.columns import format_value, is_gap
from nbkit.log.frame import check_frame
from nbkit.log.images import file_of
from nbkit.measures.facts import SUFFIXES
from nbkit.request.naming import profile_in
from nbkit.request.price import MICRO
from nbkit.results.run import DONE, UNKNOWN
from nbkit.widgets.image_grid.item import FLATTEST, WORDS, Item, Items

MARKS = ("rating", "keep", "tags", "note")
NEEDED = ("file", "imageUUID", "taskUUID")
"""Columns without which a row does not know its picture."""
CAME = ("seed", "cost", "status", "width", "height", "file", "error", "imageUUID", "textMissing")
"""What came of a run; a frame may be older than that."""
CAPTION = ("seed", "temperature", "topP", "thinking", "replay", "cost")
"""Facts under a picture, where a row has them."""

MOST_AXES, LONGEST_AXIS = 6, 28
"""Axes of sweeps under a picture, and letters of the value of one, so that seed and price have room below it."""

_READ = ("prompt", *CAPTION, "width", "height", "status", "error", "textMissing", *MARKS, *NEEDED)
_MEDIA = {suffix: media_type for media_type, suffix in SUFFIXES.items()}


def check_columns(frame: pd.DataFrame) -> None:
    """See that a frame's rows know their pictures.

    Raises:
        NbkitError: if they do not; it says which columns to keep.
    """
    check_frame(frame, NEEDED)


def keys_of(frame: pd.DataFrame) -> pd.Index[Any]:
    """What each row is known by in a grid: its picture's UUID, or its run's where there is no picture.

    A row that came from another table has neither; it is known by its number.
    """
    images, tasks = frame["imageUUID"].astype(object).tolist(), frame["taskUUID"].astype(object).tolist()
    pairs = enumerate(zip(images, tasks, strict=True))
    named = [next((str(n) for n in pair if not is_gap(n)), f"row {number}") for number, pair in pairs]
    names = pd.Series(named, dtype=object)
    again = names.groupby(names).cumcount()  # two failed results of one run have one UUID
    return pd.Index(names.where(again == 0, names + "/" + again.astype(str)), dtype=object)


def with_marks(rows: pd.DataFrame, log: pd.DataFrame) -> pd.DataFrame:
    """Rows with their marks, and with what came of their runs, as the log has them now.

    What a person may have computed stays as given; so does everything of rows that the log does not have.

    Args:
        rows: of a frame, perhaps read from a file, where seeds are no whole numbers.
        log: all rows of the log.
    """
    places = _places(rows, log)
    now, known = log.reset_index(drop=True).reindex(places), places >= 0
    new: dict[str, Any] = {name: now[name].array for name in MARKS}
    for name in (name for name in CAME if name in rows and known.any()):
        mixed = rows[name].astype(object)
        mixed[known] = now[name].astype(object).to_numpy()[known]
        with contextlib.suppress(TypeError, ValueError):  # other rows may hold what the log could not
            new[name] = mixed.astype(now[name].dtype).array
    return rows.assign(**new)


def _places(rows: pd.DataFrame, log: pd.DataFrame) -> np.ndarray[Any, Any]:
    """Which row of the log each row is, by number; -1 for those that it does not have."""
    found = np.full(len(rows), -1)
    for name in ("imageUUID", "taskUUID"):
        names = log[name].astype(object)
        # A run that had no picture when the frame was made has one now, if it was recovered. Of several, who knows which?
        only = names.notna() & ~names.duplicated(keep=False if name == "taskUUID" else "first")
        numbers = pd.Series(np.flatnonzero(only), index=names[only])
        here = numbers.reindex(rows[name].astype(object)).fillna(-1).to_numpy(dtype=int)
        found = np.where((found < 0) & (rows["imageUUID"].isna() | (name == "imageUUID")), here, found)
    return found


class RowItems(Items):
    """The rows of a frame as items; one is made of a row only when it is asked for.

    Args:
        frame: rows of the log; its index is what the rows are known by (:func:`keys_of`).
        order: which of its rows, by number, in the order in which they stand in the grid.
        also: further columns whose values stand under the pictures.
        without: a column whose values need not, because they stand over them.
        axes: columns of the axes of sweeps, which stand first under the pictures.
        badges: what stands under some pictures before their marks, by the number of the row.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        order: np.ndarray[Any, Any],
        also: Sequence[str] = (),
        without: str | None = None,
        axes: Sequence[str] = (),
        badges: Mapping[int, str] | None = None,
    ) -> None:
        self._frame, self._order = frame, order
        self._place = np.full(len(frame), -1)
        self._place[order] = np.arange(len(order))
        names = dict.fromkeys((*axes, *CAPTION, *also))
        self._caption = tuple(name for name in names if name not in ("prompt", without))
        self._axes = frozenset(axes)
        self._badges = badges or {}
        self._columns = [name for name in dict.fromkeys((*_READ, *self._caption)) if name in frame.columns]

    def __len__(self) -> int:
        return len(self._order)

    def keys(self, start: int, stop: int) -> Iterable[str]:
        return [str(key) for key in self._frame.index[self._order[start:stop]]]

    def positions(self, keys: Iterable[str]) -> list[int]:
        wanted = pd.Index(list(keys), dtype=object)
        rows = self._frame.index.get_indexer(wanted) if len(wanted) else np.array([], dtype=int)
        places = self._place[rows[rows >= 0]]
        return [int(place) for place in np.unique(places[places >= 0])]

    def tallest(self) -> float:
        if not {"width", "height"} <= set(self._columns) or not len(self):
            return 1.0
        rows = self._frame[["width", "height", "file"]].iloc[self._order]
        sides = rows[["width", "height"]].apply(pd.to_numeric, errors="coerce").astype("Float64")
        shapes = (sides["height"] / sides["width"]).fillna(1.0).where(rows["file"].notna(), WORDS)
        return float(np.clip(shapes.max(), FLATTEST, 1.0))

    def read(self, start: int, stop: int) -> list[Item]:
        numbers = self._order[start:stop]
        part = self._frame[self._columns].iloc[numbers]
        rows = zip(*(part[name].tolist() for name in self._columns), strict=True)
        return [
            self._item(str(key), dict(zip(self._columns, row, strict=True)), self._badges.get(int(number), ""))
            for key, row, number in zip(part.index, rows, numbers, strict=True)
        ]

    def _item(self, key: str, row: dict[str, Any], badge: str) -> Item:
        row = {name: None if is_gap(value) else value for name, value in row.items()}
        file = None if row["file"] is None else file_of(row["file"])
        status = str(row.get("status") or DONE)
        return Item(
            key,
            str(row.get("prompt") or ""),
            tuple(self._facts(row)),
            file,
            int(row.get("width") or 0),
            int(row.get("height") or 0),
            _MEDIA.get(file.suffix, "") if file else "",
            missing="" if file else _missing(status, row.get("error")),
            status=status,
            rating=None if row.get("rating") is None else int(row["rating"]),
            keep=None if row.get("keep") is None else bool(row["keep"]),
            tags=str(row.get("tags") or ""),
            note=str(row.get("note") or ""),
            badge=" · ".join(filter(None, (badge, _lacking(row.get("textMissing"))))),
        )

    def _facts(self, row: dict[str, Any]) -> Iterable[str]:
        axes = [name for name in self._caption if name in self._axes and row.get(name) is not None]
        told = [name for name in axes if row[name] != row.get("prompt")][:MOST_AXES]  # a "{what}" alone is the prompt
        for name in self._caption:
            value = None if name in self._axes and name not in told else row.get(name)
            if name == "cost" and (
                place := profile_in(row).ratio_and_tier(int(row.get("width") or 0), int(row.get("height") or 0))
            ):
                yield place[1]  # a draft and its final picture are told apart before their price
            if name == "replay":
                yield from replay_caption(None if value is None else str(value))
            elif value is not None:
                is_price = name == "cost" and isinstance(value, (int, float))
                most = LONGEST_AXIS if name in self._axes else 60
                yield _price(value) if is_price else f"{ellipsis(name, 30)} {ellipsis(format_value(name, value), most)}"


def _lacking(words: Any) -> str:
    return missing_words(str(words), 200) if words else ""


def _price(dollars: float) -> str:
    return usd_short(round(dollars * MICRO))


def _missing(status: str, error: Any) -> str:
    if error is not None:
        return ellipsis(str(error), 200)
    if status == UNKNOWN:
        return "its outcome is not known; studio.recover() asks for it"
    return "its file has not been fetched; studio.recover() fetches it" if status == DONE else ""
