"""How many tasks may be with a busy service at once: learned from its refusals, tried again as time passes.

It is additive increase and multiplicative decrease, with two refinements. A refusal tells more than that there were too
many: the tasks that the service kept are as many as it takes. And an increase that is refused is tried again after twice
the time, because each such try sends a task for nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nbkit.service.pace import LONGEST_PAUSE

DECREASE = 0.75
"""The factor, where the tasks that the service kept do not tell."""

FIRST_SECONDS, SHORTEST_SECONDS, LONGEST_SECONDS = 1.0, 0.1, 60.0
"""Time before a limit is raised by one: after the first refusals, the shortest, and the longest but for long pauses."""

PAUSES = 10
"""Where each refusal costs everybody a pause that the service asks for, the time before an increase is so many pauses, or
:data:`LONGEST_SECONDS`."""

FORGET_SECONDS = 600.0
"""A service that has refused nothing for so long has no limit any more."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What was learned of a busy service. All times are in seconds by one clock.

    Attributes:
        at_once: how many tasks it takes at once.
        refused: when it last refused a task.
        lowered: when the limit was last lowered by a factor; tasks that were sent before do not lower it so again.
        raised: when it was last raised.
        interval: time before it is raised again.
        resumes: until then, nothing is sent.
    """

    at_once: int
    refused: float
    lowered: float
    raised: float = 0.0
    interval: float = FIRST_SECONDS
    resumes: float = 0.0

    def is_over(self, now: float) -> bool:
        """Whether it is so old that the service counts as never busy."""
        return now - max(self.refused, self.resumes) > FORGET_SECONDS

    def after_acquiring(self, now: float, active: int) -> Limit | None:
        """The limit after one more task was sent; ``None`` if it may not be sent now.

        Args:
            now: time.
            active: tasks that are with the service.
        """
        if now < self.resumes:
            return None
        if active < self.at_once:
            return self
        if now < max(self.refused, self.raised) + self.interval:
            return None
        was_accepted = self.raised > self.refused
        interval = max(SHORTEST_SECONDS, self.interval / 2) if was_accepted else self.interval
        return dataclasses.replace(self, at_once=self.at_once + 1, raised=now, interval=interval)

    def paused(self, until: float) -> Limit:
        """The limit with a pause for everybody."""
        return dataclasses.replace(self, resumes=max(self.resumes, until))


def limit_from(values: Sequence[Any], now: float) -> Limit | None:
    """A limit as it was stored; ``None`` if the values are none, and with no pause that no service can ask for."""
    try:
        limit = Limit(max(1, int(values[0])), *map(float, values[1:]))
    except (TypeError, ValueError, OverflowError):
        return None
    return dataclasses.replace(limit, resumes=min(limit.resumes, now + 2 * LONGEST_PAUSE))


def _spaced(asked: float) -> float:
    """Time before an increase where each refusal costs everybody a pause."""
    return min(PAUSES * asked, max(LONGEST_SECONDS, 2 * asked))


def after_refusal(
    limit: Limit | None, now: float, *, sent: float, active: int, ended: int = 0, asked: float = 0.0
) -> Limit:
    """The limit after the service has refused a task.

    Args:
        limit: before; ``None`` if the service was never busy.
        now: time.
        sent: when the refused task was sent.
        active: the tasks that the service works on now.
        ended: those that have ended since the refused one was sent. It took no more at once than both together.
        asked: the pause in seconds that the service asked for; nobody sends anything meanwhile.
    """
    kept = active + ended
    if limit is None:
        first = Limit(max(1, kept), refused=now, lowered=now, interval=max(FIRST_SECONDS, _spaced(asked)))
        return first.paused(now + asked)
    at_once, interval, lowered = min(limit.at_once, kept), limit.interval, limit.lowered
    if sent >= limit.lowered:  # not more than once in the time that an answer takes
        if kept >= limit.at_once:
            at_once = max(int(limit.at_once * DECREASE), min(active, limit.at_once - 1))
        interval, lowered = min(LONGEST_SECONDS, 2 * interval), now
    interval = max(interval, _spaced(asked))
    lower = dataclasses.replace(limit, at_once=max(1, at_once), refused=now, lowered=lowered, interval=interval)
    return lower.paused(now + asked)
