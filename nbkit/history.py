"""``RunLog``: the log as a person holds it, with the questions that one asks of many rows at once."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from nbkit.comparison.effects import Effects, effects_of
from nbkit.log.store import LogStore


class RunLog(LogStore):
    """Every run that was made in a folder, by this kernel or another one. ``studio.log`` is the log of a studio.

    ``log["<task uuid>"]`` is a :class:`~nbkit.Run`, ``len(log)`` the number of runs, and iteration gives the runs from
    the newest on. As the last line of a cell the log shows its latest rows with thumbnails.

    Args:
        folder: holds ``log.sqlite``, ``images/`` and ``presets.json``; created if it does not exist.
        finish: applied to each run that leaves the log; a studio adds what it takes to make the run again.
        trust: trust the rows of a log that nbkit does not know as yours.

    Raises:
        StorageError: if the folder cannot be used; ``LogVersionError`` if only a newer nbkit can read the log.

    Example:
        >>> import nbkit
        >>> studio = nbkit.Studio(engine="offline")
        >>> run = studio.generate("A paper lantern", seed=7)
        >>> studio.log[run.task_uuid] == run
        True
        >>> next(iter(studio.log)).seed
        7
    """

    def effects(self, frame: pd.DataFrame, axes: Sequence[str], on: str, block: str | None = "seed") -> Effects:
        """What each of some columns does to a measure; :meth:`nbkit.SweepResult.effects` does it for a sweep's axes.

        Args:
            frame: rows of the log, after whatever pandas did to them.
            axes: the columns that vary, in either spelling.
            on: the measure, a column of numbers, or ``"refused"``.
            block: the column of what pictures share whose settings differ; ``None`` for none.

        Raises:
            UnknownParameter: for a column that the frame does not have.
            RequestError: for a measure that is no number, or that no row has.
            NbkitError: if scipy is not installed.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> runs = [studio.generate("A lantern", seed=s, resolution=r) for s in (1, 2) for r in ("0.5K", "1K")]
            >>> rows = studio.df[studio.df.taskUUID.isin([run.task_uuid for run in runs])]
            >>> studio.log.effects(rows, axes=["resolution"], on="cost").to_frame().effect.round(5).tolist()
            [0.02238]
        """
        return effects_of(frame, axes, on, block)
