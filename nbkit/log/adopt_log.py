"""Another log as a source of runs: a copy of its database is read, and its pictures where they are.

The log itself is never written to and never opened for writing, also while another kernel works on it. The copy is brought
up to date, so a log of an older nbkit is read like one of this version. A log with code in it is refused, as it is when it
is opened.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from nbkit.errors import StorageError
from nbkit.log.adopt_files import FolderFiles, ForeignFiles, UnfitFile, copy_file, read_file
from nbkit.log.adopt_records import (
    DAMAGED,
    MAX_LINE,
    MAX_RESULTS_OF_RUN,
    OPEN_RUNS,
    ForeignJudgement,
    ForeignResult,
    ForeignRun,
    NotAdoptable,
    make_result,
    make_run,
)
from nbkit.log.axes import read_axes
from nbkit.log.damage import raw_values, read_row
from nbkit.log.database import Database
from nbkit.log.images import is_picture_name
from nbkit.log.judgements import judgements_by_uuid
from nbkit.log.previews import PICTURES
from nbkit.log.rows import picture_facts
from nbkit.log.runs import REFERENCE_TYPES
from nbkit.log.schema import IMAGES, RUNS, prepare
from nbkit.log.sql import one_of
from nbkit.log.sqlite import HEADER_BYTES, check_not_truncated, copy_for_reading
from nbkit.measures.facts import PictureFacts
from nbkit.request.formats import recognise
from nbkit.results.run import FINAL, NOT_SENT

DATABASE_FILE = "log.sqlite"
"""The file in the folder of a log that makes it one."""

MAX_DATABASE_BYTES = 4 * 2**30
"""A log of a million runs has as much."""

_MAX_VALUE_BYTES = 16 * 2**20
"""Of one value in it, and of one row: the longest prompt takes a sixteenth of that."""

_AT_ONCE = 500
_LENGTH_LIMIT = 0  # SQLITE_LIMIT_LENGTH, whose name Python's module does not have in every build


class LogSource:
    """The runs of another log.

    Args:
        files: of its folder.

    Raises:
        StorageError: if the database is damaged, is too large, or has code in it.
        LogVersionError: if only a newer nbkit can read it.
    """

    def __init__(self, files: ForeignFiles) -> None:
        self._files, self.left_out = files, Counter[str]()
        self._folder = tempfile.TemporaryDirectory(prefix="nbkit-", ignore_cleanup_errors=True)
        try:
            with self._naming_it():
                self._database = _opened_copy(files, Path(self._folder.name))
            with self._reading() as connection:
                self.total = int(connection.scalar(sa.select(sa.func.count()).select_from(RUNS)) or 0)
        except BaseException:
            self._folder.cleanup()
            raise

    def runs(self) -> Iterator[ForeignRun]:
        last = 0
        while True:
            with self._reading() as connection:
                query = sa.select(RUNS).where(RUNS.c.id > last).order_by(RUNS.c.id).limit(_AT_ONCE)
                rows = [read_row(list(RUNS.c), values) for values in raw_values(connection, query)]
                numbers = [row["id"] for row, _ in rows]
                results = self._results(connection, numbers)
                axes = read_axes(connection, numbers)
            if not rows:
                return
            last = numbers[-1]
            for index, (row, wrong) in enumerate(rows):
                own_axes = {name: values[index] for name, values in axes.items() if values[index] is not None}
                if wrong:
                    self.left_out[DAMAGED] += 1
                elif row["status"] not in FINAL:
                    self.left_out[OPEN_RUNS] += 1
                elif row["status"] != NOT_SENT:
                    try:
                        yield make_run(row, results.get(row["id"], []), row["request"], own_axes)
                    except NotAdoptable:
                        self.left_out[DAMAGED] += 1

    def _results(self, connection: sa.Connection, runs: Sequence[int]) -> dict[int, list[ForeignResult]]:
        found: dict[int, list[ForeignResult]] = {}
        query = sa.select(IMAGES).where(one_of(IMAGES.c.run, runs)).order_by(IMAGES.c.id)
        for values in raw_values(connection, query.limit(MAX_RESULTS_OF_RUN * _AT_ONCE)):
            row, wrong = read_row(list(IMAGES.c), values)
            if wrong:
                self.left_out[DAMAGED] += 1
            else:
                found.setdefault(row["run"], []).append(self._result(row))
        return found

    def _result(self, row: dict[str, Any]) -> ForeignResult:
        name, sha256 = row["file"], row["sha256"]
        if not is_picture_name(name) or Path(name).stem != sha256:
            return make_result(row)
        facts = picture_facts(row)
        is_fingerprint = re.fullmatch("[0-9a-f]{16}", facts.fingerprint)
        facts = replace(
            facts, fingerprint=facts.fingerprint if is_fingerprint else "", problem=facts.problem[:MAX_LINE]
        )
        return make_result(row, functools.partial(self._picture, f"{PICTURES}/{name}", facts), facts)

    def _picture(self, name: str, facts: PictureFacts) -> bytes:
        data = read_file(self._files, name)
        if hashlib.sha256(data).hexdigest() != facts.sha256 or recognise(data).media_type != facts.media_type:
            raise UnfitFile(f"{name} is damaged")
        return data

    def judgements(self) -> Iterator[ForeignJudgement]:
        with self._reading() as connection:
            found = judgements_by_uuid(connection)
        for uuid, one in found.items():
            yield ForeignJudgement(uuid, *one)

    def reference(self, sha256: str, /) -> bytes | None:
        for suffix in REFERENCE_TYPES:
            with contextlib.suppress(UnfitFile):
                data = read_file(self._files, f"{PICTURES}/{sha256[:2]}/{sha256}{suffix}")
                if hashlib.sha256(data).hexdigest() == sha256:
                    return data
        return None

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with self._naming_it(), self._database.reading() as connection:
            driver: Any = connection.connection.dbapi_connection
            driver.setlimit(_LENGTH_LIMIT, _MAX_VALUE_BYTES)
            yield connection

    @contextlib.contextmanager
    def _naming_it(self) -> Iterator[None]:
        """An error names the log, and not its copy."""
        try:
            yield
        except StorageError as error:
            message = str(error).replace(
                str(Path(self._folder.name, DATABASE_FILE)), f"{self._files.name}/{DATABASE_FILE}"
            )
            raise type(error)(message) from None

    def close(self) -> None:
        self._database.close()
        self._folder.cleanup()


def _opened_copy(files: ForeignFiles, folder: Path) -> Database:
    """A copy of a log's database, brought up to date."""
    try:
        if isinstance(files, FolderFiles):
            _copy(files, folder)
        else:
            copy_file(files, DATABASE_FILE, folder / DATABASE_FILE, MAX_DATABASE_BYTES)
    except (OSError, UnfitFile) as error:
        raise StorageError(f"the log {files.name} cannot be read: {error}") from None
    database = Database(folder / DATABASE_FILE)
    try:
        prepare(database)
    except BaseException:
        database.close()
        raise
    return database


def _copy(files: FolderFiles, folder: Path) -> None:
    file = files.folder / DATABASE_FILE
    beside = [f"{DATABASE_FILE}{ending}" for ending in ("-wal", "-shm", "-journal")]
    for name in beside:
        if os.path.lexists(files.folder / name) and name not in files:
            raise UnfitFile(f"{name} is no regular file")
    check_not_truncated(file, files.folder / PICTURES)
    with files.open(DATABASE_FILE, MAX_DATABASE_BYTES) as opened:
        is_write_ahead = opened.read(HEADER_BYTES)[18:20] == b"\2\2"
    if not is_write_ahead or beside[1] in files:
        copy_for_reading(file, folder)
        return
    # Nobody has it open, and SQLite would make files beside it.
    for name in (DATABASE_FILE, beside[0]):
        if name in files:
            copy_file(files, name, folder / name, MAX_DATABASE_BYTES)
