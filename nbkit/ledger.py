"""One paid run, from its estimate to its picture on disk.

Each step is committed to the log before the step that follows it::

    plan       the row, with the upper estimate held             before anything leaves
    sent       from now on the task may have arrived             before the request leaves
    settle     results, seeds, costs, addresses                  before anything is downloaded
    finish     which files are there, whole and synced           before the run is handed over

A kernel that dies between two steps leaves a row that says how far it came, and :meth:`Ledger.recover` goes on
from there.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from nbkit.answer import Result
from nbkit.client import Client
from nbkit.conversation import Conversation, Pace, Verdict
from nbkit.errors import AuthenticationError, CreditError, DownloadError, EngineError, StorageError
from nbkit.gate import Gate
from nbkit.image import Facts
from nbkit.model import MICRO
from nbkit.request import ImageRequest
from nbkit.run import DONE, FAILED, NOT_SENT, PLANNED, UNKNOWN, Run
from nbkit.storage.accounts import Limits, Purse
from nbkit.storage.history import History
from nbkit.storage.images import ImageStore
from nbkit.storage.journal import Journal, Outcome, Picture, Plan
from nbkit.storage.owner import HANDS, Heart, Owner, lives, this_process

WATCHING = 0.1
"""Seconds between two looks at a run that another thread or kernel works on."""

RECOVERERS = 4
"""Runs that are asked for at once."""

RECOVERY_PATIENCE = 3.0
"""Seconds that a recovery waits for a task which the service still works on; then it says so, and goes on."""

FORGOTTEN = 900.0
"""Seconds after which a task that the service does not know was never accepted: no task runs for so long."""

HEARTBEAT_PATIENCE = 120.0
"""Seconds after which a process of another machine counts as gone."""

Inline = dict[str, tuple[Facts, str]]
"""Pictures that came inside an answer, by image UUID: their facts and their files."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """What :meth:`Ledger.recover` found out about one run, or about one picture of it."""

    task_uuid: str
    before: str
    after: str
    note: str


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
        self._hasty = dataclasses.replace(pace, patience=min(pace.patience, RECOVERY_PATIENCE))
        self._shared = self._new_gate()
        self._heart = Heart(journal.beat)

    def plan(
        self, request: ImageRequest, *, parent: str | None = None, sweep: str | None = None, purse: Purse | None = None
    ) -> Plan:
        """Write a run down and hold its money. After this, :meth:`carry_out` it.

        Raises:
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
        )
        # Before its row is there: a recovery in another thread must not take it for abandoned.
        HANDS.take(plan.task_uuid)
        try:
            self._journal.plan(plan, self._limits)
        except BaseException:
            HANDS.leave(plan.task_uuid)
            raise
        self._heart.start()
        return plan

    def abandon(self, plan: Plan) -> None:
        """Give up a planned run that has not been sent: its money is free again."""
        try:
            self._journal.never_sent(plan.task_uuid)
        finally:
            HANDS.leave(plan.task_uuid)

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
        return dataclasses.replace(run, request=plan.request, error=error)

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
            self._land(plan.task_uuid, sent.verdict, plan.task, charged=self._charged, started=sent.started)
        except StorageError as error:
            raise StorageError(
                f"{error} This run had been sent by then and may be paid: studio.recover() brings it when that is mended"
            ) from error
        finally:
            HANDS.leave(plan.task_uuid)

    def recover(self, *, resend: bool = False, sweep: str | None = None) -> list[Recovered]:
        """Settle every run that is not final and that no living process works on, and fetch missing pictures.

        Args:
            resend: whether a task that the service does not know may be sent again, under its own taskUUID.
            sweep: only the runs of this sweep.
        """
        with ThreadPoolExecutor(RECOVERERS) as pool:
            open_ = [row for row in self._history.unsettled(sweep) if not _is_worked_on(row)]
            found = list(pool.map(lambda row: self._try_run(row, resend=resend), open_))
            missing = [row for row in self._history.unfetched(sweep) if not _is_worked_on(row)]
            fetched = list(pool.map(self._recover_picture, missing))
        return found + fetched

    def known(self, identity: str) -> Run | None:
        """The run that answers a request from the log: done, with its pictures on disk if they can still be had.

        A run of the same request whose outcome is open is settled first, under its own taskUUID: another one beside
        it would be paid twice. One that a living kernel works on is waited for.
        """
        until = time.monotonic() + self._pace.patience
        for row in self._history.unsettled(identity=identity):
            while _is_worked_on(row) and time.monotonic() < until:
                time.sleep(WATCHING)
                still = [r for r in self._history.unsettled(identity=identity) if r["id"] == row["id"]]
                if not still:
                    break
                row = still[0]  # noqa: PLW2901  the same run, a moment later
            else:
                self._try_run(row, resend=True)
        run = self._history.matching(identity, self._engine)
        if run is not None:
            self.complete(run.task_uuid)
            run = self._history.get(run.task_uuid)
        return run

    def complete(self, task_uuid: str) -> None:
        """Fetch the pictures of one run that are paid and not on disk."""
        for row in self._history.unfetched(task_uuid=task_uuid):
            self._recover_picture(row)

    # -- landing -------------------------------------------------------------------------------------------

    def _land(
        self, task_uuid: str, verdict: Verdict, task: Mapping[str, Any], *, charged: bool, started: float | None = None
    ) -> None:
        first = verdict.errors[0] if verdict.errors else None
        told = {"error": first.message, "code": first.code, "kind": type(first).__name__} if first else {}
        if verdict.status == UNKNOWN:
            self._journal.unknown(task_uuid, told.get("error", ""), told.get("code", ""), told.get("kind", ""))
            return
        inline = self._inline_pictures(verdict.results)
        rows = self._journal.settle(
            task_uuid,
            verdict.status,
            _outcomes(verdict, task.get("numberResults", 1), inline),
            charged=charged and not verdict.offline,
            **({} if verdict.results else told),
        )
        wanted = [r for r in verdict.results if r.image_uuid in rows and r.image_uuid not in inline]
        pictures = [self._fetch(rows[result.image_uuid], result.source) for result in wanted]
        self._journal.finish(task_uuid, pictures, latency=None if started is None else time.monotonic() - started)

    def _inline_pictures(self, results: Sequence[Result]) -> Inline:
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

    def _fetch(self, row: int, source: str) -> Picture:
        try:
            data, facts = self._client.fetch(source)
            return Picture(row, facts, self._store.put(data, facts.media_type, facts.sha256))
        except (DownloadError, StorageError) as error:
            return Picture(row, error=str(error))

    # -- recovering ----------------------------------------------------------------------------------------

    def _try_run(self, row: Any, *, resend: bool) -> Recovered:
        """One run that cannot be settled (its reference image is gone, the disk is full) does not stop the others."""
        try:
            return self._recover_run(row, resend=resend)
        except Exception as error:  # noqa: BLE001  whatever is wrong with one run is told in its row
            return Recovered(row["taskUUID"], row["status"], row["status"], str(error))

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
        verdict = Conversation(self._client, task, self._hasty, self.gate()).resume(resend=may_resend)
        if verdict.unheard and not may_resend and time.time() - row["created"] / MICRO > FORGOTTEN:
            self._journal.never_sent(uuid)
            return Recovered(
                uuid, before, NOT_SENT, "never accepted: the service does not know it; nothing was charged"
            )
        self._land(uuid, verdict, task, charged=row["charged"])
        return Recovered(uuid, before, verdict.status, _note(verdict))

    def _recover_picture(self, row: Any) -> Recovered:
        uuid, missing = row["taskUUID"], "done, picture missing"
        picture = Picture(row["id"], error="the answer named no address")
        if row["engine"] == self._engine:
            for source in self._sources(row):
                picture = self._fetch(row["id"], source)
                if picture.file is not None:
                    break
            self._journal.finish(uuid, [picture])
        if picture.file is not None:
            return Recovered(uuid, missing, DONE, "its picture was fetched")
        return Recovered(uuid, missing, missing, f"its picture could not be fetched: {picture.error}")

    def _sources(self, row: Any) -> Iterator[str]:
        """Where a paid picture may be had: at the address it came with, then wherever the service says it is now."""
        if row["url"]:
            yield row["url"]
        for question in (self._client.ask, self._client.details):
            try:
                results = question(row["taskUUID"]).results
            except EngineError:
                continue
            yield from (r.source for r in results if r.image_uuid == row["imageUUID"] and r.source != row["url"])


def _outcomes(verdict: Verdict, wanted: Any, inline: Inline) -> list[Outcome]:
    """The results as rows: pictures first, then what failed, then what did not come at all."""
    if not verdict.results:
        return []
    outcomes = [
        Outcome(r.image_uuid, r.seed, r.cost, r.url, r.nsfw, None, *inline.get(r.image_uuid, (None, None)))
        for r in verdict.results
    ]
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
    if verdict.status == UNKNOWN and verdict.running:
        return "still running: the service works on it; its money stays held. Ask again later"
    if verdict.status == UNKNOWN and verdict.unheard:
        return (
            "the service does not know it: probably never accepted. Its money stays held until that is certain; "
            "recover(resend=True) sends the same task"
        )
    if verdict.status == UNKNOWN:
        return "the service cannot be asked just now; its money stays held. Ask again later"
    if verdict.status == FAILED and verdict.errors:
        return f"it failed: {verdict.errors[0].message}"
    return f"{len(verdict.results)} of its pictures were recovered" if verdict.results else verdict.status
