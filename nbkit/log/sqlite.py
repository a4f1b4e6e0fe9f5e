"""``SqliteFile``, a log in one file on this machine: checks that the file is whole, and sets its connections up.

It has a write-ahead log with full syncs (a committed row survives a power cut), and a long time-out for locks. On a file
system that is not known to be local, where a write-ahead log may not be safe, it has a rollback journal.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import random
import re
import shutil
import sqlite3
import tempfile
import time
import unicodedata
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import sqlite

from nbkit.errors import StorageError
from nbkit.log.owner import Clock, boot_clock

LOCK_PATIENCE = 30.0
"""Seconds to wait for the transactions of other kernels; each takes milliseconds."""

_BEGIN_WRITING = "BEGIN IMMEDIATE"
"""Begins a transaction that takes the write lock at once. It is no listener of SQLAlchemy's event ``begin``: with any
listener, each statement takes a seventh longer."""

_PROBLEMS = 20  # of SQLite's own check; a damaged file may have thousands

_CONSTRAINTS = re.compile(r"\b(CHECK|ON CONFLICT|GENERATED|WITHOUT ROWID|STRICT|COLLATE)\b", re.IGNORECASE)
"""What no table of a log has in its declaration."""

HEADER_BYTES = 100

NEW_LOG_SECONDS = 1.0
"""How long a log may be empty beside pictures: another kernel may be creating it, after the old one was moved aside."""

_LOCAL_SYSTEMS = frozenset({
    "ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "jfs", "reiserfs", "reiser4", "nilfs2", "bcachefs", "ubifs",
    "jffs2", "ecryptfs", "overlay", "overlayfs", "aufs", "tmpfs", "ramfs", "rootfs", "squashfs", "erofs", "iso9660", "udf",
    "apfs", "hfs", "hfs+", "ufs", "ffs", "ntfs", "ntfs3", "refs", "fat", "fat32", "vfat", "msdos", "exfat",
})  # fmt: skip
"""File systems of this machine's own disks. Any other may be shared with another machine, a virtual one included."""


