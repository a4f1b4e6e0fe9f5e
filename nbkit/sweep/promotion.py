"""From chosen drafts to the cells that make them again at a higher tier."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from nbkit.errors import RequestError
from nbkit.model import MICRO
from nbkit.parameter import short_repr
from nbkit.request import ImageRequest
from nbkit.sweep.cell import Cell
from nbkit.sweep.cells import Cells, ListedCells


def promoted(cells: Cells | ListedCells, frame: pd.DataFrame, rows: Any, resolution: str) -> tuple[ListedCells, int]:
    """The cells that make the chosen pictures again, and what their drafts cost in micro-dollars.

    Args:
        cells: of the sweep.
        frame: the sweep's own frame.
        rows: rows of that frame, or numbers of cells.
        resolution: the tier to make them at.

    Raises:
        RequestError: for rows that are not of this sweep, or that have no picture.
    """
    chosen = _chosen(frame, rows)
    pictures = chosen[chosen["status"] == "done"]
    if pictures.empty:
        raise _wrong("none of them has a picture to promote; rows of result.to_frame() with status 'done' have")
    made: list[Cell] = []
    known: set[str] = set()
    for row in pictures.to_dict("records"):
        draft = cells[int(row["cell"])]
        seed = draft.request.seed if pd.isna(row["seed"]) else int(row["seed"])
        request = draft.request.replace(resolution=resolution, seed=seed, number_results=None)
        if seed is not None and request.identity in known:
            continue  # two drafts that differ in what a promotion puts aside, such as the number of results
        known.add(request.identity)
        values = {name: _now(cells.layout.spelled, name, value, request) for name, value in draft.values.items()}
        made.append(Cell(len(made), values, request, parent=str(row["taskUUID"]), words=draft.words))
    spent = pictures["cost"].sum()
    return ListedCells(made, cells, f"{cells.key} at {resolution}"), round(float(spent) * MICRO)


def _now(spelled: Mapping[str, str], name: str, value: Any, request: ImageRequest) -> Any:
    """The value of an axis after the promotion, which changes the size and settles the seed."""
    python = next((n for n, spelling in spelled.items() if spelling == name), name)
    width, height = request.size or (None, None)
    after = {
        "resolution": request.resolution,
        "width": width,
        "height": height,
        "seed": request.seed,
        "number_results": 1,
    }
    return after.get(python, value)


def _chosen(frame: pd.DataFrame, rows: Any) -> pd.DataFrame:
    """The rows of the sweep's own frame that are meant, each once, whatever became of them in somebody's hands."""
    if isinstance(rows, pd.Series) and "taskUUID" in rows.index:  # one row, such as frame.iloc[0]
        rows = rows.to_frame().T
    if isinstance(rows, pd.DataFrame):
        return _rows_of(frame, rows)
    listed = [rows] if isinstance(rows, numbers.Integral) else list(rows)
    if listed and all(isinstance(item, (bool, np.bool_)) or item is pd.NA for item in listed):
        if len(listed) != len(frame):
            raise _wrong(f"a mask of {len(listed)} for a frame of {len(frame)} rows")
        return frame[[item is not pd.NA and bool(item) for item in listed]]
    strange = [item for item in listed if item not in set(frame["cell"])]
    if strange:
        raise _wrong(f"the sweep has no cell {short_repr(strange[0])}; its {frame['cell'].nunique()} cells begin at 0")
    return frame[frame["cell"].isin(listed)]


def _rows_of(frame: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    known = [name for name in ("imageUUID", "taskUUID", "cell") if name in rows]
    if not {"imageUUID", "taskUUID"} & set(known):
        raise _wrong("a frame without the columns 'taskUUID' and 'imageUUID'; give rows of result.to_frame()")
    mine = frame[known].astype("string").fillna("").agg("|".join, axis="columns")
    theirs = set(rows[known].astype("string").fillna("").agg("|".join, axis="columns"))
    if not theirs <= set(mine):
        raise _wrong("some of them are not of this sweep")
    return frame[mine.isin(theirs)]


def _wrong(why: str) -> RequestError:
    return RequestError(f"rows: {why}", parameter="rows", value=None, reason="conflict")
