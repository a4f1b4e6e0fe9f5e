"""The log's writing side: one transaction for each step of a run, committed before the next step begins.

::

    plan ──> sent ──> settle(done | failed | blocked) ──> finish (its pictures are on disk)
                └──> unknown ──> settle(…)

The same transactions update the budgets: ``plan`` holds the upper estimate, ``settle`` replaces the hold by what was
spent, ``unknown`` keeps the hold.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from nbkit.errors import StorageError
from nbkit.ledger.budget import (
    Account,
    Limits,
    SubBudget,
    account_names,
    add_to_accounts,
    check_limit,
    read_account,
    studio_account,
)
from nbkit.ledger.in_flight import this_process
from nbkit.log.database import Database
from nbkit.log.rows import given_values, parameter_values, picture_values
from nbkit.log.schema import IMAGES, RUNS
from nbkit.measures.facts import PictureFacts
from nbkit.request.image_request import ImageRequest, has_credentials, redacted
from nbkit.request.model import MICRO, MODEL
from nbkit.results.run import DONE, FAILED, FINAL, NOT_SENT, PLANNED, SENT, UNKNOWN


class AlreadyStarted(Exception):
    """The sweep has as many runs of a request as it wants, perhaps started by another kernel. Never leaves nbkit."""


@dataclass(frozen=True, slots=True)
class RunPlan:
    """Everything about a run that is known before it is sent.

    Attributes:
        request: what the user asked for.
        task: the JSON as it is sent, with its credentials.
        engine: the engine's name in the log.
        charged: whether the engine charges real money.
        identity: of the request.
        studio: id of the studio that pays.
        parent: the taskUUID of the run that this one makes again.
        sweep: the name of the sweep that it belongs to.
        sub_budget: a budget that it shares with other runs of the studio.
        max_runs: maximum number of runs of this request in the sweep, across kernels.
    """

    request: ImageRequest
    task: dict[str, Any] = field(repr=False)
    engine: str
    charged: bool
    identity: str
    studio: str
    parent: str | None = None
    sweep: str | None = None
    sub_budget: SubBudget | None = None
    max_runs: int | None = None

    @property
    def task_uuid(self) -> str:
        return str(self.task["taskUUID"])


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """A result's picture on disk, or the reason why it is not there.

    Attributes:
        row: id of the result's row.
        facts, file: of the picture.
        error: why it could not be fetched. It is paid, so ``recover()`` tries again.
    """

    row: int
    facts: PictureFacts | None = None
    file: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One result of an answer; ``error`` where it has no picture.

    ``facts`` and ``file`` are set for a picture that came inside the answer: its file is written before its row,
    because there is no address to fetch it from again.
    """

    image_uuid: str | None = None
    seed: int | None = None
    cost: int | None = None
    url: str | None = None
    nsfw: bool | None = None
    error: str | None = None
    facts: PictureFacts | None = None
    file: str | None = None


# Statements are built once: building one costs more than running it.
_WHICH: sa.BindParameter[Any] = sa.bindparam("which")
_INSERT_RUN = sa.insert(RUNS)
_MARK_SENT = (
    sa.update(RUNS)
    .where(RUNS.c.taskUUID == _WHICH, RUNS.c.status == PLANNED)
    .values(status=SENT, heartbeat=sa.bindparam("now"))
)
_RUN_TO_SETTLE = sa.select(
    RUNS.c.id, RUNS.c.status, RUNS.c.estimateHigh, RUNS.c.studio, RUNS.c.created, RUNS.c.charged, RUNS.c.purse, RUNS.c.spent, RUNS.c.held
).where(RUNS.c.taskUUID == _WHICH)  # fmt: skip
_PICTURES = sa.select(IMAGES.c.id, IMAGES.c.imageUUID, IMAGES.c.cost).where(
    IMAGES.c.run == _WHICH, IMAGES.c.status == DONE
)
_STORED_UUIDS = sa.select(IMAGES.c.imageUUID).where(IMAGES.c.run == _WHICH, IMAGES.c.imageUUID.is_not(None))
_INSERT_RESULTS = sa.insert(IMAGES)
_SETTLE = (
    sa.update(RUNS)
    .where(RUNS.c.id == _WHICH)
    .values(
        status=sa.bindparam("to_status"),
        cost=sa.bindparam("to_cost"),
        spent=sa.bindparam("to_spent"),
        held=0,
        charged=sa.bindparam("to_charged"),
        error=sa.bindparam("to_error"),
        errorCode=sa.bindparam("to_code"),
        errorKind=sa.bindparam("to_kind"),
        heartbeat=sa.bindparam("now"),
    )
)
_FACTS = ("sha256", "mediaType", "width", "height", "fingerprint", "file")
_FETCHED = (
    sa.update(IMAGES)
    .where(IMAGES.c.id == _WHICH)
    .values(error=None, **{name: sa.bindparam(f"to_{name}") for name in _FACTS})
)
_NOT_FETCHED = (
    sa.update(IMAGES).where(IMAGES.c.id == _WHICH, IMAGES.c.file.is_(None)).values(error=sa.bindparam("to_error"))
)
_FINISH = (
    sa.update(RUNS)
    .where(RUNS.c.taskUUID == _WHICH)
    .values(owner=None, latency=sa.func.coalesce(sa.bindparam("to_latency", type_=sa.Float), RUNS.c.latency))
)


