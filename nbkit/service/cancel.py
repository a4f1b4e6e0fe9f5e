"""A token that holds senders back while the service is busy or has enough to do, and cancels what has not been sent."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

CHECK_SECONDS = 0.05
"""How often a waiting token looks whether it was cancelled. Nobody wakes it up: the main thread cancels, and takes no lock
that an interrupt could leave taken (see :mod:`nbkit.service.threads`)."""


class CancelToken:
    """Asked before each send: it waits while the service is busy, and says whether to send at all.

    A token with a parent shares the parent's pauses. All single runs of a studio have one parent, so that one answer
    "busy" pauses them together; each can still be cancelled alone. The cells of a sweep share one token.

    Args:
        clock: the time in seconds.
        sleep: how to wait; with the real clock, the token looks every :data:`CHECK_SECONDS` whether it was cancelled.
        parent: shares its pauses with this token.
        slots: how many tasks may be with the service at once; ``None`` for any number.

    Attributes:
        slot: ``with token.slot:`` waits for a slot of the service, and holds it during the block.
        cancelled: whether :meth:`cancel` was called.
        reason: the first one that it was called with; ``None`` where it was only wanted.
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
        self._sleep, self._slice = sleep, CHECK_SECONDS if sleep is time.sleep else math.inf
        self.cancelled = False
        self.reason: BaseException | None = None
        self.slot: AbstractContextManager[object] = nullcontext() if slots is None else Slots(slots)

    def pause(self, seconds: float) -> None:
        """Hold back all senders for that long; a pause that already ends later stays as it is."""
        self._shared._resumes = max(self._shared._resumes, self._clock() + seconds)  # noqa: SLF001  of the same class

    def cancel(self, reason: BaseException | None = None) -> None:
        """Cancel: :meth:`wait` returns ``False`` for all waiters, now and later.

        Args:
            reason: why every other send would be refused, too, or fail; the first one counts.
        """
        self.reason = self.reason or reason
        self.cancelled = True

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


class Slots:
    """Slots of the service, given in the order in which they are asked for: ``with slots:`` waits for one and holds it.

    A semaphore gives its slots in any order, so that a grid would fill with gaps.

    Args:
        count: number of slots.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: deque[threading.Lock] = deque()  # each is released when it is its turn
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        turn = threading.Lock()
        turn.acquire()
        with self._lock:
            if self._free:
                self._free -= 1
                return
            self._waiting.append(turn)
        turn.acquire()

    def __exit__(self, *_: object) -> None:
        with self._lock:
            if self._waiting:  # passed on, so that nobody who comes now is faster
                self._waiting.popleft().release()
            else:
                self._free += 1


class Cancelled(Exception):
    """The token was cancelled before the service accepted the task. Never leaves nbkit."""
