"""One paid run, from its estimate to its picture on disk.

Each step is committed to the log before the next one begins::

    plan       the row, with the upper estimate held             before anything is sent
    sent       from here on the task may have arrived            before the request leaves
    settle     results, seeds, costs, addresses                  before a download begins
    finish     which files are there, whole and synced           before the run is returned

When a kernel dies between two steps, its last row says how far the run came, and :mod:`nbkit.ledger.recovery` goes on
from there.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass

from nbkit.errors import AuthenticationError, CreditError, StorageError
from nbkit.ledger.budget import Account, Limits, SubBudget
from nbkit.ledger.in_flight import IN_FLIGHT, Heartbeat
from nbkit.ledger.journal import Journal, RunPlan
from nbkit.ledger.recovery import Recovery
from nbkit.ledger.settlement import Settler
from nbkit.ledger.task_session import Outcome, TaskSession
from nbkit.log.store import LogStore
from nbkit.request.image_request import ImageRequest
from nbkit.results.run import Run
from nbkit.service.cancel import CancelToken
from nbkit.service.client import Client
from nbkit.service.pace import Pace


@dataclass(frozen=True, slots=True)
class PendingSettlement:
    """A run whose outcome is known, and which is not settled yet."""

    plan: RunPlan
    outcome: Outcome
    started: float


class Ledger:
    """The paid runs of one studio.

    Args:
        client: the service.
        log: where runs and pictures are kept.
        engine: the engine's name in the log.
        charged: whether the engine charges real money; an offline answer overrides it.
        studio: id of the studio, whose account the budget is checked against.
        limits: what may be spent.
        pace: how long to wait.
        on_budget_change: called after money was held, spent or released, from the thread that did it. Must not raise.
    """

    def __init__(
        self,
        client: Client,
        log: LogStore,
        *,
        engine: str,
        charged: bool,
        studio: str,
        limits: Limits,
        pace: Pace,
        on_budget_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._client, self._history, self._images = client, log.history, log.images
        self._journal = Journal(log.database)
        self._engine, self._charged, self._studio = engine, charged, studio
        self._limits, self._pace, self._on_budget_change = limits, pace, on_budget_change
        self._shared_token = self._new_token()
        self._heartbeat = Heartbeat(self._journal.heartbeat)
        self._settler = Settler(client, self._journal, log.images)
        self.recovery = Recovery(
            client,
            self._journal,
            log.history,
            self._settler,
            engine=engine,
            pace=pace,
            new_token=self.new_token,
            on_budget_change=on_budget_change,
            payer=studio,
            limit=limits.studio,
        )

    @property
    def account(self) -> Account:
        """What the studio has spent, and what is held for it."""
        return self._journal.account(self._studio)

    def plan(
        self,
        request: ImageRequest,
        *,
        parent: str | None = None,
        sweep: str | None = None,
        sub_budget: SubBudget | None = None,
        max_runs: int | None = None,
    ) -> RunPlan:
        """Write a run into the log and hold its upper estimate. :meth:`carry_out` sends it.

        Args:
            request: what to send.
            parent: the taskUUID of the run that this one makes again.
            sweep: the name of the sweep that it belongs to.
            sub_budget: a budget that it shares with other runs.
            max_runs: maximum number of runs of this request in the sweep, across kernels.

        Raises:
            AlreadyStarted: if the sweep has that many.
            BudgetExceeded: if the run might cost more than is left.
            StorageError: if the log or the image folder cannot be written; then nothing is sent.
        """
        self._images.prepare()
        for reference in request.reference_images or ():
            if reference.data:  # kept, so that a later kernel can make the run again
                self._images.put(reference.data, reference.media_type, reference.sha256)
        plan = RunPlan(
            request=request,
            task=request.to_send(),
            engine=self._engine,
            charged=self._charged,
            identity=request.identity,
            studio=self._studio,
            parent=parent,
            sweep=sweep,
            sub_budget=sub_budget,
            max_runs=max_runs,
        )
        # Before the row exists, so that a recovery in another thread never takes it for abandoned.
        IN_FLIGHT.add(plan.task_uuid)
        try:
            self._journal.plan(plan, self._limits)
        except BaseException:
            IN_FLIGHT.discard(plan.task_uuid)
            raise
        self._heartbeat.start()
        try:
            self._on_budget_change()
        except BaseException:  # Stop was pressed during the call, and no caller has the plan yet
            self.abandon(plan)
            raise
        return plan

    def abandon(self, plan: RunPlan) -> None:
        """Give up a planned run that has not been sent, and release its hold."""
        try:
            self._journal.mark_not_sent(plan.task_uuid)
        finally:
            IN_FLIGHT.discard(plan.task_uuid)
        self._on_budget_change()

    def carry_out(self, plan: RunPlan, token: CancelToken | None = None) -> Run:
        """Send a planned run, and return it when its pictures are on disk, or when it is known why there are none."""
        pending = self.send(plan, token)
        self.settle(pending)
        run = self._history.get(plan.task_uuid)
        error = run.error
        if error is not None and pending.outcome.errors:  # has the status and parameters, which the log does not keep
            error = pending.outcome.errors[0]
            error.request = plan.request
        # The log's request lacks the queries of addresses, which are credentials: run.rerun() needs them.
        return dataclasses.replace(run, request=plan.request, error=error, complete=True)

    def send(self, plan: RunPlan, token: CancelToken | None = None) -> PendingSettlement:
        """Send a planned run, and return when its outcome is known."""
        try:
            self._journal.mark_sent(plan.task_uuid)
            started = time.monotonic()
            session = TaskSession(self._client, plan.task, self._pace, token or self.new_token())
            outcome = session.run()
            if any(isinstance(error, (CreditError, AuthenticationError)) for error in outcome.errors):
                self._cancel_waiting()
            return PendingSettlement(plan, outcome, started)
        except BaseException:
            IN_FLIGHT.discard(plan.task_uuid)
            raise

    def settle(self, pending: PendingSettlement) -> None:
        """Write a run's outcome into the log and its pictures to disk."""
        plan = pending.plan
        try:
            self._settler.settle(
                plan.task_uuid, pending.outcome, plan.task, charged=self._charged, started=pending.started
            )
        except StorageError as error:
            raise StorageError(
                f"{error} This run had been sent by then and may be paid: repair that, then studio.recover() fetches it"
            ) from error
        finally:
            IN_FLIGHT.discard(plan.task_uuid)
        self._on_budget_change()

    def new_token(self) -> CancelToken:
        """A token for one run: it shares its pauses with all runs of the studio, and can be cancelled alone."""
        return self._new_token(self._shared_token)

    def _new_token(self, parent: CancelToken | None = None) -> CancelToken:
        # With the real clock a token waits by itself, so that cancelling it ends the wait.
        return CancelToken(self._pace.clock, None if self._pace.sleep is time.sleep else self._pace.sleep, parent)

    def _cancel_waiting(self) -> None:
        """No credit or no valid key: cancel the runs that wait to be sent. Runs that start later are tried."""
        self._shared_token.cancel()
        self._shared_token = self._new_token()
