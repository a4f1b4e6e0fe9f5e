"""How long to wait between two attempts, and how many attempts to make."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

LONGEST_PAUSE = 120.0
"""Seconds. When a service asks for a longer pause, the run ends as refused, and its error names the pause."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long to wait between two requests about one task; all times in seconds.

    Attributes:
        poll_first, poll_growth, poll_cap: the first pause between two polls, the factor by which it grows, its limit.
        retry_first: the pause before the second attempt; doubles with each attempt, with jitter.
        busy_tries: how often a task is sent to a service that answers "busy".
        connect_tries: how often a connection is tried.
        patience: how long to poll for a task that the service has accepted.
        lull: how long to wait for missing results while nothing changes; then the run ends with the ones it has.
        sleep, clock: replaced by tests.

    Example:
        >>> import nbkit
        >>> pace = nbkit.Pace(poll_first=0.5, patience=120)
        >>> studio = nbkit.Studio(engine="offline", pace=pace)
        >>> pace.poll_cap
        10.0
    """

    poll_first: float = 1.0
    poll_growth: float = 1.6
    poll_cap: float = 10.0
    retry_first: float = 1.0
    busy_tries: int = 7
    connect_tries: int = 3
    patience: float = 900.0
    lull: float = 120.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def attempts(self, tries: int) -> Iterator[int]:
        """The numbers of that many attempts, with a pause before each but the first.

        Example:
            >>> import nbkit
            >>> pauses = []
            >>> list(nbkit.Pace(sleep=pauses.append).attempts(3)), len(pauses)
            ([0, 1, 2], 2)
        """
        for attempt in range(tries):
            if attempt:
                self.back_off(attempt - 1)
            yield attempt

    def back_off(self, attempt: int, retry_after: float | None = None) -> None:
        """Wait before the next attempt, as long as :meth:`pause` says."""
        self.sleep(self.pause(attempt, retry_after))

    def pause(self, attempt: int, retry_after: float | None = None) -> float:
        """Seconds before the next attempt.

        Args:
            attempt: number of attempts that have been made, less one.
            retry_after: what the service asked for; the pause is never shorter.

        Returns:
            A time with jitter, so that several kernels do not come back at the same instant; at most
            :data:`LONGEST_PAUSE`.

        Example:
            >>> import nbkit
            >>> pace = nbkit.Pace(retry_first=1.0)
            >>> 0.6 <= pace.pause(0) <= 1.4, 2.4 <= pace.pause(2) <= 5.6, pace.pause(0, retry_after=30) >= 30
            (True, True, True)
        """
        grown: float = self.retry_first * 2**attempt * random.uniform(0.6, 1.4)  # noqa: S311  jitter is no secret
        asked: float = (retry_after or 0.0) * random.uniform(1.0, 1.2)  # noqa: S311
        return min(max(grown, asked), LONGEST_PAUSE)
