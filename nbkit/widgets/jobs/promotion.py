"""A promotion that a press has agreed to: prepared, compared with what the button said, sent, and told."""

from __future__ import annotations

import threading
from collections.abc import Callable

from nbkit.display.text import count, usd, usd_short
from nbkit.request.price import MICRO
from nbkit.sweep.result import SweepResult
from nbkit.sweep.runner import SweepRun
from nbkit.sweep.sweep import Sweep
from nbkit.widgets.jobs.quote import check_price


class Promotion:
    """Sends one promotion at a time.

    Args:
        say: shows a line; an empty one takes the last away.
        changed: is called when one begins, and when it is over.
        name: of the attribute that has the result, for the line at the end.

    Attributes:
        result: of the latest one, or ``None``.
    """

    def __init__(self, say: Callable[[str], None], changed: Callable[[], None], name: str) -> None:
        self._say, self._changed, self._name = say, changed, name
        self._one = threading.Lock()
        self._running: SweepRun | None = None
        self.result: SweepResult | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether there is one now."""
        return self._one.locked()

    def send(self, make: Callable[[], Sweep], pictures: int, tier: str, promised: int) -> None:
        """Make pictures again, and return when they are there. While another one is under way, nothing happens.

        Args:
            make: makes the sweep that does it.
            pictures: how many there are.
            tier: to which they are promoted.
            promised: the most that the button said, in micro-dollars.

        Raises:
            RequestError: if it would cost more than that; nothing has been sent.
            EngineError, BudgetExceeded, StorageError: as :meth:`nbkit.Sweep.run` raises them.
        """
        if not self._one.acquire(blocking=False):
            return
        try:
            self._changed()
            self._say(f"Promoting {count(pictures, 'picture')} to {tier} …")
            self._running = running = make().prepare(confirm=True)  # their number was on the button
            price = running.quote.price
            check_price(promised, price.high, f"{usd(price.high)} for {count(running.quote.images, 'picture')}")
            running.begin()
            self.result = result = running.wait()
            done = ", ".join(f"{number} {status}" for status, number in result.counts.items())
            spent = usd_short(round(running.progress.spent * MICRO))
            self._say(f"Promoted to {tier}: {done} · {spent} · {self._name}.promoted has them.")
        except Exception:
            self._say("")
            raise
        finally:
            self._running = None
            self._one.release()
            self._changed()

    def stop(self) -> None:
        """Send no more of it."""
        if self._running is not None:
            self._running.cancel()
            self._say("Stopped: what was sent comes into the log.")
