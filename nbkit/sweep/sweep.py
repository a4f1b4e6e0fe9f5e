"""A sweep, as ``studio.sweep()`` returns it: planned, run, stopped, resumed."""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

from IPython.display import display
from tqdm.auto import tqdm

from nbkit.display.text import count, usd, usd_range
from nbkit.errors import NbkitError, RequestError
from nbkit.gate import Gate
from nbkit.ledger import Ledger
from nbkit.log import RunLog
from nbkit.model import MICRO, Price
from nbkit.money import limit_in_micros
from nbkit.run import DONE, FAILED, FINAL, UNKNOWN
from nbkit.storage.history import State
from nbkit.sweep.cell import Cell, Facts
from nbkit.sweep.cells import Cells, ListedCells
from nbkit.sweep.plan import Bill, PlanFrame, Sum, due, make_plan, matched
from nbkit.sweep.result import SweepResult
from nbkit.sweep.runner import SweepRun
from nbkit.waiting import Stopped

MANY_IMAGES = 100
"""A run of more images than this wants ``confirm=True``."""

PATIENCE = 0.4
"""Seconds for the pictures that are shown after Stop."""

_LOCKS: dict[tuple[str, str], threading.RLock] = {}
"""One at a time finds out what a sweep lacks, by folder and name."""

