"""What becomes of runs whose kernel ended, or whose answer was lost: they are asked for, under their own taskUUID.

Nobody settles a run that a living process works on, and a recovery starts no paid work unless it is told so.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from nbkit.client import Client
from nbkit.conversation import Conversation, Pace, Verdict
from nbkit.errors import BudgetExceeded, EngineError, NbkitError
from nbkit.gate import Gate
from nbkit.landing import Landing
from nbkit.model import MICRO
from nbkit.run import DONE, FAILED, FINAL, NOT_SENT, PLANNED, UNKNOWN, Run
from nbkit.storage.history import History
from nbkit.storage.journal import Journal, Picture
from nbkit.storage.owner import HANDS, Owner, lives, this_process

OTHER_ENGINE = "it belongs to the engine"
"""How the note on a run begins that another studio has to settle."""

TAKEN = "somebody else has settled it, or works on it"
"""The note on a run to which something has happened meanwhile."""

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


@dataclass(frozen=True, slots=True)
class Recovered:
    """What :meth:`Recovery.recover` found out about one run, or about one picture of it."""

    task_uuid: str
    before: str
    after: str
    note: str


class Recovery:
    """Settles what was left open.

    Args:
        client, journal, history, landing: as the ledger has them.
        engine: only its runs can be asked for.
        pace: of the ledger; a recovery is less patient.
        gate: makes the gate of one run.
        moved: called after each run that was settled.
        payer: the studio that pays for what is sent again.
        limit: the most that it may spend, in micro-dollars.
    """

    def __init__(
        self,
        client: Client,
        journal: Journal,
        history: History,
        landing: Landing,
        *,
        engine: str,
        pace: Pace,
        gate: Callable[[], Gate],
        moved: Callable[[], None],
        payer: str,
        limit: int | None,
    ) -> None:
        self._client, self._journal, self._history, self._landing = client, journal, history, landing
        self._engine, self._gate, self._moved, self._patience = engine, gate, moved, pace.patience
        self._payer, self._limit = payer, limit
        self._hasty = dataclasses.replace(pace, patience=min(pace.patience, RECOVERY_PATIENCE))

    def recover(
        self, *, resend: bool = False, sweep: str | None = None, leave: Collection[str] = ()
    ) -> list[Recovered]:
        """Settle every run that is not final and that no living process works on, and fetch missing pictures.

        Args:
            resend: whether a task that the service does not know may be sent again, under its own taskUUID.
            sweep: only the runs of this sweep.
            leave: the taskUUIDs of runs that somebody else will :meth:`resume`.
        """
        pool = ThreadPoolExecutor(RECOVERERS)
        try:
            open_ = [
                row for row in self._history.unsettled(sweep) if row["taskUUID"] not in leave and not _is_worked_on(row)
            ]
            found = list(pool.map(lambda row: self._try_run(row, resend=resend), open_))
            missing = [row for row in self._history.unfetched(sweep) if not _is_worked_on(row)]
            fetched = list(pool.map(self._recover_picture, missing))
        finally:  # after Stop nobody waits for the questions that are still out
            pool.shutdown(wait=False, cancel_futures=True)
        return found + fetched

    def lost(self, sweep: str) -> list[Any]:
        """The rows of a sweep that were sent, are not settled and have no living process: :meth:`resume` takes them."""
        return [
            row
            for row in self._history.unsettled(sweep)
            if row["status"] != PLANNED
            and row["engine"] == self._engine
            and row["resendable"]
            and not _is_worked_on(row)
        ]

    def resume(self, row: Any, gate: Gate) -> Recovered:
        """Settle one of the :meth:`lost`, by sending it again under its own taskUUID if the service does not know it.

        Args:
            row: of the log.
            gate: once it is shut, nothing is sent again.

        Raises:
            BudgetExceeded: if it might cost more than is left of the studio's budget; it has not been sent again.
        """
        return self._try_run(row, resend=True, gate=gate, leave=BudgetExceeded)

    def known(self, identity: str, gate: Gate | None = None) -> Run | None:
        """The run that answers a request from the log: done, with its pictures on disk if they can still be had.

        A run of the same request whose outcome is open is settled first, under its own taskUUID, and stands for the
        request even if that cannot be done now: another one beside it might be paid twice.

        Args:
            identity: of the request.
            gate: once it is shut, nothing is sent again.

        Raises:
            NbkitError: if another kernel works on the same request for longer than anybody should wait.
        """
        for row in self._history.unsettled(identity=identity):
            if row["engine"] != self._engine:
                continue
            free = self._when_free(row)
            if free is not None and self._try_run(free, resend=True, gate=gate).after not in FINAL:
                return self._history.get(row["taskUUID"])
        run = self._history.matching(identity, self._engine)
        if run is not None:
            self.complete(run.task_uuid)
            run = self._history.get(run.task_uuid)
        return run

    def _when_free(self, row: Any) -> Any | None:
        """The row once no living process works on it; ``None`` if it has been settled by then."""
        until = time.monotonic() + self._patience
        while _is_worked_on(row):
            if time.monotonic() > until:
                raise NbkitError(
                    f"another kernel has been working on the same request for a long time (studio.log[{row['taskUUID']!r}]); "
                    "wait for it, or say reuse=False to pay for another picture"
                )
            time.sleep(WATCHING)
            row = next((r for r in self._history.unsettled(identity=row["identity"]) if r["id"] == row["id"]), None)
            if row is None:
                return None
        return row

    def complete(self, task_uuid: str) -> None:
        """Fetch the pictures of one run that are paid and not on disk."""
        for row in self._history.unfetched(task_uuid=task_uuid):
            self._recover_picture(row)

    def _try_run(
        self, row: Any, *, resend: bool, gate: Gate | None = None, leave: type[Exception] | tuple[()] = ()
    ) -> Recovered:
        """One run that cannot be settled (its reference image is gone, the disk is full) does not stop the others.

        Whoever resumes one after the other leaves out ``BudgetExceeded``: there is no money for the next one either.
        """
        try:
            return self._recover_run(row, gate or self._gate(), resend=resend)
        except leave:
            raise
        except Exception as error:  # noqa: BLE001  what it was is told in the answer
            return Recovered(row["taskUUID"], row["status"], row["status"], str(error))
        finally:
            self._moved()

    def _recover_run(self, row: Any, gate: Gate, *, resend: bool) -> Recovered:
        uuid, before = row["taskUUID"], row["status"]
        if before == PLANNED:
            note = "its kernel ended before it was sent; nothing was charged"
            return self._alone(row, lambda: self._never_sent(row, note))
        if row["engine"] != self._engine:
            return Recovered(uuid, before, before, f"{OTHER_ENGINE} {row['engine']}; a studio on that engine can ask")
        task = dict(row["task"])
        may_resend = resend and row["resendable"]
        if may_resend and row["request"].get("reference_images"):
            task = self._history.get(uuid).request.to_send(uuid)  # the logged task names pictures by their hash
        conversation = Conversation(self._client, task, self._hasty, gate)
        if may_resend:  # nobody else may send it, too; and from now on it is young again
            return self._alone(row, lambda: self._land(row, task, conversation.resume(resend=True)), payer=self._payer)
        verdict = conversation.resume(resend=False)
        if verdict.unheard and _forgotten(row):
            note = "never accepted: the service does not know it; nothing was charged"
            return self._alone(row, lambda: self._never_sent(row, note))
        return self._land(row, task, verdict)

    def _alone(self, row: Any, settle: Callable[[], Recovered], *, payer: str = "") -> Recovered:
        """Settle a run, unless somebody else has taken it, or settled it, since its row was read."""
        uuid, before = row["taskUUID"], row["status"]
        if not HANDS.grab(uuid):
            return Recovered(uuid, before, before, TAKEN)
        try:
            if self._journal.claim(row, payer=payer, limit=self._limit):
                return settle()
            return Recovered(uuid, before, self._history.status(uuid), TAKEN)
        finally:
            HANDS.leave(uuid)

    def _land(self, row: Any, task: dict[str, Any], verdict: Verdict) -> Recovered:
        self._landing.land(row["taskUUID"], verdict, task, charged=row["charged"])
        return Recovered(row["taskUUID"], row["status"], verdict.status, _note(verdict))

    def _never_sent(self, row: Any, note: str) -> Recovered:
        self._journal.never_sent(row["taskUUID"])
        return Recovered(row["taskUUID"], row["status"], NOT_SENT, note)

    def _recover_picture(self, row: Any) -> Recovered:
        uuid, missing = row["taskUUID"], "done, picture missing"
        picture = Picture(row["id"], error="the answer named no address")
        if row["engine"] == self._engine:
            for source in self._sources(row):
                picture = self._landing.fetch(row["id"], source)
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


def _is_worked_on(row: Any) -> bool:
    owner = Owner.parse(row["owner"] or "")
    if owner is None:
        return False
    if owner == this_process():
        return HANDS.hold(row["taskUUID"])
    age = time.time() - (row["heartbeat"] or 0) / MICRO
    return lives(owner, heartbeat_age=age, patience=HEARTBEAT_PATIENCE)


def _forgotten(row: Any) -> bool:
    """Whether a run was sent so long ago, for the last time, that a service which does not know it never accepted it."""
    return bool(time.time() - max(row["created"], row["heartbeat"] or 0) / MICRO > FORGOTTEN)


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