class SqliteFile:
    """A log in a file: a :class:`~nbkit.log.database.Keeper`.

    Args:
        file: created, with its folder, if it does not exist.

    Raises:
        StorageError: if the folder cannot be made, or a part of the file is missing.
    """

    def __init__(self, file: Path) -> None:
        self.file, self.name = file, str(file)
        self.is_new, self.read_only = not file.exists(), is_read_only(file)
        self.clock: Clock = boot_clock()
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
        self.writer = self.reader = sa.create_engine(address, connect_args={"timeout": LOCK_PATIENCE})
        journal = "WAL" if is_known_local(file.parent) else "DELETE"
        self._identity: tuple[int, int] | None = None
        event.listen(self.writer, "connect", lambda connection, _: set_up(connection, journal, LOCK_PATIENCE))
        event.listen(self.writer, "connect", lambda *_: self._remember_file())

    def _remember_file(self) -> None:
        if self._identity is None:  # a later connection may open another file of this name
            self._identity = _identity_of(self.file)

    def begin_writing(self, connection: sa.Connection) -> None:
        connection.exec_driver_sql(_BEGIN_WRITING)

    def begin_reading(self, connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    def is_committed(self, _begun: object) -> bool:
        return False  # a COMMIT that fails has not happened

    def may_try_again(self, _error: Exception, _since: float) -> bool:
        return False  # SQLite has waited for the lock itself

    def check_in_place(self) -> None:
        if self._identity != _identity_of(self.file):
            raise StorageError(
                f"the log {self.name} has been deleted, moved or replaced since this studio opened it. Nothing was sent. "
                "Put it back where it was, or open a log again: nbkit.Studio(path=…)"
            )

    def check_no_code(self, connection: sa.Connection) -> None:
        code = "SELECT type, name FROM sqlite_master WHERE type IN ('trigger', 'view')"
        if found := connection.exec_driver_sql(code).first():
            raise StorageError(
                f"the log {self.name} has a {found.type} {found.name!r}, and no nbkit has made that: it is not opened"
            )

    def check_tables(self, connection: sa.Connection, metadata: sa.MetaData) -> str:
        problems = (
            f"its table {table.name} has {problem}"
            for table in metadata.sorted_tables
            for problem in _strange(connection, table)
        )
        return next(problems, "")

    def create_tables(self, connection: sa.Connection, metadata: sa.MetaData) -> None:
        for statement in _declarations(metadata):
            connection.exec_driver_sql(statement)

    def condition(self, connection: sa.Connection, *, has_tables: bool) -> list[tuple[str, bool]]:
        shared = (
            "on a disk of this machine" if is_known_local(self.file.parent) else "on a file system that may be shared"
        )
        journal = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
        lines = [
            (
                f"SQLite {sqlite3.sqlite_version}, {shared}, with {'a write-ahead log' if journal == 'wal' else 'a rollback journal'}.",
                True,
            )
        ]
        if self.read_only:
            lines.append((f"{self.file.name}, or its folder, is read-only: nothing can be sent with this log.", False))
        if not has_tables:
            lines.append((f"{self.file.name} has no tables.", True))
        return lines

    def faults(self, connection: sa.Connection) -> list[str]:
        found = connection.exec_driver_sql(f"PRAGMA integrity_check({_PROBLEMS})")
        return [str(problem) for (problem,) in found if problem != "ok"]

    def size(self) -> int:
        found = 0
        for ending in ("", "-wal", "-journal"):
            with contextlib.suppress(OSError):
                found += self.file.with_name(self.file.name + ending).stat().st_size
        return found

    def advice(self, problem: str) -> str:
        found = (advice for phrase, advice in _ADVICE.items() if phrase in problem)
        return next(found, "Nothing is sent while the log cannot be written.")


_DAMAGED = "It is damaged; move it aside, and the pictures beside it stay."
_ADVICE = {
    "locked": "Another program holds it; close that, then run again.",
    "full": "Make room on the disk, then run again; nothing is sent while the log cannot be written.",
    "readonly": "The folder is read-only; Studio(path=…) chooses another.",
    "not a database": _DAMAGED,
    "malformed": _DAMAGED,
    "unable to open": "Check that the folder can be written; Studio(path=…) chooses another.",
}


@functools.cache
def _declarations(metadata: sa.MetaData) -> tuple[str, ...]:
    """The statements that make all tables and indexes: compiling them takes longer than a new log does to run them."""
    tables, dialect = metadata.sorted_tables, sqlite.dialect()
    made: list[sa.schema.ExecutableDDLElement] = [
        *map(sa.schema.CreateTable, tables),
        *(
            sa.schema.CreateIndex(index)
            for table in tables
            for index in sorted(table.indexes, key=lambda one: str(one.name))
        ),
    ]
    return tuple(str(one.compile(dialect=dialect)) for one in made)


def set_up(connection: Any, journal: str, patience: float) -> None:
    """Set a new connection up; if that fails, close it.

    Args:
        connection: of the ``sqlite3`` module.
        journal: ``WAL`` or ``DELETE``.
        patience: seconds to wait for locks. While one process changes the journal mode of a new file, SQLite raises
            "locked" in another one at once, whatever time-out the connection has.

    Raises:
        sqlite3.OperationalError: if the file is still locked after that time, or cannot be used.
    """
    connection.isolation_level = None  # Database begins the transactions, not the driver
    connection.create_function("casefold", 1, lambda text: text and casefold(str(text)), deterministic=True)
    connection.create_function("has_words", -1, _has_words, deterministic=True)
    settings = [f"PRAGMA journal_mode={journal}", "PRAGMA synchronous=FULL", "PRAGMA foreign_keys=ON"]
    deadline = time.monotonic() + patience
    try:
        while settings:
            try:
                connection.execute(settings[0]).close()
                del settings[0]
            except sqlite3.OperationalError as error:
                is_lock = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
                if not is_lock or time.monotonic() > deadline:
                    raise
                time.sleep(random.uniform(0.001, 0.05))  # noqa: S311  so that two do not retry in step
    except BaseException:
        connection.close()  # it is not in the pool yet, so nothing else closes it
        raise


def casefold(text: str) -> str:
    """A text for comparing without case, in every alphabet; SQL has it as a function of this name."""
    # NFC, because a letter may have several encodings: é as one code point, or as e and a combining accent.
    return text.casefold() if text.isascii() else unicodedata.normalize("NFC", text).casefold()


def has_words(words: Iterable[str], phrases: Iterable[str], texts: Iterable[str | None]) -> bool:
    """Whether the texts of a row have all words, and each phrase in one of them.

    Args:
        words: in lower case.
        phrases: in lower case, with single spaces.
        texts: of the row; ``None`` is a gap.
    """
    given = [text for text in texts if text]
    whole = casefold("\n".join(given))
    return all(word in whole for word in words) and all(
        any(phrase in " ".join(casefold(text).split()) for text in given) for phrase in phrases
    )


_parsed = functools.lru_cache(maxsize=16)(json.loads)


def _has_words(asked: str, *texts: bytes | None) -> bool:
    """:func:`has_words` as SQL has it: words and phrases are JSON, and the texts UTF-8, perhaps a damaged one."""
    words, phrases = _parsed(asked)
    return has_words(words, phrases, [text.decode("utf-8", "replace") for text in texts if text])


def is_read_only(file: Path) -> bool:
    """Whether a file exists and cannot be written, or no file can be made beside it, as SQLite has to."""
    return file.exists() and not (os.access(file, os.W_OK) and os.access(file.parent, os.W_OK))


def check_not_truncated(file: Path, pictures: Path) -> None:
    """Refuse a truncated log: SQLite treats an empty file as a new database, and may use the rest of a longer one.

    Only the header is read, and it is compared with the size only where it is certainly up to date.

    Args:
        file: the log; it may be missing.
        pictures: the folder of its pictures. An empty log beside pictures has lost its content.

    Raises:
        StorageError: if a part of the file is missing.
    """
    try:
        size = file.stat().st_size
        if size == 0 and any(pictures.glob("??/*")) and _stays_empty(file):
            raise StorageError(_truncation_message(file, "is empty, and the pictures beside it are not"))
        expected = _size_in_header(file)
        if size < expected and _size_in_header(file) == expected and file.stat().st_size == size:
            raise StorageError(_truncation_message(file, f"has {size:,} of the {expected:,} bytes that it had"))
    except OSError:
        return  # SQLite reports other problems when it opens the file


def _stays_empty(file: Path) -> bool:
    deadline = time.monotonic() + NEW_LOG_SECONDS
    while time.monotonic() < deadline and file.stat().st_size == 0:
        time.sleep(0.02)
    return file.stat().st_size == 0


def _size_in_header(file: Path) -> int:
    """The size in bytes that the file's header contains; 0 if the header may be out of date or is none."""
    journals = (file.with_name(file.name + ending) for ending in ("-wal", "-journal"))
    if any(journal.exists() and journal.stat().st_size > 0 for journal in journals):
        return 0  # another process is writing, or crashed: SQLite recovers the file
    with file.open("rb") as opened:
        header = opened.read(HEADER_BYTES)
    if len(header) < HEADER_BYTES or not header.startswith(b"SQLite format 3\0") or header[24:28] != header[92:96]:
        return 0
    page = int.from_bytes(header[16:18], "big")
    return (65536 if page == 1 else page) * int.from_bytes(header[28:32], "big")


def _truncation_message(file: Path, what: str) -> str:
    return (
        f"the log {file} cannot be read: it {what}. It is damaged; move it aside (and take a copy back, if there is "
        "one), and the pictures beside it stay"
    )


def copy_for_reading(file: Path, folder: Path) -> Path:
    """Copy a database out of a folder that cannot be written, where SQLite may be unable to open it.

    Args:
        file: the database.
        folder: for the copy.

    Raises:
        OSError: if it cannot be read.
    """
    target = folder / file.name
    try:  # consistent beside a process that may write it, if SQLite can open it there
        source = sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)
        with contextlib.closing(source), contextlib.closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
    except sqlite3.Error:  # a write-ahead log needs files beside it; nobody has them open then
        for ending in ("", "-wal"):
            if file.with_name(file.name + ending).exists():
                shutil.copyfile(file.with_name(file.name + ending), folder / (file.name + ending))
    return target


