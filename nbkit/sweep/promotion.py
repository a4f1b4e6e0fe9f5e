"""From chosen drafts to the cells that make them again at a higher tier."""

from __future__ import annotations

from typing import Any

import pandas as pd

from nbkit.errors import RequestError
from nbkit.model import MICRO
from nbkit.sweep.cells import Cell, Cells, ListedCells


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
        raise RequestError(
            "rows: none of them has a picture to promote; rows of result.to_frame() with status 'done' have",
            parameter="rows",
            value=None,
            reason="count",
        )
    made = []
    for number, row in enumerate(pictures.to_dict("records")):
        draft = cells[int(row["cell"])]
        seed = draft.request.seed if pd.isna(row["seed"]) else int(row["seed"])
        request = draft.request.replace(resolution=resolution, seed=seed, number_results=None)
        made.append(Cell(number, draft.values, request, parent=str(row["taskUUID"])))
    spent = pictures["cost"].sum()
    return ListedCells(made, cells, f"{cells.key} at {resolution}"), round(float(spent) * MICRO)


def _chosen(frame: pd.DataFrame, rows: Any) -> pd.DataFrame:
    if isinstance(rows, pd.DataFrame):
        if "cell" not in rows or "taskUUID" not in rows:
            raise RequestError(
                "rows: a frame without the columns 'cell' and 'taskUUID'; give rows of result.to_frame()",
                parameter="rows",
                value=None,
                reason="type",
            )
        mine = set(zip(frame["taskUUID"], frame["cell"], strict=True))
        keep = [pair in mine for pair in zip(rows["taskUUID"], rows["cell"], strict=True)]
        if not all(keep):
            raise RequestError(
                "rows: some of them are not of this sweep", parameter="rows", value=None, reason="conflict"
            )
        return rows
    if isinstance(rows, pd.Series):
        return frame[rows] if rows.dtype in ("bool", "boolean") else frame[frame["cell"].isin(list(rows))]
    numbers = [rows] if isinstance(rows, int) else list(rows)
    return frame[frame["cell"].isin(numbers)]
