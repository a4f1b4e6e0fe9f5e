"""A sweep, as ``studio.sweep()`` returns it: planned, run, stopped, resumed."""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, overload

from IPython.display import display
from tqdm.auto import tqdm

from nbkit.display.text import count, usd_range
from nbkit.errors import NbkitError, RequestError
from nbkit.ledger.ledger import Ledger
from nbkit.ledger.recovery import Recovery
from nbkit.log.frame import check_argument
from nbkit.log.runs import State
from nbkit.log.store import LogStore
from nbkit.request.model import Price
from nbkit.request.parameter import Integer
from nbkit.results.money import amount, limit_in_micros
from nbkit.results.run import BLOCKED, DONE, FAILED
from nbkit.service.threads import Interrupted
from nbkit.sweep.cell import Cell, CellCost
from nbkit.sweep.grid import CellSequence
from nbkit.sweep.plan import TO_DO, CostSummary, PlanFrame, Quote, Totals, make_plan, pending_cells
from nbkit.sweep.result import SweepResult
from nbkit.sweep.runner import SweepRun

MANY_IMAGES = 100
"""A run of more images than this needs ``confirm=True``."""

PEEK_SECONDS = 0.4
"""Time for the previews that are shown after Stop."""

_LOCKS: dict[tuple[str, str], threading.RLock] = {}
"""By folder and name: one thread at a time finds out which cells of a sweep are missing."""

_UNDER_WAY: weakref.WeakValueDictionary[tuple[str, str], SweepRun] = weakref.WeakValueDictionary()
"""By folder and name: the sweeps that this kernel runs."""


@dataclass(frozen=True, slots=True)
class SweepContext:
    """What a sweep needs of its studio.

    Attributes:
        ledger, recovery: send and settle runs.
        log: where the runs are.
        engine: the engine's name in the log.
        charged: whether it charges real money.
        balance: asks the service what the account holds, in USD.
    """

    ledger: Ledger
    recovery: Recovery
    log: LogStore
    engine: str
    charged: bool
    balance: Callable[[], float]


