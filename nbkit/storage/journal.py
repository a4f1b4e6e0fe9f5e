"""Writing the log: one transaction for each step of a run, committed before the step that follows it.

::

    plan ──> sent ──> settle(done | failed | blocked) ──> fetched (a picture at a time) ──> release
                └──> unknown ──> settle(…)

Money moves in the same transactions: ``plan`` holds the upper estimate, ``settle`` turns the hold into what
was spent, ``unknown`` keeps it held.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from nbkit.display.text import usd
from nbkit.errors import BudgetExceeded, StorageError
from nbkit.image import Facts
from nbkit.model import MICRO, MODEL
from nbkit.parameter import Text
from nbkit.request import PARAMETERS, ImageRequest, has_credentials, redacted
from nbkit.run import DONE, FAILED, NOT_SENT, PLANNED, SENT, UNKNOWN
from nbkit.storage.database import Database
from nbkit.storage.owner import this_process
from nbkit.storage.schema import ACCOUNTS, IMAGES, PARAMETER_COLUMNS, RUNS


@dataclass(frozen=True, slots=True)
class Plan:
    """What is known of a run before it is sent."""

    request: ImageRequest
    task: dict[str, Any]
    engine: str
    charged: bool
    identity: str
    studio: str
    parent: str | None = None
    sweep: str | None = None

    @property
    def task_uuid(self) -> str:
        return str(self.task["taskUUID"])


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be spent, in micro-dollars; ``None``: no limit."""

    studio: int | None = None
    day: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """One result as the answer told it; ``error`` where there is no picture."""

    image_uuid: str | None = None
    seed: int | None = None
    cost: int | None = None
    url: str | None = None
    nsfw: bool | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """Micro-dollars spent, and held for runs that are not settled."""

    spent: int = 0
    held: int = 0


class Journal:
    """The steps of a run, as transactions on the log."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def plan(self, plan: Plan, limits: Limits) -> None:
        """Write the run down and hold its upper estimate, or refuse it.

        Raises:
            BudgetExceeded: if it might cost more than a limit leaves.
            StorageError: if the log cannot be written; then nothing may be sent.
        """
        price = plan.request.price
        now = time.time()
        studio, day = _accounts(plan.studio, now, plan.charged)
        row = {
            **_parameter_values(plan),
            "taskUUID": plan.task_uuid,
            "created": int(now * MICRO),
            "status": PLANNED,
            "engine": plan.engine,
            "model": str(plan.task.get("model", MODEL)),
            "charged": plan.charged,
            "extra": plan.request.extra or None,
            "task": redacted(plan.task),
            "request": _set_values(plan.request),
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
        }
        try:
            with self._database.writing() as connection:
                _refuse_above(limits.studio, _account(connection, studio), price.high, "this studio", "budget")
                _refuse_above(limits.day, _account(connection, day), price.high, "today", "daily_budget")
                connection.execute(sa.insert(RUNS), row)
                _move(connection, (studio, day), spent=0, held=price.high)
        except sa.exc.IntegrityError:
            raise StorageError(
                f"taskUUID {plan.task_uuid} is in the log already: studio.log[{plan.task_uuid!r}] is that run, "
                "and request.replace() gives the same request without it"
            ) from None

    def sent(self, task_uuid: str) -> None:
        """From now on the task may have arrived."""
        self._update(task_uuid, status=SENT, heartbeat=int(time.time() * MICRO))

    def unknown(self, task_uuid: str, error: str, code: str, kind: str) -> None:
        """The answer was lost: the hold stays, and nobody works on it any more."""
        self._update(task_uuid, status=UNKNOWN, error=error, errorCode=code, errorKind=kind, owner=None)

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
        """The run has ended: its results, its money, and how.

        Returns:
            The row numbers of the results that are pictures, by image UUID.
        """
        with self._database.writing() as connection:
            run = connection.execute(sa.select(RUNS).where(RUNS.c.taskUUID == task_uuid)).mappings().one()
            self._add_outcomes(connection, run["id"], outcomes)
            pictures = connection.execute(
                sa.select(IMAGES.c.id, IMAGES.c.imageUUID, IMAGES.c.cost).where(
                    IMAGES.c.run == run["id"], IMAGES.c.status == DONE
                )
            ).all()
            costs = [picture.cost for picture in pictures]
            cost = None if None in costs else sum(costs)
            spent = run["estimateHigh"] if cost is None else cost
            connection.execute(
                sa.update(RUNS)
                .where(RUNS.c.id == run["id"])
                .values(
                    status=status, cost=cost, spent=spent, held=0, charged=charged, error=error, errorCode=code, errorKind=kind,
                    heartbeat=int(time.time() * MICRO),
                )
            )  # fmt: skip
            before = _accounts(run["studio"], run["created"] / MICRO, run["charged"])
            after = _accounts(run["studio"], run["created"] / MICRO, charged)
            _move(connection, before, spent=-run["spent"], held=-run["held"])
            _move(connection, after, spent=spent, held=0)
        return {picture.imageUUID: picture.id for picture in pictures}

    def _add_outcomes(self, connection: sa.Connection, run: int, outcomes: Sequence[Outcome]) -> None:
        known = set(
            connection.scalars(
                sa.select(IMAGES.c.imageUUID).where(IMAGES.c.run == run, IMAGES.c.imageUUID.is_not(None))
            )
        )
        rows = [
            {
                "run": run, "status": FAILED if outcome.error else DONE, "imageUUID": outcome.image_uuid, "seed": outcome.seed,
                "cost": outcome.cost, "url": outcome.url, "nsfw": outcome.nsfw, "error": outcome.error,
            }
            for outcome in outcomes
            if outcome.image_uuid not in known
        ]  # fmt: skip
        if rows:
            connection.execute(sa.insert(IMAGES), rows)

    def fetched(self, row: int, facts: Facts, file: str) -> None:
        """A result's picture is on disk."""
        values = {
            "sha256": facts.sha256, "mediaType": facts.media_type, "width": facts.width, "height": facts.height,
            "fingerprint": facts.fingerprint, "file": file, "error": None,
        }  # fmt: skip
        with self._database.writing() as connection:
            connection.execute(sa.update(IMAGES).where(IMAGES.c.id == row).values(**values))

    def not_fetched(self, row: int, error: str) -> None:
        """A result is paid and its picture could not be fetched: it is asked for again later."""
        with self._database.writing() as connection:
            connection.execute(sa.update(IMAGES).where(IMAGES.c.id == row).values(error=error))

    def release(self, task_uuid: str, latency: float | None = None) -> None:
        """Nobody works on the run any more."""
        self._update(task_uuid, owner=None, latency=latency)

    def account(self, studio: str) -> Account:
        """What a studio has spent and holds."""
        with self._database.reading() as connection:
            return _account(connection, f"studio:{studio}")

    def never_sent(self, task_uuid: str) -> None:
        """A planned run whose owner died before it sent anything."""
        self.settle(task_uuid, NOT_SENT, charged=False)
        self.release(task_uuid)

    def _update(self, task_uuid: str, **values: Any) -> None:
        with self._database.writing() as connection:
            connection.execute(sa.update(RUNS).where(RUNS.c.taskUUID == task_uuid).values(**values))


