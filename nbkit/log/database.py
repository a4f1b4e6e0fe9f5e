"""A SQLAlchemy engine with the settings that the ledger needs.

A log has a write-ahead log with full syncs (a committed row survives a power cut), a long time-out for locks, and
transactions that take the write lock when they begin, so that no other kernel changes what they have read before they
write. On a file system that is not known to be local, where a write-ahead log may not be safe, it has a rollback journal.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy import event

from nbkit.errors import StorageError
from nbkit.log.sqlite import check_not_truncated, copy_for_reading, is_known_local, is_read_only, set_up
from nbkit.service.threads import run_interruptible

T = TypeVar("T")

LOCK_PATIENCE = 30.0
"""Seconds to wait for the transactions of other kernels; each takes milliseconds."""

_BEGIN_WRITING = "BEGIN IMMEDIATE"
"""Begins a transaction that takes the write lock at once. It is no listener of SQLAlchemy's event ``begin``: with any
listener, each statement takes a seventh longer."""

_FETCH_ROWS = 500  # larger batches are slower, because their tuples do not fit into the processor's cache

_open_databases: weakref.WeakSet[Database] = weakref.WeakSet()

_inherited: list[object] = []
"""In a forked child: the parent's connections, referenced for ever, because collecting one would close it."""


@dataclass(slots=True, eq=False)
class _QueuedStep:
    """A step that waits for its commit; afterwards it holds the result or the exception."""

    run: Callable[[sa.Connection], Any]
    result: Any = None
    error: Exception | None = None


class Database:
    """The log's database.

    Args:
        file: a SQLite file; created, with its folder, if it does not exist.

    Attributes:
        is_new: whether the file did not exist.
        read_only: whether it cannot be written. What is read then is a copy, made when it was opened.

    Raises:
        StorageError: if the folder cannot be made, or a part of the file is missing.
    """

    def __init__(self, file: Path) -> None:
        self.name = str(file)
        self._closed, self.is_new, self.read_only = False, not file.exists(), is_read_only(file)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"the folder {file.parent} cannot be made: {error.strerror or error}. Studio(path=…) chooses another"
            ) from error
        check_not_truncated(file, file.parent / "images")
        opened = file
        if self.read_only:
            self._copied = tempfile.TemporaryDirectory(prefix="nbkit-", ignore_cleanup_errors=True)
            try:
                opened = copy_for_reading(file, Path(self._copied.name))
            except OSError as error:
                raise StorageError(f"the log {file} cannot be read: {error.strerror or error}") from error
            weakref.finalize(self, self._copied.cleanup)
        address = sa.URL.create("sqlite", database=str(opened))
        self._engine = sa.create_engine(address, connect_args={"timeout": LOCK_PATIENCE})
        journal = "WAL" if is_known_local(file.parent) else "DELETE"
        event.listen(self._engine, "connect", lambda connection, _: set_up(connection, journal, LOCK_PATIENCE))
        self._identity: tuple[int, int] | None = None
        event.listen(self._engine, "connect", lambda *_: self._remember_file())
        # The connection of the last commit, if it is idle: taking one from the pool costs more.
        self._writers: list[sa.Connection] = []
        self._start_queue()
        _open_databases.add(self)
        # A caller whose constructor fails after this one has no object to close.
        weakref.finalize(self, _dispose, self._engine, self._writers)

    def check_in_place(self) -> None:
        """Check that the file is still the one that was opened: what is written to another one, nobody finds again.

        Raises:
            StorageError: if it has been deleted, moved or replaced, or cannot be written at all.
        """
        self._check_writable()
        if self._identity != _identity_of(self.name):
            raise StorageError(
                f"the log {self.name} has been deleted, moved or replaced since this studio opened it. Nothing was sent. "
                "Put it back where it was, or open a log again: nbkit.Studio(path=…)"
            )

    def _remember_file(self) -> None:
        if self._identity is None:  # a later connection may open another file of this name
            self._identity = _identity_of(self.name)

    def _check_writable(self) -> None:
        if self.read_only:
            raise StorageError(
                f"the log {self.name} is in a folder that cannot be written: it can be looked at and exported, as it was "
                "when it was opened. Nothing was sent or written; Studio(path=…) chooses another folder"
            )

    @contextlib.contextmanager
    def writing(self, *, upgrade: bool = False) -> Iterator[sa.Connection]:
        """A transaction that is committed at the end of the block, or rolled back if the block raises.

        Args:
            upgrade: for the tables alone: of a log that cannot be written, the copy is brought up to date.

        Raises:
            StorageError: if the database cannot be written; then the transaction is rolled back.
        """
        if not upgrade:
            self._check_writable()
        with self._as_storage_error("written"), self._disposing_if_closed(), self._engine.begin() as connection:
            connection.exec_driver_sql(_BEGIN_WRITING)
            yield connection

    def write(self, step: Callable[[sa.Connection], T]) -> T:
        """Run a step in a transaction, commit it and return its result.

        Steps of several threads share one commit, and so one sync of the disk: the first thread commits all steps that
        are queued meanwhile. If a step fails, the others of its transaction run again without it. Where a sync takes
        4 ms, a sweep of 200 cells that take 200 ms each takes 2.9 s with 16 workers and 2.4 s with 64; with a commit for
        each step, both take 4.4 s. Where a sync takes 0.1 ms, there is no difference.

        Args:
            step: gets the connection. May run more than once, only one run is committed; where an interrupt ends the
                waiting for it, that may still happen.

        Raises:
            StorageError: if the database cannot be written; then the step is rolled back. Other exceptions of the step
                are raised unchanged.
        """
        self._check_writable()
        queued = _QueuedStep(step)
        run_interruptible(lambda: self._queue_and_commit(queued))  # no interrupt comes into a commit
        with self._as_storage_error("written"):
            if queued.error is not None:
                raise queued.error
        return cast("T", queued.result)

    def _queue_and_commit(self, queued: _QueuedStep) -> None:
        self._queue.append(queued)
        with self._commit_lock:
            if queued in self._queue:  # else another thread has committed it
                self._commit(len(self._queue))

    def _commit(self, count: int) -> None:
        """Commit the first steps of the queue together; where one fails, each for itself."""
        batch = self._queue[:count]
        try:
            with self._disposing_if_closed():
                writer = self._writers.pop() if self._writers else self._engine.connect()
                try:
                    with writer.begin():
                        writer.exec_driver_sql(_BEGIN_WRITING)
                        for queued in batch:
                            queued.result = queued.run(writer)
                except BaseException:
                    writer.close()
                    raise
                self._writers.append(writer)
        except Exception as error:  # noqa: BLE001  raised in the thread that queued the step
            if count > 1 and not isinstance(error, sa.exc.OperationalError):
                for _ in batch:
                    self._commit(1)
                return
            for queued in batch:  # the one that failed; or the disk is full or locked, for all of them
                queued.error = error
        del self._queue[:count]

    @contextlib.contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A read transaction: one consistent snapshot of the log, without waiting for writers."""
        with self._as_storage_error("read"), self._disposing_if_closed(), self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            yield connection

    def close(self) -> None:
        """Close the connections: idle ones at once, the others when the thread that uses them has finished."""
        self._closed = True
        _dispose(self._engine, self._writers)

    def drop_inherited_connections(self) -> None:
        """In a forked child: replace the parent's connections, and its locks, which no thread here would release."""
        _inherited.extend((self._engine.pool, *self._writers))
        self._writers.clear()
        self._engine.dispose(close=False)
        self._start_queue()

    def _start_queue(self) -> None:
        self._queue: list[_QueuedStep] = []
        self._commit_lock = threading.Lock()

    @contextlib.contextmanager
    def _disposing_if_closed(self) -> Iterator[None]:
        try:
            yield
        finally:
            if self._closed:  # closed while the connection was in use: it is idle now, and still open
                _dispose(self._engine, self._writers)

    @contextlib.contextmanager
    def _as_storage_error(self, what: str) -> Iterator[None]:
        try:
            yield
        except sa.exc.IntegrityError:
            raise
        except (sa.exc.DBAPIError, sqlite3.Error) as error:
            problem = str(getattr(error, "orig", error))
            found = (advice for phrase, advice in _ADVICE.items() if phrase in problem)
            advice = next(found, "Nothing is sent while the log cannot be written.")
            raise StorageError(f"the log {self.name} cannot be {what}: {problem}. {advice}") from error


