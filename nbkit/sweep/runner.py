"""A sweep under way: a loop over its cells that begins each run when there is room and money for it.

The loop has a thread of its own and writes runs into the log a little ahead; each run then waits in its own thread for
one of the slots of the service, and leaves it as soon as its answer is there. So a slot never waits for this machine.
"""

from __future__ import annotations

import contextlib
import functools
import math
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from typing import Any, Self

from nbkit.display.text import count
from nbkit.errors import BudgetExceeded, CreditError, EngineError, NbkitError
from nbkit.ledger.budget import Account, SubBudget, check_limit
from nbkit.ledger.journal import AlreadyStarted
from nbkit.request.price import MICRO
from nbkit.results.money import amount
from nbkit.results.run import BLOCKED, DONE, FAILED, FINAL, NOT_SENT, UNKNOWN, Run
from nbkit.service.cancel import CHECK_SECONDS, CancelToken
from nbkit.service.threads import THREADS
from nbkit.sweep.grid import Cell, CellSequence, own_axes
from nbkit.sweep.plan import CostSummary, Quote, cost_of
from nbkit.sweep.result import SweepContext, SweepResult

WATCH_SECONDS = 0.005
"""Time between two looks at whether a sweep has finished."""


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
        busy: while the service is busy, what it lets through, in words; empty otherwise.
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
    busy: str = ""

    @property
    def ended(self) -> int:
        """Cells whose outcome is known, or was given up."""
        return self.done + self.failed + self.blocked + self.unknown

    @property
    def not_run(self) -> int:
        """Cells that have not been sent."""
        return self.total - self.ended - self.running


