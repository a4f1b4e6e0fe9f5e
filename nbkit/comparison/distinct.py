"""The pictures of a frame, each once: what comparisons are about."""

from __future__ import annotations

import pandas as pd

from nbkit.results.run import DONE


def distinct_pictures(frame: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """The rows with a picture, and how many of them were left out because they are another row's picture again.

    A copy and an answer from the log have the file of an earlier row. A draft that was made again at a higher resolution is
    no second picture of its setting either: the one that was made from it is left out where the draft is there too.

    Args:
        frame: rows of the log; a frame without the columns ``status``, ``file``, ``parent`` or ``taskUUID`` is taken as it is.
    """
    done = frame[frame["status"] == DONE] if "status" in frame else frame
    rows = done
    if "file" in rows:
        rows = rows[rows["file"].isna() | ~rows["file"].duplicated()]
    if {"parent", "taskUUID"} <= set(rows.columns):
        rows = rows[~rows["parent"].isin(set(rows["taskUUID"].dropna())).fillna(False)]
    return rows, len(done) - len(rows)
