"""Runs that an earlier kernel left open, or whose answer was lost: queried and settled, under their own taskUUID.

A run that a living process works on is left alone, and a recovery starts no paid work unless ``resend=True`` allows it.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from nbkit.errors import BudgetExceeded, EngineError, NbkitError
from nbkit.ledger.in_flight import IN_FLIGHT, Owner, is_alive, this_process
from nbkit.ledger.journal import Journal, StoredPicture
from nbkit.ledger.settlement import Settler
from nbkit.ledger.task_session import Outcome, TaskSession
from nbkit.log.runs import History
from nbkit.request.model import MICRO
from nbkit.results.run import DONE, FAILED, FINAL, NOT_SENT, PLANNED, UNKNOWN, Run
from nbkit.service.cancel import CancelToken
from nbkit.service.client import Client
from nbkit.service.pace import Pace

OTHER_ENGINE = "it belongs to the engine"
"""First words of the note on a run that only a studio on another engine can settle."""

TAKEN = "another thread or kernel has settled it, or works on it"
"""The note on a run whose row has changed since it was read."""

WATCH_SECONDS = 0.1
"""Time between two looks at a run that another thread or kernel works on."""

RECOVERY_WORKERS = 4
"""Number of runs that are queried at once."""

RECOVERY_PATIENCE = 3.0
"""Seconds that a recovery polls for a task that the service is still working on; the run stays unknown then."""

NEVER_ACCEPTED_SECONDS = 900.0
"""A task that the service does not know so long after its last send was never accepted: no task runs that long."""

HEARTBEAT_PATIENCE = 120.0
"""Seconds without a heartbeat after which a process of another machine counts as dead."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """What :meth:`Recovery.recover` did about one run, or about one picture of it."""

    task_uuid: str
    before: str
    after: str
    note: str


class Recovery:
    """Settles the runs that an earlier kernel left open.

    Args:
        client, journal, history, settler: those of the ledger.
        engine: only the runs of this engine can be queried.
        pace: of the ledger; a recovery polls for a shorter time.
        new_token: makes the token of one run.
        on_budget_change: called after each run that was settled.
        payer: id of the studio that pays for what is sent again.
        limit: the most that it may spend, in micro-dollars.
    """

    def __init__(
        self,
        client: Client,
        journal: Journal,
        history: History,
        settler: Settler,
        *,
        engine: str,
        pace: Pace,
        new_token: Callable[[], CancelToken],
        on_budget_change: Callable[[], None],
        payer: str,
        limit: int | None,
    ) -> None:
        self._client, self._journal, self._history, self._settler = client, journal, history, settler
        self._engine, self._patience = engine, pace.patience
        self._new_token, self._on_budget_change = new_token, on_budget_change
        self._payer, self._limit = payer, limit
        self._short_pace = dataclasses.replace(pace, patience=min(pace.patience, RECOVERY_PATIENCE))

    def recover(self, *, resend: bool = False, sweep: str | None = None, skip: Collection[str] = ()) -> list[Recovered]:
        """Settle every open run that no living process works on, and fetch missing pictures.

        Args:
            resend: whether a task that the service does not know may be sent again, under its own taskUUID.
            sweep: only the runs of this sweep.
            skip: the taskUUIDs of runs that the caller will :meth:`resume`.
        """
        pool = ThreadPoolExecutor(RECOVERY_WORKERS)
        try:
            rows = [
                row for row in self._history.unsettled(sweep) if row["taskUUID"] not in skip and not _is_worked_on(row)
            ]
            found = list(pool.map(lambda row: self._try_run(row, resend=resend), rows))
            missing = [row for row in self._history.unfetched(sweep) if not _is_worked_on(row)]
            fetched = list(pool.map(self._recover_picture, missing))
        finally:  # after Stop, the queries that are still outstanding are not waited for
            pool.shutdown(wait=False, cancel_futures=True)
        return found + fetched

    def resumable(self, sweep: str) -> list[Any]:
        """The rows of a sweep that were sent, are open, and have no living process; :meth:`resume` takes one of them."""
        return [
            row
            for row in self._history.unsettled(sweep)
            if row["status"] != PLANNED
            and row["engine"] == self._engine
            and row["resendable"]
            and not _is_worked_on(row)
        ]

    def resume(self, row: Any, token: CancelToken) -> Recovered:
        """Settle one of the :meth:`resumable` runs, by sending it again if the service does not know it.

        Args:
            row: of the log.
            token: once it is cancelled, nothing is sent again.

        Raises:
            BudgetExceeded: if it might cost more than is left of the studio's budget; then it is not sent again.
        """
        return self._try_run(row, resend=True, token=token, passed_on=BudgetExceeded)

    def answer(self, identity: str, token: CancelToken | None = None) -> Run | None:
        """The run of the log that answers a request: done, with its pictures on disk if they can still be fetched.

        A run of the same request whose outcome is open is settled first, under its own taskUUID. If that fails, the
        open run is the answer all the same: a second run beside it might pay twice.

        Args:
            identity: of the request.
            token: once it is cancelled, nothing is sent again.

        Raises:
            NbkitError: if another kernel works on the same request for longer than the pace's patience.
        """
        for row in self._history.unsettled(identity=identity):
            if row["engine"] != self._engine:
                continue
            free = self._wait_until_free(row)
            if free is not None and self._try_run(free, resend=True, token=token).after not in FINAL:
                return self._history.get(row["taskUUID"])
        run = self._history.matching(identity, self._engine)
        if run is not None:
            self.complete(run.task_uuid)
            run = self._history.get(run.task_uuid)
        return run

    def _wait_until_free(self, row: Any) -> Any | None:
        """The row once no living process works on it; ``None`` if it has been settled by then."""
        deadline = time.monotonic() + self._patience
        while _is_worked_on(row):
            if time.monotonic() > deadline:
                raise NbkitError(
                    f"another kernel has been working on the same request for a long time (studio.log[{row['taskUUID']!r}]); "
                    "wait for it, or use reuse=False to pay for another picture"
                )
            time.sleep(WATCH_SECONDS)
            row = next((r for r in self._history.unsettled(identity=row["identity"]) if r["id"] == row["id"]), None)
            if row is None:
                return None
        return row

    def complete(self, task_uuid: str) -> None:
        """Fetch the pictures of one run that are paid and not on disk."""
        for row in self._history.unfetched(task_uuid=task_uuid):
            self._recover_picture(row)

    def _try_run(
        self,
        row: Any,
        *,
        resend: bool,
        token: CancelToken | None = None,
        passed_on: type[Exception] | tuple[()] = (),
    ) -> Recovered:
        """Recover one run. An error (its reference image is gone, the disk is full) must not stop the others.

        Args:
            row: of the log.
            resend: whether the task may be sent again.
            token: asked before a send.
            passed_on: an error that concerns the other runs too, and is raised.
        """
        try:
            return self._recover_run(row, token or self._new_token(), resend=resend)
        except passed_on:
            raise
        except Exception as error:  # noqa: BLE001  the returned note has its message
            return Recovered(row["taskUUID"], row["status"], row["status"], str(error))
        finally:
            self._on_budget_change()

    def _recover_run(self, row: Any, token: CancelToken, *, resend: bool) -> Recovered:
        uuid, before = row["taskUUID"], row["status"]
        if before == PLANNED:
            note = "its kernel ended before it was sent; nothing was charged"
            return self._claimed(row, lambda: self._mark_not_sent(row, note))
        if row["engine"] != self._engine:
            return Recovered(uuid, before, before, f"{OTHER_ENGINE} {row['engine']}; a studio on that engine can ask")
        task = dict(row["task"])
        may_resend = resend and row["resendable"]
        if may_resend and row["request"].get("reference_images"):
            task = self._history.get(uuid).request.to_send(uuid)  # the logged task names pictures by their hash
        session = TaskSession(self._client, task, self._short_pace, token)
        if may_resend:  # claimed first, so that no other kernel sends it too
            return self._claimed(row, lambda: self._settle(row, task, session.resume(resend=True)), payer=self._payer)
        outcome = session.resume(resend=False)
        if outcome.unknown_to_service and _was_never_accepted(row):
            note = "never accepted: the service does not know it; nothing was charged"
            return self._claimed(row, lambda: self._mark_not_sent(row, note))
        return self._settle(row, task, outcome)

    def _claimed(self, row: Any, settle: Callable[[], Recovered], *, payer: str = "") -> Recovered:
        """Settle a run as its owner, unless another thread or kernel has claimed or settled it since its row was read."""
        uuid, before = row["taskUUID"], row["status"]
        if not IN_FLIGHT.try_add(uuid):
            return Recovered(uuid, before, before, TAKEN)
        try:
            if self._journal.claim(row, payer=payer, limit=self._limit):
                return settle()
            return Recovered(uuid, before, self._history.status(uuid), TAKEN)
        finally:
            IN_FLIGHT.discard(uuid)

    def _settle(self, row: Any, task: dict[str, Any], outcome: Outcome) -> Recovered:
        self._settler.settle(row["taskUUID"], outcome, task, charged=row["charged"])
        return Recovered(row["taskUUID"], row["status"], outcome.status, _note(outcome))

    def _mark_not_sent(self, row: Any, note: str) -> Recovered:
        self._journal.mark_not_sent(row["taskUUID"])
        return Recovered(row["taskUUID"], row["status"], NOT_SENT, note)

    def _recover_picture(self, row: Any) -> Recovered:
        uuid, missing = row["taskUUID"], "done, picture missing"
        picture = StoredPicture(row["id"], error="the answer named no address")
        if row["engine"] == self._engine:
            for source in self._sources(row):
                picture = self._settler.fetch(row["id"], source)
                if picture.file is not None:
                    break
            self._journal.finish(uuid, [picture])
        if picture.file is not None:
            return Recovered(uuid, missing, DONE, "its picture was fetched")
        return Recovered(uuid, missing, missing, f"its picture could not be fetched: {picture.error}")

    def _sources(self, row: Any) -> Iterator[str]:
        """Addresses of a paid picture: the one in the log, then those that the service gives for it now."""
        if row["url"]:
            yield row["url"]
        for query in (self._client.poll, self._client.details):
            try:
                results = query(row["taskUUID"]).results
            except EngineError:
                continue
            yield from (r.source for r in results if r.image_uuid == row["imageUUID"] and r.source != row["url"])


def _is_worked_on(row: Any) -> bool:
    owner = Owner.parse(row["owner"] or "")
    if owner is None:
        return False
    if owner == this_process():
        return row["taskUUID"] in IN_FLIGHT
    age = time.time() - (row["heartbeat"] or 0) / MICRO
    return is_alive(owner, heartbeat_age=age, patience=HEARTBEAT_PATIENCE)


def _was_never_accepted(row: Any) -> bool:
    """Whether the last send was so long ago that a service which does not know the task never accepted it."""
    return bool(time.time() - max(row["created"], row["heartbeat"] or 0) / MICRO > NEVER_ACCEPTED_SECONDS)


def _note(outcome: Outcome) -> str:
    if outcome.status == UNKNOWN and outcome.running:
        return "still running: the service works on it; its money stays held. Ask again later"
    if outcome.status == UNKNOWN and outcome.unknown_to_service:
        return (
            "the service does not know it: probably never accepted. Its money stays held until that is certain; "
            "recover(resend=True) sends the same task"
        )
    if outcome.status == UNKNOWN:
        return "the service cannot be asked just now; its money stays held. Ask again later"
    if outcome.status == FAILED and outcome.errors:
        return f"it failed: {outcome.errors[0].message}"
    return f"{len(outcome.results)} of its pictures were recovered" if outcome.results else outcome.status
