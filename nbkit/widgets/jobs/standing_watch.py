"""Asks a class's server how things stand while something is under way: the place in the line, what is left.

It asks in a thread, never more often than every :data:`PAUSE` seconds, and only a server that has answered as a class's.
Whatever goes wrong in it is dropped: a run must not fail because its place is not known.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable

from nbkit.service.standing import Standing
from nbkit.service.threads import THREADS

PAUSE = 1.5
"""Seconds between two questions."""


class StandingWatch:
    """How one student stands, as far as it is known.

    Args:
        ask: asks the server; may raise.
        told: called after each answer, from the thread that asked.
        is_busy: whether something is under way.

    Attributes:
        latest: the last answer; ``None`` before the first one, and where the server is no class's.
    """

    def __init__(
        self, ask: Callable[[], Standing | None], told: Callable[[], None], is_busy: Callable[[], bool]
    ) -> None:
        self._ask, self._told, self._is_busy = ask, told, is_busy
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._asked = float("-inf")
        self._is_running = self._is_wanted = False
        self.latest: Standing | None = None

    def look(self) -> None:
        """Have the server asked soon, and from then on as long as something is under way. Returns at once."""
        with self._lock:
            self._is_wanted = True
            if self._is_running or self._closed.is_set():
                return
            self._is_running = True
        THREADS.submit(self._run)

    def close(self) -> None:
        """Ask nothing more."""
        self._closed.set()

    def _run(self) -> None:
        while not self._closed.wait(max(0.0, self._asked + PAUSE - time.monotonic())):
            with self._lock:
                self._is_wanted = False  # what changes from here on is asked for again
            self._asked = time.monotonic()
            with contextlib.suppress(Exception):
                self.latest = self._ask()
                if self.latest is None:
                    self._closed.set()  # no class's: never again
                elif not self._closed.is_set():
                    self._told()
            with self._lock:
                if not (self._is_wanted or (self.latest is not None and self._is_busy())):
                    self._is_running = False
                    return
