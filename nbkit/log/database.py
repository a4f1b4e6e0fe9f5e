"""``Database`` runs the transactions of a log, whatever keeps it: a SQLite file, or a PostgreSQL server.

A transaction that writes takes the log's write lock when it begins, so that no other kernel changes what it has read
before it writes. One that reads sees the log as it was at one instant, and waits for nobody.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import sqlalchemy as sa

from nbkit.errors import ConfigurationError, StorageError
from nbkit.log.owner import Clock
from nbkit.log.sqlite import SqliteFile
from nbkit.service.threads import run_interruptible

T = TypeVar("T")

WRONG_ADDRESS = "log: must be the address of a PostgreSQL database, such as postgresql://user@host/database; a log in a file is Studio(path=…)"

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


class Keeper(Protocol):
    """What keeps a log: it makes connections, and knows how to begin a transaction on them.

    Attributes:
        name: for messages; without a password.
        is_new: whether it had no log.
        read_only: whether the log cannot be written. What is read then is a copy, made when it was opened.
        writer: makes connections for transactions that write.
        reader: makes connections for those that read.
        clock: that all who use the log can read.
    """

    name: str
    is_new: bool
    read_only: bool
    writer: sa.Engine
    reader: sa.Engine
    clock: Clock

    def begin_writing(self, connection: sa.Connection) -> object:
        """Take the write lock; returns what :meth:`is_committed` needs."""

    def begin_reading(self, connection: sa.Connection) -> None: ...

    def is_committed(self, begun: object) -> bool:
        """Whether a transaction was committed whose COMMIT got no answer."""

    def may_try_again(self, error: Exception, since: float) -> bool:
        """Wait, and say whether to begin a transaction again that failed with an error.

        Args:
            error: of the driver.
            since: when it was first tried, on the clock of ``time.monotonic``.
        """

    def check_in_place(self) -> None:
        """Raise ``StorageError`` if what is written now would go to another log than the one that was opened."""

    def check_no_code(self, connection: sa.Connection) -> None:
        """Raise ``StorageError`` if the log has code in it that would run when a row is written."""

    def check_tables(self, connection: sa.Connection, metadata: sa.MetaData) -> str:
        """What the tables have that nbkit never makes; empty if nothing."""

    def create_tables(self, connection: sa.Connection, metadata: sa.MetaData) -> None: ...

    def condition(self, connection: sa.Connection, *, has_tables: bool) -> list[tuple[str, bool]]:
        """What there is to say of it to whoever looks for a fault, and whether each is as it should be."""

    def faults(self, _connection: sa.Connection, /) -> list[str]:
        """What the database itself finds wrong."""

    def size(self) -> int:
        """Bytes that the log takes, without its pictures."""

    def advice(self, problem: str) -> str: ...


class Database:
    """The log's database.

    Args:
        place: a SQLite file, created with its folder if it does not exist; or a :func:`server_address`.

    Attributes:
        keeper: of the log.
        name: for messages.
        is_new: whether the log did not exist.
        read_only: whether it cannot be written. What is read then is a copy, made when it was opened.

    Raises:
        StorageError: if the folder cannot be made, a part of the file is missing, or the server does not answer.
    """

    def __init__(self, place: Path | sa.URL) -> None:
        self.keeper = _keeper_of(place)
        self.name, self.is_new, self.read_only = self.keeper.name, self.keeper.is_new, self.keeper.read_only
        self._closed = False
        # The connection of the last commit, if it is idle: taking one from the pool costs more.
        self._writers: list[sa.Connection] = []
        self._start_queue()
        _open_databases.add(self)
        # A caller whose constructor fails after this one has no object to close.
        weakref.finalize(self, _dispose, self._pools, self._writers)

    @property
    def clock(self) -> Clock:
        """By which kernels tell how long ago something was written."""
        return self.keeper.clock

    @property
    def file(self) -> Path | None:
        """The SQLite file; ``None`` of a log on a server."""
        return self.keeper.file if isinstance(self.keeper, SqliteFile) else None

    def check_in_place(self) -> None:
        """Check that the log is still the one that was opened: what is written to another one, nobody finds again.

        Raises:
            StorageError: if it has been deleted, moved or replaced, or cannot be written at all.
        """
        self._check_writable()
        self.keeper.check_in_place()

    @property
    def _pools(self) -> tuple[sa.Engine, ...]:
        return tuple({id(one): one for one in (self.keeper.writer, self.keeper.reader)}.values())

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
        with self._as_storage_error("written"), self._disposing_if_closed(), self.keeper.writer.begin() as connection:
            self.keeper.begin_writing(connection)
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
                began = time.monotonic()
                while True:
                    try:
                        self._run_together(batch)
                        break
                    except sa.exc.OperationalError as error:
                        if not self.keeper.may_try_again(error, began):
                            raise
        except Exception as error:  # noqa: BLE001  raised in the thread that queued the step
            if count > 1 and not isinstance(error, sa.exc.OperationalError):
                for _ in batch:
                    self._commit(1)
                return
            for queued in batch:  # the one that failed; or the disk is full or locked, for all of them
                queued.error = error
        del self._queue[:count]

    def _run_together(self, batch: list[_QueuedStep]) -> None:
        """Run steps in one transaction, and commit it."""
        writer = self._writers.pop() if self._writers else self.keeper.writer.connect()
        try:
            transaction = writer.begin()
            begun = self.keeper.begin_writing(writer)
            for queued in batch:
                queued.result = queued.run(writer)
            try:
                transaction.commit()
            except sa.exc.OperationalError:
                if not self.keeper.is_committed(begun):
                    raise
        except BaseException:
            writer.close()
            raise
        if writer.invalidated:  # the connection was lost in the COMMIT
            writer.close()
        else:
            self._writers.append(writer)

    @contextlib.contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A read transaction: one consistent snapshot of the log, without waiting for writers."""
        with self._as_storage_error("read"), self._disposing_if_closed(), self.keeper.reader.connect() as connection:
            self.keeper.begin_reading(connection)
            yield connection

    def close(self) -> None:
        """Close the connections: idle ones at once, the others when the thread that uses them has finished."""
        self._closed = True
        _dispose(self._pools, self._writers)

    def drop_inherited_connections(self) -> None:
        """In a forked child: replace the parent's connections, and its locks, which no thread here would release."""
        _inherited.extend((*(engine.pool for engine in self._pools), *self._writers))
        self._writers.clear()
        for engine in self._pools:
            engine.dispose(close=False)
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
                _dispose(self._pools, self._writers)

    @contextlib.contextmanager
    def _as_storage_error(self, what: str) -> Iterator[None]:
        try:
            yield
        except sa.exc.IntegrityError:
            raise
        except (sa.exc.DBAPIError, sa.exc.TimeoutError, sqlite3.Error) as error:
            problem = str(getattr(error, "orig", error)).strip()
            raise StorageError(
                f"the log {self.name} cannot be {what}: {problem}. {self.keeper.advice(problem)}"
            ) from error


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


