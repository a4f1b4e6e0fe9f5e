"""One paid run, from its estimate to its picture on disk.

Each step is committed to the log before the step that follows it::

    plan       the row, with the upper estimate held             before anything leaves
    sent       from now on the task may have arrived             before the request leaves
    settle     results, seeds, costs, addresses                  before anything is downloaded
    finish     which files are there, whole and synced           before the run is handed over

A kernel that dies between two steps leaves a row that says how far it came, and :mod:`nbkit.recovery` goes on
from there.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass

from nbkit.client import Client
from nbkit.conversation import Conversation, Pace, Verdict
from nbkit.errors import AuthenticationError, CreditError, StorageError
from nbkit.gate import Gate
from nbkit.landing import Landing
from nbkit.recovery import Recovery
from nbkit.request import ImageRequest
from nbkit.run import Run
from nbkit.storage.accounts import Limits, Purse
from nbkit.storage.history import History
from nbkit.storage.images import ImageStore
from nbkit.storage.journal import Journal, Plan
from nbkit.storage.owner import HANDS, Heart


@dataclass(frozen=True, slots=True)
class Sent:
    """A run whose outcome is known and that has not landed yet: not settled, its pictures not on disk."""

    plan: Plan
    verdict: Verdict
    started: float


class Ledger:
    """Runs of one studio.

    Args:
        client: the service.
        journal, history, store: the log's writing side, its reading side, and the image folder.
        engine: the engine's name in the log.
        charged: whether its prices are real money, as far as is known before an answer says so.
        studio: the account that a budget is kept on.
        limits: what may be spent.
        pace: how long to wait for what.
        moved: called whenever money was held, spent or set free, from the thread that did it; raises nothing.
    """

    def __init__(
        self,
        client: Client,
        journal: Journal,
        history: History,
        store: ImageStore,
        *,
        engine: str,
        charged: bool,
        studio: str,
        limits: Limits,
        pace: Pace,
        moved: Callable[[], None] = lambda: None,
    ) -> None:
        self._client, self._journal, self._history, self._store = client, journal, history, store
        self._engine, self._charged, self._studio = engine, charged, studio
        self._limits, self._pace, self._moved = limits, pace, moved
        self._shared = self._new_gate()
        self._heart = Heart(journal.beat)
        self._landing = Landing(client, journal, store)
        self.recovery = Recovery(
            client,
            journal,
            history,
            self._landing,
            engine=engine,
            pace=pace,
            gate=self.gate,
            moved=moved,
            payer=studio,
            limit=limits.studio,
        )

    def plan(
        self,
        request: ImageRequest,
        *,
        parent: str | None = None,
        sweep: str | None = None,
        purse: Purse | None = None,
        most: int | None = None,
    ) -> Plan:
        """Write a run down and hold its money. After this, :meth:`carry_out` it.

        Args:
            request: what is to be sent.
            parent: the taskUUID of the run that it makes again.
            sweep: the name of the sweep that it belongs to.
            purse: a budget of its own.
            most: so many runs of this request its sweep wants, whoever begins them.

        Raises:
            Begun: if there are as many already.
            BudgetExceeded: if it might cost more than is left.
            StorageError: if the log or the image folder cannot be written; nothing is sent then.
        """
        self._store.prepare()
        for reference in request.reference_images or ():
            if reference.data:  # kept, so that the run can be made again in a later kernel
                self._store.put(reference.data, reference.media_type, reference.sha256)
        plan = Plan(
            request=request,
            task=request.to_send(),
            engine=self._engine,
            charged=self._charged,
            identity=request.identity,
            studio=self._studio,
            parent=parent,
            sweep=sweep,
            purse=purse,
            most=most,
        )
        # Before its row is there: a recovery in another thread must not take it for abandoned.
        HANDS.take(plan.task_uuid)
        try:
            self._journal.plan(plan, self._limits)
        except BaseException:
            HANDS.leave(plan.task_uuid)
            raise
        self._heart.start()
        try:
            self._moved()
        except BaseException:  # Stop, while somebody was told: nobody has the plan yet
            self.abandon(plan)
            raise
        return plan

    def abandon(self, plan: Plan) -> None:
        """Give up a planned run that has not been sent: its money is free again."""
        try:
            self._journal.never_sent(plan.task_uuid)
        finally:
            HANDS.leave(plan.task_uuid)
        self._moved()

    def carry_out(self, plan: Plan, gate: Gate | None = None) -> Run:
        """Send a planned run and see it through: to its pictures on disk, or to a reason why there are none."""
        sent = self.converse(plan, gate)
        self.land(sent)
        run = self._history.get(plan.task_uuid)
        error = run.error
        if error is not None and sent.verdict.errors:  # it knows more than the log keeps of it: status, parameters
            error = sent.verdict.errors[0]
            error.request = plan.request
        # The log's request lacks the queries of addresses, which are credentials: run.rerun() needs them.
        return dataclasses.replace(run, request=plan.request, error=error, complete=True)

    def converse(self, plan: Plan, gate: Gate | None = None) -> Sent:
        """Send a planned run and stay until its outcome is known."""
        try:
            self._journal.sent(plan.task_uuid)
            started = time.monotonic()
            conversation = Conversation(self._client, plan.task, self._pace, gate or self.gate())
            verdict = conversation.hold()
            if any(isinstance(error, (CreditError, AuthenticationError)) for error in verdict.errors):
                self._turn_away()
            return Sent(plan, verdict, started)
        except BaseException:
            HANDS.leave(plan.task_uuid)
            raise

    def gate(self) -> Gate:
        """Of one run: its pauses are kept by all runs of the studio, and it can be shut alone."""
        return self._new_gate(self._shared)

    def _new_gate(self, outer: Gate | None = None) -> Gate:
        # With the real clock a gate waits by itself, and so that shutting it ends the waiting.
        return Gate(self._pace.clock, None if self._pace.sleep is time.sleep else self._pace.sleep, outer)

    def _turn_away(self) -> None:
        """No credit, no valid key: what waits to be sent would be refused as well. What is asked for later is tried."""
        self._shared.shut()
        self._shared = self._new_gate()

    def land(self, sent: Sent) -> None:
        """Settle a run and bring its pictures to disk."""
        plan = sent.plan
        try:
            self._landing.land(plan.task_uuid, sent.verdict, plan.task, charged=self._charged, started=sent.started)
        except StorageError as error:
            raise StorageError(
                f"{error} This run had been sent by then and may be paid: studio.recover() brings it when that is mended"
            ) from error
        finally:
            HANDS.leave(plan.task_uuid)
        self._moved()
