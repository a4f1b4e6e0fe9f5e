"""``RunLog``: the log as a person holds it, with the questions that one asks of many rows at once."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pandas as pd

from nbkit.comparison.diversity import Diversity, diversity_of
from nbkit.comparison.effects import WINS, Effects, effects_of
from nbkit.comparison.measuring import measure_pictures, with_measures
from nbkit.comparison.ranking import Ranking, rank
from nbkit.errors import RequestError
from nbkit.log.adopt import adopt
from nbkit.log.frame import COLUMNS, check_frame
from nbkit.log.judgements import check_question, check_rater, read_judgements
from nbkit.log.store import LogStore


class RunLog(LogStore):
    """Every run that was made in a folder, by this kernel or another one. ``studio.log`` is the log of a studio.

    ``log["<task uuid>"]`` is a :class:`~nbkit.Run`, ``len(log)`` the number of runs, and iteration gives the runs from
    the newest on. As the last line of a cell the log shows its latest rows with thumbnails.

    Args:
        folder: holds ``log.sqlite``, ``images/`` and ``presets.json``; created if it does not exist.
        finish: applied to each run that leaves the log; a studio adds what it takes to make the run again.
        trust: trust the rows of a log that nbkit does not know as yours.
        address: of a PostgreSQL database that has the rows, in place of ``log.sqlite``.

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

    def adopt(self, path: str | os.PathLike[str]) -> pd.DataFrame:
        """Bring runs and pictures of somebody else, or of another log of yours, into this log: each once.

        ``path`` is an export (a folder or a ZIP file, with or without its originals), another log (its folder, a backup,
        also of an older nbkit, or one that another kernel works in), or a folder of pictures. It is read and never written.

        A run is known by its taskUUID and a picture by its content: what the log has does not come again, so two people can
        merge their logs in both directions, in any order, and again later. Of a picture that is here, rating, ``keep`` and
        note are taken over where this log has none, and tags are joined. Judgements come too. Another picture of a run that
        is here becomes a further result of it. A picture without its settings gets a prompt that says so, and the name of its
        file as its note; if they come later, they become those of its row.

        The column ``adopted`` of the new rows is the time of this call. Nothing is sent and nothing is paid for them: their
        ``cost`` is what somebody else has paid, and counts in no budget, no sum and no limit. :meth:`nbkit.Studio.recover`
        leaves them alone. A request of the same engine that ``Studio(reuse=True)`` or a sweep wants is answered from an
        adopted run whose picture is here. Runs that have not ended are left out, and so are addresses to which results were
        sent. Whoever gave you the file says what is in it: nbkit checks the bytes of pictures against their hashes, and
        believes nothing else.

        An interrupted call leaves a whole log, and the same call again brings the rest.

        Args:
            path: of the export, the log or the pictures.

        Returns:
            The new rows, in the columns of :meth:`to_frame`; without rows if everything was here.

        Raises:
            RequestError: if there is nothing that can be adopted, or a file is made to do harm.
            StorageError: if one of the two logs cannot be read or written; ``LogVersionError`` if only a newer nbkit can
                read the other one.

        Warns:
            UserWarning: for what was left out: open runs, damaged rows, missing pictures, pictures of a run that is not
                settled here, judgements of pictures that are not here.

        Example:
            >>> import tempfile, nbkit
            >>> theirs = nbkit.Studio(engine="offline", path=tempfile.mkdtemp())
            >>> run = theirs.generate("A jade teapot", seed=7, resolution="0.5K")
            >>> studio = nbkit.Studio(engine="offline", path=tempfile.mkdtemp())
            >>> new = studio.log.adopt(theirs.log.export(f"{tempfile.mkdtemp()}/lanterns.zip"))
            >>> new[["prompt", "seed", "cost"]].to_dict("records")
            [{'prompt': 'A jade teapot', 'seed': 7, 'cost': 0.04657}]
            >>> studio.budget.spent, len(studio.log.adopt(theirs.log.folder))
            (0.0, 0)
        """
        now = adopt(self.database, self.images, path)
        return self._frame(COLUMNS["adopted"] == now)

    def effects(self, frame: pd.DataFrame, axes: Sequence[str], on: str, block: str | None = "seed") -> Effects:
        """What each of some columns does to a measure; :meth:`nbkit.SweepResult.effects` does it for a sweep's axes.

        Args:
            frame: rows of the log, after whatever pandas did to them.
            axes: the columns that vary, in either spelling.
            on: the measure: a column of numbers; ``"refused"``, the share of requests that a safety filter blocked;
                ``"wins"``, strengths in judgements of these pictures, in logits; or ``"likeness"``, how alike the pictures
                of one setting look.
            block: the column of what pictures share whose settings differ; ``None`` for none.

        Raises:
            UnknownParameter: for a column that the frame does not have.
            RequestError: for a measure that is no number, or that no row has; for wins without judgements.
            NbkitError: if scipy is not installed.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> runs = [studio.generate("A lantern", seed=s, resolution=r) for s in (1, 2) for r in ("0.5K", "1K")]
            >>> rows = studio.df[studio.df.taskUUID.isin([run.task_uuid for run in runs])]
            >>> studio.log.effects(rows, axes=["resolution"], on="cost").to_frame().effect.round(5).tolist()
            [0.02238]
        """
        judgements = None
        if on == WINS:
            check_frame(frame, ("imageUUID",))
            judgements = read_judgements(self.database, pictures=list(frame["imageUUID"].dropna()))
        return effects_of(frame, axes, on, block, judgements)

    def diversity(self, frame: pd.DataFrame, by: str | None = None) -> Diversity:
        """How different pictures look from each other; :meth:`nbkit.SweepResult.diversity` does it for a sweep.

        Args:
            frame: rows of the log, after whatever pandas did to them.
            by: the column whose values are told apart, in either spelling; ``None`` for all pictures as one set.

        Raises:
            UnknownParameter: for a column that the frame does not have.
            NbkitError: if the frame has no column ``file``.
            RequestError: if no row has a picture that can be read.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> runs = [studio.generate("A lantern", seed=seed, resolution="0.5K") for seed in (1, 2, 3)]
            >>> rows = studio.df[studio.df.taskUUID.isin([run.task_uuid for run in runs])]
            >>> studio.log.diversity(rows).to_frame().n.tolist()
            [3]
        """
        return diversity_of(frame, by)

    def measure(
        self,
        frame: pd.DataFrame | None = None,
        text: bool | None = None,
        look: bool = True,
        expect: str | Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """Read pictures, on this machine and with no network, and write what was found into the log's columns.

        ``sharpness``, ``contrast`` and ``colourfulness`` are of the pixels (:class:`nbkit.measures.look.Appearance` has the
        formulas). ``textFidelity`` is the share of the expected words that stand in the picture, letter by letter;
        ``textMissing`` and ``textFound`` have these words, joined by ", ". It is a gap where none are expected, or none of
        them can be read: words in scripts that are not read, and what was read with little confidence, take no part.

        A picture takes a hundredth of a second, and with text about a second, once: what was read is kept by the hash of its
        bytes. A call that was stopped goes on where it was, other expected words cost nothing, and what was written last
        stands in the columns. Nothing of this happens in :meth:`nbkit.Studio.generate`.

        Args:
            frame: rows of the log, after whatever pandas did to them; by default all.
            text: whether text is read; by default where the extra ``text`` is installed (``pip install "nbkit[text]"``),
                and with ``expect=``.
            look: whether the pixels are measured.
            expect: the words that should be there, a phrase or a list of phrases; by default those that the prompt of
                each row has in quotation marks (:func:`nbkit.expected`).

        Returns:
            The rows, with these columns as they are now.

        Raises:
            NbkitError: if text is asked for and the extra is not installed; if the frame has no column ``imageUUID``.
            RequestError: for ``expect=`` that is no phrase.
            StorageError: if the log cannot be written.

        Warns:
            UserWarning: if the files of some pictures are missing, damaged or removed.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> run = studio.generate("A paper lantern", seed=7, resolution="0.5K")
            >>> rows = studio.log.measure(studio.df[studio.df.taskUUID == run.task_uuid], text=False)
            >>> bool(rows.sharpness[rows.index[0]] > 0)
            True
        """
        measure_pictures(self.database, self.images, frame, text=text, look=look, expect=expect)
        return self.to_frame() if frame is None else with_measures(self.database, frame)

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
        question = None if question is None else check_question(question)
        rater = None if rater is None else check_rater(rater)
        judgements = read_judgements(self.database, question=question, rater=rater, pictures=names)
        if not judgements and (question, rater) != (None, None):
            there = read_judgements(self.database, pictures=names)
            known = {"question": {one.question for one in there}, "rater": {one.rater for one in there}}
            said = " and ".join(
                f"{name}={value!r}" for name, value in (("question", question), ("rater", rater)) if value
            )
            lists = "; ".join(f"{name}s: {', '.join(map(repr, sorted(values)[:10]))}" for name, values in known.items())
            message = f"there are no judgements with {said}" + (f"; there are {lists}" if there else "")
            raise RequestError(message, parameter="question" if question else "rater", reason="missing")
        judged = list(dict.fromkeys(name for one in judgements for name in one.shown))
        rows = self.rows_of([], judged)
        return rank(judgements, rows[rows["imageUUID"].isin(judged)], by)
