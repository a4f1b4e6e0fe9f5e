"""Writing the log: one transaction for each step of a run, committed before the step that follows it.

::

    plan ──> sent ──> settle(done | failed | blocked) ──> finish (its pictures are on disk)
                └──> unknown ──> settle(…)

Money moves in the same transactions: ``plan`` holds the upper estimate, ``settle`` turns the hold into what
was spent, ``unknown`` keeps it held.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from nbkit.errors import StorageError
from nbkit.image import Facts
from nbkit.model import MICRO, MODEL
from nbkit.request import ImageRequest, has_credentials, redacted
from nbkit.run import DONE, FAILED, FINAL, NOT_SENT, PLANNED, SENT, UNKNOWN
from nbkit.storage import accounts
from nbkit.storage.database import Database
from nbkit.storage.owner import this_process
from nbkit.storage.rows import parameter_values, picture_values, set_values
from nbkit.storage.schema import IMAGES, RUNS


class Begun(Exception):
    """As many runs of a request as its sweep wants have been begun, by another kernel perhaps; never leaves nbkit."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is known of a run before it is sent."""

    request: ImageRequest
    task: dict[str, Any] = field(repr=False)  # as it is sent, credentials and all
    engine: str
    charged: bool
    identity: str
    studio: str
    parent: str | None = None
    sweep: str | None = None
    purse: accounts.Purse | None = None
    most: int | None = None

    @property
    def task_uuid(self) -> str:
        return str(self.task["taskUUID"])


@dataclass(frozen=True, slots=True)
class Picture:
    """A result's picture on disk, or the reason why it is not.

    Attributes:
        row: of the result.
        facts, file: where it is and what it is.
        error: why it could not be fetched; it is paid, and is asked for again later.
    """

    row: int
    facts: Facts | None = None
    file: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """One result as the answer told it; ``error`` where there is no picture.

    ``facts`` and ``file`` are those of a picture that came inside the answer: it is on disk before its row is
    written, because nobody can be asked for it again.
    """

    image_uuid: str | None = None
    seed: int | None = None
    cost: int | None = None
    url: str | None = None
    nsfw: bool | None = None
    error: str | None = None
    facts: Facts | None = None
    file: str | None = None


