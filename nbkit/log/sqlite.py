"""What a SQLite file needs before it can be trusted: it is whole, it is set up, and its disk is a fit one."""

from __future__ import annotations

import random
import sqlite3
import time
from pathlib import Path
from typing import Any

import psutil

from nbkit.errors import StorageError

HEADER_BYTES = 100

BIRTH_SECONDS = 1.0
"""For so long a log may be empty that another kernel is making, beside the pictures of one that was moved aside."""

_NETWORK_SYSTEMS = ("nfs", "cifs", "smb", "fuse.sshfs", "afs", "9p", "lustre", "glusterfs", "ceph", "gpfs", "beegfs")


def set_up(connection: Any, journal: str, patience: float) -> None:
    """Give a new connection its settings; a connection that cannot have them is closed.

    Args:
        connection: of the ``sqlite3`` module.
        journal: ``WAL`` or ``DELETE``.
        patience: seconds to wait for others. While one process changes the journal of a new file, SQLite tells
            the next one at once that it is locked, whatever time-out the connection has.
    """
    connection.isolation_level = None  # transactions are begun by the engine's events and not by the driver
    until, pause = time.monotonic() + patience, 0.002
    try:
        while True:
            try:
                for setting in (f"journal_mode={journal}", "synchronous=FULL", "foreign_keys=ON"):
                    connection.execute(f"PRAGMA {setting}").close()
            except sqlite3.OperationalError as error:
                if not _is_lock(error) or time.monotonic() > until:
                    raise
                time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311  so that two do not wait in step
                pause = min(2 * pause, 0.25)
            else:
                return
    except BaseException:
        connection.close()  # the pool does not know it yet, so nobody else would
        raise


def _is_lock(error: sqlite3.OperationalError) -> bool:
    return error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def check_whole(file: Path, pictures: Path) -> None:
    """Refuse a log that was cut short: SQLite takes an empty file for a new log, and may use what is left of one.

    It looks at the header alone, and only where that is known to be up to date.

    Args:
        file: the log; it may be missing.
        pictures: the folder of its pictures. Where that has any, a log of no bytes was not always empty.

    Raises:
        StorageError: if a part of it is missing.
    """
    try:
        size = file.stat().st_size
        if size == 0 and any(pictures.glob("??/*")) and _stays_empty(file):
            raise StorageError(_cut_short(file, "is empty, and the pictures beside it are not"))
        promised = _promised_size(file)
        if size < promised and _promised_size(file) == promised and file.stat().st_size == size:
            raise StorageError(_cut_short(file, f"has {size:,} of the {promised:,} bytes that it had"))
    except OSError:
        return  # what else is wrong with it, SQLite says


def _stays_empty(file: Path) -> bool:
    until = time.monotonic() + BIRTH_SECONDS
    while time.monotonic() < until and file.stat().st_size == 0:
        time.sleep(0.02)
    return file.stat().st_size == 0


def _promised_size(file: Path) -> int:
    """How large its own header says it is; 0 where that may be out of date, or is no header."""
    if any(_has_bytes(file.with_name(file.name + ending)) for ending in ("-wal", "-journal")):
        return 0  # another process is writing, or did not end well: SQLite mends that
    with file.open("rb") as opened:
        header = opened.read(HEADER_BYTES)
    if len(header) < HEADER_BYTES or not header.startswith(b"SQLite format 3\0") or header[24:28] != header[92:96]:
        return 0
    page = int.from_bytes(header[16:18], "big")
    return (65536 if page == 1 else page) * int.from_bytes(header[28:32], "big")


def _has_bytes(file: Path) -> bool:
    return file.exists() and file.stat().st_size > 0


def _cut_short(file: Path, what: str) -> str:
    return (
        f"the log {file} cannot be read: it {what}. It is damaged; move it aside (and take a copy back, if there is "
        "one), and the pictures beside it stay"
    )


def on_network(folder: Path) -> bool:
    """Whether a folder lies on a network file system."""
    place = folder.resolve()
    best, kind = -1, ""
    for disk in psutil.disk_partitions(all=True):
        mount = Path(disk.mountpoint)
        if (place == mount or mount in place.parents) and len(mount.parts) > best:
            best, kind = len(mount.parts), disk.fstype.lower()
    return kind.startswith(_NETWORK_SYSTEMS)
