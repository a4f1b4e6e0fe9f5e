"""Which process works on a run, and whether it is still alive."""

from __future__ import annotations

import contextlib
import functools
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psutil

from nbkit.errors import StorageError

HEARTBEAT_SECONDS = 20.0
"""Time between two heartbeats."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A process. Its start time tells it from a later process with the same number."""

    host: str
    pid: int
    started: float

    def __str__(self) -> str:
        return f"{self.pid}@{self.host} {self.started:.2f}"

    @classmethod
    def parse(cls, text: str) -> Owner | None:
        """The owner in a row of the log; ``None`` if the text has another form."""
        try:
            process, started = text.rsplit(" ", 1)
            pid, host = process.split("@", 1)
            return cls(host, int(pid), float(started))
        except ValueError:
            return None


@functools.cache
def _of_process(pid: int) -> Owner:
    # Rounded as __str__ writes it, so that an owner read from the log equals this one.
    return Owner(socket.gethostname(), pid, round(psutil.Process(pid).create_time(), 2))


def this_process() -> Owner:
    """The current process; a forked child is another owner than its parent."""
    return _of_process(os.getpid())


def is_alive(owner: Owner, *, heartbeat_age: float, patience: float) -> bool:
    """Whether an owner still works on its runs.

    The process table answers for this machine. A process of another machine, whose log lies on a shared disk, counts as
    alive until its heartbeat is ``patience`` seconds old.
    """
    if owner.host != socket.gethostname():
        return heartbeat_age < patience
    try:
        process = psutil.Process(owner.pid)
        # A killed process stays in the table until its parent has waited for it, and does no work.
        return process.status() != psutil.STATUS_ZOMBIE and abs(process.create_time() - owner.started) < 1.0
    except psutil.Error:
        return False


IN_FLIGHT: set[str] = set()
"""The runs, by taskUUID, that threads of this process work on right now.

The log alone cannot tell: a thread may have ended with an error while its process, the owner of the row, lives on. One
for the process, because two studios of one kernel may share a log.
"""


class Heartbeat:
    """A thread that writes into the log, every :data:`HEARTBEAT_SECONDS`, which runs this process still works on.

    The thread ends when there are none.

    Args:
        write: writes the heartbeat of some taskUUIDs.
    """

    def __init__(self, write: Callable[[Sequence[str]], None]) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread, unless it runs."""
        with self._lock:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="nbkit-heartbeat", daemon=True)
                thread.start()  # raises where the machine has no thread left
                self._thread = thread

    def _run(self) -> None:
        while True:
            time.sleep(HEARTBEAT_SECONDS)
            with self._lock:
                task_uuids = sorted(IN_FLIGHT.copy())
                if not task_uuids:
                    self._thread = None
                    return
            with contextlib.suppress(StorageError):  # a log that is locked for a moment gets the next heartbeat
                self._write(task_uuids)
