"""Who is told that money has moved: whoever shows what is left of a budget."""

from __future__ import annotations

import contextlib
import threading
import weakref
from typing import Protocol


class Watcher(Protocol):
    """Shows what may still be spent."""

    def money_moved(self) -> None:
        """Money was held, spent or set free, whoever asked for it; called from any thread."""


class Watchers:
    """Those of one studio, as long as somebody else holds them.

    What a watcher raises goes no further: showing a sum must not come between a paid run and its pictures.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: weakref.WeakSet[Watcher] = weakref.WeakSet()

    def add(self, watcher: Watcher) -> None:
        """Tell this one, too."""
        with self._lock:
            self._held.add(watcher)

    def tell(self) -> None:
        """Money has moved."""
        with self._lock:
            watchers = list(self._held)
        for watcher in watchers:
            with contextlib.suppress(Exception):
                watcher.money_moved()
