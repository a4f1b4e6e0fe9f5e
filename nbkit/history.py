"""The log as a person holds it: runs by their UUID, a frame, a table in a cell."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from nbkit.display.figure import QUIET_STYLE, no_mathjax
from nbkit.display.mime import MimeBundle
from nbkit.display.text import count
from nbkit.log.annotations import check_known, image_uuids
from nbkit.log.export import export_frame
from nbkit.log.runs import REFERENCE_TYPES
from nbkit.log.store import LogStore
from nbkit.log.table import PAGE_ROWS, THUMBNAIL, FrameAccessor
from nbkit.request.parameter import ValueInvalid
from nbkit.request.reference import Reference, make_reference
from nbkit.results.image import GeneratedImage
from nbkit.results.run import Run

SHOWN_ROWS = 20
"""Rows that the log shows as the last line of a cell: the latest ones."""


class RunLog(LogStore):
    """Every run that was made in a folder, by this kernel or another one. ``studio.log`` is the log of a studio.

    ``log["<task uuid>"]`` is a :class:`~nbkit.Run`, ``len(log)`` the number of runs, and iteration gives the runs from
    the newest on. As the last line of a cell the log shows its latest rows with thumbnails.

    Args:
        folder: holds ``log.sqlite`` and ``images/``; created if it does not exist.
        finish: applied to each run that leaves the log; a studio adds what it takes to make the run again.

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

    def show(
        self,
        size: int = THUMBNAIL,
        *,
        columns: list[str] | str | None = None,
        limit: int = PAGE_ROWS,
        page: int = 1,
        by: str | None = None,
    ) -> MimeBundle:
        """Every row as a picture with its facts, newest first; ``frame.nbkit.show()`` does the same for some rows.

        Args:
            size: pixels on the long side of a thumbnail.
            columns: which facts to show, one name or several, in either spelling.
            limit: rows of a page.
            page: which page, from 1 on.
            by: groups the rows by a column: ``log.show(by="temperature")``.

        Raises:
            UnknownParameter: for a column that the log does not have.
            RequestError: for a size, a limit or a page out of range.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> run = studio.generate("A paper lantern", seed=7)
            >>> print(studio.log.show(columns=["seed", "cost"], limit=1).text.splitlines()[-1])
            7     $0.06895
        """
        frame = self.to_frame().iloc[::-1]
        return FrameAccessor(frame).show(size=size, columns=columns, limit=limit, page=page, by=by)

    def export(
        self,
        path: str | os.PathLike[str],
        frame: pd.DataFrame | GeneratedImage | Run | str | Iterable[Any] | None = None,
        *,
        originals: bool = True,
    ) -> Path:
        """Write pictures, a manifest (CSV and JSON), and a page that shows them without a network or nbkit.

        Args:
            path: a new folder, or a new file that ends in ``.zip``.
            frame: the rows to export, such as ``log.search("lantern")``, or pictures as :meth:`mark` takes them; by
                default all.
            originals: whether to copy the pictures themselves; ``index.html`` has small ones in any case.

        Returns:
            The folder or the file.

        Raises:
            RequestError: if the path exists already; nothing is replaced.
            StorageError: if it cannot be written, or none of the originals exists; then nothing is left behind.
            KeyError: for a picture that the log does not have.

        Warns:
            UserWarning: if some of the originals are missing or damaged; page and manifest name them.

        Example:
            >>> import tempfile, nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> run = studio.generate("A paper lantern", seed=7)
            >>> folder = studio.log.export(f"{tempfile.mkdtemp()}/lanterns", run)
            >>> sorted(file.name for file in folder.iterdir())
            ['images', 'index.html', 'manifest.csv', 'manifest.json']
        """
        rows = frame if isinstance(frame, pd.DataFrame) else self._rows_to_export(frame)
        home = self.images.folder.parent  # absolute since the log was opened, whatever the working directory is now
        private = (str(home), str(home.resolve()), str(Path.home()))
        return export_frame(rows, path, private=private, originals=originals)

    def _rows_to_export(self, which: Any) -> pd.DataFrame:
        rows = self.to_frame()
        if which is None:
            return rows
        names = image_uuids(which)
        check_known(names, rows["imageUUID"].dropna())
        return rows[rows["imageUUID"].isin(names)]

    def reference(self, sha256: str) -> Reference:
        """A picture of the image folder as a reference image: ``reference_images=[log.reference("3fa9…")]``.

        Args:
            sha256: the hash of its content, or at least the first twelve hex digits of it.

        Raises:
            KeyError: if the folder has no such picture, or several.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> run = studio.generate("A paper lantern", seed=7)
            >>> request = nbkit.ImageRequest("In the snow", reference_images=[studio.log.reference(run.image.sha256)])
            >>> len(request.reference_images)
            1
        """
        digest = str(sha256).strip().lower().removeprefix("sha256:")
        if not re.fullmatch("[0-9a-f]{12,64}", digest):
            raise KeyError("a reference image is named by its SHA-256, or by its first 12 hex digits or more")
        paths = (self.images.folder / digest[:2]).glob(f"{digest}*")
        found = {path.stem: path for path in paths if path.suffix in REFERENCE_TYPES}
        if not found:
            raise KeyError(f"the image folder has no picture {digest}; it may have been deleted, or be in another log")
        if len(found) > 1:
            raise KeyError(f"{digest} begins the hashes of {len(found)} pictures: give more of its digits")
        (path,) = found.values()
        try:
            return make_reference(path)  # removes metadata, which a picture of the service may have too
        except ValueInvalid:
            raise KeyError(f"the picture {path.stem} cannot be read; its file is damaged") from None

    def __getitem__(self, task_uuid: str) -> Run:
        try:
            return self.finish(self.history.get(task_uuid))
        except KeyError:
            raise KeyError(f"the log has no run {task_uuid!r}; log.to_frame().taskUUID lists them") from None

    def __contains__(self, task_uuid: object) -> bool:
        return bool(self.history.many([str(task_uuid)]))

    def __iter__(self) -> Iterator[Run]:
        return (self.finish(run) for run in self.history.latest(len(self)))

    def __repr__(self) -> str:
        if not hasattr(self, "history"):  # a traceback may show a log whose __init__ failed
            return "<RunLog>"
        return f"<RunLog {self.folder.as_posix()}: {count(len(self), 'run')}>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        frame = self.to_frame()
        if frame.empty:
            empty = "The log is empty: studio.generate(…) writes its first row."
            return {"text/html": empty, "text/plain": empty}
        latest = frame.iloc[::-1].head(SHOWN_ROWS)
        earlier = f"The latest {len(latest)} of {len(frame)} rows. " if len(frame) > len(latest) else ""
        shown = FrameAccessor(latest).show()
        return {
            "text/html": no_mathjax(
                f'{shown.html}<div style="{QUIET_STYLE}">{earlier}studio.df has them all, studio.log.show() shows them.</div>'
            ),
            "text/plain": shown.text,
        }
