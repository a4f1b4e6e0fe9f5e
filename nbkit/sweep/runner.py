"""The threads that run a sweep: started, watched, stopped.

Three kinds of threads keep a slot of the service from waiting for this machine. One *planner* writes runs into the log a
little ahead; *senders* send them and take their answers; *settlers* write outcomes, fetch pictures and store them. When
the service is busy, all senders pause together.
"""

from __future__ import annotations

import functools
import itertools
import queue
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from nbkit.errors import AuthenticationError, BudgetExceeded, CreditError
from nbkit.ledger.budget import Account, SubBudget, check_limit
from nbkit.ledger.journal import AlreadyStarted, RunPlan
from nbkit.ledger.ledger import Ledger, PendingSettlement
from nbkit.ledger.task_session import Outcome
from nbkit.request.model import MICRO
from nbkit.results.run import BLOCKED, DONE, FAILED, NOT_SENT, UNKNOWN
from nbkit.service.cancel import CancelToken
from nbkit.sweep.cell import Cell
from nbkit.sweep.plan import Quote
from nbkit.sweep.result import SweepResult

SETTLE_WORKERS = 3
"""Decoding and syncing keep about two cores busy; more threads would only wait for each other."""

Resume = Callable[[Any, CancelToken], tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a sweep has come: numbers of cells, USD, seconds.

    Attributes:
        total: cells to be sent.
        done, failed, blocked, unknown: cells by status.
        running: cells that are sent and have not ended.
        spent, held: USD.
        elapsed: seconds since the start.
        remaining: an estimate in seconds; ``None`` before the first cell has ended.
    """

    total: int
    done: int
    failed: int
    blocked: int
    unknown: int
    running: int
    spent: float
    held: float
    elapsed: float
    remaining: float | None

    @property
    def ended(self) -> int:
        """Cells whose outcome is known, or was given up."""
        return self.done + self.failed + self.blocked + self.unknown

    @property
    def not_run(self) -> int:
        """Cells that have not been sent."""
        return self.total - self.ended - self.running


class UnsettledRun(NamedTuple):
    """A run of an earlier start whose outcome is open: its row, and what it may cost in micro-dollars."""

    row: Any
    high: int


class SweepRun:
    """A sweep that runs in the background; ``sweep.start()`` returns it.

    ``.progress`` is how far it has come, ``.stop()`` ends the sending, ``.wait()`` returns the result. Another start of
    the same sweep, in this kernel or a later one, goes on with what is missing.

    Example:
        >>> import nbkit
        >>> studio = nbkit.Studio(engine="offline")
        >>> running = studio.sweep("A {colour} lantern", colour=["red", "jade"], seed=1, name="two lanterns").start()
        >>> running.wait(timeout=60).counts
        {'done': 2}
        >>> running.finished
        True
    """

    def __init__(
        self,
        cells: Iterable[Cell],
        unsettled: Sequence[Any],
        *,
        quote: Quote,
        max_runs: Mapping[str, int],
        ledger: Ledger,
        sweep: str,
        max_workers: int,
        budget: int | None,
        resume: Resume,
        result: Callable[[], SweepResult],
    ) -> None:
        """Prepare the threads; :meth:`begin` starts them.

        Args:
            cells: what to send, one after the other.
            unsettled: rows of the log whose outcome is open. They come first: the service is asked about each, and those
                that it does not know are sent again under their own taskUUID.
            quote: the sums over both.
            max_runs: by the key of a cell, how many runs of its request the sweep has.
            ledger: sends and settles.
            sweep: the name of the sweep in the log.
            max_workers: number of requests at once.
            budget: the most that this run may spend, in micro-dollars.
            resume: settles one of ``unsettled``, unless the token is cancelled before it is sent; returns status and cost.
            result: reads the result from the log.
        """
        self._cells: Iterable[Cell] = cells
        self._unsettled, self.quote, self._total, self._max_runs = unsettled, quote, quote.cells, max_runs
        self._ledger, self._sweep, self._resume, self._result = ledger, sweep, resume, result
        self._sub_budget, self._budget = uuid.uuid4().hex, budget
        self._resent = Account()  # what the budget pays for runs that are sent again
        self._token = CancelToken()
        self._change = threading.Condition()
        self._counts: Counter[str] = Counter()
        self._outstanding, self._running, self._spent, self._held = 0, 0, 0, 0
        self._stopping = threading.Event()
        self._finished = threading.Event()
        self._finished.set()
        self._is_started = False
        self._problem: BaseException | None = None
        self._started = time.monotonic()
        self._workers = min(max_workers, self._total)
        self._planned: queue.Queue[RunPlan | UnsettledRun | None] = queue.Queue(maxsize=max_workers)
        self._to_settle: queue.Queue[PendingSettlement | None] = queue.Queue(maxsize=4 * max_workers)
        self._senders_left, self._settlers_left = self._workers, min(SETTLE_WORKERS, self._workers)

    def begin(self) -> Self:
        """Start the threads; ``sweep.start()`` has called it.

        Separate from the constructor, so that an interrupt in between leaves a handle to stop.
        """
        if self._workers and not self._is_started:
            self._is_started = True
            self._finished.clear()
            threading.Thread(target=self._start_threads, name="nbkit_start", daemon=True).start()
        return self

    # -- for the user --------------------------------------------------------------------------------------

    @property
    def progress(self) -> Progress:
        """How far the sweep has come."""
        with self._change:
            ended = sum(self._counts.values())
            elapsed = time.monotonic() - self._started
            remaining = elapsed / ended * (self._total - ended) if ended else None
            return Progress(
                total=self._total,
                done=self._counts[DONE],
                failed=self._counts[FAILED],
                blocked=self._counts[BLOCKED],
                unknown=self._counts[UNKNOWN],
                running=self._running,
                spent=self._spent / MICRO,
                held=self._held / MICRO,
                elapsed=elapsed,
                remaining=remaining,
            )

    @property
    def finished(self) -> bool:
        """Whether nothing is under way any more."""
        return self._finished.is_set()

    def wait_finished(self, timeout: float | None = None) -> bool:
        """Wait until nothing is under way, at most ``timeout`` seconds. Returns whether that is so."""
        if timeout is not None:
            return self._finished.wait(timeout)
        while not self._finished.wait(0.2):  # on some systems an interrupt does not reach a wait without a time-out
            pass
        return True

    def stop(self) -> SweepResult:
        """Send nothing more, and return what there is so far.

        What has been sent is settled in the background and comes into the log; :meth:`wait` waits for it.

        Example:
            >>> import nbkit
            >>> running = nbkit.Studio(engine="offline").sweep("A lantern", seed=range(40), name="forty").start()
            >>> result = running.stop()
            >>> len(result)
            40
        """
        self.cancel()
        return self._result()

    def cancel(self) -> None:
        """Send nothing more. Unlike :meth:`stop` it reads nothing, so it cannot fail."""
        self._stopping.set()
        self._token.cancel()
        with self._change:
            self._change.notify_all()

    def wait(self, timeout: float | None = None) -> SweepResult:
        """Wait until nothing is under way, and return the result.

        Args:
            timeout: seconds; ``None`` waits as long as it takes.

        Raises:
            TimeoutError: if it takes longer.
            NbkitError: what ended the sweep early: ``BudgetExceeded``, no credit, a log that cannot be written.

        Example:
            >>> import nbkit
            >>> running = nbkit.Studio(engine="offline").sweep("A lantern", seed=[1, 2], name="wait").start()
            >>> running.wait(timeout=60).cost
            0.1379
        """
        if not self.wait_finished(timeout):
            raise TimeoutError(f"the sweep is still running: {self.progress.ended} of {self._total} cells have ended")
        if self._problem is not None:
            raise self._problem
        return self._result()

    def __repr__(self) -> str:
        now = self.progress
        state = "finished" if self.finished else "stopping" if self._stopping.is_set() else "running"
        return f"<SweepRun {state}: {now.done} done, {now.failed} failed, {now.blocked} blocked, {now.running} under way, {now.not_run} to go>"

    # -- threads ---------------------------------------------------------------------------------------------

    def _start_threads(self) -> None:
        """Runs in a thread of its own: an interrupt of the main thread must not leave some of the threads unstarted."""
        work = [self._plan_all, *[self._send_all] * self._senders_left, *[self._settle_all] * self._settlers_left]
        for part in work:
            threading.Thread(target=self._guarded, args=(part,), name=f"nbkit{part.__name__}", daemon=True).start()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  nothing shows a thread's error; wait() raises this one
            self._halt(error)

    def _plan_all(self) -> None:
        try:
            first = (functools.partial(self._reserve, row) for row in self._unsettled)
            then = (functools.partial(self._plan, cell) for cell in self._cells)
            steps: Iterator[Callable[[], RunPlan | UnsettledRun]] = itertools.chain(first, then)
            for step in steps:
                try:
                    planned = self._when_affordable(step)
                except AlreadyStarted:  # by another kernel, after this one had looked
                    with self._change:
                        self._total -= 1
                    continue
                if planned is None:
                    return
                self._planned.put(planned)
        finally:
            for _ in range(self._workers):
                self._planned.put(None)

    def _when_affordable(self, step: Callable[[], RunPlan | UnsettledRun]) -> RunPlan | UnsettledRun | None:
        """Run a step that takes money from the budget. While money is held, wait: some of it may be released."""
        while not self._stopping.is_set():
            try:
                planned = step()
            except BudgetExceeded as error:
                with self._change:
                    if self._outstanding == 0:
                        self._halt(error)
                    else:
                        self._change.wait(timeout=1.0)
            else:
                with self._change:
                    self._outstanding += 1
                return planned
        return None

    def _plan(self, cell: Cell) -> RunPlan:
        """Write a cell's run into the log."""
        sub_budget = SubBudget(self._sub_budget, self._budget, self._resent)
        return self._ledger.plan(
            cell.request,
            parent=cell.parent,
            sweep=self._sweep,
            sub_budget=sub_budget,
            max_runs=self._max_runs.get(cell.key),
        )

    def _reserve(self, row: Any) -> UnsettledRun:
        """Reserve some of the budget for a run that may be sent again. Nothing else has been taken from it by then."""
        run = UnsettledRun(row, row["estimateHigh"])
        with self._change:
            if self._budget is not None:
                check_limit(self._budget, self._resent, run.high, "this sweep", "sweep.run(budget=…)")
            self._resent += Account(held=run.high)
        return run

    def _send_all(self) -> None:
        try:
            while (work := self._planned.get()) is not None:
                if isinstance(work, UnsettledRun):
                    self._resume_run(work)
                else:
                    self._send(work)
        finally:
            with self._change:
                self._senders_left -= 1
                last = self._senders_left == 0
            if last:
                for _ in range(self._settlers_left):
                    self._to_settle.put(None)

    def _send(self, plan: RunPlan) -> None:
        if self._stopping.is_set():
            self._ledger.abandon(plan)
            with self._change:
                self._outstanding -= 1
                self._change.notify_all()
            return
        with self._change:
            self._running += 1
            self._held += plan.request.price.high
        try:
            pending = self._ledger.send(plan, token=self._token)
            self._halt_without_credit(pending.outcome)
            self._to_settle.put(pending)
        except Exception as error:  # noqa: BLE001  raised by wait(); the other senders stop too
            with self._change:
                self._running -= 1
                self._outstanding -= 1
            self._halt(error)

    def _resume_run(self, run: UnsettledRun) -> None:
        """Learn what became of a run, and send it again if the service does not know it; not after Stop."""
        status, cost = UNKNOWN, 0
        with self._change:
            self._running += 1
            self._held += run.high
        try:
            if not self._stopping.is_set():
                status, cost = self._resume(run.row, self._token)
        except Exception as error:  # noqa: BLE001  raised by wait(); recover() finds what was paid in the log
            self._halt(error)
        finally:
            with self._change:
                self._resent += Account() if status == UNKNOWN else Account(spent=cost, held=-run.high)
            self._count_end(status, run.high, cost)

    def _settle_all(self) -> None:
        try:
            while (pending := self._to_settle.get()) is not None:
                self._settle(pending)
        finally:
            with self._change:
                self._settlers_left -= 1
                if self._settlers_left == 0:
                    self._finished.set()

    def _settle(self, pending: PendingSettlement) -> None:
        status = FAILED
        try:
            self._ledger.settle(pending)
            status = pending.outcome.status
        except Exception as error:  # noqa: BLE001  raised by wait(); recover() finds what was paid in the log
            self._halt(error)
        finally:
            self._count_end(status, pending.plan.request.price.high, pending.outcome.cost)

    def _count_end(self, status: str, high: int, cost: int) -> None:
        with self._change:
            self._running -= 1
            self._outstanding -= 1
            if status != UNKNOWN:
                self._held -= high
            self._spent += cost
            if status != NOT_SENT:
                self._counts[status] += 1
            self._change.notify_all()

    def _halt_without_credit(self, outcome: Outcome) -> None:
        """Without credit or a valid key every further cell would be refused too."""
        for error in outcome.errors:
            if isinstance(error, (CreditError, AuthenticationError)):
                self._halt(error)

    def _halt(self, error: BaseException) -> None:
        with self._change:
            if self._problem is None:
                self._problem = error
            self._stopping.set()
            self._change.notify_all()
        self._token.cancel()
