"""Runs that an earlier kernel left open, or whose answer was lost: queried and settled, under their own taskUUID.

A run that a living process works on is left alone, and so is one that came with a log which the user does not trust. A
recovery starts no paid work unless ``resend=True`` allows it. What is sent again is priced from the task, not by its row.
"""

from __future__ import annotations

import dataclasses
import functools
import threading
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from nbkit.errors import BudgetExceeded, EngineError, NbkitError
from nbkit.ledger.in_flight import IN_FLIGHT
from nbkit.ledger.ledger import Ledger
from nbkit.ledger.outcome import match, status_of
from nbkit.ledger.result_rows import StoredPicture, logged_result
from nbkit.ledger.task_session import TaskSession
from nbkit.log.owner import Owner, is_alive, this_process
from nbkit.log.runs import STILL_MISSING
from nbkit.measures.facts import FOUND_DAMAGED
from nbkit.request.image_request import ImageRequest
from nbkit.request.price import MICRO, Price
from nbkit.results.run import DONE, FAILED, FINAL, PLANNED, UNKNOWN, Failure, Run
from nbkit.service.cancel import CancelToken
from nbkit.service.response import TaskResponse

OTHER_ENGINE = "it belongs to the engine"
"""First words of the note on a run that only a studio on another engine can settle."""

FOREIGN = "it came with the log: Studio(…, trust=True) asks"
"""The note on a run of somebody else that the user does not trust."""

TAKEN = "another thread or kernel has settled it, or works on it"
"""The note on a run whose row has changed since it was read."""

RECOVERY_PATIENCE = 3.0
"""Seconds that a recovery polls for a task that the service is still working on; the run stays unknown then."""

WATCH_SECONDS = 0.1
"""Time between two looks at a run that another thread or kernel works on."""

RECOVERY_WORKERS = 4
"""Number of runs that are queried at once."""

NEVER_ACCEPTED_SECONDS = 900.0
"""A task that the service does not know so long after its last send was never accepted: no task runs that long."""

HEARTBEAT_PATIENCE = 120.0
"""Seconds without a heartbeat after which a process that the process table here does not have counts as dead."""

LONG_AGO_SECONDS = 6 * 3600.0
"""By the wall clock: a process of nbkit 0.1.0, whose rows have no other time, counts as dead after so many seconds."""