def one_of(column: sa.ColumnElement[Any], values: Iterable[Any] | sa.BindParameter[Any]) -> sa.ColumnElement[bool]:
    """The condition that a column has one of some values; the number of parameters of a query is limited, theirs is not.

    Args:
        column: of a table.
        values: as they are, or a parameter that gets them as a JSON list.
    """
    given = values if isinstance(values, sa.BindParameter) else json.dumps(list(values))
    return column.in_(sa.select(sa.func.json_each(given).table_valued("value").c.value))


def read_columns(connection: sa.Connection, query: sa.Executable) -> list[list[Any]]:
    """A query's columns as lists of the driver's values, whatever the types of its columns are.

    SQLAlchemy's own rows are skipped: making them takes as long as reading the values.

    Args:
        connection: of :meth:`Database.reading`, which converts an error of the driver.
        query: what to read.
    """
    cursor: Any = connection.execute(query).cursor
    columns: list[list[Any]] = [[] for _ in cursor.description]
    while rows := cursor.fetchmany(_FETCH_ROWS):
        for column, values in zip(columns, zip(*rows, strict=True), strict=True):
            column.extend(values)
    return columns


def _identity_of(file: str) -> tuple[int, int] | None:
    """Device and number of a file, which another file of the same name does not have; ``None`` without the file."""
    try:
        found = Path(file).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


_DAMAGED = "It is damaged; move it aside, and the pictures beside it stay."
_ADVICE = {
    "locked": "Another program holds it; close that, then run again.",
    "full": "Make room on the disk, then run again; nothing is sent while the log cannot be written.",
    "readonly": "The folder is read-only; Studio(path=…) chooses another.",
    "not a database": _DAMAGED,
    "malformed": _DAMAGED,
    "unable to open": "Check that the folder can be written; Studio(path=…) chooses another.",
}


def _dispose(engine: sa.Engine, writers: list[sa.Connection]) -> None:
    with contextlib.suppress(IndexError):  # another thread may close the same ones
        while True:
            writers.pop().close()
    engine.pool.dispose()  # engine.dispose() would replace the pool and lose track of the connections in use


def _after_fork() -> None:
    for database in list(_open_databases):
        database.drop_inherited_connections()


if hasattr(os, "register_at_fork"):  # SQLite's connections and locks must not be used by a child process
    os.register_at_fork(after_in_child=_after_fork)
