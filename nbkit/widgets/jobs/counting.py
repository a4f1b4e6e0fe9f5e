"""What a sweep comes to, counted beside the kernel's own work: the newest question only, and no more than is looked at.

A cell's price and what the log knows of it take its whole request, 0.2 ms each. A few are counted at once; many in
a thread, which gives up as soon as somebody asks about another sweep.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate

from nbkit.display.text import count, usd
from nbkit.request.price import MICRO
from nbkit.results.run import FAILED
from nbkit.service.threads import THREADS
from nbkit.sweep.frame import status_of
from nbkit.sweep.plan import CostSummary, Quote, Totals, pending_cells
from nbkit.sweep.sweep import Sweep
from nbkit.widgets.jobs.job import StudioAPI

AT_ONCE = 100
"""Cells that are counted before a control's change is answered: about 20 ms."""
MOST = 5_000
"""Cells that are counted at all."""
SETTLE = 0.2
"""Seconds without a change before many are counted."""


@dataclass(frozen=True)
class Count:
    """A sweep and what it comes to.

    Attributes:
        sweep: what was counted.
        totals: of it; what is due is what the next press sends.
        failed: cells that failed and are not due.
        most: what each cell that is due may cost at most, in micro-dollars, in the order of sending.
        again: the same of each run that may be sent again.
    """

    sweep: Sweep
    totals: Totals
    failed: int
    most: tuple[int, ...]
    again: tuple[int, ...]


def count_up(sweep: Sweep, studio: StudioAPI, *, workers: int, retry: str | None) -> Count:
    """Count a sweep's cells, its images, its price, and what of it is there already.

    Raises:
        RequestError: for a cell that the model does not allow.
    """
    costs, states = sweep.cells.costs, sweep.states
    places = pending_cells(states, retry=retry)
    to_send, lost = [costs[place] for place in places], sweep.unsettled
    quote = Quote(CostSummary.of(to_send), CostSummary.of(lost))
    waiting = set(places)
    ended = Counter(status_of(state) for place, state in enumerate(states) if place not in waiting)
    seconds = quote.seconds(studio.log.history.typical_latency(studio.engine), workers)
    refused = sum(state is not None and state.was_never_accepted for state in states)
    withheld = studio.log.withheld(sweep.name)
    totals = Totals(*CostSummary.of(costs), ended, quote, None, seconds, studio.charged, withheld, refused)
    return Count(sweep, totals, ended[FAILED], *(tuple(one.price.high for one in part) for part in (to_send, lost)))


def shortfall(counted: Count, left: float | None, own: float | None) -> str:
    """How far the money reaches, if it may not be enough for what is due; empty if it is.

    Args:
        counted: what is due.
        left: of the studio's budget in USD; ``None`` without a limit.
        own: the budget of this run in USD, likewise.
    """
    # What is sent again comes first. Of what this studio has lost, its budget holds the money already; of what another
    # has, the money is taken when it is sent, and refused where it does not reach.
    limits = (
        (left, "the {} left", counted.most),
        (own, "this run's budget of {}", (*counted.again, *counted.most)),
    )
    found = []
    for limit, money, costs in limits:
        room = round((limit or 0) * MICRO)
        reached = sum(spent <= room for spent in accumulate(costs))
        if limit is not None and reached < len(costs):
            told = f"more than {money.format(usd(max(0, room)))}: about {reached:,} of {count(len(costs), 'cell')}"
            found.append((reached, told))
    return min(found)[1] if found else ""


Told = Callable[[Count | None, Exception | None], None]


class Counting:
    """Counts the sweep that was asked about last.

    Args:
        studio: where it is known what has been run.
        told: called with the count, or with what is wrong with the sweep; from a thread if it took one.
        lock: under which is asked and told, so that nobody is told of a sweep while another is asked about.
    """

    def __init__(self, studio: StudioAPI, told: Told, lock: threading.RLock) -> None:
        self._studio, self._told = studio, told
        self._latest = 0
        self._newer = threading.Condition(lock)

    def ask(self, sweep: Sweep | None, *, workers: int = 1, retry: str | None = None) -> bool:
        """Count this one, and no earlier one any more; ``None``: none at all. Whether it has been counted by now."""
        with self._newer:
            self._latest += 1
            mine = self._latest
            self._newer.notify_all()
        if sweep is None:
            return True
        if len(sweep) <= AT_ONCE or "costs" in vars(sweep.cells):
            self._count(mine, sweep, workers, retry)
            return True
        THREADS.submit(self._later, mine, sweep, workers, retry)
        return False

    def _later(self, mine: int, sweep: Sweep, workers: int, retry: str | None) -> None:
        with self._newer:
            if self._newer.wait_for(lambda: self._latest != mine, SETTLE):
                return
        self._count(mine, sweep, workers, retry)

    def _count(self, mine: int, sweep: Sweep, workers: int, retry: str | None) -> None:
        found, wrong = None, None
        try:
            found = count_up(sweep, self._studio, workers=workers, retry=retry)
        except Exception as error:  # noqa: BLE001  a thread's error shows nowhere: the panel shows it
            wrong = error
        with self._newer:
            if mine == self._latest:
                self._told(found, wrong)
