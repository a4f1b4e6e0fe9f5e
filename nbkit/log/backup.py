"""A whole copy of a log: its database at one instant, every picture that its rows name, and its presets."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
import warnings
from pathlib import Path

from nbkit.display.text import count
from nbkit.errors import StorageError
from nbkit.log.database import Database
from nbkit.log.export import new_export
from nbkit.log.images import ImageStore, is_picture_name
from nbkit.log.presets import PRESETS
from nbkit.log.previews import PICTURES


def back_up(database: Database, images: ImageStore, path: str | os.PathLike[str]) -> Path:
    """Copy a log, also while other processes write it.

    The database is copied first: a picture is on the disk before a row names it, and
    nbkit removes none unless the user does. What is in the trash is not copied.

    Args:
        database: of the log.
        images: its pictures.
        path: a new or empty folder, or a new file that ends in ``.zip``.

    Returns:
        The folder or the file.

    Raises:
        RequestError: if the path exists already; nothing is replaced.
        StorageError: if the log is on a server, it cannot be read, or the copy cannot be written; then nothing is left behind.

    Warns:
        UserWarning: if a row names a picture that is not there.
    """
    if database.file is None:
        raise StorageError(
            f"the log {database.name} is on a server, and pg_dump copies it there; its pictures are in {images.folder}"
        )
    with new_export(path, "a backup") as (target, write), tempfile.TemporaryDirectory(prefix="nbkit-") as temporary:
        copied = Path(temporary, Path(database.name).name)
        with database.reading() as connection, contextlib.closing(sqlite3.connect(copied)) as copy:
            connection.connection.dbapi_connection.backup(copy)  # type: ignore[union-attr]
            named = {name for (name,) in copy.execute("SELECT file FROM images WHERE file IS NOT NULL")}
        write(copied.name, copied.read_bytes())
        for file in sorted(images.folder.glob("??/*")):
            name = f"{file.parent.name}/{file.name}"
            if is_picture_name(name) and images.path(name) == file:
                write(f"{PICTURES}/{name}", file.read_bytes())
                named.discard(name)
        presets = images.folder.parent / PRESETS
        if presets.is_file() and not presets.is_symlink():
            write(PRESETS, presets.read_bytes())
    if named:
        lacking = f"{count(len(named), 'picture')} that the log names, and that its folder does not have"
        warnings.warn(f"the copy {target} lacks {lacking}; studio.recover() fetches what is still there", stacklevel=3)
    return target
