"""A SQLAlchemy engine, opened the way the ledger needs it.

SQLite gets a write-ahead log with full syncs (a committed row survives a power cut), a patient wait for locks,
and transactions that take the write lock at their beginning, so that what they read is what they act on.
On a network file system, where a write-ahead log is not safe, it keeps a rollback journal.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa
from sqlalchemy import event

from nbkit.errors import StorageError

LOCK_PATIENCE = 30.0
"""Seconds to wait for another kernel's transaction; each takes milliseconds."""

_NETWORK_SYSTEMS = ("nfs", "cifs", "smb", "fuse.sshfs", "afs", "9p", "lustre", "glusterfs", "ceph", "gpfs", "beegfs")


class Database:
    """The log's database.

    Args:
        url: a SQLAlchemy URL, or the path of a SQLite file.
    """

    def __init__(self, url: str | Path) -> None:
        self.name = str(url)
        if isinstance(url, Path):
            self._make_folder(url.parent)
            journal = "DELETE" if on_network(url.parent) else "WAL"
            address = sa.URL.create("sqlite", database=str(url))
        else:
            journal, address = "WAL", sa.make_url(url)
        self._engine = sa.create_engine(address, connect_args=_connect_args(address))
        if self._engine.dialect.name == "sqlite":
            _prepare_sqlite(self._engine, journal)

    @contextlib.contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that is committed at its end, or not at all.

        Raises:
            StorageError: if the database cannot be written; nothing of the transaction is left then.
        """
        with self._speaking_plainly("written"), self._engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """One consistent view of the log; never waits for a writer."""
        with self._speaking_plainly("read"), self._engine.connect().execution_options(nbkit_reading=True) as connection:
            yield connection

    def close(self) -> None:
        """Close its connections."""
        self._engine.dispose()

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
    def set_up(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below and not by the driver
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA journal_mode={journal}")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        reading = connection.get_execution_options().get("nbkit_reading")
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def on_network(folder: Path) -> bool:
    """Whether a folder lies on a network file system."""
    place = folder.resolve()
    best, kind = -1, ""
    for disk in psutil.disk_partitions(all=True):
        mount = Path(disk.mountpoint)
        if (place == mount or mount in place.parents) and len(mount.parts) > best:
            best, kind = len(mount.parts), disk.fstype.lower()
    return kind.startswith(_NETWORK_SYSTEMS)
