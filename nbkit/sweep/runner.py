"""Running cells in threads: started, watched, stopped.

Three kinds of threads, so that a slot of the service never waits for this machine: one *planner* writes runs down a
little ahead; *senders* send them and take their answers; *landers* settle them, fetch their pictures and put them on
disk. When the service says that it is busy, all senders pause together.
"""

from __future__ import annotations

import queue
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Self

from nbkit.conversation import Verdict
from nbkit.errors import AuthenticationError, BudgetExceeded, CreditError
from nbkit.gate import Gate
from nbkit.ledger import Ledger, Sent
from nbkit.model import MICRO
from nbkit.run import BLOCKED, DONE, FAILED, NOT_SENT, UNKNOWN
from nbkit.storage.accounts import Purse
from nbkit.storage.journal import Plan
from nbkit.sweep.cell import Cell

LANDERS = 3
"""Decoding and syncing keep about two cores busy; more threads only wait for each other."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a sweep stands: numbers of cells, USD, seconds.

    ``remaining`` is an estimate, ``None`` before the first cell has ended.
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
        """Cells whose outcome is there."""
        return self.done + self.failed + self.blocked + self.unknown

    @property
    def not_run(self) -> int:
        """Cells that have not been sent."""
        return self.total - self.ended - self.running


class SweepRun:
    """A sweep under way. ``.progress`` tells how far it is, ``.stop()`` ends the sending, ``.wait()`` waits.

    Args:
        cells: what is to be sent; taken one after the other.
        total: how many they are.
        ledger: sends and lands them.
        sweep: the name under which the log keeps them.
        max_workers: how many are sent at once.
        budget: the most that this run may spend, in micro-dollars.
        result: makes the result, from the log.
    """

    def __init__(
        self,
        cells: Iterable[Cell],
        *,
        total: int,
        ledger: Ledger,
        sweep: str,
        max_workers: int,
        budget: int | None,
        result: Callable[[], Any],
    ) -> None:
        self._cells: Iterable[Cell] = cells
        self._total, self._ledger, self._sweep, self._result = total, ledger, sweep, result
        self._purse = Purse(uuid.uuid4().hex, budget)
        self._gate = Gate()
        self._change = threading.Condition()
        self._counts: Counter[str] = Counter()
        self._outstanding, self._running, self._spent, self._held = 0, 0, 0, 0
        self._stopping = threading.Event()
        self._finished = threading.Event()
        self._finished.set()
        self._problem: BaseException | None = None
        self._started = time.monotonic()
        self._workers = min(max_workers, total)
        self._planned: queue.Queue[Plan | None] = queue.Queue(maxsize=max_workers)
        self._landing: queue.Queue[Sent | None] = queue.Queue(maxsize=4 * max_workers)
        self._senders_left, self._landers_left = self._workers, min(LANDERS, self._workers)

    def begin(self) -> Self:
        """Start to send. Apart from the making, so that whoever is interrupted in between can still stop it."""
        if self._workers:
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
        self._stopping.set()
        self._gate.shut()
        with self._change:
            self._change.notify_all()
        return self._result()

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
            for cell in self._cells:
                plan = self._plan(cell)
                if plan is None:
                    return
                self._planned.put(plan)
        finally:
            for _ in range(self._workers):
                self._planned.put(None)

    def _plan(self, cell: Cell) -> Plan | None:
        """Write the cell's run down. Money that is only held may come free: then it waits for that."""
        while not self._stopping.is_set():
            try:
                plan = self._ledger.plan(cell.request, parent=cell.parent, sweep=self._sweep, purse=self._purse)
            except BudgetExceeded as error:
                with self._change:
                    if self._outstanding == 0:
                        self._halt(error)
                    else:
                        self._change.wait(timeout=1.0)
            else:
                with self._change:
                    self._outstanding += 1
                return plan
        return None

    def _send_all(self) -> None:
        try:
            while (plan := self._planned.get()) is not None:
                self._send(plan)
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
            with self._change:
                self._running -= 1
                self._outstanding -= 1
                if status != UNKNOWN:
                    self._held -= sent.plan.request.price.high
                self._spent += sent.verdict.cost
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
