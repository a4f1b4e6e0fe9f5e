"""Undo and redo for a whole form: states before and after each change, changes of one text in a row as one step."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeVar

S = TypeVar("S")

BURST = 1.2
"""Seconds between two changes of the same control that are still one step."""
STEPS = 200
"""Steps that are kept."""


class UndoHistory(Generic[S]):
    """The states of a form before its changes.

    Attributes:
        clock: the time in seconds; replaced by tests.
    """

    def __init__(self) -> None:
        self.clock: Callable[[], float] = time.monotonic
        self._past: list[S] = []
        self._future: list[S] = []
        self._last = ("", float("-inf"))

    @property
    def can_undo(self) -> bool:
        """Whether there is a state to go back to."""
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        """Whether a state was undone that can be brought back."""
        return bool(self._future)

    def clear(self) -> None:
        """Forget all steps."""
        self._past, self._future, self._last = [], [], ("", float("-inf"))

    def record(self, before: S, what: str = "") -> None:
        """Keep the state before a change.

        Args:
            before: the state.
            what: the control that changes; changes of the same one in a row are one step. Empty: a step of its own.
        """
        now = self.clock()
        burst = bool(what) and what == self._last[0] and now - self._last[1] < BURST and not self._future
        self._last = (what, now)
        self._future.clear()
        if not burst or not self._past:
            self._past = [*self._past, before][-STEPS:]

    def undo(self, now: S) -> S | None:
        """The state before the last change, given the present one; ``None`` if there is none."""
        return self._step(self._past, self._future, now)

    def redo(self, now: S) -> S | None:
        """The state that was undone last, given the present one; ``None`` if there is none."""
        return self._step(self._future, self._past, now)

    def _step(self, source: list[S], target: list[S], now: S) -> S | None:
        self._last = ("", float("-inf"))
        if not source:
            return None
        target.append(now)
        return source.pop()