class Journal:
    """Writes the steps of a run into the log, each as one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def plan(self, plan: RunPlan, limits: Limits) -> None:
        """Write the run down and hold its upper estimate, or refuse it.

        Raises:
            BudgetExceeded: if it might cost more than a limit leaves.
            StorageError: if the log cannot be written; then nothing may be sent.
        """
        price = plan.request.price
        now = time.time()
        sub_budget = plan.sub_budget.id if plan.sub_budget else None
        names = account_names(plan.studio, now, plan.charged, sub_budget)
        own = plan.sub_budget or SubBudget("")
        bounds = (
            (limits.studio, Account(), "this studio", "Studio(budget=…)"),
            (limits.day, Account(), "today", "Studio(daily_budget=…)"),
            (own.limit, own.elsewhere, "this sweep", "sweep.run(budget=…)"),
        )
        row = {
            **parameter_values(plan.request, plan.task),
            "taskUUID": plan.task_uuid,
            "created": int(now * MICRO),
            "status": PLANNED,
            "engine": plan.engine,
            "model": str(plan.task.get("model", MODEL)),
            "charged": plan.charged,
            "extra": redacted(plan.request.extra) or None,
            "task": redacted(plan.task),
            "request": given_values(plan.request),
            "identity": plan.identity,
            "resendable": not has_credentials(plan.task),
            "estimateLow": price.low,
            "estimateHigh": price.high,
            "held": price.high,
            "spent": 0,
            "studio": plan.studio,
            "owner": str(this_process()),
            "heartbeat": int(now * MICRO),
            "parent": plan.parent,
            "sweep": plan.sweep,
            "purse": sub_budget,
        }

        def write(connection: sa.Connection) -> None:
            for name, (limit, elsewhere, whose, argument) in zip(names, bounds, strict=False):
                if limit is not None:
                    check_limit(limit, read_account(connection, name) + elsewhere, price.high, whose, argument)
            if plan.max_runs is not None and _count_started(connection, plan) >= plan.max_runs:
                raise AlreadyStarted
            connection.execute(_INSERT_RUN, row)
            add_to_accounts(connection, dict.fromkeys(names, (0, price.high)))

        try:
            self._database.write(write)
        except sa.exc.IntegrityError as error:
            raise self._refused_row(plan.task_uuid, error) from None

    def _refused_row(self, task_uuid: str, error: sa.exc.IntegrityError) -> StorageError:
        with self._database.reading() as connection:
            is_logged = connection.scalar(sa.select(RUNS.c.id).where(RUNS.c.taskUUID == task_uuid)) is not None
        if is_logged:
            return StorageError(
                f"taskUUID {task_uuid} is in the log already: studio.log[{task_uuid!r}] is that run, "
                "and request.replace() gives the same request without it"
            )
        return StorageError(
            f"the log {self._database.name} refuses the row of this run: {error.orig}. Nothing was sent"
        )

    def mark_sent(self, task_uuid: str) -> None:
        """Mark a planned run as sent: from here on the task may have arrived.

        Raises:
            StorageError: if the run is no longer planned, because another kernel took it for abandoned. Do not send it.
        """

        def write(connection: sa.Connection) -> int:
            return connection.execute(_MARK_SENT, {"which": task_uuid, "now": int(time.time() * MICRO)}).rowcount

        if self._database.write(write) != 1:
            raise StorageError(
                f"the run {task_uuid} was settled by another kernel before it was sent; nothing was sent"
            )

    def claim(self, row: Mapping[str, Any], *, payer: str = "", limit: int | None = None) -> bool:
        """Make this process the owner of an open run, unless its row has changed since it was read.

        Args:
            row: of the log.
            payer: id of the studio that may send the run again; the hold moves to its account.
            limit: what that studio may spend, in micro-dollars.

        Returns:
            Whether this process owns the run now.

        Raises:
            BudgetExceeded: if the hold is more than that studio has left; then nothing is changed.
        """
        as_read = [RUNS.c[name].is_not_distinct_from(row[name]) for name in ("status", "owner", "heartbeat")]
        values = {"owner": str(this_process()), "heartbeat": int(time.time() * MICRO), "studio": payer or row["studio"]}
        change = sa.update(RUNS).where(RUNS.c.taskUUID == row["taskUUID"], *as_read).values(values)

        def write(connection: sa.Connection) -> bool:
            if connection.execute(change).rowcount != 1:
                return False
            if values["studio"] != row["studio"]:
                new, old = studio_account(payer), studio_account(row["studio"])
                if limit is not None:
                    account = read_account(connection, new)
                    check_limit(limit, account, row["held"], "this studio", "Studio(budget=…)")
                add_to_accounts(connection, {old: (0, -row["held"]), new: (0, row["held"])})
            return True

        return self._database.write(write)

    def heartbeat(self, task_uuids: Sequence[str]) -> None:
        """Write that the process that works on these runs is alive."""
        change = sa.update(RUNS).where(RUNS.c.taskUUID.in_(task_uuids)).values(heartbeat=int(time.time() * MICRO))
        self._database.write(lambda connection: connection.execute(change))

    def mark_unknown(self, task_uuid: str, error: str, code: str, kind: str) -> None:
        """Mark a run as unknown: the hold stays and no process owns it. A run that has ended stays as it is."""
        still_open = (RUNS.c.taskUUID == task_uuid) & RUNS.c.status.not_in(FINAL)  # another kernel may have settled it
        values = {"status": UNKNOWN, "error": error, "errorCode": code, "errorKind": kind, "owner": None}
        change = sa.update(RUNS).where(still_open).values(**values)
        self._database.write(lambda connection: connection.execute(change))

    def settle(
        self,
        task_uuid: str,
        status: str,
        results: Sequence[ResultRow] = (),
        *,
        charged: bool,
        error: str | None = None,
        code: str = "",
        kind: str = "",
    ) -> dict[str, int]:
        """Write how a run ended, its results and its cost. If two kernels settle the same run, the first one counts.

        Returns:
            The row numbers of the results that are pictures, by image UUID.
        """

        def write(connection: sa.Connection) -> dict[str, int]:
            run = connection.execute(_RUN_TO_SETTLE, {"which": task_uuid}).one()
            ended = run.status == DONE or (run.status in FINAL and not results)  # results replace a failure
            if not ended:
                self._add_results(connection, run.id, results)
            pictures = connection.execute(_PICTURES, {"which": run.id}).all()
            rows = {picture.imageUUID: picture.id for picture in pictures}
            if ended:
                return rows
            costs = [picture.cost for picture in pictures]
            cost = None if None in costs else sum(costs)
            spent = run.estimateHigh if cost is None else cost
            values = {
                "which": run.id, "to_status": status, "to_cost": cost, "to_spent": spent, "to_charged": charged,
                "to_error": error, "to_code": code, "to_kind": kind, "now": int(time.time() * MICRO),
            }  # fmt: skip
            connection.execute(_SETTLE, values)
            created = run.created / MICRO
            changes = dict.fromkeys(account_names(run.studio, created, run.charged, run.purse), (-run.spent, -run.held))
            for name in account_names(run.studio, created, charged, run.purse):
                before = changes.get(name, (0, 0))
                changes[name] = (before[0] + spent, before[1])
            add_to_accounts(connection, changes)
            return rows

        return self._database.write(write)

    def _add_results(self, connection: sa.Connection, run: int, results: Sequence[ResultRow]) -> None:
        stored = set(connection.scalars(_STORED_UUIDS, {"which": run}))
        rows = [
            {
                "run": run, "status": FAILED if result.error else DONE, "imageUUID": result.image_uuid, "seed": result.seed,
                "cost": result.cost, "url": result.url, "nsfw": result.nsfw, "error": result.error,
                **picture_values(result.facts, result.file),
            }
            for result in results
            if result.image_uuid not in stored
        ]  # fmt: skip
        if rows:
            connection.execute(_INSERT_RESULTS, rows)

    def finish(self, task_uuid: str, pictures: Sequence[StoredPicture] = (), *, latency: float | None = None) -> None:
        """Write which pictures are on disk; no process owns the run any more."""

        def write(connection: sa.Connection) -> None:
            for picture in pictures:
                if picture.file is None:  # keeps a file that another kernel has fetched meanwhile
                    connection.execute(_NOT_FETCHED, {"which": picture.row, "to_error": picture.error})
                else:
                    facts = {f"to_{name}": value for name, value in picture_values(picture.facts, picture.file).items()}
                    connection.execute(_FETCHED, {"which": picture.row, **facts})
            connection.execute(_FINISH, {"which": task_uuid, "to_latency": latency})

        self._database.write(write)

    def account(self, studio: str) -> Account:
        """What a studio has spent, and what is held for it."""
        with self._database.reading() as connection:
            return read_account(connection, studio_account(studio))

    def mark_not_sent(self, task_uuid: str) -> None:
        """Mark a planned run as not sent, and release its hold."""
        self.settle(task_uuid, NOT_SENT, charged=False)
        self.finish(task_uuid)


def _count_started(connection: sa.Connection, plan: RunPlan) -> int:
    """How many runs of the plan's request the sweep has that are under way, or have ended without failing."""
    same = (RUNS.c.sweep == plan.sweep, RUNS.c.engine == plan.engine, RUNS.c.identity == plan.identity)
    query = sa.select(sa.func.count()).select_from(RUNS).where(*same, RUNS.c.status.not_in((NOT_SENT, FAILED)))
    return int(connection.scalar(query) or 0)
