"""Adopts what somebody else has made: finds out what is at a path, and brings its runs and pictures into the log, once."""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import time
import warnings
import zipfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from tqdm.auto import tqdm

from nbkit.display.text import count
from nbkit.log.adopt_export import MANIFEST, ExportSource
from nbkit.log.adopt_files import FolderFiles, ForeignFiles, ZipFiles, path_to_adopt
from nbkit.log.adopt_log import DATABASE_FILE, LogSource
from nbkit.log.adopt_pictures import PictureSource, pictures_of
from nbkit.log.adopt_records import ForeignSource
from nbkit.log.adopt_rows import Adopter
from nbkit.log.database import Database
from nbkit.log.export import path_error
from nbkit.log.images import ImageStore
from nbkit.log.previews import FOLDER, PICTURES
from nbkit.log.verify import PROGRESS_SECONDS
from nbkit.measures.facts import SUFFIXES
from nbkit.request.formats import recognise
from nbkit.request.price import MICRO

_AT_ONCE = 200
"""Runs that are written in one transaction."""

_WORKERS = 4
"""Pictures that are stored at once: each waits for the disk."""


def adopt(database: Database, images: ImageStore, path: str | os.PathLike[str]) -> int:
    """Bring runs and pictures of somebody else into the log.

    Args:
        database: of the log.
        images: its pictures.
        path: an export, a log, a backup of one, or a folder of pictures.

    Returns:
        The value of the column ``adopted`` in the new rows.

    Raises:
        RequestError: if there is nothing that can be adopted, or a ZIP file or a manifest is made to do harm.
        StorageError: if one of the two logs cannot be read or written.

    Warns:
        UserWarning: for what was left out.
    """
    found = path_to_adopt(path)
    database.check_in_place()
    images.prepare()
    now = int(time.time() * MICRO)
    is_silent = None if "ipykernel" not in sys.modules else False  # None: where the output is no terminal
    with opened_source(found) as source:
        bar = tqdm(total=source.total, unit="run", disable=is_silent, delay=PROGRESS_SECONDS, leave=False)
        with bar, ThreadPoolExecutor(_WORKERS) as pool:
            writer, runs = Adopter(database, images, source, now, pool), source.runs()
            while some := list(itertools.islice(runs, _AT_ONCE)):
                writer.write_runs(some)
                bar.update(len(some))
            writer.write_judgements(source.judgements())
        left_out = [count(number, what) for what, number in source.left_out.items() if number]
    if left_out:
        warnings.warn(f"{found} was adopted without {', '.join(left_out)}", stacklevel=3)
    return now


@contextlib.contextmanager
def opened_source(path: Path) -> Iterator[ForeignSource]:
    """A context with what is at a path, as a source of runs.

    Raises:
        RequestError: if it is none.
        StorageError: if it is a log that cannot be read.
    """
    with contextlib.ExitStack() as stack:
        if path.is_file() and path.name in (DATABASE_FILE, MANIFEST):
            path = path.parent
        files: ForeignFiles
        if path.is_dir():
            files = FolderFiles(path)
        elif zipfile.is_zipfile(path):
            files = ZipFiles(path, {DATABASE_FILE, MANIFEST}.__contains__)
            stack.callback(files.close)
        else:
            with path.open("rb") as file:
                is_picture = recognise(file.read(4096)).media_type in SUFFIXES
            if not is_picture:
                raise path_error(f"{path} is no export, no log, no picture and no folder of those", path, "format")
            yield PictureSource(FolderFiles(path.parent), [path.name])
            return
        if DATABASE_FILE in files:
            source: ForeignSource = LogSource(files)
        elif MANIFEST in files:
            source = ExportSource(files)
        else:
            names = list(files.names())
            _check_no_source_below(path, names)
            source = PictureSource(files, pictures_of(names))
            if not source.total:
                raise path_error(f"{path} has no manifest.json, no log.sqlite and no pictures in it", path, "missing")
        stack.callback(source.close)
        yield source


def _check_no_source_below(path: Path, names: Iterable[str]) -> None:
    """Check that no folder in a folder is a log or an export, and it is of none: its pictures would come without their settings.

    Raises:
        RequestError: if one is.
    """
    if path.name in (PICTURES, FOLDER) and (path.parent / DATABASE_FILE).is_file():
        raise path_error(f"{path} is a folder of a log; type adopt({str(path.parent)!r})", path, "format")
    below = {PurePosixPath(name).parent for name in names if PurePosixPath(name).name in (DATABASE_FILE, MANIFEST)}
    if below:
        found = ", ".join(f"adopt({str(path / folder)!r})" for folder in sorted(below)[:3])
        raise path_error(f"{path} has a log or an export in its folders; type {found}", path, "format")
