"""A SQLAlchemy engine, opened the way the ledger needs it.

SQLite gets a write-ahead log with full syncs (a committed row survives a power cut), a patient wait for locks,
and transactions that take the write lock at their beginning, so that what they read is what they act on.
On a network file system, where a write-ahead log is not safe, it keeps a rollback journal.
"""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy import event

from nbkit.errors import StorageError
from nbkit.log.sqlite import check_whole, on_network, set_up

T = TypeVar("T")

LOCK_PATIENCE = 30.0
"""Seconds to wait for another kernel's transaction; each takes milliseconds."""

_AT_ONCE = 500  # rows; larger batches are slower, because their tuples outlive the processor's cache

_open: weakref.WeakSet[Database] = weakref.WeakSet()

_of_the_parent: list[sa.Pool] = []
"""In a forked child: kept for good, because to let go of a connection is to close it."""


class _Ticket:
    """A step that waits for its commit, and what came of it."""

    def __init__(self, step: Callable[[sa.Connection], Any]) -> None:
        self._step = step
        self._result: Any = None
        self.error: Exception | None = None
        self.ended = False

    def run(self, connection: sa.Connection) -> None:
        """Do the step inside a savepoint, so that its failure leaves the other steps alone."""
        try:
            with connection.begin_nested():
                self._result = self._step(connection)
        except Exception as error:  # noqa: BLE001  told to the thread whose step it is
            self.error = error

    def run_alone(self, connection: sa.Connection) -> None:
        """Do the step as the only one of its transaction: its failure ends that."""
        self._result = self._step(connection)

    def outcome(self) -> Any:
        """The step's result, or its exception."""
        if self.error is not None:
            raise self.error
        return self._result