class Sweep(Sequence[Cell]):
    """Cells in a fixed order, and what can be done with them: plan, run, stop, resume. ``studio.sweep()`` makes one.

    Example:
        >>> import nbkit
        >>> studio = nbkit.Studio(engine="offline")
        >>> sweep = studio.sweep("A {colour} lantern", colour=["red", "jade"], temperature=[0.2, 0.8], name="four")
        >>> sweep
        <Sweep four: 4 cells (colour 2, temperature 2)>
        >>> sweep[3].request.prompt, sweep[3].temperature
        ('A jade lantern', 0.8)
    """

    def __init__(self, cells: CellSequence, context: SweepContext) -> None:
        self.cells = cells
        self._context = context
        self._last: SweepRun | None = None

    @property
    def name(self) -> str:
        """Identifies the sweep in the log: the name it was given, or one made of its template and axes."""
        return self.cells.key

    def __len__(self) -> int:
        return len(self.cells)

    @overload
    def __getitem__(self, index: int) -> Cell: ...
    @overload
    def __getitem__(self, index: slice) -> list[Cell]: ...
    def __getitem__(self, index: int | slice) -> Cell | list[Cell]:
        numbers = range(len(self))
        if isinstance(index, slice):
            return [self.cells.cell(i) for i in numbers[index]]
        if not -len(self) <= index < len(self):
            raise IndexError(f"the sweep has {len(self)} cells")
        return self.cells.cell(numbers[index])

    # -- before it runs --------------------------------------------------------------------------------------

    def plan(self, max_workers: int = 4) -> PlanFrame:
        """Each cell with its price; as the last line of a cell the totals stand first. Sends nothing.

        Args:
            max_workers: number of requests at once, for the estimate of the duration.

        Returns:
            A frame with one row per cell: a column for each axis, then ``images`` (Int64), ``low`` and ``high``
            (Float64, USD), and ``status`` (string).

        Raises:
            RequestError: for a cell that the model does not allow (the message names axis and value), or no number of
                workers.

        Example:
            >>> import nbkit
            >>> plan = nbkit.Studio(engine="offline").sweep("A lantern", seed=[1, 2], resolution="1K").plan()
            >>> plan[["seed", "images", "high"]].to_dict("records")
            [{'seed': 1, 'images': 1, 'high': 0.06895}, {'seed': 2, 'images': 1, 'high': 0.06895}]
        """
        max_workers = check_argument("max_workers", Integer(1).check, max_workers)
        context, costs, balance = self._context, self.cells.costs, None
        with contextlib.suppress(NbkitError):  # a plan is useful without the balance
            balance = context.balance()
        frame = PlanFrame(make_plan(self.cells, self.states))
        statuses = list(frame["status"])
        pending = [cost for cost, status in zip(costs, statuses, strict=True) if status == TO_DO]
        quote = Quote(CostSummary.of(pending), CostSummary.of(self.unsettled))
        ended = Counter(status for status in statuses if status != TO_DO)
        seconds = quote.seconds(context.log.history.typical_latency(context.engine), max_workers)
        frame.totals = Totals(*CostSummary.of(costs), ended, quote, balance, seconds, context.charged)
        return frame

    # -- running ------------------------------------------------------------------------------------------------

    def run(
        self, *, max_workers: int = 4, budget: float | None = None, confirm: bool = False, retry: str | None = None
    ) -> SweepResult:
        """Send the cells that are missing, and wait for them with a progress bar.

        A cell that is done is not sent again, in this kernel or a later one; a blocked cell neither. Stop ends the
        sending at once. What has been sent comes into the log, and ``sweep.result`` is what there is so far.

        Args:
            max_workers: number of requests at once.
            budget: the most that this call may spend, in USD. Like the studio's budget, it holds the upper estimate of
                a cell before each send.
            confirm: needed for more than a hundred images.
            retry: ``"failed"`` sends failed cells again.

        Raises:
            RequestError: for a cell that the model does not allow, or a missing ``confirm=True``; nothing is sent.
            BudgetExceeded: when the next cell might cost more than is left; ``sweep.result`` is what there is so far.

        Example:
            >>> import tempfile, nbkit
            >>> studio = nbkit.Studio(engine="offline", path=tempfile.mkdtemp())
            >>> sweep = studio.sweep("A lantern", seed=[1, 2])
            >>> result = sweep.run(max_workers=2, budget=1.00)
            >>> result.counts
            {'done': 2}
            >>> result = sweep.run()
            Nothing to send: of 2 cells, 2 done already.
        """
        try:
            running = self.start(max_workers=max_workers, budget=budget, confirm=confirm, retry=retry)
            if running.quote.cells:
                _show_progress(running)
            else:
                counts = ", ".join(f"{number:,} {status}" for status, number in self.result.counts.items())
                print(f"Nothing to send: of {count(len(self), 'cell')}, {counts} already.")  # noqa: T201  instead of an empty bar
        except KeyboardInterrupt:
            raise self._interrupted() from None
        return running.wait()

    def _interrupted(self) -> Interrupted:
        """Stop was pressed: show what there is, and say what is still being paid for."""
        paid = ""
        under_way = _UNDER_WAY.get(self._key)  # this run, or the earlier one that it was waiting for
        if under_way is not None:
            under_way.cancel()
            now = under_way.progress
            if now.running:
                paid = f"{count(now.running, 'request')} under way, up to {amount(now.held)}, still being paid for; "
        display(self.result.peek(PEEK_SECONDS))  # type: ignore[no-untyped-call]
        return Interrupted(f"Stopped: {paid}what comes lands in the log. sweep.result has it; sweep.run() goes on.")

    def start(
        self, *, max_workers: int = 4, budget: float | None = None, confirm: bool = False, retry: str | None = None
    ) -> SweepRun:
        """Like :meth:`run`, in the background: the cell is free, and the returned handle can be watched and stopped.

        Example:
            >>> import nbkit
            >>> running = nbkit.Studio(engine="offline").sweep("A lantern", seed=[1, 2], name="start").start()
            >>> running.wait().counts
            {'done': 2}
        """
        return self.prepare(max_workers=max_workers, budget=budget, confirm=confirm, retry=retry).begin()

    def prepare(
        self, *, max_workers: int = 4, budget: float | None = None, confirm: bool = False, retry: str | None = None
    ) -> SweepRun:
        """Everything that :meth:`start` does before the first send: ``.quote`` is what ``.begin()`` will send.

        Waits until the runs that an earlier start has under way have ended.
        """
        if retry not in (None, FAILED):
            raise RequestError(
                f"retry={retry!r}: must be 'failed' or None",
                parameter="retry", value=retry, reason="choice", suggestion=FAILED,
            )  # fmt: skip
        max_workers = check_argument("max_workers", Integer(1).check, max_workers)
        limit = limit_in_micros("budget", budget)
        costs = self.cells.costs  # checks every cell before anything else happens
        with _LOCKS.setdefault(self._key, threading.RLock()):
            self._end_earlier_run()
            recovery = self._context.recovery
            unsettled = recovery.resumable(self.name)
            # Runs that a killed kernel had only planned become pending again; those that were sent are this run's own work.
            recovery.recover(sweep=self.name, skip={row["taskUUID"] for row in unsettled})
            pending = pending_cells(self.states, retry=retry)
            resend = [_cost_of(row) for row in unsettled]
            quote = Quote(CostSummary.of([costs[index] for index in pending]), CostSummary.of(resend))
            _check_confirmed(quote, confirm=confirm)
            self._last = _UNDER_WAY[self._key] = SweepRun(
                self.cells,
                pending,
                unsettled,
                quote=quote,
                ledger=self._context.ledger,
                recovery=recovery,
                max_workers=max_workers,
                budget=limit,
                result=lambda: self.result,
            )
            return self._last

    @property
    def states(self) -> list[State | None]:
        """The state of each cell in the log. Several cells with the same request get a run each."""
        found = self._context.log.history.states(self.name, self._context.engine)
        unused = {key: iter(states) for key, states in found.items()}
        return [next(unused.get(cost.key, iter(())), None) for cost in self.cells.costs]

    @property
    def unsettled(self) -> list[CellCost]:
        """Runs that were sent and whose outcome is open. A run of the sweep asks about them, and may send them again."""
        return [_cost_of(row) for row in self._context.recovery.resumable(self.name)]

    @property
    def result(self) -> SweepResult:
        """What there is so far: also while it runs, after Stop, and in a later kernel."""
        context = self._context
        return SweepResult(
            self.cells,
            context.log,
            self.states,
            charged=context.charged,
            run_cells=lambda cells, **options: Sweep(cells, context).run(**options),
        )

    def __repr__(self) -> str:
        spelled = self.cells.spec.spelled
        axes = ", ".join(f"{'+'.join(spelled.get(n, n) for n in axis.names)} {len(axis)}" for axis in self.cells.axes)
        return f"<Sweep {self.name}: {count(len(self), 'cell')} ({axes or 'no axis'})>"

    @property
    def _key(self) -> tuple[str, str]:
        return str(self._context.log.folder.resolve()), self.name

    def _end_earlier_run(self) -> None:
        """End an earlier run of this sweep and wait for it: the cell that made the sweep may have been run twice."""
        earlier = _UNDER_WAY.get(self._key)
        if earlier is not None:  # also one that was prepared and never begun
            earlier.cancel()
            earlier.wait_finished()