def _parameter_values(plan: Plan) -> dict[str, Any]:
    """Every parameter's column, as it was sent: the size that nbkit chose is in the task and not in the request."""
    values: dict[str, Any] = {}
    task = redacted(plan.task)
    for name, parameter in PARAMETERS.items():
        found: Any = task
        for key in parameter.wire or ("",):
            found = found.get(key) if isinstance(found, dict) else None
        if not parameter.wire:
            found = plan.request.parameters.get(name)
        values[PARAMETER_COLUMNS[name]] = _storable(parameter, found)
    return values


def _storable(parameter: Any, value: Any) -> Any:
    # extra= is unchecked and may put anything in a parameter's place; the column takes only what checks.
    if value is None or parameter.name == "reference_images" or (isinstance(value, str) and isinstance(parameter.kind, Text)):
        return value
    try:
        return parameter.kind.check(value)
    except Exception:  # noqa: BLE001  a value of any type may fail in any way; `task` keeps it as it was sent
        return None


def _set_values(request: ImageRequest) -> dict[str, Any]:
    values = request.parameters
    if request.reference_images:
        values["reference_images"] = [str(r) if r.data else r.text for r in request.reference_images]
    for name in ("webhook_url", "upload_endpoint"):
        if name in values:
            values[name] = redacted({PARAMETERS[name].wire[-1]: values[name]})[PARAMETERS[name].wire[-1]]
    return values


def _accounts(studio: str, created: float, charged: bool) -> tuple[str, str]:
    day = datetime.fromtimestamp(created).astimezone().date()
    return f"studio:{studio}", f"day:{day}:{'charged' if charged else 'offline'}"


def _account(connection: sa.Connection, name: str) -> Account:
    row = connection.execute(sa.select(ACCOUNTS.c.spent, ACCOUNTS.c.held).where(ACCOUNTS.c.name == name)).one_or_none()
    return Account(row.spent, row.held) if row else Account()


def _move(connection: sa.Connection, names: tuple[str, ...], *, spent: int, held: int) -> None:
    for name in names:
        change = sa.update(ACCOUNTS).where(ACCOUNTS.c.name == name)
        done = connection.execute(change.values(spent=ACCOUNTS.c.spent + spent, held=ACCOUNTS.c.held + held))
        if done.rowcount == 0:
            connection.execute(sa.insert(ACCOUNTS).values(name=name, spent=spent, held=held))


def _refuse_above(limit: int | None, account: Account, asked: int, whose: str, argument: str) -> None:
    if limit is None or account.spent + account.held + asked <= limit:
        return
    raise BudgetExceeded(
        f"this run may cost up to {usd(asked)}, and {whose} has {usd(limit - account.spent - account.held)} left of "
        f"{usd(limit)} ({usd(account.spent)} spent, {usd(account.held)} held for runs under way). Nothing was sent. "
        f"Studio({argument}={math.ceil((account.spent + account.held + asked) / 10_000) / 100:.2f}) or more allows it.",
        limit=limit / MICRO,
        spent=account.spent / MICRO,
        held=account.held / MICRO,
        asked=asked / MICRO,
    )
