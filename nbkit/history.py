"""``RunLog``: the log as a person holds it, with the questions that one asks of many rows at once."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from nbkit.comparison.effects import Effects, effects_of
from nbkit.comparison.ranking import Ranking, rank
from nbkit.log.frame import check_frame
from nbkit.log.judgements import read_judgements
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

    def ranking(
        self,
        by: str | Sequence[str] | None = None,
        *,
        question: str | None = None,
        rater: str | None = None,
        frame: pd.DataFrame | None = None,
    ) -> Ranking:
        """Which setting, or which picture, was judged best, with intervals and with what to do next.

        Args:
            by: the column whose values are compared, in either spelling, or several; ``None`` for the pictures themselves. What
                is said of a setting holds for its next picture too, and its interval is wider for that.
            question: only judgements of this question.
            rater: only those of this person.
            frame: rows of the log; only judgements of nothing but their pictures.

        Raises:
            RequestError: if there are no such judgements; ``studio.arena(…)`` asks for them.
            UnknownParameter: for a column that the log does not have.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> runs = [studio.generate("A lantern", seed=seed) for seed in (1, 2, 3)]
            >>> arena = studio.arena(runs, question="Which is brighter?")
            >>> arena.judge(runs[0].image, runs[1].image, runs[2].image)
            >>> rows = studio.log.rows_of([run.task_uuid for run in runs])
            >>> ranking = studio.log.ranking(question="Which is brighter?", frame=rows)
            >>> ranking.to_frame().item[0] == runs[0].image.image_uuid, ranking.best
            (True, None)
        """
        names = None
        if frame is not None:
            check_frame(frame, ("imageUUID",))
            names = list(frame["imageUUID"].dropna())
        judgements = read_judgements(self.database, question=question, rater=rater, pictures=names)
        judged = list(dict.fromkeys(name for one in judgements for name in one.shown))
        rows = self.rows_of([], judged)
        return rank(judgements, rows[rows["imageUUID"].isin(judged)], by)
