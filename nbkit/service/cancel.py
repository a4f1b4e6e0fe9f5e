"""A token that pauses senders while the service is busy, and cancels what has not been sent yet."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

PARENT_CHECK_SECONDS = 0.25
"""How often a waiting token looks at its parent, which may have been cancelled meanwhile."""


class CancelToken:
    """Asked before each send: it waits while the service is busy, and says whether to send at all.

    A token with a parent shares the parent's pauses, and is cancelled with it. All runs of a studio have one parent,
    so that one answer "busy" pauses them together; each can still be cancelled alone.

    Args:
        clock: the time in seconds.
        sleep: how to wait; by default, cancelling the token ends the wait at once.
        parent: shares its pauses and its cancellation with this token.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
        parent: CancelToken | None = None,
    ) -> None:
        self._clock, self._parent = clock, parent
        self._resumes = 0.0
        self._cancelled = threading.Event()
        self._slice = PARENT_CHECK_SECONDS if parent is not None and sleep is None else math.inf
        self._sleep = sleep or self._cancelled.wait

    def pause(self, seconds: float) -> None:
        """Hold back all senders for that long; a pause that already ends later stays as it is."""
        if self._parent is not None:
            self._parent.pause(seconds)
        self._resumes = max(self._resumes, self._clock() + seconds)

    def cancel(self) -> None:
        """Cancel: :meth:`wait` returns ``False`` at once for all waiters, now and later."""
        self._cancelled.set()

    def wait(self) -> bool:
        """Wait until the pause is over. Returns whether to send; ``False`` once the token is cancelled."""
        while not self.cancelled and (left := self._resumes_at() - self._clock()) > 0:
            self._sleep(min(left, self._slice))
        return not self.cancelled

    @property
    def cancelled(self) -> bool:
        """Whether this token or its parent has been cancelled."""
        return self.cancelled_alone or (self._parent is not None and self._parent.cancelled)

    @property
    def cancelled_alone(self) -> bool:
        """Whether :meth:`cancel` was called on this token; its parent does not count."""
        return self._cancelled.is_set()

    def _resumes_at(self) -> float:
        return self._resumes if self._parent is None else max(self._resumes, self._parent._resumes_at())  # noqa: SLF001


class Cancelled(Exception):
    """The token was cancelled before the service accepted the task. Never leaves nbkit."""
