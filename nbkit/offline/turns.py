"""Taking turns: whoever asks for much waits for the own things, and not everybody for one.

Used for drawing, and for the tasks of a class. All methods are called in the thread of one event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field


class LineFull(Exception):
    """As many wait as may wait."""


@dataclass(slots=True, eq=False)
class Waiting:
    """One who waits.

    Attributes:
        who: whose turn it is.
        label: what for, such as a taskUUID.
        large: whether it counts as a large one.
        turn: is done once it may begin.
    """

    who: str
    label: str
    large: bool
    turn: asyncio.Future[None] = field(repr=False)


class Turns:
    """A line for each one, from which they are taken in turn.

    Args:
        at_once: how many may be at work together.
        each: how many of one may be.
        large: how many large ones may be at work together.
        large_each: how many large ones of one may be.
        waiting: how many of one may wait.
    """

    def __init__(
        self,
        at_once: int,
        *,
        each: int | None = None,
        large: int | None = None,
        large_each: int = 1,
        waiting: int | None = None,
    ) -> None:
        self.at_once, self.each, self.waiting = at_once, each or at_once, waiting
        self.large, self.large_each = large or at_once, large_each
        self._lines: dict[str, deque[Waiting]] = {}  # whoever was taken last comes last
        self._working: Counter[str] = Counter()
        self._large: Counter[str] = Counter()

    @contextlib.asynccontextmanager
    async def turn(self, who: str, *, label: str = "", large: bool = False) -> AsyncIterator[None]:
        """Wait for a turn, which lasts as long as the block.

        Raises:
            LineFull: if as many of this one wait as may.
        """
        await self.join(who, label=label, large=large).turn
        with self.taken(who, large=large):
            yield

    def join(self, who: str, *, label: str = "", large: bool = False) -> Waiting:
        """Stand in line. Once the ``turn`` of what this returns is done, :meth:`taken` has to follow.

        Raises:
            LineFull: if as many of this one wait as may.
        """
        line = self._lines.setdefault(who, deque())
        if self.waiting is not None and len(line) >= self.waiting:
            raise LineFull
        waiting = Waiting(who, label, large, asyncio.get_running_loop().create_future())
        line.append(waiting)
        waiting.turn.add_done_callback(lambda turn: self._drop(waiting) if turn.cancelled() else None)
        self._call()
        return waiting

    @contextlib.contextmanager
    def taken(self, who: str, *, large: bool = False) -> Iterator[None]:
        """The block is the work of a turn that has come."""
        try:
            yield
        finally:
            self._working[who] -= 1
            self._large[who] -= large
            self._call()

    def is_full(self, who: str) -> bool:
        """Whether as many of this one wait as may."""
        return self.waiting is not None and len(self._lines.get(who, ())) >= self.waiting

    def working(self, who: str) -> int:
        """How many of this one are at work."""
        return self._working[who]

    def order(self) -> list[Waiting]:
        """Everybody who waits, in the order in which they are taken if nobody else comes."""
        rounds = itertools.zip_longest(*self._lines.values())
        return [waiting for one in rounds for waiting in one if waiting is not None]

    def _call(self) -> None:
        """Give a turn to all for whom there is room."""
        while sum(self._working.values()) < self.at_once:
            found = next(filter(None, map(self._next_of, list(self._lines))), None)
            if found is None:
                return
            line = self._lines.pop(found.who)
            line.remove(found)
            if line:
                self._lines[found.who] = line  # behind all others
            self._working[found.who] += 1
            self._large[found.who] += found.large
            found.turn.set_result(None)

    def _next_of(self, who: str) -> Waiting | None:
        """The first of one who may begin: a small one passes large ones that have to wait."""
        if self._working[who] >= self.each:
            return None
        full = self._large[who] >= self.large_each or sum(self._large.values()) >= self.large
        # Who has left is still in line until the loop comes around.
        return next((one for one in self._lines[who] if not (one.turn.done() or (one.large and full))), None)

    def _drop(self, waiting: Waiting) -> None:
        line = self._lines.get(waiting.who)
        if line is not None and waiting in line:
            line.remove(waiting)
            if not line:
                del self._lines[waiting.who]