def _cost_of(row: Any) -> CellCost:
    """What a run in the log may cost."""
    return CellCost(row["identity"], Price(row["estimateLow"], row["estimateHigh"]), row["numberResults"] or 1)


def _check_confirmed(quote: Quote, *, confirm: bool) -> None:
    if quote.images <= MANY_IMAGES or confirm:
        return
    resend = f", up to {quote.resend.cells:,} of them once more" if quote.resend.cells else ""
    raise RequestError(
        f"this sends {count(quote.cells, 'cell')} for {count(quote.images, 'image')}{resend}: {usd_range(quote.price)}. "
        "If that is meant, sweep.run(confirm=True)",
        parameter="confirm", value=confirm, reason="conflict", suggestion=True,
    )  # fmt: skip


def _show_progress(running: SweepRun) -> None:
    """A progress bar until nothing is under way: a widget in a notebook, a line in a terminal."""
    with tqdm(total=running.progress.total, unit="cell") as bar:
        while True:
            finished = running.wait_finished(0.1)
            now = running.progress
            bar.update(now.ended - bar.n)
            wrong = {name: number for name, number in ((FAILED, now.failed), (BLOCKED, now.blocked)) if number}
            bar.set_postfix({DONE: now.done, **wrong, "spent": amount(now.spent)}, refresh=False)
            if finished:
                return
