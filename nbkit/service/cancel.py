"""A token that holds senders back while the service is busy or has enough to do, and cancels what has not been sent."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

PARENT_CHECK_SECONDS = 0.25
"""How often a waiting token looks at its parent, which may have told all waiters to give up."""


class CancelToken:
    """Asked before each send: it waits while the service is busy, and says whether to send at all.

    A token with a parent shares the parent's pauses. All runs of a studio have one parent, so that one answer "busy"
    pauses them together; each can still be cancelled alone.

    Args:
        clock: the time in seconds.
        sleep: how to wait; with the real clock, cancelling the token ends the wait at once.
        parent: shares its pauses with this token.
        slots: how many tasks may be with the service at once; ``None`` for any number.

    Attributes:
        slot: ``with token.slot:`` waits for a slot of the service, and holds it during the block.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
        parent: CancelToken | None = None,
        slots: int | None = None,
    ) -> None:
        self._clock, self._shared = clock, parent or self
        self._resumes = 0.0
        self._given_up = 0
        self._cancelled = threading.Event()
        is_real = sleep is time.sleep
        self._sleep = self._cancelled.wait if is_real else sleep
        self._slice = PARENT_CHECK_SECONDS if is_real and parent is not None else math.inf
        self.slot: AbstractContextManager[object] = nullcontext() if slots is None else threading.Semaphore(slots)

    def pause(self, seconds: float) -> None:
        """Hold back all senders for that long; a pause that already ends later stays as it is."""
        self._shared._resumes = max(self._shared._resumes, self._clock() + seconds)  # noqa: SLF001  of the same class

    def cancel(self) -> None:
        """Cancel: :meth:`wait` returns ``False`` at once for all waiters, now and later."""
        self._cancelled.set()

    def cancel_waiting(self) -> None:
        """Cancel the waits of now, with those of all tokens that have this one as parent. Later ones are not affected."""
        self._given_up += 1

    def wait(self) -> bool:
        """Wait until the pause is over. Returns whether to send; ``False`` once the token is cancelled."""
        shared = self._shared
        before = shared._given_up  # noqa: SLF001
        while not self.cancelled and (left := shared._resumes - self._clock()) > 0:  # noqa: SLF001
            self._sleep(min(left, self._slice))
            if shared._given_up != before:  # noqa: SLF001
                return False
        return not self.cancelled

    @property
    def cancelled(self) -> bool:
        """Whether :meth:`cancel` was called."""
        return self._cancelled.is_set()


class Cancelled(Exception):
    """The token was cancelled before the service accepted the task. Never leaves nbkit."""
