"""The run log as a person holds it: a frame, a run by its UUID, a table in a cell."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import EllipsisType
from typing import Any

import pandas as pd

from nbkit.display.bundle import Bundle
from nbkit.display.figure import QUIET, shield
from nbkit.display.text import count
from nbkit.export import export_frame
from nbkit.image import GeneratedImage
from nbkit.parameter import Wrong
from nbkit.reference import Reference, make_reference
from nbkit.run import Run
from nbkit.storage.database import Database
from nbkit.storage.frame import frame_of, to_frame
from nbkit.storage.history import REFERENCE_TYPES, History
from nbkit.storage.images import ImageStore
from nbkit.storage.journal import Journal
from nbkit.storage.marks import Change, checked, image_uuids, mark, read
from nbkit.storage.previews import previews_in
from nbkit.storage.schema import IMAGES, RUNS, prepare
from nbkit.storage.search import found
from nbkit.table import LIMIT, THUMBNAIL, show_frame

SHOWN = 20
"""Rows that the log shows as the last line of a cell: the latest."""

MANY = 500
"""So many runs are not asked for by name: all rows are read as quickly."""


class RunLog:
    """Every run that was ever made in a folder, by this kernel or another one.

    ``log.to_frame()`` is the DataFrame; ``log["<task uuid>"]`` a :class:`~nbkit.Run`; ``len(log)`` the number of
    runs; iteration gives them newest first. As the last line of a cell it is a table with thumbnails.

    Args:
        folder: holds ``log.sqlite`` and ``images/``; made if it is not there.
        finish: what a studio does with a run that it hands out.
    """

    def __init__(self, folder: Path, finish: Callable[[Run], Run] = lambda run: run) -> None:
        self._database = Database(folder / "log.sqlite")
        prepare(self._database)
        self._finish = finish
        self.folder = folder
        self.store = ImageStore(folder / "images")
        self.journal = Journal(self._database)
        self.previews = previews_in(folder)
        self.history = History(self._database, self.store)

    def to_frame(self, sweep: str | None = None) -> pd.DataFrame:
        """One row per picture, and one for each run or result that has none; oldest first.

        Columns have the API's spelling and nullable dtypes that never change: ``seed`` is always ``Int64``.
        ``cost`` is in USD, ``latency`` in seconds, ``created`` in UTC.

        Args:
            sweep: only the runs of the sweep of that name.
        """
        return to_frame(self._database, self.store.shown, None if sweep is None else RUNS.c.sweep == sweep)

    def rows_of(self, task_uuids: Iterable[str]) -> pd.DataFrame:
        """The rows of some runs, in the columns of :meth:`to_frame`; quicker than all rows where they are few."""
        wanted = list(dict.fromkeys(task_uuids))
        if len(wanted) > MANY:
            return self.to_frame()
        return to_frame(self._database, self.store.shown, RUNS.c.taskUUID.in_(wanted))

    def search(self, text: str) -> pd.DataFrame:
        """The rows whose prompt, tags or note hold every word of a text, in the columns of :meth:`to_frame`.

        Args:
            text: words, or parts of them; ``"a phrase"`` in quotation marks; nothing finds everything. Capitals make
                no difference, in no alphabet.
        """
        if text == "":
            return self.to_frame()
        return frame_of(self._database, self.store.shown, found(self._database, text, RUNS.c.id, IMAGES.c.id))

    def mark(
        self,
        which: GeneratedImage | Run | str | pd.DataFrame | Iterable[Any],
        *,
        rating: int | EllipsisType | None = ...,
        keep: bool | EllipsisType | None = ...,
        tags: str | Iterable[str] | Callable[[str], str] | EllipsisType | None = ...,
        note: str | EllipsisType | None = ...,
    ) -> Change:
        """Rate pictures, keep or drop them, give them tags or a note; only what is given changes.

        Args:
            which: a picture, a run (all its pictures), an imageUUID, rows of :meth:`to_frame`, or a list of those.
            rating: 1 to 5 stars.
            keep: whether to keep the picture.
            tags: ``"lantern, night"`` or a list of words; they replace the ones that were there. A function makes
                the new ones of the old: ``tags=lambda old: f"{old}, night"``.
            note: a sentence or more. ``None`` takes a value away, here as for the others.

        Returns:
            What was done; its ``undo()`` takes it back.

        Raises:
            RequestError: for a value that cannot be, and for a run or a row without a picture.
            KeyError: for a picture that the log does not have. Nothing is changed then.
        """
        return mark(self._database, image_uuids(which), checked(rating, keep, tags, note))

    def marks(self, image_uuids: Iterable[str]) -> pd.DataFrame:
        """Rating, keep, tags and note of pictures as they are now, by imageUUID; quicker than a frame of all rows.

        Args:
            image_uuids: those that the log does not have are left out.
        """
        return read(self._database, list(dict.fromkeys(image_uuids)))

    def show(
        self,
        size: int = THUMBNAIL,
        *,
        columns: list[str] | str | None = None,
        limit: int = LIMIT,
        page: int = 1,
        by: str | None = None,
    ) -> Bundle:
        """Every row as a picture with its facts, newest first; ``frame.nbkit.show()`` does the same for a selection.

        Args:
            size: pixels on the long side of a thumbnail.
            columns: which facts to show, one name or several, in either spelling.
            limit: how many rows a page has.
            page: which page, from 1 on.
            by: a column whose equal values are put together: ``log.show(by="temperature")``.
        """
        return show_frame(self.to_frame().iloc[::-1], size=size, columns=columns, limit=limit, page=page, by=by)

    def export(
        self,
        path: str | os.PathLike[str],
        frame: pd.DataFrame | GeneratedImage | Run | str | Iterable[Any] | None = None,
        *,
        originals: bool = True,
    ) -> Path:
        """Write pictures, a manifest (CSV and JSON) and a page that shows them without a network and without nbkit.

        Args:
            path: a new folder, or a new file that ends in ``.zip``.
            frame: the rows to take along, such as ``log.search("lantern")``, or pictures as :meth:`mark` takes
                them; by default all.
            originals: whether to take the pictures themselves; ``index.html`` has small ones in any case.

        Returns:
            The folder or the file.

        Raises:
            RequestError: if there is something at the path already; nothing is replaced.
            StorageError: if it cannot be written, or none of the originals is there; nothing of it is left.
            KeyError: for a picture that the log does not have.

        Warns:
            UserWarning: if some of the originals are missing or damaged; the page and the manifest say which.
        """
        rows = frame if isinstance(frame, pd.DataFrame) else self._rows_of(frame)
        home = self.store.folder.parent  # absolute since the log was opened, whatever the working directory is now
        here = (str(home), str(home.resolve()), str(Path.home()))
        return export_frame(rows, path, private=here, originals=originals)

    def _rows_of(self, which: Any) -> pd.DataFrame:
        rows = self.to_frame()
        if which is None:
            return rows
        names = image_uuids(which)
        unknown = set(names) - set(rows["imageUUID"].dropna())
        if unknown:
            name = next(name for name in names if name in unknown)
            raise KeyError(f"the log has no picture {name!r}; the column imageUUID of log.to_frame() lists them")
        return rows[rows["imageUUID"].isin(names)]

    def __getitem__(self, task_uuid: str) -> Run:
        try:
            return self._finish(self.history.get(task_uuid))
        except KeyError:
            raise KeyError(f"the log has no run {task_uuid!r}; log.to_frame().taskUUID lists them") from None

    def several(self, task_uuids: Sequence[str]) -> dict[str, Run]:
        """Runs by their taskUUID; those that the log does not have are left out."""
        return {name: self._finish(run) for name, run in self.history.many(task_uuids).items()}

    def reference(self, sha256: str) -> Reference:
        """A picture of the image folder as a reference image: ``reference_images=[log.reference("3fa9…")]``.

        Args:
            sha256: the hash of its content, or its first twelve hex digits or more.

        Raises:
            KeyError: if the folder has no such picture, or several.
        """
        digest = str(sha256).strip().lower().removeprefix("sha256:")
        if not re.fullmatch("[0-9a-f]{12,64}", digest):
            raise KeyError("a reference image is named by its SHA-256, or by its first 12 hex digits or more")
        paths = (self.store.folder / digest[:2]).glob(f"{digest}*")
        found = {path.stem: path for path in paths if path.suffix in REFERENCE_TYPES}
        if not found:
            raise KeyError(f"the image folder has no picture {digest}; it may have been deleted, or be in another log")
        if len(found) > 1:
            raise KeyError(f"{digest} begins the hashes of {len(found)} pictures: give more of its digits")
        (path,) = found.values()
        try:
            return make_reference(path)  # which takes out what a picture of the service may tell beside its pixels
        except Wrong:
            raise KeyError(f"the picture {path.stem} cannot be read; its file is damaged") from None

    def __contains__(self, task_uuid: object) -> bool:
        try:
            self.history.get(str(task_uuid))
        except KeyError:
            return False
        return True

    def __len__(self) -> int:
        return self.history.count()

    def __iter__(self) -> Iterator[Run]:
        return (self._finish(run) for run in self.history.latest(len(self)))

    def close(self) -> None:
        """Close the database; the log opens again with a new studio."""
        self._database.close()

    def __repr__(self) -> str:
        if not hasattr(self, "history"):  # a traceback shows it half made
            return "<RunLog>"
        return f"<RunLog {self.folder.as_posix()}: {count(len(self), 'run')}>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        frame = self.to_frame()
        if frame.empty:
            empty = "The log is empty: studio.generate(…) writes its first row."
            return {"text/html": empty, "text/plain": empty}
        latest = frame.iloc[::-1].head(SHOWN)
        earlier = f"The latest {len(latest)} of {len(frame)} rows. " if len(frame) > len(latest) else ""
        shown = show_frame(latest)
        return {
            "text/html": shield(
                f'{shown.html}<div style="{QUIET}">{earlier}studio.df has them all, studio.log.show() shows them.</div>'
            ),
            "text/plain": shown.text,
        }
