"""A gate that senders pass: closed for a while when the service is busy, shut for good when somebody says stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Gate:
    """A pause that several conversations keep together, when the service tells one of them that it is busy.

    Args:
        clock: seconds.
        sleep: how to wait; unless it is given, shutting the gate ends the waiting.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], object] | None = None
    ) -> None:
        self._clock = clock
        self._until = 0.0
        self._shut = threading.Event()
        self._sleep = sleep or self._shut.wait

    def close(self, seconds: float) -> None:
        """Let nobody pass for that long."""
        self._until = max(self._until, self._clock() + seconds)

    def shut(self) -> None:
        """Let nobody pass any more: who waits here is told at once that it shall not send."""
        self._shut.set()

    def wait(self) -> bool:
        """Whether one may send; returns when that is known."""
        while not self._shut.is_set() and (pause := self._until - self._clock()) > 0:
            self._sleep(pause)
        return not self._shut.is_set()


class NotAllowed(Exception):
    """The gate was shut before the task was accepted; never leaves nbkit."""
