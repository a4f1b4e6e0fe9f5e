"""Puts a class together: its folder, what does its tasks, the gateway in front of that, and the pages."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path
from typing import Any

from starlette.requests import Request

from nbkit.backends import resolve
from nbkit.classroom.gateway import Gateway
from nbkit.classroom.pages import routes
from nbkit.classroom.roster import Classroom
from nbkit.classroom.upstream import OfflineUpstream, ServiceUpstream, Upstream
from nbkit.errors import ConfigurationError, StorageError
from nbkit.offline.engine import Offline
from nbkit.offline.server import Server
from nbkit.service.secret import Secret

LOCK = "serving.lock"
"""A file in the folder of the class that its server holds."""

MAX_BODY_BYTES = 96 * 2**20
"""Of a body: fourteen reference images of 5 MB in base64."""


class ClassServer(Server):
    """A server of a class; see :class:`~nbkit.offline.server.Server` for the rest.

    Args:
        folder: of the class, as ``python -m nbkit class init`` has made it.
        engine: the offline engine that does the tasks, unless there is an upstream.
        upstream: ``runware``, or the address of a service.
        key_file: has the key of the upstream; without one it comes from the environment.

    Raises:
        StorageError: if the folder is none of a class, or another server uses it.
        ConfigurationError: if there is no key, or others can read its file.
    """

    def __init__(
        self,
        folder: Path,
        engine: Offline | None = None,
        *,
        upstream: str | None = None,
        key_file: Path | None = None,
        **options: Any,
    ) -> None:
        self.classroom = Classroom.open(folder)
        does: Upstream
        if upstream is None:
            does = OfflineUpstream(engine or Offline(balance=1e6), self.classroom.database)
        else:
            backend = resolve(upstream, api_key=None if key_file is None else read_key(key_file))
            does = ServiceUpstream(backend, self.classroom.database)
        self._lock = _lock(folder)
        self._gateway = Gateway(self.classroom, does)
        facts = _Facts(self._gateway)
        options.setdefault("max_body", MAX_BODY_BYTES)
        super().__init__(service=self._gateway, routes=routes(self.classroom, facts), **options)

    def close(self) -> None:
        super().close()
        self.classroom.close()
        self._lock.close()


class _Facts:
    """What the pages show beside the file of the class."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    @property
    def is_offline(self) -> bool:
        """Whether prices are list prices, and no money."""
        return self._gateway.is_offline

    def address(self, request: Request) -> str:
        """What a student types."""
        return str(request.state.base_url)

    def queue(self) -> list[tuple[str, str, int]]:
        """Everybody who waits: student, taskUUID, place."""
        return self._gateway.queue()

    def picture(self, uuid: str) -> bytes | None:
        """The bytes of a picture; ``None`` if it is not here."""
        answer = self._gateway.read_picture(uuid)
        return answer.body if answer.status == 200 else None


def _lock(folder: Path) -> sqlite3.Connection:
    """Keeps a second server from the folder of a class for as long as it is open; a process that is killed lets go of it.

    Raises:
        StorageError: if another server has it.
    """
    lock = sqlite3.connect(folder / LOCK, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError:
        lock.close()
        message = f"another server uses {folder}, and two would send its open tasks twice: stop that one first"
        raise StorageError(message) from None
    return lock


def read_key(file: Path) -> Secret:
    """The key in a file that nobody else can read.

    Raises:
        ConfigurationError: if others can read it, or it is empty.
    """
    mode = file.stat().st_mode
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigurationError(f"others on this machine can read {file}, which has a key: chmod 600 {file}")
    key = Secret(file.read_text("utf-8").strip() or None)
    if not key:
        raise ConfigurationError(f"{file} is empty; it has the key, and nothing else")
    return key