_CLAIMING = threading.Lock()
"""Held while a thread looks whether another one works on a run."""


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
        ledger: of the studio; only runs of its engine can be asked about, and its budget pays for what is sent again.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger, self._engine = ledger, ledger.engine
        self._client, self._journal, self._history = ledger.client, ledger.journal, ledger.history
        self._pace = dataclasses.replace(ledger.pace, patience=min(ledger.pace.patience, RECOVERY_PATIENCE))

    def recover(self, *, resend: bool = False, sweep: str | None = None, skip: Collection[str] = ()) -> list[Recovered]:
        """Settle every open run that no living process works on, and fetch missing pictures.

        Args:
            resend: whether a task that the service does not know may be sent again, under its own taskUUID.
            sweep: only the runs of this sweep.
            skip: the taskUUIDs of runs that the caller will :meth:`resume`.
        """
        pool = ThreadPoolExecutor(RECOVERY_WORKERS)
        try:
            rows = [row for row in self._abandoned(sweep) if row["taskUUID"] not in skip]
            found = list(pool.map(lambda row: self._try_run(row, resend=resend), rows))
            missing = [row for row in self._history.unfetched(sweep) if not self._is_worked_on(row)]
            fetched = list(pool.map(self._recover_picture, missing))
            left = (Recovered(*run, run[1], FOREIGN) for run in self._history.withheld(sweep).items())
        finally:  # after Stop, the queries that are still outstanding are not waited for
            pool.shutdown(wait=False, cancel_futures=True)
        return [*found, *fetched, *left]

    def resumable(self, sweep: str) -> list[Any]:
        """The rows of a sweep that were sent, are open, and have no living process; :meth:`resume` takes one of them.

        Their estimates are those of the tasks that would be sent.
        """
        rows = [
            row
            for row in self._abandoned(sweep)
            if row["status"] != PLANNED and row["engine"] == self._engine and row["resendable"]
        ]
        runs = self._history.many([row["taskUUID"] for row in rows])
        prices = [self._price(runs[row["taskUUID"]].request, row) for row in rows]
        return [
            {**row, "estimateLow": price.low, "estimateHigh": price.high}
            for row, price in zip(rows, prices, strict=True)
        ]

    def _price(self, request: ImageRequest, row: Any) -> Price:
        """What a task of the log may cost when it is sent again; what was agreed to where its price is not known."""
        if not request.has_price:
            return Price(row["estimateLow"], row["estimateHigh"])
        return self._ledger.prices.price(request)

    def _abandoned(self, sweep: str | None) -> list[Any]:
        """The rows of all open runs that no living process works on."""
        return [row for row in self._history.unsettled(sweep) if not self._is_worked_on(row)]

    def resume(self, row: Any, token: CancelToken, on_sent: Callable[[], None] = lambda: None) -> Run:
        """Settle one of the :meth:`resumable` runs, by sending it again if the service does not know it.

        Args:
            row: of the log.
            token: once it is cancelled, nothing is sent again.
            on_sent: called before the service is asked.

        Raises:
            BudgetExceeded: if it might cost more than is left of the studio's budget; then it is not sent again.
        """
        with token.slot:  # also while it is claimed: the money of runs that wait for a slot is not taken yet
            if not token.cancelled:
                self._try_run(row, resend=True, token=token, on_sent=on_sent, passed_on=BudgetExceeded)
        return self._history.get(row["taskUUID"])

    def answer(self, identity: str, token: CancelToken | None = None) -> Run | None:
        """The run of the log that answers a request: done, with its pictures on disk if they can still be fetched.

        A run of the same request whose outcome is open is settled first, under its own taskUUID. If that fails, the
        open run is the answer all the same: a second run beside it might pay twice. So is an open run that came with the
        log and is not trusted, and about which nobody is asked.

        Args:
            identity: of the request.
            token: once it is cancelled, nothing is sent again.

        Raises:
            NbkitError: if another kernel works on the same request for longer than the pace's patience.
        """
        for row in self._history.unsettled(identity=identity, foreign=True):
            if row["engine"] == self._engine:
                return self._history.get(row["taskUUID"])
        for row in self._history.unsettled(identity=identity):
            if row["engine"] != self._engine:
                continue
            free = self._wait_until_free(row)
            if free is not None and self._try_run(free, resend=True, token=token).after not in FINAL:
                return self._history.get(row["taskUUID"])
        run = self._history.matching(identity, self._engine)
        if run is not None:
            for row in self._history.unfetched(task_uuid=run.task_uuid):
                self._recover_picture(row)
            run = _without_damaged(self._history.get(run.task_uuid))
        return run

    def _wait_until_free(self, row: Any) -> Any | None:
        """The row once no living process works on it; ``None`` if it has been settled by then."""
        deadline = time.monotonic() + self._ledger.pace.patience
        while row is not None and self._is_worked_on(row):
            if time.monotonic() > deadline:
                raise NbkitError(
                    f"another kernel has been working on the same request for a long time (studio.log[{row['taskUUID']!r}]); "
                    "wait for it, or use reuse=False to pay for another picture"
                )
            time.sleep(WATCH_SECONDS)
            row = self._reread(row)
        return row

    def _is_worked_on(self, row: Any) -> bool:
        owner = Owner.parse(row["owner"] or "")
        if not row["owner"]:
            return False
        if owner == this_process():
            return row["taskUUID"] in IN_FLIGHT
        alive = None if owner is None else is_alive(owner)
        if alive is not None:
            return alive
        if (owner is None or not owner.place.boot) and time.time() - (row["heartbeat"] or 0) / MICRO > LONG_AGO_SECONDS:
            return False
        return self._journal.heartbeat_age(row) < HEARTBEAT_PATIENCE

    def _was_never_accepted(self, row: Any) -> bool:
        """Whether the last send was so long ago that a service which does not know the task never accepted it."""
        return self._journal.heartbeat_age(row) > NEVER_ACCEPTED_SECONDS

    def _reread(self, row: Any) -> Any | None:
        """The row as it is now; ``None`` if it has been settled."""
        return next((r for r in self._history.unsettled(identity=row["identity"]) if r["id"] == row["id"]), None)

    def _try_run(
        self,
        row: Any,
        *,
        resend: bool,
        token: CancelToken | None = None,
        on_sent: Callable[[], None] = lambda: None,
        passed_on: type[Exception] | tuple[()] = (),
    ) -> Recovered:
        """Recover one run. An error (its reference image is gone, the disk is full) must not stop the others.

        Args:
            row: of the log.
            resend: whether the task may be sent again.
            token: asked before a send.
            on_sent: called before the service is asked.
            passed_on: an error that concerns the other runs too, and is raised.
        """
        uuid, before = row["taskUUID"], row["status"]
        try:
            note = self._recover_run(row, token or self._ledger.new_token(), on_sent, resend=resend)
        except passed_on:
            raise
        except Exception as error:  # noqa: BLE001  the returned note has its message
            note = str(error)
        finally:
            self._ledger.on_budget_change()
        return Recovered(uuid, before, self._history.value("status", uuid), note)

    def _recover_run(self, row: Any, token: CancelToken, on_sent: Callable[[], None], *, resend: bool) -> str:
        """Returns the note on what was found."""
        uuid = row["taskUUID"]
        if row["status"] == PLANNED:
            return self._mark_not_sent(row, "its kernel ended before it was sent")
        if row["engine"] != self._engine:
            return f"{OTHER_ENGINE} {row['engine']}; a studio on that engine can ask"
        # It was accepted if there are any, and is not sent again.
        known = tuple(map(logged_result, self._journal.pictures(uuid)))
        may_resend = resend and row["resendable"] and not known
        request = self._history.get(uuid).request
        # The logged task names pictures by their hash; and what is sent has to be what was priced.
        task = request.to_send(uuid) if may_resend else dict(row["task"])

        def ask() -> str:
            on_sent()
            settle = functools.partial(self._ledger.settle, task, token=token, stored={})
            some = functools.partial(settle, status=UNKNOWN)
            with self._ledger.limiter(task).slot(token) as slot:
                session = TaskSession(self._client, task, self._pace, slot, known=known, on_results=some)
                response = session.resume(resend=may_resend)
            if response.missing and self._was_never_accepted(row):
                if response.results:  # no task runs that long: the rest will not come
                    response = dataclasses.replace(response, errors=(), lost=False)
                elif not may_resend:
                    # Only as it was read: another kernel may be sending it again by now.
                    return self._mark_not_sent(row, "never accepted: the service does not know it")
            settle(response)
            return _note(response)

        # Claimed before it is sent again, so that no other kernel sends it too.
        return self._claimed(row, ask, self._price(request, row)) if may_resend else ask()

    def _claimed(self, row: Any, settle: Callable[[], str], price: Price | None = None) -> str:
        """Settle a run as its owner, unless another thread or kernel has claimed or settled it since its row was read."""
        with _CLAIMING:
            if row["taskUUID"] in IN_FLIGHT:
                return TAKEN
            IN_FLIGHT.add(row["taskUUID"])
        try:
            return settle() if self._journal.claim(row, price) else TAKEN
        finally:
            IN_FLIGHT.discard(row["taskUUID"])

    def _mark_not_sent(self, row: Any, reason: str) -> str:
        def mark() -> str:
            self._journal.mark_not_sent(row["taskUUID"])
            return f"{reason}; nothing was charged"

        return self._claimed(row, mark)

    def _recover_picture(self, row: Any) -> Recovered:
        """Fetch the picture of a paid result again. What is there is replaced only by more than that."""
        uuid, before = row["taskUUID"], "done, picture missing"
        problem = "the answer named no address"
        for source in self._sources(row) if row["engine"] == self._engine else ():
            picture = self._ledger.fetch(source)
            if picture.is_whole or (picture.file is not None and _is_more(picture, row)):
                self._journal.finish(uuid, {row["id"]: picture})
            if picture.is_whole:
                return Recovered(uuid, before, DONE, "its picture was fetched")
            problem = picture.problem
        self._journal.finish(uuid, {row["id"]: StoredPicture(error=problem)})
        return Recovered(uuid, before, before, f"its picture could not be fetched: {problem}")

    def _sources(self, row: Any) -> Iterator[str]:
        """Addresses of a paid picture: the one in the log, then those that the service gives for it now."""
        if row["url"]:
            yield row["url"]
        known = self._journal.pictures(row["taskUUID"])  # all: two of them may share a name
        for query in (self._client.poll, self._client.details):
            try:
                results = query(row["taskUUID"]).results
            except EngineError:
                continue
            for result, index in zip(results, match([*map(logged_result, known)], results), strict=True):
                if index is not None and known[index]["id"] == row["id"] and result.source != row["url"]:
                    yield result.source


