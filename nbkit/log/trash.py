"""Pictures that a person removes from the disk, and how much disk a log takes.

A removed picture's row keeps everything but its file: the name is in the column ``removed``, and ``file`` is empty. Its file
goes to the folder ``trash`` beside the pictures, unless another picture or a reference image of a run has the same bytes.
The row is written before the file is moved, and the file is moved back before the row: whatever is interrupted, the file of
a removed picture is in one of the two folders, and the next step of this module puts it where it belongs.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import sqlalchemy as sa

from nbkit.display.text import count
from nbkit.errors import StorageError
from nbkit.log.annotations import Change, check_known, image_uuids
from nbkit.log.database import Database
from nbkit.log.images import ImageStore, is_picture_name
from nbkit.log.previews import Previews
from nbkit.log.schema import IMAGES, IS_REMOVED, RUNS
from nbkit.log.sql import json_list, one_of
from nbkit.results.run import Run

T = TypeVar("T")

_UPDATE = sa.update(IMAGES).where(IMAGES.c.id == sa.bindparam("which"))
_NEEDED = json_list(RUNS.c.referenceImages)


@dataclass(frozen=True, slots=True)
class DiskUsage:
    """Bytes that a log takes on the disk, as ``studio.log.size`` has them.

    Attributes:
        pictures: the pictures, and the reference images of runs.
        previews: small copies, which are made again when they are needed.
        trash: pictures that were removed, until the trash is emptied.
        database: the rows.

    Example:
        >>> import tempfile, nbkit
        >>> studio = nbkit.Studio(engine="offline", path=tempfile.mkdtemp())
        >>> run = studio.generate("A paper lantern", seed=7)
        >>> studio.log.size.pictures == len(run.image.bytes)
        True
    """

    pictures: int
    previews: int
    trash: int
    database: int

    @property
    def total(self) -> int:
        """All of them together."""
        return self.pictures + self.previews + self.trash + self.database

    def __repr__(self) -> str:
        parts = ("pictures", "previews", "trash", "database")
        named = ", ".join(f"{name} {_bytes(getattr(self, name))}" for name in parts)
        return f"<DiskUsage {_bytes(self.total)}: {named}>"


def _bytes(number: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return count(number, "byte")


class Trash:
    """The removed pictures of a log.

    Args:
        database: of the log.
        images: its pictures.
        previews: of those.
    """

    def __init__(self, database: Database, images: ImageStore, previews: Previews) -> None:
        self._database, self._images, self._previews = database, images, previews

    @property
    def size(self) -> DiskUsage:
        """The disk that the log takes. A file that comes or goes meanwhile may be counted or not."""
        folders = (self._images.folder, self._previews.folder, self._images.trash)
        pictures, previews, trash = (sum(map(_size, _files(folder))) for folder in folders)
        return DiskUsage(pictures, previews, trash, self._database.keeper.size())

    def remove(self, which: Any) -> Change:
        """Remove pictures; those that are removed already stay so. See :meth:`nbkit.RunLog.remove_pictures`."""
        uuids = image_uuids(which)

        def write(connection: sa.Connection) -> list[int]:
            rows = _rows(connection, one_of(IMAGES.c.imageUUID, uuids))
            check_known(uuids, (row.imageUUID for row in rows))
            there = [row for row in rows if row.file is not None]
            values = [{"which": row.id, "file": None, "stamp": None, "removed": row.file} for row in there]
            if values:
                connection.execute(_UPDATE, values)
            return [row.id for row in there]

        return self._removed(self._database.write(write))

    def restore(self, which: Any = None) -> tuple[Change, int]:
        """Bring pictures back, by default all. Returns the change, and how many are gone for ever."""
        condition = IS_REMOVED
        if which is not None:
            uuids, tasks = _names_of(which)
            runs = sa.select(RUNS.c.id).where(one_of(RUNS.c.taskUUID, tasks))
            condition &= one_of(IMAGES.c.imageUUID, uuids) | IMAGES.c.run.in_(runs)
        return self._restored(condition)

    def empty(self) -> int:
        """Delete the files in the trash. Returns the bytes that are free then."""

        def write(connection: sa.Connection) -> int:
            self._tidy(connection)
            freed = 0
            files = {f"{file.parent.name}/{file.name}": file for file in _files(self._images.trash)}
            needed = _needed(connection, files)
            for name, file in files.items():
                if name in needed:  # a run has got the same picture meanwhile
                    self._move(name, back=True)
                elif is_picture_name(name):
                    freed += _size(file)
                    file.unlink(missing_ok=True)
                    for preview in (self._previews.folder / name[:2]).glob(f"{file.stem}-*.jpg"):
                        preview.unlink(missing_ok=True)
            return freed

        return self._write(write)

    def _removed(self, numbers: list[int]) -> Change:
        """Move the files of rows that were written to be removed."""
        self._write(self._tidy)
        return Change(
            len(numbers),
            ("removed from the disk",),
            lambda: self._restored(one_of(IMAGES.c.id, numbers) & IS_REMOVED)[0],
        )

    def _restored(self, condition: sa.ColumnElement[bool]) -> tuple[Change, int]:
        def write(connection: sa.Connection) -> tuple[list[int], int, list[str]]:
            rows = _rows(connection, condition)
            back = [row for row in rows if self._move(row.removed, back=True)]
            values = [{"which": row.id, "file": row.removed, "removed": None} for row in back]
            if values:
                connection.execute(_UPDATE, values)
            return [row.id for row in back], len(rows) - len(back), [row.imageUUID for row in back]

        numbers, gone, uuids = self._write(write)
        return Change(len(numbers), ("on the disk again",), lambda: self.remove(uuids)), gone

    def _tidy(self, connection: sa.Connection) -> None:
        """Move the files of all removed pictures to the trash, unless a row needs them."""
        query = sa.select(IMAGES.c.removed).where(IS_REMOVED).distinct()
        present = {name for name in connection.scalars(query) if (self._images.path(name)).exists()}
        for name in present - _needed(connection, present):
            self._move(name)

    def _move(self, name: str, *, back: bool = False) -> bool:
        """Move a file to the trash, or back. Returns whether it is there then."""
        return self._images.take_back(name) if back else self._images.discard(name)

    def _write(self, step: Callable[[sa.Connection], T]) -> T:
        """Move files while no other kernel can write that it needs one of them."""
        try:
            return self._database.write(step)
        except OSError as error:
            raise StorageError(
                f"the pictures in {self._images.given_path} cannot be moved: {error.strerror or error}. What was removed "
                "stays removed, and its files are moved the next time"
            ) from error


def _rows(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> list[Any]:
    columns = (IMAGES.c[name] for name in ("id", "imageUUID", "file", "removed"))
    return list(connection.execute(sa.select(*columns).where(condition)))


def _needed(connection: sa.Connection, names: Collection[str]) -> set[str]:
    """Which files a picture has that is not removed, or a run has as a reference image."""
    found = set(connection.scalars(sa.select(IMAGES.c.file).where(one_of(IMAGES.c.file, names))))
    digests = {f"sha256:{Path(name).stem}": name for name in names}
    of_runs = sa.select(_NEEDED.c.value).select_from(RUNS.join(_NEEDED, sa.true()))
    used = connection.scalars(of_runs.where(RUNS.c.referenceImages.is_not(None), one_of(_NEEDED.c.value, digests)))
    return found | {digests[name] for name in used}


def _names_of(which: Any) -> tuple[list[str], list[str]]:
    """The imageUUIDs, and the taskUUIDs of runs, whose removed pictures they do not have."""
    if isinstance(which, Run):
        return [], [which.task_uuid]
    if isinstance(which, Iterable) and not isinstance(which, (str, pd.DataFrame, pd.Series)):
        pairs = list(map(_names_of, which))
        return [name for uuids, _ in pairs for name in uuids], [name for _, tasks in pairs for name in tasks]
    return image_uuids(which), []


def _files(folder: Path) -> Iterator[Path]:
    """The files in the folders of a folder of pictures; no link is followed."""
    for sub_folder in () if folder.is_symlink() else folder.glob("??"):
        if not sub_folder.is_symlink():
            yield from (file for file in sub_folder.glob("*") if not file.is_symlink())


def _size(file: Path) -> int:
    with contextlib.suppress(OSError):
        return os.lstat(file).st_size
    return 0
