"""Whose process a run belongs to, and whether that process still lives."""

from __future__ import annotations

import functools
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil


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
    return Owner(socket.gethostname(), pid, psutil.Process(pid).create_time())


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
        return bool(abs(psutil.Process(owner.pid).create_time() - owner.started) < 1.0)
    except psutil.Error:
        return False


class Hands:
    """Which runs a thread of this process works on right now.

    A process may live while nobody in it works on a run any more: its thread ended with an error.
    """

    def __init__(self) -> None:
        self._busy: set[str] = set()
        self._lock = threading.Lock()

    @contextmanager
    def on(self, task_uuid: str) -> Iterator[None]:
        """Mark a run as worked on for as long as the block runs."""
        with self._lock:
            self._busy.add(task_uuid)
        try:
            yield
        finally:
            with self._lock:
                self._busy.discard(task_uuid)

    def hold(self, task_uuid: str) -> bool:
        """Whether a thread works on that run."""
        with self._lock:
            return task_uuid in self._busy


HANDS = Hands()
"""Of this process: two studios in one kernel may share a log."""