def is_known_local(folder: Path) -> bool:
    """Whether a folder lies on a file system that is known to be on a disk of this machine.

    A write-ahead log needs memory that all its processes share. File systems of a network, of FUSE, and those by which a
    virtual machine or a container sees the files of its host, do not have it. There are too many to list.
    """
    resolved = folder.resolve()
    try:
        disks = psutil.disk_partitions(all=True)
    except (OSError, psutil.Error):
        return False
    mounted = {Path(disk.mountpoint): disk for disk in disks}  # of several at one place, the last one covers the others
    disk = next((mounted[place] for place in (resolved, *resolved.parents) if place in mounted), None)
    return disk is not None and disk.fstype.lower() in _LOCAL_SYSTEMS and "remote" not in disk.opts.split(",")


def _identity_of(file: Path) -> tuple[int, int] | None:
    """Device and number of a file, which another file of the same name does not have; ``None`` without the file."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _strange(connection: sa.Connection, table: sa.Table) -> Iterator[str]:
    """What a table of a log has that nbkit never makes."""
    keys = {column.name for column in table.primary_key}
    unique = [keys, *({c.name for c in u.columns} for u in table.constraints if isinstance(u, sa.UniqueConstraint))]
    columns = connection.exec_driver_sql(f"PRAGMA table_xinfo({table.name})").all()
    for name in {column.name for column in table.columns} - {column.name for column in columns}:
        yield f"no column {name!r}"
    if {column.name for column in columns if column.pk} != keys:
        yield "another primary key"
    for column in columns:
        own = table.columns.get(column.name)
        may_be_required = str(column.dflt_value).upper() not in ("NONE", "NULL") if own is None else not own.nullable
        if column.hidden or (column.notnull and not may_be_required):
            yield f"a constraint on {column.name!r}"
    own_indexes = {index.name for index in table.indexes}
    for index in connection.exec_driver_sql(f"PRAGMA index_list({table.name})").all():
        names = {row.name for row in connection.exec_driver_sql(f"PRAGMA index_info({index.name!r})")}
        is_odd = None in names or (index.partial and index.name not in own_indexes)
        if is_odd or (index.unique and names not in unique):
            yield f"an index {index.name!r}"
    foreign = {row[3] for row in connection.exec_driver_sql(f"PRAGMA foreign_key_list({table.name})")}
    if not foreign <= {key.parent.name for key in table.foreign_keys}:
        yield "another foreign key"
    text = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = ?", (table.name,)).scalar() or ""
    if found := _CONSTRAINTS.search(text):
        yield f"the words {found[0]}"