# Statements are built once: putting one together costs more than running it.
_WHICH: sa.BindParameter[Any] = sa.bindparam("which")
_PLAN = sa.insert(RUNS)
_SENT = (
    sa.update(RUNS)
    .where(RUNS.c.taskUUID == _WHICH, RUNS.c.status == PLANNED)
    .values(status=SENT, heartbeat=sa.bindparam("now"))
)
_FOR_SETTLING = sa.select(
    RUNS.c.id, RUNS.c.status, RUNS.c.estimateHigh, RUNS.c.studio, RUNS.c.created, RUNS.c.charged, RUNS.c.purse, RUNS.c.spent, RUNS.c.held
).where(RUNS.c.taskUUID == _WHICH)  # fmt: skip
_PICTURES = sa.select(IMAGES.c.id, IMAGES.c.imageUUID, IMAGES.c.cost).where(
    IMAGES.c.run == _WHICH, IMAGES.c.status == DONE
)
_KNOWN = sa.select(IMAGES.c.imageUUID).where(IMAGES.c.run == _WHICH, IMAGES.c.imageUUID.is_not(None))
_RESULTS = sa.insert(IMAGES)
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
    """The steps of a run, as transactions on the log."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def plan(self, plan: Plan, limits: accounts.Limits) -> None:
        """Write the run down and hold its upper estimate, or refuse it.

        Raises:
            BudgetExceeded: if it might cost more than a limit leaves.
            StorageError: if the log cannot be written; then nothing may be sent.
        """
        price = plan.request.price
        now = time.time()
        purse_id = plan.purse.id if plan.purse else None
        names = accounts.names_of(plan.studio, now, plan.charged, purse_id)
        bounds = (
            (limits.studio, "this studio", "Studio(budget=…)"),
            (limits.day, "today", "Studio(daily_budget=…)"),
            (plan.purse.limit if plan.purse else None, "this sweep", "sweep.run(budget=…)"),
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
            "request": set_values(plan.request),
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
            "purse": purse_id,
        }

        def write(connection: sa.Connection) -> None:
            for name, (limit, whose, argument) in zip(names, bounds, strict=False):
                if limit is not None:
                    accounts.refuse_above(limit, accounts.read(connection, name), price.high, whose, argument)
            if plan.most is not None and _begun(connection, plan) >= plan.most:
                raise Begun
            connection.execute(_PLAN, row)
            accounts.move(connection, dict.fromkeys(names, (0, price.high)))

        try:
            self._database.write(write)
        except sa.exc.IntegrityError:
            raise StorageError(
                f"taskUUID {plan.task_uuid} is in the log already: studio.log[{plan.task_uuid!r}] is that run, "
                "and request.replace() gives the same request without it"
            ) from None

    def sent(self, task_uuid: str) -> None:
        """From now on the task may have arrived.

        Raises:
            StorageError: if the run is not planned any more: somebody took it for abandoned, and it must not be sent.
        """

        def write(connection: sa.Connection) -> int:
            return connection.execute(_SENT, {"which": task_uuid, "now": int(time.time() * MICRO)}).rowcount

        if self._database.write(write) != 1:
            raise StorageError(f"the run {task_uuid} was settled by somebody else before it was sent; nothing was sent")

    def claim(self, row: Mapping[str, Any], *, payer: str = "", limit: int | None = None) -> bool:
        """Take an open run over, unless something has happened to it since its row was read; whether that was done.

        Args:
            row: of the log.
            payer: the studio that may send it again; from then on its money is held there.
            limit: what that studio may spend, in micro-dollars.

        Raises:
            BudgetExceeded: if that is more than is left there; nothing has changed then.
        """
        as_read = [RUNS.c[name].is_not_distinct_from(row[name]) for name in ("status", "owner", "heartbeat")]
        mine = {"owner": str(this_process()), "heartbeat": int(time.time() * MICRO), "studio": payer or row["studio"]}
        change = sa.update(RUNS).where(RUNS.c.taskUUID == row["taskUUID"], *as_read).values(mine)

        def write(connection: sa.Connection) -> bool:
            if connection.execute(change).rowcount != 1:
                return False
            if mine["studio"] != row["studio"]:
                here, there = accounts.studio_name(payer), accounts.studio_name(row["studio"])
                if limit is not None:
                    account = accounts.read(connection, here)
                    accounts.refuse_above(limit, account, row["held"], "this studio", "Studio(budget=…)")
                accounts.move(connection, {there: (0, -row["held"]), here: (0, row["held"])})
            return True

        return self._database.write(write)

    def beat(self, task_uuids: Sequence[str]) -> None:
        """The process that works on these runs is alive."""
        change = sa.update(RUNS).where(RUNS.c.taskUUID.in_(task_uuids)).values(heartbeat=int(time.time() * MICRO))
        self._database.write(lambda connection: connection.execute(change))

    def unknown(self, task_uuid: str, error: str, code: str, kind: str) -> None:
        """The answer was lost: the hold stays, and nobody works on it any more. What has ended stays ended."""
        still_open = (RUNS.c.taskUUID == task_uuid) & RUNS.c.status.not_in(FINAL)  # another kernel may have settled it
        values = {"status": UNKNOWN, "error": error, "errorCode": code, "errorKind": kind, "owner": None}
        change = sa.update(RUNS).where(still_open).values(**values)
        self._database.write(lambda connection: connection.execute(change))

    def settle(
        self,
        task_uuid: str,
        status: str,
        outcomes: Sequence[Outcome] = (),
        *,
        charged: bool,
        error: str | None = None,
        code: str = "",
        kind: str = "",
    ) -> dict[str, int]:
        """The run has ended: its results, its money, and how. Once is enough: two kernels may recover the same run.

        Returns:
            The row numbers of the results that are pictures, by image UUID.
        """

        def write(connection: sa.Connection) -> dict[str, int]:
            run = connection.execute(_FOR_SETTLING, {"which": task_uuid}).one()
            ended = run.status == DONE or (run.status in FINAL and not outcomes)  # results beat a failure
            if not ended:
                self._add_outcomes(connection, run.id, outcomes)
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
            changes = dict.fromkeys(
                accounts.names_of(run.studio, created, run.charged, run.purse), (-run.spent, -run.held)
            )
            for name in accounts.names_of(run.studio, created, charged, run.purse):
                before = changes.get(name, (0, 0))
                changes[name] = (before[0] + spent, before[1])
            accounts.move(connection, changes)
            return rows

        return self._database.write(write)

    def _add_outcomes(self, connection: sa.Connection, run: int, outcomes: Sequence[Outcome]) -> None:
        known = set(connection.scalars(_KNOWN, {"which": run}))
        rows = [
            {
                "run": run, "status": FAILED if outcome.error else DONE, "imageUUID": outcome.image_uuid, "seed": outcome.seed,
                "cost": outcome.cost, "url": outcome.url, "nsfw": outcome.nsfw, "error": outcome.error,
                **picture_values(outcome.facts, outcome.file),
            }
            for outcome in outcomes
            if outcome.image_uuid not in known
        ]  # fmt: skip
        if rows:
            connection.execute(_RESULTS, rows)

    def finish(self, task_uuid: str, pictures: Sequence[Picture] = (), *, latency: float | None = None) -> None:
        """What could be fetched is on disk, and nobody works on the run any more."""

        def write(connection: sa.Connection) -> None:
            for picture in pictures:
                if picture.file is None:  # another kernel may have had more luck meanwhile
                    connection.execute(_NOT_FETCHED, {"which": picture.row, "to_error": picture.error})
                else:
                    facts = {f"to_{name}": value for name, value in picture_values(picture.facts, picture.file).items()}
                    connection.execute(_FETCHED, {"which": picture.row, **facts})
            connection.execute(_FINISH, {"which": task_uuid, "to_latency": latency})

        self._database.write(write)

    def account(self, studio: str) -> accounts.Account:
        """What a studio has spent and holds."""
        with self._database.reading() as connection:
            return accounts.read(connection, f"studio:{studio}")

    def never_sent(self, task_uuid: str) -> None:
        """A planned run whose owner died before it sent anything."""
        self.settle(task_uuid, NOT_SENT, charged=False)
        self.finish(task_uuid)


def _begun(connection: sa.Connection, plan: Plan) -> int:
    """How many runs of a plan's request its sweep has that are under way, or ended in another way than by failing."""
    same = (RUNS.c.sweep == plan.sweep, RUNS.c.engine == plan.engine, RUNS.c.identity == plan.identity)
    query = sa.select(sa.func.count()).select_from(RUNS).where(*same, RUNS.c.status.not_in((NOT_SENT, FAILED)))
    return int(connection.scalar(query) or 0)
