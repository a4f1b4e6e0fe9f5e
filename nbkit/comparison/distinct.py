"""The pictures of a frame, each once: what comparisons are about."""

from __future__ import annotations

import pandas as pd

from nbkit.display.text import count
from nbkit.results.run import DONE

Notes = tuple[str, ...]
"""What was left out, in words."""


def distinct_pictures(frame: pd.DataFrame) -> tuple[pd.DataFrame, Notes]:
    """The rows with a picture, each picture once, and what was left out.

    A copy, and what was answered from the log, have the file of an earlier row. A draft that was made again at a higher
    resolution is no second picture of its setting either: what was made from it is left out where the draft is there too.

    Args:
        frame: rows of the log; columns that are not there are not looked at.
    """
    rows = frame[frame["status"] == DONE] if "status" in frame else frame
    lost = len(frame) - len(rows)
    drafts = set(rows["taskUUID"].dropna()) if "taskUUID" in rows else set()  # with copies: they are made again, too
    if "file" in rows:
        rows = rows[rows["file"].isna() | ~rows["file"].duplicated()]
    if "parent" in rows:
        rows = rows[~rows["parent"].isin(drafts).fillna(False)]
    copies = len(frame) - lost - len(rows)
    notes = (
        f"{count(lost, 'row')} without a picture" if lost else "",
        f"{count(copies, 'copy or promotion')} left out"
        if copies == 1
        else f"{copies:,} copies and promotions left out"
        if copies
        else "",
    )
    return rows, tuple(filter(None, notes))