def server_address(text: str | sa.URL) -> sa.URL:
    """The address of a PostgreSQL database; it shows itself without its password.

    Raises:
        ConfigurationError: if it is none.
    """
    url = parsed_address(text)
    del text  # from here on no traceback that prints local variables can show a password in it
    if url is None:
        raise ConfigurationError(WRONG_ADDRESS)
    return url


def parsed_address(text: str | sa.URL) -> sa.URL | None:
    """As :func:`server_address`; ``None`` if it is none."""
    try:
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        return None
    if url.drivername not in ("postgres", "postgresql", "postgresql+psycopg") or not url.database:
        return None
    given = dict(url.query)
    if password := given.pop("password", None):
        url = url.set(password=str(password), query=given)
    return url.set(drivername="postgresql+psycopg")


def _keeper_of(place: Path | sa.URL) -> Keeper:
    """The keeper of a log; that of a server is loaded only for one, because it needs the extra ``postgres``."""
    if isinstance(place, Path):
        return SqliteFile(place)
    try:
        found = importlib.import_module("nbkit.log.postgres")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "psycopg":
            raise
        raise ConfigurationError('a log on a server needs psycopg: pip install "nbkit[postgres]"') from None
    keeper: Keeper = found.PostgresServer(place)
    return keeper


def _dispose(engines: Iterable[sa.Engine], writers: list[sa.Connection]) -> None:
    with contextlib.suppress(IndexError):  # another thread may close the same ones
        while True:
            writers.pop().close()
    for engine in engines:
        engine.pool.dispose()  # engine.dispose() would replace the pool and lose track of the connections in use


def _after_fork() -> None:
    for database in list(_open_databases):
        database.drop_inherited_connections()


if hasattr(os, "register_at_fork"):  # SQLite's connections and locks must not be used by a child process
    os.register_at_fork(after_in_child=_after_fork)
