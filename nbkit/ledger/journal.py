"""The log's writing side: one transaction for each step of a run, committed before the next step begins.

::

    plan ──> sent ──> settle(done | failed | blocked) ──> finish (its pictures are on disk)
                └──> unknown ──> settle(…)

The same transactions update the budgets: ``plan`` holds the upper estimate, ``settle`` replaces the hold by what was
spent, ``unknown`` keeps the hold.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from nbkit.errors import EngineError, StorageError
from nbkit.ledger.budget import (
    Account,
    Limits,
    SubBudget,
    add_to_accounts,
    check_limit,
    read_account,
)
from nbkit.ledger.outcome import match
from nbkit.ledger.result_rows import (
    StoredPicture,
    logged_result,
    pictures_of,
    rest_values,
    write_rest,
    write_result,
)
from nbkit.log.accounts import CHARGED, OFFLINE, account_names, day_accounts, settled_account, studio_account
from nbkit.log.axes import storable, to_log, write_axes
from nbkit.log.database import Database
from nbkit.log.owner import this_process
from nbkit.log.rows import parameter_values
from nbkit.log.schema import IMAGES, RUNS, SIGHTINGS, check_tables
from nbkit.log.sql import upsert
from nbkit.log.trust import Trust
from nbkit.request.image_request import ImageRequest, given_values
from nbkit.request.price import MICRO, Price
from nbkit.request.profiles import DEFAULT_MODEL
from nbkit.request.task import has_credentials, redacted
from nbkit.results.run import DONE, FAILED, FINAL, NOT_SENT, PLANNED, SENT, UNKNOWN
from nbkit.service.response import TaskResponse


class AlreadyStarted(Exception):
    """The sweep has as many runs of a request as it wants, perhaps started by another kernel. Never leaves nbkit."""


@dataclass(frozen=True, slots=True)
class RunPlan:
    """Everything about a run that is known before it is sent: plain data, which has no key in it.

    Attributes:
        request: what the user asked for.
        task: the JSON as it is sent, with the credentials of addresses.
        parent: the taskUUID of the run that this one makes again.
        parent_image: the imageUUID of the picture that it is made from.
        sweep: the name of the sweep that it belongs to.
        sub_budget: a budget that it shares with other runs of the studio.
        max_runs: maximum number of runs of this request in the sweep, across kernels.
        axes: what the sweep varies or fixes that is no parameter, by name.
        price: what it may cost, if that is not what the request itself knows; the most is held.
        template: the text that the sweep made the prompt from.
    """

    request: ImageRequest
    task: dict[str, Any] = field(repr=False)
    parent: str | None = None
    parent_image: str | None = None
    sweep: str | None = None
    sub_budget: SubBudget | None = None
    max_runs: int | None = None
    axes: Mapping[str, Any] = field(default_factory=dict)
    price: Price | None = None
    template: str | None = None

    @property
    def task_uuid(self) -> str:
        return str(self.task["taskUUID"])


# Statements are built once: building one costs more than running it. An update sets the columns that it gets values of.
_WHICH: sa.BindParameter[Any] = sa.bindparam("which")
_INSERT_RUN = sa.insert(RUNS)
_RUN_TO_SETTLE = sa.select(
    RUNS.c.id, RUNS.c.status, RUNS.c.estimateHigh, RUNS.c.studio, RUNS.c.created, RUNS.c.charged, RUNS.c.dayAccounts, RUNS.c.purse, RUNS.c.spent, RUNS.c.held
).where(RUNS.c.taskUUID == _WHICH)  # fmt: skip
_UPDATE_RUN = sa.update(RUNS).where(RUNS.c.taskUUID == _WHICH)
_UPDATE_PLANNED = _UPDATE_RUN.where(RUNS.c.status == PLANNED)
_UPDATE_OPEN = _UPDATE_RUN.where(RUNS.c.status.not_in(FINAL))
_DISOWN = _UPDATE_RUN.where(RUNS.c.owner == sa.bindparam("me"))
_COUNT_STARTED = sa.select(sa.func.count()).where(
    RUNS.c.sweep == sa.bindparam("sweep"), RUNS.c.engine == sa.bindparam("engine"), RUNS.c.identity == sa.bindparam("identity"),
    RUNS.c.status != NOT_SENT, RUNS.c.status != FAILED,
)  # fmt: skip
_UPDATE_PICTURE = sa.update(IMAGES).where(IMAGES.c.id == _WHICH)
_UPDATE_MISSING = _UPDATE_PICTURE.where(IMAGES.c.file.is_(None))
_SIGHTING = sa.select(SIGHTINGS.c.mark, SIGHTINGS.c.since).where(
    SIGHTINGS.c.taskUUID == _WHICH, SIGHTINGS.c.clock == sa.bindparam("clock")
)
_SEE = upsert(SIGHTINGS)


class Journal:
    """Writes the steps of a studio's runs into the log, each as one transaction.

    Args:
        database: of the log.
        engine: the engine's name in the log.
        charged: whether the engine charges real money.
        may_be_offline: whether it may turn out to have list prices only. Until an answer tells, its runs count as both.
        studio: id of the studio that pays.
        limits: what may be spent.
        trust: whose the log's rows are.
    """

    def __init__(
        self,
        database: Database,
        *,
        engine: str,
        charged: bool,
        studio: str,
        limits: Limits,
        trust: Trust,
        may_be_offline: bool = False,
    ) -> None:
        self._database, self._engine, self._charged, self._trust = database, engine, charged, trust
        self._kinds = (OFFLINE,) if not charged else (CHARGED, OFFLINE) if may_be_offline else (CHARGED,)
        self._studio, self._limits = studio, limits
        self._tables_are_checked = False

    def check_in_place(self) -> None:
        """Raise ``StorageError`` if what is written would go to a file that is not the log any more, or might be refused."""
        self._database.check_in_place()
        if not self._tables_are_checked:
            check_tables(self._database)
            self._tables_are_checked = True

    def plan(self, plan: RunPlan) -> None:
        """Write the run down and hold its upper estimate, or refuse it.

        Raises:
            BudgetExceeded: if it might cost more than a limit leaves.
            StorageError: if the log cannot be written; then nothing may be sent.
        """
        price = plan.price or plan.request.price
        created = _now()
        own = plan.sub_budget or SubBudget("")
        days, names = self._accounts(created, own.id)
        axes = to_log(plan.axes)
        row = {
            **parameter_values(plan.request, plan.task),
            "taskUUID": plan.task_uuid,
            "created": created,
            "status": PLANNED,
            "engine": self._engine,
            "model": str(plan.task.get("model", DEFAULT_MODEL)),
            "charged": self._charged,
            "extra": redacted(plan.request.extra) or None,
            "task": redacted(plan.task),
            "request": given_values(plan.request),
            "identity": plan.request.identity,
            "resendable": not has_credentials(plan.task),
            "estimateLow": price.low,
            "estimateHigh": price.high,
            "held": price.high,
            "spent": 0,
            "studio": self._studio,
            "dayAccounts": days,
            "owner": str(this_process()),
            **self._heartbeat(created),
            "parent": plan.parent,
            "parentImage": plan.parent_image,
            "sweep": plan.sweep,
            "template": None if plan.template is None else storable(plan.template),
            "purse": own.id or None,
            "author": self._trust.new_author,
        }

        def write(connection: sa.Connection) -> None:
            self._check_studio(connection, price.high)
            self._check_day(connection, created, price.high)
            if own.limit is not None:
                spent = read_account(connection, names[-1]) + own.elsewhere
                check_limit(own.limit, spent, price.high, "this sweep", "sweep.run(budget=…)")
            if plan.max_runs is not None and self._count_started(connection, plan) >= plan.max_runs:
                raise AlreadyStarted
            run = connection.execute(_INSERT_RUN, row).inserted_primary_key
            write_axes(connection, run[0], axes)  # type: ignore[index]  # an insert of one row has a key
            add_to_accounts(connection, [(name, 0, price.high) for name in names])

        try:
            self._database.write(write)
        except sa.exc.IntegrityError as error:
            problem = f"the log {self._database.name} refuses the row of this run: {error.orig}. Nothing was sent"
            if "taskUUID" in str(error.orig):
                problem = (
                    f"taskUUID {plan.task_uuid} is in the log already: studio.log[{plan.task_uuid!r}] is that run, "
                    "and request.replace() gives the same request without it"
                )
            raise StorageError(problem) from None

    def mark_sent(self, task_uuid: str, connection: sa.Connection) -> None:
        """Mark a planned run as sent, in a transaction: once it is committed, the task may have arrived.

        Raises:
            StorageError: if the run is no longer planned, because another kernel took it for abandoned, or if the log
                is not where it was. Do not send it.
        """
        self.check_in_place()
        values = {"which": task_uuid, "status": SENT, **self._heartbeat()}
        if connection.execute(_UPDATE_PLANNED, values).rowcount != 1:
            raise StorageError(
                f"the run {task_uuid} was settled by another kernel before it was sent; nothing was sent"
            )

    def claim(self, row: Mapping[str, Any], price: Price | None = None) -> bool:
        """Make this process the owner of an open run, unless its row has changed since it was read.

        Args:
            row: of the log.
            price: of the task, if this studio may send it again; then this is held, in its account, and not what the row
                said.

        Returns:
            Whether this process owns the run now.

        Raises:
            BudgetExceeded: if it might cost more than a limit leaves; then nothing is changed.
            StorageError: if the log is not where it was.
        """
        values = {"which": row["taskUUID"], "owner": str(this_process()), **self._heartbeat()}
        today = _now()
        days, names = self._accounts(today, row["purse"])
        if price is not None:
            self.check_in_place()
            values |= {"studio": self._studio, "held": price.high, "estimateLow": price.low, "estimateHigh": price.high}
            values["dayAccounts"] = days
        as_read = [RUNS.c[name].is_not_distinct_from(row[name]) for name in ("status", "owner", "heartbeat")]

        def write(connection: sa.Connection) -> bool:
            if connection.execute(_UPDATE_RUN.where(*as_read), values).rowcount != 1:
                return False
            if price is not None:
                old_days = _held_in(row["dayAccounts"], row["created"], row["charged"])
                held_in = account_names(row["studio"], old_days, row["purse"])
                # What some of its results have cost is counted wherever its row says from now on.
                moved = [(name, -row["spent"], -row["held"]) for name in held_in]
                add_to_accounts(connection, moved + [(name, row["spent"], 0) for name in names])
                self._check_studio(connection, price.high)
                self._check_day(connection, today, price.high)
                add_to_accounts(connection, [(name, 0, price.high) for name in names])
            return True

        return self._database.write(write)

    def heartbeat(self, task_uuids: Sequence[str]) -> None:
        """Write that the process that works on these runs is alive."""
        values = [{"which": task_uuid, **self._heartbeat()} for task_uuid in task_uuids]
        self._database.write(lambda connection: connection.execute(_UPDATE_RUN, values))

    def heartbeat_age(self, row: Mapping[str, Any]) -> float:
        """How many seconds ago a row's heartbeat was written, at least, by a clock that nobody sets.

        A heartbeat that was written by another machine's clock, or before this boot, counts from the moment when a
        process of this boot saw it first: the first time, it is 0 seconds old.

        Args:
            row: of the log.
        """
        clock = self._database.clock
        age = clock.seconds_since(row["heartbeatClock"], row["heartbeat"])
        if age is not None:
            return age
        key = {"which": row["taskUUID"], "clock": clock.name}
        mark = f"{row['heartbeat']} {row['heartbeatClock'] or ''}"
        with self._database.reading() as connection:
            seen = connection.execute(_SIGHTING, key).one_or_none()
        if seen is not None and seen.mark == mark:
            return max(0.0, clock.now() - float(seen.since))
        values = {"taskUUID": row["taskUUID"], "clock": clock.name, "mark": mark, "since": clock.now()}
        with contextlib.suppress(StorageError):  # a log that cannot be written is only looked at
            self._database.write(lambda connection: connection.execute(_SEE, values))
        return 0.0

    def mark_unknown(self, task_uuid: str, doubt: EngineError) -> None:
        """Mark a run as unknown: the hold stays, and this process does not own it. A run that has ended stays as it is."""
        values = {"which": task_uuid, "status": UNKNOWN, **_error_values(doubt)}
        disowned = {"which": task_uuid, "me": str(this_process()), "owner": None}

        def write(connection: sa.Connection) -> None:
            connection.execute(_UPDATE_OPEN, values)
            connection.execute(_DISOWN, disowned)  # another kernel may have claimed it meanwhile, and be sending it

        self._database.write(write)

    def settle(
        self,
        task_uuid: str,
        status: str,
        response: TaskResponse,
        inline: Sequence[StoredPicture | None],
        wanted: int = 1,
        *,
        if_planned: bool = False,
    ) -> list[int | None]:
        """Write results and their cost, and how the run ended if it has. If two kernels settle a run, the first counts.

        Args:
            task_uuid: of the run.
            status: its last one; or ``sent`` or ``unknown`` while some results are open, whose money stays held.
            response: all that the service said. What comes from the offline engine has list prices.
            inline: for each result, its picture if it came inside the answer. Their files are there before their rows,
                because there is no address to fetch them from again.
            wanted: how many results were asked for.
            if_planned: leave a run as it is that has been sent.

        Returns:
            For each result the number of its row, or ``None`` if its picture is on disk.
        """
        charged = self._charged and status != NOT_SENT and not response.offline
        error = response.errors[0] if response.errors and not response.results else None
        results = response.results

        def write(connection: sa.Connection) -> list[int | None]:
            run = connection.execute(_RUN_TO_SETTLE, {"which": task_uuid}).one()
            ended = run.status == DONE or (run.status in FINAL and not results)  # results replace a failure
            ended = ended or (if_planned and run.status != PLANNED)
            known = pictures_of(connection, task_uuid)
            found = [None if i is None else known[i] for i in match([*map(logged_result, known)], results)]
            if ended:
                return [None if row is None or row["file"] else row["id"] for row in found]
            rows = [write_result(connection, run.id, *one) for one in zip(results, found, inline, strict=True)]
            rest = rest_values(response, status, wanted - len(known) - found.count(None))
            write_rest(connection, run.id, rest)
            costs = [*(row["cost"] for row in pictures_of(connection, task_uuid)), *(one["cost"] or 0 for one in rest)]
            self._write_costs(connection, run, {"which": task_uuid, "status": status, "charged": charged}, costs, error)
            return rows

        return self._database.write(write)

    def _write_costs(
        self,
        connection: sa.Connection,
        run: Any,
        values: dict[str, Any],
        costs: Sequence[int | None],
        error: EngineError | None,
    ) -> None:
        """Write what a run has cost, and in its accounts."""
        status, charged = values["status"], values["charged"]
        cost = None if None in costs else sum(filter(None, costs))
        if status in FINAL:
            spent, held = (run.estimateHigh if cost is None else cost), 0
            values |= _error_values(error)
        else:  # what is not known yet stays held
            spent = sum(filter(None, costs))
            held = max(0, run.estimateHigh - spent)
        if status == NOT_SENT:  # nothing is left to do
            values["owner"] = None
        held_in = _held_in(run.dayAccounts, run.created, run.charged)
        counted_in = settled_account(held_in, CHARGED if charged else OFFLINE)
        values |= {"cost": cost, "spent": spent, "held": held, "dayAccounts": counted_in}
        connection.execute(_UPDATE_RUN, {**values, **self._heartbeat()})
        released = [(name, -run.spent, -run.held) for name in account_names(run.studio, held_in, run.purse)]
        counted = [(name, spent, held) for name in account_names(run.studio, counted_in, run.purse)]
        add_to_accounts(connection, released + counted)

    def pictures(self, task_uuid: str) -> list[dict[str, Any]]:
        """The rows of a run's pictures, in the order in which they came."""
        with self._database.reading() as connection:
            return pictures_of(connection, task_uuid)

    def finish(
        self,
        task_uuid: str,
        pictures: Mapping[int, StoredPicture],
        *,
        latency: float | None = None,
        is_open: bool = False,
    ) -> None:
        """Write which pictures are on disk, by row number; no process owns the run any more, unless it is open."""

        def write(connection: sa.Connection) -> None:
            for row, picture in pictures.items():
                if picture.file is None:  # keeps a file that another kernel has fetched meanwhile
                    connection.execute(_UPDATE_MISSING, {"which": row, "error": picture.error})
                else:
                    connection.execute(_UPDATE_PICTURE, {"which": row, **picture.values})
            measured = {} if latency is None else {"latency": latency}
            if not is_open:
                connection.execute(_UPDATE_RUN, {"which": task_uuid, "owner": None, **measured})

        self._database.write(write)

    def mark_not_sent(self, task_uuid: str, *, if_planned: bool = False) -> None:
        """Mark a run that certainly was not sent, and release its hold.

        Args:
            task_uuid: of the run.
            if_planned: leave a run as it is that has been sent.
        """
        self.settle(task_uuid, NOT_SENT, TaskResponse(), [], if_planned=if_planned)

    @property
    def account(self) -> Account:
        """What the studio has spent, and what is held for it."""
        with self._database.reading() as connection:
            return read_account(connection, studio_account(self._studio))

    def _check_studio(self, connection: sa.Connection, asked: int) -> None:
        if self._limits.studio is not None:
            account = read_account(connection, studio_account(self._studio))
            check_limit(self._limits.studio, account, asked, "this studio", "Studio(budget=…)")

    def _check_day(self, connection: sa.Connection, created: int, asked: int) -> None:
        """Check the limit of a day against the accounts of the rows that are trusted; others may say anything."""
        authors = (*self._trust.authors, *((None,) if self._trust.whole else ()))
        for kind in self._kinds if self._limits.day is not None else ():
            names = (day_accounts(created, kind, author=author) for author in authors)
            account = sum((read_account(connection, name) for name in names), Account())
            check_limit(self._limits.day or 0, account, asked, "today", "Studio(daily_budget=…)")

    def _accounts(self, created: int, sub_budget: str | None) -> tuple[str, tuple[str, ...]]:
        """The accounts of the day of a run of this studio, and all of its accounts."""
        days = day_accounts(created, *self._kinds, author=self._trust.new_author)
        return days, account_names(self._studio, days, sub_budget)

    @property
    def left(self) -> int | None:
        """Micro-dollars that are left of the studio's budget; ``None`` without a limit."""
        account, limit = self.account, self._limits.studio
        return None if limit is None else limit - account.spent - account.held

    def _heartbeat(self, written: int | None = None) -> dict[str, Any]:
        """The columns that say when their row was written, by the wall clock and by one that nobody sets."""
        heartbeat = _now() if written is None else written
        return {"heartbeat": heartbeat, "heartbeatClock": self._database.clock.stamp(heartbeat)}

    def _count_started(self, connection: sa.Connection, plan: RunPlan) -> int:
        """How many runs of the plan's request the sweep has that are under way, or have ended without failing."""
        same = {"sweep": plan.sweep, "engine": self._engine, "identity": plan.request.identity}
        return int(connection.scalar(_COUNT_STARTED, same) or 0)


def _now() -> int:
    """The time as the log has it: in microseconds since 1970."""
    return int(time.time() * MICRO)


def _held_in(names: str | None, created: int, charged: Any) -> str:
    """The accounts of a run's day, from its columns; a row of 0.1.0 does not name them."""
    return names or day_accounts(created, CHARGED if charged else OFFLINE)


def _error_values(error: EngineError | None) -> dict[str, str | None]:
    if error is None:
        return {"error": None, "errorCode": "", "errorKind": ""}
    return {"error": error.message, "errorCode": error.code, "errorKind": type(error).__name__}
