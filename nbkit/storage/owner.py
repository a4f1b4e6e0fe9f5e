"""Whose process a run belongs to, and whether that process still lives."""

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


@dataclass(frozen=True, slots=True)
class Owner:
    """A process, told apart from a later one with the same number by its start time."""

    host: str
    pid: int
    started: float

    def __str__(self) -> str:
        return f"{self.pid}@{self.host} {self.started:.2f}"

    @classmethod
    def parse(cls, text: str) -> Owner | None:
        """The owner that a log row names; ``None`` for a text that is none."""
        try:
            place, started = text.rsplit(" ", 1)
            pid, host = place.split("@", 1)
            return cls(host, int(pid), float(started))
        except ValueError:
            return None


@functools.cache
def _of_process(pid: int) -> Owner:
    # As exact as it is written down, so that what is read back is the same.
    return Owner(socket.gethostname(), pid, round(psutil.Process(pid).create_time(), 2))


def this_process() -> Owner:
    """The process that runs this code; asked again after a fork."""
    return _of_process(os.getpid())


def lives(owner: Owner, *, heartbeat_age: float, patience: float) -> bool:
    """Whether an owner still works on its runs.

    On this machine the process table tells. A process of another machine (the log may lie on a shared disk)
    cannot be asked: it counts as living until its heartbeat is ``patience`` seconds old.
    """
    if owner.host != socket.gethostname():
        return heartbeat_age < patience
    try:
        process = psutil.Process(owner.pid)
        # A killed process that nobody has waited for is still in the table, and works on nothing.
        return process.status() != psutil.STATUS_ZOMBIE and abs(process.create_time() - owner.started) < 1.0
    except psutil.Error:
        return False


class Hands:
    """Which runs a thread of this process works on right now.

    A process may live while nobody in it works on a run any more: its thread ended with an error.
    """

    def __init__(self) -> None:
        self._busy: set[str] = set()
        self._lock = threading.Lock()

    def take(self, task_uuid: str) -> None:
        """From now on a thread of this process works on that run."""
        with self._lock:
            self._busy.add(task_uuid)

    def grab(self, task_uuid: str) -> bool:
        """The same, unless a thread of this process does already; whether it has been taken."""
        with self._lock:
            free = task_uuid not in self._busy
            self._busy.add(task_uuid)
            return free

    def leave(self, task_uuid: str) -> None:
        """Nobody here works on it any more."""
        with self._lock:
            self._busy.discard(task_uuid)

    def all(self) -> list[str]:
        """Every run that is worked on."""
        with self._lock:
            return sorted(self._busy)

    def hold(self, task_uuid: str) -> bool:
        """Whether a thread works on that run."""
        with self._lock:
            return task_uuid in self._busy


HANDS = Hands()
"""Of this process: two studios in one kernel may share a log."""


HEARTBEAT = 20.0
"""Seconds between two signs of life."""


class Heart:
    """Tells the log, every :data:`HEARTBEAT` seconds, which runs this process still works on.

    Its thread lives as long as there is one.

    Args:
        beat: writes the sign of life.
    """

    def __init__(self, beat: Callable[[Sequence[str]], None]) -> None:
        self._beat = beat
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Beat from now on, if it does not already."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="nbkit-heartbeat", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            time.sleep(HEARTBEAT)
            with self._lock:
                busy = HANDS.all()
                if not busy:
                    self._thread = None
                    return
            with contextlib.suppress(StorageError):  # a log that is busy for a moment gets the next one
                self._beat(busy)
