"""A token that cancels what has not been sent, and slots that are given in the order in which they are asked for."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

CHECK_SECONDS = 0.05
"""How often one who waits looks whether it was cancelled. Nobody wakes it up: the main thread cancels, and takes no lock
that an interrupt could leave taken (see :mod:`nbkit.service.threads`)."""


class CancelToken:
    """Asked before each send: it says whether to send at all.

    All single runs of a studio have one parent, so that they can be given up together; each can still be cancelled alone.
    The cells of a sweep share one token.

    Args:
        parent: gives up the waits of this token too.
        slots: how many tasks may be under way at once; ``None`` for any number.

    Attributes:
        slot: ``with token.slot:`` waits for a slot, and holds it during the block.
        cancelled: whether :meth:`cancel` was called.
        reason: the first one that it was called with; ``None`` where it was only wanted.
    """

    def __init__(self, parent: CancelToken | None = None, slots: int | None = None) -> None:
        self._shared = parent or self
        self._given_up = 0
        self.cancelled = False
        self.reason: BaseException | None = None
        self.slot: AbstractContextManager[object] = nullcontext() if slots is None else Slots(slots)

    def cancel(self, reason: BaseException | None = None) -> None:
        """Cancel: whoever waits sends nothing, now and later.

        Args:
            reason: why every other send would be refused, too, or fail; the first one counts.
        """
        self.reason = self.reason or reason
        self.cancelled = True

    def cancel_waiting(self) -> None:
        """Cancel the waits of now, with those of all tokens that have this one as parent. Later ones are not affected."""
        self._given_up += 1

    def waiting(self) -> Callable[[], bool]:
        """Begin a wait. Returns a function that says whether to go on with it."""
        shared = self._shared
        before = shared._given_up  # noqa: SLF001  of the same class
        return lambda: not self.cancelled and shared._given_up == before  # noqa: SLF001


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
