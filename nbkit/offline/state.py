"""What a served engine has to remember across a restart: tasks, uploads, reference images, in one SQLite file.

A task is in the file before its answer leaves, so a server that is killed at any instant answers afterwards as before.
Pictures are not stored: they are drawn again from the task.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nbkit.errors import StorageError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS rows (kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (kind, key));
CREATE TABLE IF NOT EXISTS blobs (key TEXT PRIMARY KEY, value BLOB NOT NULL);
"""


class EngineState:
    """Rows of JSON and blobs, in a file that one server holds; safe to use from several threads.

    Args:
        file: made if it does not exist, with its folder.

    Raises:
        StorageError: if it cannot be used, or another server uses it.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lock = threading.Lock()
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(file, check_same_thread=False, isolation_level=None, timeout=1)
            # Held until the process ends, however it ends: two servers would sell the same balance twice.
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            why = "another server uses it" if "locked" in str(error) else str(error)
            raise StorageError(f"the state {file} cannot be used: {why}") from error

    def rows(self, kind: str) -> Iterator[tuple[str, Any]]:
        """Key and value of each row of a kind, in the order in which they were first written."""
        with self._lock:
            found = self._connection.execute(
                "SELECT key, value FROM rows WHERE kind = ? ORDER BY rowid", (kind,)
            ).fetchall()
        return ((key, json.loads(value)) for key, value in found)

    def put(self, kind: str, key: str, value: Any) -> None:
        """Write a row; it is on disk when this returns.

        Raises:
            StorageError: if it cannot be written.
        """
        self._write(
            "INSERT INTO rows VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
            kind,
            key,
            json.dumps(value),
        )

    def remove(self, kind: str, key: str) -> None:
        """Remove a row, if it is there."""
        self._write("DELETE FROM rows WHERE kind = ? AND key = ?", kind, key)

    def blob(self, key: str) -> bytes | None:
        """Bytes that were stored; ``None`` if there are none of that key."""
        with self._lock:
            row = self._connection.execute("SELECT value FROM blobs WHERE key = ?", (key,)).fetchone()
        return None if row is None else bytes(row[0])

    def put_blob(self, key: str, data: bytes) -> None:
        """Store bytes under a key that names their content, unless it is there.

        Raises:
            StorageError: if they cannot be written.
        """
        self._write("INSERT INTO blobs VALUES (?, ?) ON CONFLICT DO NOTHING", key, data)

    def close(self) -> None:
        """Close the file; another server may use it then."""
        with self._lock:
            self._connection.close()

    def _write(self, statement: str, *values: Any) -> None:
        try:
            with self._lock:
                self._connection.execute(statement, values)
        except sqlite3.Error as error:
            raise StorageError(f"the state {self.file} cannot be written: {error}") from error