def _without_damaged(run: Run) -> Run:
    """A run without the pictures whose files are known to be damaged: they are not the paid ones."""
    images, failures = [], list(run.failures)
    for image in run.images:
        if image.path in FOUND_DAMAGED:
            failures.append(Failure(f"its file is damaged: {image.path.name}", STILL_MISSING))
        else:
            images.append(image)
    return dataclasses.replace(run, images=tuple(images), failures=tuple(failures))


def _is_more(picture: StoredPicture, row: Any) -> bool:
    """Whether a cut picture has more bytes than the file of its row, which is cut too."""
    if row["file"] is None:
        return True
    return row["whole"] is False and picture.size > int((row["stamp"] or "0").split()[0])


def _note(response: TaskResponse) -> str:
    if response.lost and response.results:
        return (
            f"{len(response.results)} of its pictures are in the log; the rest is still open, and its money stays held. "
            "Ask again later"
        )
    if response.missing:
        return (
            "the service does not know it: probably never accepted. Its money stays held until that is certain; "
            "recover(resend=True) sends the same task"
        )
    if response.lost and response.processing:
        return "still running: the service works on it; its money stays held. Ask again later"
    if response.lost:
        return "the service cannot be asked just now; its money stays held. Ask again later"
    if response.results:
        return (
            "its picture was recovered"
            if len(response.results) == 1
            else f"{len(response.results)} of its pictures were recovered"
        )
    return f"it failed: {response.errors[0].message}" if status_of(response) == FAILED else status_of(response)