@dataclass(eq=False)
class _Sending:
    """One run of a sweep, from its plan to its end. Money in micro-dollars.

    Attributes:
        high: what it may cost.
        is_resent: whether an earlier start has sent it.
        sent: whether the service may have it.
    """

    high: int
    is_resent: bool = False
    sent: bool = False


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
        cells: CellSequence,
        context: SweepContext,
        pending: Sequence[int],
        unsettled: Sequence[Any],
        *,
        token: CancelToken,
        max_workers: int,
        budget: int | None,
        result: Callable[[], SweepResult],
    ) -> None:
        """Prepare the loop; :meth:`begin` starts it.

        Args:
            cells: of the sweep.
            context: of the sweep.
            pending: the indices of those to send, one after the other.
            unsettled: rows of the log whose outcome is open. They come first: the service is asked about each, and those
                that it does not know are sent again under their own taskUUID.
            token: has a slot for each of the requests at once; once it is cancelled, nothing is sent.
            max_workers: number of requests at once.
            budget: the most that this run may spend, in micro-dollars.
            result: reads the result from the log.
        """
        self._cells, self._pending, self._unsettled = cells, pending, unsettled
        costs, resend = cells.costs, list(map(cost_of, unsettled))
        self._max_runs = Counter(cost.key for cost in costs)  # by request, as many as the sweep has cells for it
        self.quote = Quote(CostSummary.of([costs[index] for index in pending]), CostSummary.of(resend))
        self._total = self.quote.cells
        self._ledger, self._recovery, self._result = context.ledger, context.recovery, result
        self._balance = context.balance
        self._sub_budget, self._budget = uuid.uuid4().hex, budget
        self._resent = Account()  # what the budget pays for runs that are sent again
        self._token, self._max_workers = token, max_workers
        self._lock = threading.RLock()
        self._change = threading.Condition(self._lock)
        self._counts: Counter[str] = Counter()
        self._outstanding, self._running, self._spent, self._held = 0, 0, 0, 0
        self._is_begun = self._is_finished = False
        self._started = time.monotonic()

    def begin(self) -> Self:
        """Start the loop in a thread of its own; ``sweep.start()`` has called it."""
        with self._lock:
            if self._total and not self._is_begun:
                self._is_begun = True
                THREADS.submit(self._run_all)
        return self

    # -- for the user --------------------------------------------------------------------------------------

    @property
    def progress(self) -> Progress:
        """How far the sweep has come."""
        with self._lock:  # the main thread takes no Condition: see nbkit.service.threads
            ended, elapsed = self._counts.total(), time.monotonic() - self._started
            remaining = elapsed / ended * (self._total - ended) if ended else None
            done, failed, blocked, unknown = (self._counts[status] for status in (DONE, FAILED, BLOCKED, UNKNOWN))
            spent, held = self._spent / MICRO, self._held / MICRO
            busy = str(self._ledger.load or "") if not self._is_finished else ""
            return Progress(
                self._total, done, failed, blocked, unknown, self._running, spent, held, elapsed, remaining, busy
            )

    @property
    def finished(self) -> bool:
        """Whether nothing is under way any more."""
        return self.wait_finished(0)

    def wait_finished(self, timeout: float | None = None) -> bool:
        """Wait until nothing is under way, at most ``timeout`` seconds. Returns whether that is so."""
        end = math.inf if timeout is None else time.monotonic() + timeout
        while self._is_begun and not self._is_finished:
            if time.monotonic() >= end:
                return False
            time.sleep(WATCH_SECONDS)  # no lock to leave behind when an interrupt comes
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
        self._token.cancel()

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
        if self._token.reason is not None:
            raise self._in_words(self._token.reason)
        return self._result()

    def _in_words(self, reason: BaseException) -> BaseException:
        """What ended the sweep, with what there is and what to do where the service has refused to go on."""
        if not isinstance(reason, EngineError) or not reason.never_accepted:
            return reason
        now, held = self.progress, ""
        if isinstance(reason, CreditError):
            with contextlib.suppress(NbkitError):
                held = f" The account holds {amount(self._balance())}: top it up."
        message = (
            f"{reason.message}: the service accepts no more cells. {now.done:,} of {count(self._total, 'cell')} are done "
            f"for {amount(now.spent)}; the others cost nothing.{held} sweep.run() sends what is missing"
        )
        error = type(reason)(
            message,
            code=reason.code,
            parameter=reason.parameter,
            status=reason.status,
            task_uuid=reason.task_uuid,
            retry_after=reason.retry_after,
        )
        error.request = reason.request
        return error

    def __repr__(self) -> str:
        now = self.progress
        state = "finished" if self.finished else "stopping" if self._token.cancelled else "running"
        return f"<SweepRun {state}: {now.done} done, {now.failed} failed, {now.blocked} blocked, {now.running} under way, {now.not_run} to go>"

    # -- its thread ------------------------------------------------------------------------------------------

    def _run_all(self) -> None:
        try:
            for row in self._unsettled:
                self._begin(_Sending(row["estimateHigh"], is_resent=True), functools.partial(self._resume, row))
            for cell in map(self._cells.cell, self._pending):
                self._begin(_Sending(cell.request.price.high), functools.partial(self._send, cell))
                if self._token.cancelled:
                    break
        except BaseException as error:  # noqa: BLE001  nothing shows a thread's error; wait() raises this one
            self._token.cancel(error)
        finally:
            self._wait_for(lambda: self._outstanding == 0)
            self._is_finished = True

    def _wait_for(self, condition: Callable[[], bool], most: float = math.inf) -> None:
        end = time.monotonic() + most
        with self._change:  # whoever stops the sweep wakes nobody up: see CancelToken
            while not condition() and time.monotonic() < end:
                self._change.wait(CHECK_SECONDS)

    def _begin(self, sending: _Sending, begin: Callable[[_Sending], Future[Run]]) -> None:
        """Begin a run as soon as there is room for it and money. While money is held, wait: some may be released."""
        self._wait_for(lambda: self._has_room() or self._token.cancelled)
        while not self._token.cancelled:
            outstanding = self._outstanding  # before: one that ends meanwhile may release what is missing
            try:
                future = begin(sending)
            except AlreadyStarted:  # by another kernel, after this one had looked
                with self._change:
                    self._total -= 1
                return
            except BudgetExceeded as error:
                if outstanding == 0:
                    self._token.cancel(error)
                self._wait_for(functools.partial(self._has_changed, outstanding), 1.0)
            else:
                with self._change:
                    self._outstanding += 1
                future.add_done_callback(functools.partial(self._ended, sending))
                return

    def _has_changed(self, outstanding: int) -> bool:
        return self._outstanding != outstanding or self._token.cancelled

    def _has_room(self) -> bool:
        """Whether few enough runs wait to be sent, and few enough pictures wait for this machine.

        With one worker the next run is begun when the one before it has been sent, so that they stay in order.
        """
        return self._outstanding - self._running < self._max_workers and self._outstanding < 6 * self._max_workers

    def _send(self, cell: Cell, sending: _Sending) -> Future[Run]:
        return self._ledger.run(
            cell.request,
            token=self._token,
            parent=cell.parent,
            parent_image=cell.parent_image,
            sweep=self._cells.key,
            sub_budget=SubBudget(self._sub_budget, self._budget, self._resent),
            max_runs=self._max_runs[cell.key],
            axes=own_axes(cell),
            template=cell.template,
            max_cost=self._cells.max_cost,
            on_sent=functools.partial(self._sent, sending),
        )

    def _resume(self, row: Any, sending: _Sending) -> Future[Run]:
        """Learn what became of a run, and send it again if the service does not know it.

        It takes its part of the budget first: nothing else has taken from that by then.
        """
        with self._change:
            if self._budget is not None:
                check_limit(self._budget, self._resent, sending.high, "this sweep", "sweep.run(budget=…)")
            self._resent += Account(held=sending.high)
        return THREADS.submit(self._recovery.resume, row, self._token, functools.partial(self._sent, sending))

    def _sent(self, sending: _Sending) -> None:
        with self._change:
            sending.sent = True
            self._running += 1
            self._held += sending.high
            self._change.notify_all()

    def _ended(self, sending: _Sending, future: Future[Run]) -> None:
        status, cost = UNKNOWN, 0
        try:
            run = future.result()
            status, cost = run.status if run.status in FINAL else UNKNOWN, run.cost_micros or 0
        except CancelledError:
            status = NOT_SENT
        except BaseException as error:  # noqa: BLE001  wait() raises it
            self._token.cancel(error)
        with self._change:
            self._outstanding -= 1
            self._running -= sending.sent
            if status != UNKNOWN:
                self._held -= sending.high if sending.sent else 0
                self._resent += Account(spent=cost, held=-sending.high) if sending.is_resent else Account()
            self._spent += cost
            if status != NOT_SENT and sending.sent:
                self._counts[status] += 1
            if sending.is_resent and not sending.sent and not self._token.cancelled:
                self._total -= 1  # another thread or kernel has settled it
            self._change.notify_all()