class Database:
    """The log's database.

    Args:
        url: a SQLAlchemy URL, or the path of a SQLite file.
    """

    def __init__(self, url: str | Path) -> None:
        self.name = str(url)
        if isinstance(url, Path):
            self._make_folder(url.parent)
            check_whole(url, url.parent / "images")
            journal = "DELETE" if on_network(url.parent) else "WAL"
            address = sa.URL.create("sqlite", database=str(url))
        else:
            journal, address = "WAL", sa.make_url(url)
        self._queue: list[_Ticket] = []
        self._queueing, self._committing = threading.Lock(), threading.Lock()
        self._closed = False
        self._engine = sa.create_engine(address, connect_args=_connect_args(address))
        if self._engine.dialect.name == "sqlite":
            _prepare_sqlite(self._engine, journal)
        _open.add(self)
        # Whoever opens a log and then fails over something else holds nothing that could be closed.
        weakref.finalize(self, _let_go, self._engine)

    @contextlib.contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that is committed at its end, or not at all.

        Raises:
            StorageError: if the database cannot be written; nothing of the transaction is left then.
        """
        with self._speaking_plainly("written"), self._letting_go(), self._engine.begin() as connection:
            yield connection

    def write(self, step: Callable[[sa.Connection], T]) -> T:
        """Run a step in a transaction and return when it is committed.

        Steps that come from several threads at the same time share one commit, and so one sync of the disk: the
        first thread commits for all that have queued up behind it. Each step stands or falls alone.

        Raises:
            StorageError: if the database cannot be written; nothing of the step is left then.
        """
        ticket = _Ticket(step)
        with self._queueing:
            self._queue.append(ticket)
        with self._committing:
            if not ticket.ended:
                self._commit_queue(ticket)
        with self._speaking_plainly("written"):
            return cast("T", ticket.outcome())

    def _commit_queue(self, own: _Ticket) -> None:
        with self._queueing:
            batch, self._queue = self._queue, []
        try:
            with self._letting_go(), self._engine.begin() as connection:
                if len(batch) == 1:
                    own.run_alone(connection)
                else:
                    for ticket in batch:
                        ticket.run(connection)
        except Exception as error:  # noqa: BLE001  the commit itself failed: that is the outcome of every step in it
            for ticket in batch:
                ticket.error = error
        except BaseException:  # an interrupt: nothing is committed, and the others' steps are theirs to try again
            with self._queueing:
                self._queue = [ticket for ticket in batch if ticket is not own] + self._queue
            raise
        for ticket in batch:
            ticket.ended = True

    @contextlib.contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """One consistent view of the log; never waits for a writer."""
        with self._speaking_plainly("read"), self._letting_go(), self._engine.connect() as connection:
            yield connection.execution_options(nbkit_reading=True)

    def close(self) -> None:
        """Close its connections: at once, or when the thread that uses one is done with it."""
        self._closed = True
        _let_go(self._engine)

    def forget(self) -> None:
        """In a forked child: use no connection of the parent, and none of its locks, which nobody here lets go."""
        _of_the_parent.append(self._engine.pool)
        self._engine.dispose(close=False)
        self._queue = []
        self._queueing, self._committing = threading.Lock(), threading.Lock()

    @contextlib.contextmanager
    def _letting_go(self) -> Iterator[None]:
        try:
            yield
        finally:
            if self._closed:  # while the connection was in use; it is back in the pool now, where nobody would close it
                _let_go(self._engine)

    @contextlib.contextmanager
    def _speaking_plainly(self, what: str) -> Iterator[None]:
        try:
            yield
        except sa.exc.IntegrityError:
            raise
        except sa.exc.DBAPIError as error:
            raise StorageError(
                f"the log {self.name} cannot be {what}: {error.orig}. {_advice(str(error.orig))}"
            ) from error

    def _make_folder(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"the folder {folder} cannot be made: {error.strerror or error}. Studio(path=…) chooses another"
            ) from error


def read_columns(connection: sa.Connection, query: sa.Executable, width: int) -> list[list[Any]]:
    """A query's columns, as the driver gives them: to make SQLAlchemy's rows of them takes as long as to read them.

    Args:
        connection: of :meth:`Database.reading`.
        query: what to read; its types are not looked at.
        width: how many columns it has.

    Raises:
        sqlalchemy.exc.DBAPIError: as SQLAlchemy itself does, for what the driver raises.
    """
    columns: list[list[Any]] = [[] for _ in range(width)]
    cursor = connection.execute(query).cursor
    problem = connection.dialect.loaded_dbapi.Error
    try:
        while rows := cursor.fetchmany(_AT_ONCE) if cursor else []:
            for column, values in zip(columns, zip(*rows, strict=True), strict=True):
                column.extend(values)
    except problem as error:
        raise sa.exc.DBAPIError(str(query), None, error) from error
    return columns


def _advice(problem: str) -> str:
    for word, advice in (
        ("locked", "Another program holds it; close that, then run again."),
        ("full", "Make room on the disk, then run again; nothing is sent while the log cannot be written."),
        ("readonly", "The folder is read-only; Studio(path=…) chooses another."),
        ("not a database", "It is damaged; move it aside, and the pictures beside it stay."),
        ("malformed", "It is damaged; move it aside, and the pictures beside it stay."),
        ("unable to open", "Check that the folder can be written; Studio(path=…) chooses another."),
    ):
        if word in problem:
            return advice
    return "Nothing is sent while the log cannot be written."


def _connect_args(address: sa.URL) -> dict[str, Any]:
    return {"timeout": LOCK_PATIENCE} if address.get_backend_name() == "sqlite" else {}


def _prepare_sqlite(engine: sa.Engine, journal: str) -> None:
    @event.listens_for(engine, "connect")
    def connected(connection: Any, _record: Any) -> None:
        set_up(connection, journal, LOCK_PATIENCE)

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        reading = connection.get_execution_options().get("nbkit_reading")
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _let_go(engine: sa.Engine) -> None:
    engine.pool.dispose()  # engine.dispose() would put another pool in its place, and lose what is in use


def _after_fork() -> None:
    for database in list(_open):
        database.forget()


if hasattr(os, "register_at_fork"):  # SQLite's connections and locks belong to the process that made them
    os.register_at_fork(after_in_child=_after_fork)
