"""One log on disk: its database, its pictures and their previews."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import EllipsisType
from typing import Any

import pandas as pd
import sqlalchemy as sa

from nbkit.log.annotations import Change, annotate
from nbkit.log.database import Database, one_of
from nbkit.log.frame import to_frame
from nbkit.log.images import ImageStore
from nbkit.log.previews import PICTURES, previews_in
from nbkit.log.runs import History
from nbkit.log.schema import IMAGES, RUNS, prepare
from nbkit.log.search import find_rows
from nbkit.results.image import GeneratedImage
from nbkit.results.run import Run

DATABASE = "log.sqlite"
"""The log's file, in its folder."""


class LogStore:
    """A log on disk, as sweeps and widgets use it. :class:`~nbkit.RunLog` adds what people use.

    Args:
        folder: holds ``log.sqlite`` and ``images/``; created if it does not exist.
        finish: applied to each run that leaves the log; a studio adds what it takes to make the run again.

    Attributes:
        folder: as given.
        database: runs transactions.
        images: the folder of pictures.
        previews: small JPEGs of them.
        history: reads runs.
    """

    def __init__(self, folder: str | Path, finish: Callable[[Run], Run] = lambda run: run) -> None:
        folder = Path(folder).expanduser()
        self.database = Database(folder / DATABASE)
        prepare(self.database)
        self.finish = finish
        self.folder = folder
        self.images = ImageStore(folder / PICTURES)
        self.previews = previews_in(folder)
        self.history = History(self.database, self.images)

    def to_frame(self, sweep: str | None = None) -> pd.DataFrame:
        """The log as a DataFrame, oldest row first.

        There is one row per picture, and one for each run or result without a picture. Column names have the API's
        spelling. The dtypes are nullable and always the same, so a seed beside a gap stays an integer.

        ===================  ============================================================================
        dtype                columns
        ===================  ============================================================================
        string               prompt, status, thinking, resolution, systemPrompt, safetyTolerance, safetyMode,
                             aspectRatio, referenceImages, outputFormat, outputType, deliveryMethod,
                             webhookURL, uploadEndpoint, extra, parent, file, tags, note, sweep, error,
                             engine, model, taskUUID, imageUUID
        Int64                seed, requestedSeed, width, height, numberResults, outputQuality, ttl, rating
        Float64              temperature, topP, cost, latency
        boolean              webSearch, imageSearch, checkContent, includeCost, NSFWContent, keep, charged
        datetime64[us, UTC]  created
        ===================  ============================================================================

        ``seed`` is the one that the service reports for the picture, ``requestedSeed`` the one that was sent. ``cost``
        is in USD, ``latency`` in seconds, ``created`` in UTC. ``charged`` is true for real money and false for the
        offline engine's list prices.

        Args:
            sweep: only the runs of the sweep with that name.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> run = studio.generate("A paper lantern", seed=7, temperature=0.4)
            >>> frame = studio.log.to_frame()
            >>> frame[frame.taskUUID == run.task_uuid][["prompt", "seed", "temperature"]].to_dict("records")
            [{'prompt': 'A paper lantern', 'seed': 7, 'temperature': 0.4}]
        """
        return to_frame(self.database, self.images.given_path, None if sweep is None else RUNS.c.sweep == sweep)

    def rows_of(self, task_uuids: Iterable[str]) -> pd.DataFrame:
        """The rows of some runs, in the columns of :meth:`to_frame`; faster than all rows where the runs are few.

        Args:
            task_uuids: of the runs; those that the log does not have are left out.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> run = studio.generate("A paper lantern", seed=7, number_results=2)
            >>> studio.log.rows_of([run.task_uuid]).seed.tolist()
            [7, 8]
        """
        return to_frame(self.database, self.images.given_path, one_of(RUNS.c.taskUUID, task_uuids))

    def search(self, text: str) -> pd.DataFrame:
        """The rows whose prompt, tags or note contain every word of a text, in the columns of :meth:`to_frame`.

        Args:
            text: words or parts of words; ``"a phrase"`` in quotation marks; an empty text matches every row. Upper
                and lower case are the same, in every alphabet.

        Raises:
            RequestError: if it is not a string.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> run = studio.generate("A jade teapot", seed=1)
            >>> run.task_uuid in set(studio.log.search("TEA jade").taskUUID)
            True
        """
        if text == "":
            return self.to_frame()
        return to_frame(self.database, self.images.given_path, find_rows(self.database, text))

    def mark(
        self,
        which: GeneratedImage | Run | str | pd.DataFrame | Iterable[Any],
        *,
        rating: int | EllipsisType | None = ...,
        keep: bool | EllipsisType | None = ...,
        tags: str | Iterable[str] | Callable[[str], str] | EllipsisType | None = ...,
        note: str | EllipsisType | None = ...,
    ) -> Change:
        """Rate pictures, keep or reject them, tag them, add a note. Only the given values change.

        Args:
            which: a picture, a run (all its pictures), an imageUUID, rows of :meth:`to_frame`, or a list of those.
            rating: 1 to 5 stars.
            keep: ``True`` to keep the picture, ``False`` to reject it.
            tags: ``"lantern, night"`` or a list of words; they replace the present ones. A function gets the present
                tags and returns the new ones: ``tags=lambda old: f"{old}, night"``.
            note: any text. For each of the four, ``None`` removes the present value.

        Returns:
            A :class:`Change`; its ``undo()`` restores the values of before.

        Raises:
            RequestError: for a value that is not allowed, and for a run or a row without a picture.
            KeyError: for a picture that the log does not have. In both cases nothing is changed.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> run = studio.generate("A paper lantern", seed=7)
            >>> change = studio.log.mark(run, rating=5, tags="lantern, night")
            >>> change
            <Change: 1 picture, rating 5, tags lantern, night>
            >>> change.undo()
            <Change: 1 picture, rating and tags as before>
        """
        return annotate(self.database, which, {"rating": rating, "keep": keep, "tags": tags, "note": note})

    def annotations_of(self, image_uuids: Iterable[str]) -> pd.DataFrame:
        """Rating, keep, tags and note of pictures as they are now; faster than a frame of all rows.

        Args:
            image_uuids: those that the log does not have are left out.

        Returns:
            Columns ``rating`` (Int64), ``keep`` (boolean), ``tags`` and ``note`` (string); the index is the imageUUID.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> image = studio.generate("A paper lantern", seed=7).image
            >>> change = studio.log.mark(image, rating=5)
            >>> studio.log.annotations_of([image.image_uuid]).rating.tolist()
            [5]
        """
        columns = ("imageUUID", "rating", "keep", "tags", "note")
        named = one_of(IMAGES.c.imageUUID, image_uuids)
        runs = sa.select(IMAGES.c.run).where(named).correlate(None)  # first, so that SQLite need not look at every run
        frame = to_frame(self.database, self.images.given_path, RUNS.c.id.in_(runs) & named, columns)
        return frame.drop_duplicates("imageUUID").set_index("imageUUID")

    def get_runs(self, task_uuids: Sequence[str]) -> dict[str, Run]:
        """Several runs by their taskUUID, in a few queries; those that the log does not have are left out.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> run = studio.generate("A paper lantern", seed=7)
            >>> studio.log.get_runs([run.task_uuid, "no such run"]) == {run.task_uuid: run}
            True
        """
        return {name: self.finish(run) for name, run in self.history.many(task_uuids).items()}

    def __len__(self) -> int:
        return self.history.count()

    def close(self) -> None:
        """Close the database; a new studio on the same folder opens it again."""
        self.database.close()
