"""A gate that senders pass: closed for a while when the service is busy, shut for good when somebody says stop."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable


class Gate:
    """A pause that several conversations keep together, when the service tells one of them that it is busy.

    Args:
        clock: seconds.
        sleep: how to wait; unless it is given, shutting the gate ends the waiting.
        outer: a gate further out, which others pass too: a pause is kept there, and where it is shut, so is this one.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
        outer: Gate | None = None,
    ) -> None:
        self._clock, self._outer = clock, outer
        self._until = 0.0
        self._shut = threading.Event()
        self._slice = 0.25 if outer is not None and sleep is None else math.inf  # the outer one may be shut meanwhile
        self._sleep = sleep or self._shut.wait

    def close(self, seconds: float) -> None:
        """Let nobody pass for that long."""
        if self._outer is not None:
            self._outer.close(seconds)
        self._until = max(self._until, self._clock() + seconds)

    def shut(self) -> None:
        """Let nobody pass any more: who waits here is told at once that it shall not send."""
        self._shut.set()

    def wait(self) -> bool:
        """Whether one may send; returns when that is known."""
        while not self.is_shut and (pause := self._opens() - self._clock()) > 0:
            self._sleep(min(pause, self._slice))
        return not self.is_shut

    @property
    def is_shut(self) -> bool:
        """Whether nobody shall pass any more."""
        return self._shut.is_set() or (self._outer is not None and self._outer.is_shut)

    @property
    def is_stopped(self) -> bool:
        """Whether this very gate was shut, whatever became of one further out."""
        return self._shut.is_set()

    def _opens(self) -> float:
        return self._until if self._outer is None else max(self._until, self._outer._opens())  # noqa: SLF001  its own kind


class NotAllowed(Exception):
    """The gate was shut before the task was accepted; never leaves nbkit."""