_UNDER_WAY: weakref.WeakValueDictionary[tuple[str, str], SweepRun] = weakref.WeakValueDictionary()
"""What this kernel runs, by folder of the log and name of the sweep."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """What a sweep needs of its studio."""

    ledger: Ledger
    log: RunLog
    engine: str
    charged: bool
    balance: Callable[[], float]


class Sweep(Sequence[Cell]):
    """Cells in a fixed order; ``len(sweep)``, ``sweep[0]``, and what can be done with them."""

    def __init__(self, cells: Cells | ListedCells, workshop: Workshop) -> None:
        self.cells = cells
        self._workshop = workshop
        self._last: SweepRun | None = None

    @property
    def name(self) -> str:
        """What it is known by in the log: the name it was given, or one made of its template and axes."""
        return self.cells.key

    def __len__(self) -> int:
        return len(self.cells)

    @overload
    def __getitem__(self, index: int) -> Cell: ...
    @overload
    def __getitem__(self, index: slice) -> list[Cell]: ...
    def __getitem__(self, index: int | slice) -> Cell | list[Cell]:
        return self.cells[index]

    def __iter__(self) -> Iterator[Cell]:
        return iter(self.cells)

    # -- before it runs --------------------------------------------------------------------------------------

    def plan(self, max_workers: int = 4) -> PlanFrame:
        """Every cell with its price; as the last line of a cell the totals stand first. Sends nothing.

        Raises:
            RequestError: for a cell that the model does not allow; it names the axis and the value.
        """
        balance = None
        with contextlib.suppress(NbkitError):  # a service that does not tell is no reason not to plan
            balance = self._workshop.balance()
        return make_plan(
            self.cells,
            self._states(),
            lost=self.lost,
            latency=self._workshop.log.history.typical_latency(self._workshop.engine),
            workers=max_workers,
            balance=balance,
            charged=self._workshop.charged,
        )

    # -- running ------------------------------------------------------------------------------------------------

    def run(
        self, *, max_workers: int = 4, budget: float | None = None, confirm: bool = False, retry: str | None = None
    ) -> SweepResult:
        """Send what is missing, and wait for it with a progress bar.

        What is done is not sent again, in this kernel or a later one; blocked cells neither. Stop ends the sending
        at once; what has been sent lands in the log, and ``sweep.result`` is what there is.

        Args:
            max_workers: how many requests are under way at once.
            budget: the most that this call may spend, in USD; held before each send as the studio's is.
            confirm: needed above a hundred images.
            retry: ``"failed"`` sends failed cells again, too.

        Raises:
            RequestError: for a cell that the model does not allow, or a missing ``confirm=True``; nothing is sent.
            BudgetExceeded: when the next cell might cost more than is left; ``sweep.result`` is what there is.
        """
        try:
            running = self.start(max_workers=max_workers, budget=budget, confirm=confirm, retry=retry)
            if running.bill.cells:
                _watch(running)
            else:
                told = ", ".join(f"{number:,} {status}" for status, number in self.result.counts.items())
                print(f"Nothing to send: of {count(len(self), 'cell')}, {told} already.")  # noqa: T201  an empty bar says nothing
        except KeyboardInterrupt:
            raise self._stopped() from None
        result = running.wait()
        assert isinstance(result, SweepResult)
        return result

    def _stopped(self) -> Stopped:
        """Show what there is, and say what is still being paid for."""
        paid = ""
        under_way = _UNDER_WAY.get(self._place)  # this run, or the earlier one that it was waiting for
        if under_way is not None:
            under_way.shut()
            now = under_way.progress
            if now.running:
                held = usd(round(now.held * MICRO))
                paid = f"{count(now.running, 'request')} under way, up to {held}, still being paid for; "
        display(self.result.peek(PATIENCE))  # type: ignore[no-untyped-call]
        return Stopped(f"Stopped: {paid}what comes lands in the log. sweep.result has it; sweep.run() goes on.")

    def start(
        self, *, max_workers: int = 4, budget: float | None = None, confirm: bool = False, retry: str | None = None
    ) -> SweepRun:
        """The same in the background: the cell is free. The handle has ``.progress``, ``.stop()`` and ``.wait()``."""
        return self.prepare(max_workers=max_workers, budget=budget, confirm=confirm, retry=retry).begin()

    def prepare(
        self, *, max_workers: int = 4, budget: float | None = None, confirm: bool = False, retry: str | None = None
    ) -> SweepRun:
        """The same up to the first send: ``.bill`` tells what it will send, and ``.begin()`` sends it.

        What an earlier start has under way lands before this returns.
        """
        if retry not in (None, FAILED):
            raise RequestError(
                f"retry={retry!r}: must be 'failed' or None", parameter="retry", value=retry, suggestion=FAILED
            )
        if isinstance(max_workers, bool) or not isinstance(max_workers, int) or max_workers < 1:
            raise RequestError(
                f"max_workers={max_workers!r}: must be a whole number of at least 1",
                parameter="max_workers",
                value=max_workers,
            )
        limit = limit_in_micros("budget", budget)
        facts = self.cells.facts  # every cell is checked before anything else happens
        with _LOCKS.setdefault(self._place, threading.RLock()):
            return self._prepared(facts, max_workers, limit, retry=retry, confirm=confirm)

    def _prepared(
        self, facts: Sequence[Facts], max_workers: int, limit: int | None, *, retry: str | None, confirm: bool
    ) -> SweepRun:
        self._let_land()
        recovery = self._workshop.ledger.recovery
        lost = recovery.lost(self.name)
        # What a killed kernel had only written down is due again after this; what is lost is the run's own work.
        recovery.recover(sweep=self.name, leave={row["taskUUID"] for row in lost})
        places = due(self._states(), retry=retry)
        bill = Bill(Sum.of([facts[place] for place in places]), Sum.of(list(map(_facts_of, lost))))
        _ask_to_confirm(bill, confirm=confirm)
        self._last = _UNDER_WAY[self._place] = SweepRun(
            (self.cells[place] for place in places),
            lost,
            bill=bill,
            most=Counter(one.key for one in facts),
            ledger=self._workshop.ledger,
            sweep=self.name,
            max_workers=max_workers,
            budget=limit,
            resume=self._resume,
            result=lambda: self.result,
        )
        return self._last

    @property
    def lost(self) -> list[Facts]:
        """Runs that were sent, and nobody knows what became of them: a run asks for them, and may send them again."""
        return [_facts_of(row) for row in self._workshop.ledger.recovery.lost(self.name)]

    @property
    def result(self) -> SweepResult:
        """What there is so far: also while it runs, after Stop, and in a later kernel."""
        shop = self._workshop
        return SweepResult(
            self.cells, shop.log, self._states(), charged=shop.charged, sweep_of=lambda cells: Sweep(cells, shop)
        )

    def __repr__(self) -> str:
        said = self.cells.layout.spelled
        axes = ", ".join(f"{'+'.join(said.get(n, n) for n in axis.names)} {len(axis)}" for axis in self.cells.axes)
        return f"<Sweep {self.name}: {count(len(self), 'cell')} ({axes or 'no axis'})>"

    @property
    def _place(self) -> tuple[str, str]:
        return str(self._workshop.log.folder.resolve()), self.name

    def _resume(self, row: Any, gate: Gate) -> tuple[str, int]:
        found = self._workshop.ledger.recovery.resume(row, gate)
        cost = self._workshop.log.history.cost(found.task_uuid)
        return found.after if found.after in FINAL else UNKNOWN, cost or 0

    def _let_land(self) -> None:
        """What an earlier start has under way lands first: the cell that made this sweep may have run twice."""
        earlier = _UNDER_WAY.get(self._place)
        if earlier is not None:  # also one that was prepared and has not begun
            earlier.shut()
            earlier.settled()

    def _states(self) -> list[State | None]:
        return matched(self.cells, self._workshop.log.history.states(self.name, self._workshop.engine))


def _facts_of(row: Any) -> Facts:
    """Those of a run in the log."""
    return Facts(row["identity"], Price(row["estimateLow"], row["estimateHigh"]), row["numberResults"] or 1)


def _ask_to_confirm(bill: Bill, *, confirm: bool) -> None:
    if bill.images <= MANY_IMAGES or confirm:
        return
    again = f", up to {bill.again.cells:,} of them once more" if bill.again.cells else ""
    raise RequestError(
        f"this sends {count(bill.cells, 'cell')} for {count(bill.images, 'image')}{again}: {usd_range(bill.price)}. "
        "If that is meant, sweep.run(confirm=True)",
        parameter="confirm", value=confirm, reason="conflict", suggestion=True,
    )  # fmt: skip


def _watch(running: SweepRun) -> None:
    """A progress bar until nothing is under way: in a notebook a widget, in a terminal a line."""
    with tqdm(total=running.progress.total, unit="cell") as bar:
        while True:
            finished = running.settled(0.1)
            now = running.progress
            bar.update(now.ended - bar.n)
            told = {
                "done": now.done,
                "failed": now.failed,
                "blocked": now.blocked,
                "spent": usd(round(now.spent * MICRO)),
            }
            bar.set_postfix(
                {name: value for name, value in told.items() if value or name in (DONE, "spent")}, refresh=False
            )
            if finished:
                return
