"""Running cells in threads: started, watched, stopped.

Three kinds of threads, so that a slot of the service never waits for this machine: one *planner* writes runs down a
little ahead; *senders* send them and take their answers; *landers* settle them, fetch their pictures and put them on
disk. When the service says that it is busy, all senders pause together.
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
from typing import Any, NamedTuple, Self

from nbkit.conversation import Verdict
from nbkit.errors import AuthenticationError, BudgetExceeded, CreditError
from nbkit.gate import Gate
from nbkit.ledger import Ledger, Sent
from nbkit.model import MICRO
from nbkit.run import BLOCKED, DONE, FAILED, NOT_SENT, UNKNOWN
from nbkit.storage.accounts import Account, Purse, refuse_above
from nbkit.storage.journal import Begun, Plan
from nbkit.sweep.cell import Cell
from nbkit.sweep.plan import Bill
from nbkit.sweep.progress import Progress

LANDERS = 3
"""Decoding and syncing keep about two cores busy; more threads only wait for each other."""

Resume = Callable[[Any, Gate], tuple[str, int]]


class Lost(NamedTuple):
    """A run of an earlier start whose outcome is not known: its row, and what it may cost in micro-dollars."""

    row: Any
    high: int


class SweepRun:
    """A sweep under way. ``.progress`` tells how far it is, ``.stop()`` ends the sending, ``.wait()`` waits.

    Args:
        cells: what is to be sent; taken one after the other.
        lost: rows of the log whose outcome is not known. They come first: they are asked for, and sent again under
            their own taskUUID if the service does not know them.
        bill: what both are together.
        most: how many runs of a request the sweep has, by the key of its cell.
        ledger: sends and lands them.
        sweep: the name under which the log keeps them.
        max_workers: how many are sent at once.
        budget: the most that this run may spend, in micro-dollars.
        resume: settles one of ``lost``, unless the gate is shut before it is sent; gives its status and its cost.
        result: makes the result, from the log.
    """

    def __init__(
        self,
        cells: Iterable[Cell],
        lost: Sequence[Any],
        *,
        bill: Bill,
        most: Mapping[str, int],
        ledger: Ledger,
        sweep: str,
        max_workers: int,
        budget: int | None,
        resume: Resume,
        result: Callable[[], Any],
    ) -> None:
        self._cells: Iterable[Cell] = cells
        self._lost, self.bill, self._total, self._most = lost, bill, bill.cells, most
        self._ledger, self._sweep, self._resume, self._result = ledger, sweep, resume, result
        self._purse, self._budget = uuid.uuid4().hex, budget
        self._again = 0  # micro-dollars of the budget for what is sent again: held, and then what it cost
        self._gate = Gate()
        self._change = threading.Condition()
        self._counts: Counter[str] = Counter()
        self._outstanding, self._running, self._spent, self._held = 0, 0, 0, 0
        self._stopping = threading.Event()
        self._finished = threading.Event()
        self._finished.set()
        self._begun = False
        self._problem: BaseException | None = None
        self._started = time.monotonic()
        self._workers = min(max_workers, self._total)
        self._planned: queue.Queue[Plan | Lost | None] = queue.Queue(maxsize=max_workers)
        self._landing: queue.Queue[Sent | None] = queue.Queue(maxsize=4 * max_workers)
        self._senders_left, self._landers_left = self._workers, min(LANDERS, self._workers)

    def begin(self) -> Self:
        """Start to send. Apart from the making, so that whoever is interrupted in between can still stop it."""
        if self._workers and not self._begun:
            self._begun = True
            self._finished.clear()
            threading.Thread(target=self._begin, name="nbkit_begin", daemon=True).start()
        return self

    # -- what a person asks --------------------------------------------------------------------------------

    @property
    def progress(self) -> Progress:
        """Where it stands right now."""
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

    def settled(self, timeout: float | None = None) -> bool:
        """Wait until nothing is under way, at most ``timeout`` seconds; tells whether that is so."""
        if timeout is not None:
            return self._finished.wait(timeout)
        while not self._finished.wait(0.2):  # an interrupt does not reach a wait without an end everywhere
            pass
        return True

    def stop(self) -> Any:
        """Send nothing more, and return what there is.

        What has been sent is settled in the background and lands in the log: ``.wait()`` waits for it.
        """
        self.shut()
        return self._result()

    def shut(self) -> None:
        """Send nothing more. Unlike :meth:`stop` it reads nothing, and so it cannot fail."""
        self._stopping.set()
        self._gate.shut()
        with self._change:
            self._change.notify_all()

    def wait(self, timeout: float | None = None) -> Any:
        """Wait until nothing is under way, and return the result.

        Args:
            timeout: seconds; ``None`` waits as long as it takes.

        Raises:
            TimeoutError: if it takes longer.
            NbkitError: what ended it early: ``BudgetExceeded``, no credit, a log that cannot be written.
        """
        if not self.settled(timeout):
            raise TimeoutError(f"the sweep is still running: {self.progress.ended} of {self._total} cells have ended")
        if self._problem is not None:
            raise self._problem
        return self._result()

    def __repr__(self) -> str:
        now = self.progress
        state = "finished" if self.finished else "stopping" if self._stopping.is_set() else "running"
        return f"<SweepRun {state}: {now.done} done, {now.failed} failed, {now.blocked} blocked, {now.running} under way, {now.not_run} to go>"

    # -- threads ---------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """In a thread of its own: an interrupt in the main thread must not leave some of the others unborn."""
        work = [self._plan_all, *[self._send_all] * self._senders_left, *[self._land_all] * self._landers_left]
        for part in work:
            threading.Thread(target=self._guarded, args=(part,), name=f"nbkit{part.__name__}", daemon=True).start()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  a thread's error shows nowhere; wait() raises this one
            self._halt(error)

    def _plan_all(self) -> None:
        try:
            first = (functools.partial(self._set_aside, row) for row in self._lost)
            then = (functools.partial(self._plan, cell) for cell in self._cells)
            takes: Iterator[Callable[[], Plan | Lost]] = itertools.chain(first, then)
            for take in takes:
                try:
                    taken = self._afford(take)
                except Begun:  # by another kernel, since this one looked
                    with self._change:
                        self._total -= 1
                    continue
                if taken is None:
                    return
                self._planned.put(taken)
        finally:
            for _ in range(self._workers):
                self._planned.put(None)

    def _afford(self, take: Callable[[], Plan | Lost]) -> Plan | Lost | None:
        """Have money for one more. Money that is only held may come free: then it waits for that."""
        while not self._stopping.is_set():
            try:
                taken = take()
            except BudgetExceeded as error:
                with self._change:
                    if self._outstanding == 0:
                        self._halt(error)
                    else:
                        self._change.wait(timeout=1.0)
            else:
                with self._change:
                    self._outstanding += 1
                return taken
        return None

    def _plan(self, cell: Cell) -> Plan:
        """Write the cell's run down."""
        limit = None if self._budget is None else self._budget - self._again
        purse = Purse(self._purse, limit)
        most = self._most.get(cell.key)
        return self._ledger.plan(cell.request, parent=cell.parent, sweep=self._sweep, purse=purse, most=most)

    def _set_aside(self, row: Any) -> Lost:
        """Keep some of the budget for a run that may be sent again; nothing else has been taken out of it by then."""
        lost = Lost(row, row["estimateHigh"])
        with self._change:
            if self._budget is not None:
                refuse_above(self._budget, Account(held=self._again), lost.high, "this sweep", "sweep.run(budget=…)")
            self._again += lost.high
        return lost

    def _send_all(self) -> None:
        try:
            while (work := self._planned.get()) is not None:
                if isinstance(work, Lost):
                    self._find_again(work)
                else:
                    self._send(work)
        finally:
            with self._change:
                self._senders_left -= 1
                last = self._senders_left == 0
            if last:
                for _ in range(self._landers_left):
                    self._landing.put(None)

    def _send(self, plan: Plan) -> None:
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
            sent = self._ledger.converse(plan, gate=self._gate)
            self._heed(sent.verdict)
            self._landing.put(sent)
        except Exception as error:  # noqa: BLE001  told by wait(); the other senders stop, too
            with self._change:
                self._running -= 1
                self._outstanding -= 1
            self._halt(error)

    def _find_again(self, lost: Lost) -> None:
        """Find out what became of a run, and send it again if nobody knows it; not after Stop."""
        status, cost = UNKNOWN, 0
        with self._change:
            self._running += 1
            self._held += lost.high
        try:
            if not self._stopping.is_set():
                status, cost = self._resume(lost.row, self._gate)
        except Exception as error:  # noqa: BLE001  told by wait(); what was paid is in the log for recover()
            self._halt(error)
        finally:
            with self._change:
                self._again -= 0 if status == UNKNOWN else lost.high - cost
            self._ended(status, lost.high, cost)

    def _land_all(self) -> None:
        try:
            while (sent := self._landing.get()) is not None:
                self._land(sent)
        finally:
            with self._change:
                self._landers_left -= 1
                if self._landers_left == 0:
                    self._finished.set()

    def _land(self, sent: Sent) -> None:
        status = FAILED
        try:
            self._ledger.land(sent)
            status = sent.verdict.status
        except Exception as error:  # noqa: BLE001  told by wait(); what was paid is in the log for recover()
            self._halt(error)
        finally:
            self._ended(status, sent.plan.request.price.high, sent.verdict.cost)

    def _ended(self, status: str, high: int, cost: int) -> None:
        with self._change:
            self._running -= 1
            self._outstanding -= 1
            if status != UNKNOWN:
                self._held -= high
            self._spent += cost
            if status != NOT_SENT:
                self._counts[status] += 1
            self._change.notify_all()

    def _heed(self, verdict: Verdict) -> None:
        """No credit and no valid key end the sending: every further cell would be refused, too."""
        for error in verdict.errors:
            if isinstance(error, (CreditError, AuthenticationError)):
                self._halt(error)

    def _halt(self, error: BaseException) -> None:
        with self._change:
            if self._problem is None:
                self._problem = error
            self._stopping.set()
            self._change.notify_all()
        self._gate.shut()
