"""One paid run, from its estimate to its picture on disk.

Each step is committed to the log before the step that follows it::

    plan       the row, with the upper estimate held             before anything leaves
    sent       from now on the task may have arrived             before the request leaves
    settle     results, seeds, costs, addresses                  before anything is downloaded
    fetched    a picture's file, once it is whole on disk        a picture at a time

A kernel that dies between two steps leaves a row that says how far it came, and :meth:`Ledger.recover` goes on
from there.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nbkit.answer import Result
from nbkit.client import Client
from nbkit.conversation import Conversation, Pace, Verdict
from nbkit.errors import DownloadError, StorageError
from nbkit.model import MICRO
from nbkit.request import ImageRequest
from nbkit.run import FAILED, NOT_SENT, PLANNED, UNKNOWN, Run
from nbkit.storage.history import History
from nbkit.storage.images import ImageStore
from nbkit.storage.journal import Journal, Limits, Outcome, Plan
from nbkit.storage.owner import HANDS, Owner, lives, this_process

HEARTBEAT_PATIENCE = 120.0
"""Seconds after which a process of another machine counts as gone."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """What :meth:`Ledger.recover` found out about one run, or about one picture of it."""

    task_uuid: str
    before: str
    after: str
    note: str


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
    ) -> None:
        self._client, self._journal, self._history, self._store = client, journal, history, store
        self._engine, self._charged, self._studio = engine, charged, studio
        self._limits, self._pace = limits, pace

    def plan(self, request: ImageRequest, *, parent: str | None = None, sweep: str | None = None) -> Plan:
        """Write a run down and hold its money. After this, :meth:`carry_out` it.

        Raises:
            BudgetExceeded: if it might cost more than is left.
            StorageError: if the log or the image folder cannot be written; nothing is sent then.
        """
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
        )
        self._journal.plan(plan, self._limits)
        return plan

    def carry_out(self, plan: Plan) -> Run:
        """Send a planned run and see it through: to its pictures on disk, or to a reason why there are none."""
        with HANDS.on(plan.task_uuid):
            self._journal.sent(plan.task_uuid)
            started = time.monotonic()
            verdict = Conversation(self._client, plan.task, self._pace).hold()
            self._land(plan.task_uuid, verdict, wanted=plan.task.get("numberResults", 1), charged=self._charged)
            self._journal.release(plan.task_uuid, latency=time.monotonic() - started)
        return self._history.get(plan.task_uuid)

    def recover(self, *, resend: bool = False) -> list[Recovered]:
        """Settle every run that is not final and that no living process works on, and fetch missing pictures.

        Args:
            resend: whether a task that the service does not know may be sent again, under its own taskUUID.
        """
        found = [self._recover_run(row, resend=resend) for row in self._history.unsettled() if not _is_worked_on(row)]
        fetched = [self._recover_picture(row) for row in self._history.unfetched() if not _is_worked_on(row)]
        return found + fetched

    # -- landing -------------------------------------------------------------------------------------------

    def _land(self, task_uuid: str, verdict: Verdict, *, wanted: int, charged: bool) -> None:
        first = verdict.errors[0] if verdict.errors else None
        told = {"error": first.message, "code": first.code, "kind": type(first).__name__} if first else {}
        if verdict.status == UNKNOWN:
            self._journal.unknown(task_uuid, told.get("error", ""), told.get("code", ""), told.get("kind", ""))
            return
        inline = self._inline_pictures(verdict.results)
        rows = self._journal.settle(
            task_uuid,
            verdict.status,
            _outcomes(verdict, wanted),
            charged=charged and not verdict.offline,
            **({} if verdict.results else told),
        )
        for result in verdict.results:
            if result.image_uuid in inline:
                self._journal.fetched(rows[result.image_uuid], *inline[result.image_uuid])
            elif result.image_uuid in rows:
                self._fetch(rows[result.image_uuid], result.source)

    def _inline_pictures(self, results: Sequence[Result]) -> dict[str, tuple[Any, str]]:
        """Pictures that came inside the answer have no address to ask again: their files come before their rows."""
        inline = {}
        for result in results:
            if result.url is None:
                try:
                    data, facts = self._client.fetch(result.source)
                except DownloadError:
                    continue  # _fetch meets the same error again and writes it down
                inline[result.image_uuid] = (facts, self._store.put(data, facts.media_type, facts.sha256))
        return inline

    def _fetch(self, row: int, source: str) -> bool:
        try:
            data, facts = self._client.fetch(source)
            self._journal.fetched(row, facts, self._store.put(data, facts.media_type, facts.sha256))
        except (DownloadError, StorageError) as error:
            self._journal.not_fetched(row, str(error))
            return False
        return True

    # -- recovering ----------------------------------------------------------------------------------------

    def _recover_run(self, row: Any, *, resend: bool) -> Recovered:
        uuid, before = row["taskUUID"], row["status"]
        if before == PLANNED:
            self._journal.never_sent(uuid)
            return Recovered(uuid, before, NOT_SENT, "its kernel ended before it was sent; nothing was charged")
        if row["engine"] != self._engine:
            return Recovered(
                uuid, before, before, f"it belongs to the engine {row['engine']}; a studio on that engine can ask"
            )
        task = dict(row["task"])
        may_resend = resend and row["resendable"]
        if may_resend and row["request"].get("reference_images"):
            task = self._history.get(uuid).request.to_send(uuid)  # the logged task names pictures by their hash
        verdict = Conversation(self._client, task, self._pace).resume(resend=may_resend)
        self._land(uuid, verdict, wanted=task.get("numberResults", 1), charged=row["charged"])
        if verdict.status != UNKNOWN:
            self._journal.release(uuid, latency=row["latency"])
        return Recovered(uuid, before, verdict.status, _note(verdict))

    def _recover_picture(self, row: Any) -> Recovered:
        uuid = row["taskUUID"]
        if row["engine"] == self._engine and row["url"] and self._fetch(row["id"], row["url"]):
            return Recovered(uuid, "done, picture missing", "done", "its picture was fetched")
        return Recovered(uuid, "done, picture missing", "done, picture missing", "its picture could not be fetched")


def _outcomes(verdict: Verdict, wanted: Any) -> list[Outcome]:
    """The results as rows: pictures first, then what failed, then what did not come at all."""
    if not verdict.results:
        return []
    outcomes = [Outcome(r.image_uuid, r.seed, r.cost, r.url, r.nsfw) for r in verdict.results]
    outcomes += [Outcome(error=str(error)) for error in verdict.errors]
    missing = (wanted if isinstance(wanted, int) else 1) - len(outcomes)
    return outcomes + [Outcome(error="the service returned nothing for this result")] * max(missing, 0)


def _is_worked_on(row: Any) -> bool:
    owner = Owner.parse(row["owner"] or "")
    if owner is None:
        return False
    if owner == this_process():
        return HANDS.hold(row["taskUUID"])
    age = time.time() - (row["heartbeat"] or 0) / MICRO
    return lives(owner, heartbeat_age=age, patience=HEARTBEAT_PATIENCE)


def _note(verdict: Verdict) -> str:
    if verdict.status == UNKNOWN:
        return "the service does not tell yet; its money stays held. Ask again later, or recover(resend=True)"
    if verdict.status == FAILED and verdict.errors:
        return f"it failed: {verdict.errors[0].message}"
    return f"{len(verdict.results)} of its pictures were recovered" if verdict.results else verdict.status
