"""The tasks of a class and their money, each step one transaction that is committed before the next step begins.

::

    accept ──> start ──> end        the most that a task may cost is held in `accept`, and replaced by what it cost in `end`
        └────────┴─────> refuse     it was refused, or never sent: nothing is held, and it may be sent again

The accounts and the check are the ledger's (:mod:`nbkit.ledger.budget`): what is spent and what is held count together, so
that any number of presses at the same instant cannot spend more than there is. A server that is killed finds all tasks
that were accepted and had not ended in the file.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from nbkit.classroom.schema import (
    AT_WORK,
    CLASS_ACCOUNT,
    ENDED,
    MEDIA,
    SETTINGS,
    STUDENTS,
    TASKS,
    WAITING,
    student_account,
)
from nbkit.display.text import usd
from nbkit.errors import BudgetExceeded
from nbkit.ledger.budget import Account, add_to_accounts, check_limit, read_account
from nbkit.log.database import Database
from nbkit.offline.envelope import Problem

TOTAL = "total"
"""The key of the setting that has the most that the whole class may spend, in micro-dollars, or null."""


@dataclass(frozen=True, slots=True)
class StoredTask:
    """A task of a student, as it is in the file; see the columns of :data:`~nbkit.classroom.schema.TASKS`."""

    task_uuid: str
    student: str
    state: str
    created: float
    sent: dict[str, Any]
    task: dict[str, Any]
    changes: list[dict[str, Any]]
    large: bool
    held: int
    spent: int
    status: int | None
    answer: list[dict[str, Any]] | None


@dataclass(frozen=True, slots=True)
class Medium:
    """A picture, or an upload.

    Attributes:
        uuid: names it in tasks and addresses.
        student: whose it is.
        file: its name in the folder of pictures; ``None`` if only the service upstream has it.
        media_type: such as ``image/jpeg``.
        expires: when its address ends, in seconds since 1970; ``None`` for never.
        task_uuid: of the task that made it; ``None`` for an upload.
    """

    uuid: str
    student: str
    file: str | None
    media_type: str | None
    expires: float | None = None
    task_uuid: str | None = None


_COLUMNS = (
    TASKS.c.taskUUID, TASKS.c.student, TASKS.c.state, TASKS.c.created, TASKS.c.sent, TASKS.c.task, TASKS.c.changes,
    TASKS.c.large, TASKS.c.held, TASKS.c.spent, TASKS.c.status, TASKS.c.answer,
)  # fmt: skip


class Accounting:
    """Writes and reads the tasks of a class; safe to use from several threads.

    Args:
        database: of the class.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def accept(
        self,
        student: str,
        sent: Mapping[str, Any],
        task: Mapping[str, Any],
        *,
        changes: Sequence[Mapping[str, Any]],
        price: int,
        large: bool,
    ) -> StoredTask:
        """Write a task down and hold the most that it may cost, or refuse it.

        Args:
            student: who sent it.
            sent: as it came.
            task: as the policy made it.
            changes: what the policy changed.
            price: the most that it may cost, in micro-dollars.
            large: whether its pictures are large.

        Returns:
            The task as it is in the file.

        Raises:
            Problem: if its taskUUID was used, the student is paused, or the student or the class has too little left;
                nothing is written then.
        """
        task_uuid = str(sent["taskUUID"]).lower()
        row: dict[str, Any] = {
            "taskUUID": task_uuid, "student": student, "state": WAITING, "created": time.time(), "sent": dict(sent),
            "task": dict(task), "changes": [dict(change) for change in changes], "large": large, "held": price, "spent": 0,
            "pictures": 0,
        }  # fmt: skip

        def write(connection: sa.Connection) -> None:
            _admit(connection, student, price)
            query = sa.select(TASKS.c.id, TASKS.c.state, TASKS.c.started).where(TASKS.c.taskUUID == task_uuid)
            earlier = connection.execute(query).one_or_none()
            if earlier is not None:
                if earlier.state != ENDED or earlier.started is not None:
                    raise Problem("conflictTaskUUID", "This taskUUID has been used before.", parameter="taskUUID")
                # It was refused, so the same task may come again; the teacher still sees the refusal.
                renamed = sa.update(TASKS).where(TASKS.c.id == earlier.id).values(taskUUID=f"{earlier.id}:{task_uuid}")
                connection.execute(renamed)
            connection.execute(sa.insert(TASKS), row)
            add_to_accounts(connection, [(name, 0, price) for name in _accounts(student)])

        self._database.write(write)
        return _task([row.get(column.name) for column in _COLUMNS])

    def admit(self, student: str, price: int = 0) -> None:
        """Raise ``Problem`` if a student is paused, or has too little left for a price; nothing is held."""
        with self._database.reading() as connection:
            _admit(connection, student, price)

    def start_in(self, connection: sa.Connection, task_uuid: str, student: str) -> None:
        """Write, in a transaction, that a task leaves now: from here on it may have arrived.

        Raises:
            Problem: if the student is paused and it has certainly not left before; nothing is written then.
        """
        state = connection.scalar(sa.select(TASKS.c.state).where(TASKS.c.taskUUID == task_uuid))
        if state == WAITING:
            _check_not_paused(connection.scalar(sa.select(STUDENTS.c.paused).where(STUDENTS.c.name == student)))
        connection.execute(_which(task_uuid).values(state=AT_WORK, started=time.time()))

    def end(
        self, task_uuid: str, *, status: int, answer: Sequence[Mapping[str, Any]], spent: int, media: Sequence[Medium]
    ) -> None:
        """Write how a task ended: its answer, its pictures, and what it cost in place of what was held.

        Args:
            task_uuid: of the task.
            status: the HTTP status of its answer.
            answer: the items of ``data`` and ``errors``.
            spent: micro-dollars.
            media: its pictures, whose files are on disk.
        """
        code = next((str(item["code"]) for item in answer if "code" in item), None)
        values = {
            "state": ENDED, "ended": time.time(), "status": status, "answer": list(answer), "spent": spent, "held": 0,
            "pictures": sum("imageUUID" in item and "code" not in item for item in answer), "code": code,
        }  # fmt: skip

        def write(connection: sa.Connection) -> None:
            task = connection.execute(sa.select(TASKS).where(TASKS.c.taskUUID == task_uuid.lower())).one()
            if task.state == ENDED:
                return
            connection.execute(_which(task_uuid).values(values))
            for medium in media:
                connection.execute(_INSERT_MEDIUM, _medium_row(medium))
            add_to_accounts(connection, [(name, spent, -task.held) for name in _accounts(task.student)])

        self._database.write(write)

    def refuse(self, task_uuid: str, *, status: int, answer: Sequence[Mapping[str, Any]]) -> None:
        """Write a refusal as the end of a task that cost nothing, and never started: it may be sent again."""
        code = next((str(item["code"]) for item in answer if "code" in item), None)

        def write(connection: sa.Connection) -> None:
            task = connection.execute(sa.select(TASKS).where(TASKS.c.taskUUID == task_uuid.lower())).one_or_none()
            if task is not None and task.state != ENDED:
                connection.execute(
                    _which(task_uuid).values(
                        state=ENDED, started=None, ended=time.time(), status=status, code=code, answer=list(answer), held=0
                    )
                )  # fmt: skip
                add_to_accounts(connection, [(name, 0, -task.held) for name in _accounts(task.student)])

        self._database.write(write)

    def find(self, student: str, task_uuid: str) -> StoredTask | None:
        """A student's task; ``None`` if there is none, or it is somebody else's."""
        query = sa.select(*_COLUMNS).where(TASKS.c.taskUUID == task_uuid.lower(), TASKS.c.student == student)
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _task(row)

    def open_tasks(self) -> list[StoredTask]:
        """The tasks that have not ended, in the order in which they came."""
        query = sa.select(*_COLUMNS).where(TASKS.c.state != ENDED).order_by(TASKS.c.id)
        with self._database.reading() as connection:
            return [_task(row) for row in connection.execute(query)]

    def account(self, student: str) -> tuple[int, bool, Account]:
        """A student's budget in micro-dollars, whether the student is paused, and what is spent and held."""
        with self._database.reading() as connection:
            row = connection.execute(
                sa.select(STUDENTS.c.budget, STUDENTS.c.paused).where(STUDENTS.c.name == student)
            ).one()
            return int(row.budget), bool(row.paused), read_account(connection, student_account(student))

    def left(self, student: str) -> int:
        """Micro-dollars that a student may still spend: of the own budget, or of the class's if that is less."""
        with self._database.reading() as connection:
            budget = connection.scalar(sa.select(STUDENTS.c.budget).where(STUDENTS.c.name == student)) or 0
            total = connection.scalar(sa.select(SETTINGS.c.value).where(SETTINGS.c.key == TOTAL))
            own, whole = (read_account(connection, name) for name in _accounts(student))
        left = int(budget) - own.spent - own.held
        return max(0, left if total is None else min(left, int(total) - whole.spent - whole.held))

    def counts(self, student: str) -> tuple[int, int]:
        """How many tasks of a student have come, and how many are with the service."""
        query = sa.select(
            sa.func.count(), sa.func.coalesce(sa.func.sum(sa.case((TASKS.c.state == AT_WORK, 1), else_=0)), 0)
        )
        with self._database.reading() as connection:
            found = connection.execute(query.where(TASKS.c.student == student)).one()
        return int(found[0]), int(found[1])

    def see(self, student: str) -> None:
        """Write that a student is there."""
        statement = sa.update(STUDENTS).where(STUDENTS.c.name == student).values(seen=time.time())
        self._database.write(lambda connection: connection.execute(statement))

    # -- pictures and uploads --------------------------------------------------------------------------------

    def add_medium(self, medium: Medium) -> None:
        """Write an upload down."""
        self._database.write(lambda connection: connection.execute(_INSERT_MEDIUM, _medium_row(medium)))

    def medium(self, uuid: str, student: str | None = None) -> Medium | None:
        """A picture or an upload; ``None`` if there is none, or it is not this student's."""
        query = sa.select(
            MEDIA.c.uuid, MEDIA.c.student, MEDIA.c.file, MEDIA.c.type, MEDIA.c.expires, MEDIA.c.taskUUID
        ).where(MEDIA.c.uuid == uuid.lower())
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None or student not in (None, row.student) else Medium(*row)

    def remove_medium(self, uuid: str) -> None:
        """Remove an upload."""
        self._database.write(
            lambda connection: connection.execute(sa.delete(MEDIA).where(MEDIA.c.uuid == uuid.lower()))
        )


def _task(row: Any) -> StoredTask:
    names = (field.name for field in dataclasses.fields(StoredTask))
    return StoredTask(**dict(zip(names, row, strict=True)))


_INSERT_MEDIUM = sa.insert(MEDIA).prefix_with("OR IGNORE")


def _medium_row(medium: Medium) -> dict[str, Any]:
    return {
        "uuid": medium.uuid.lower(), "student": medium.student, "taskUUID": medium.task_uuid, "created": time.time(),
        "expires": medium.expires, "file": medium.file, "type": medium.media_type,
    }  # fmt: skip


def _admit(connection: sa.Connection, student: str, price: int) -> None:
    """Raise ``Problem`` if a student is paused, or has too little left, or the class has."""
    found = connection.execute(sa.select(STUDENTS).where(STUDENTS.c.name == student)).one()
    _check_not_paused(found.paused)
    total = connection.scalar(sa.select(SETTINGS.c.value).where(SETTINGS.c.key == TOTAL))
    _check(found.budget, read_account(connection, student_account(student)), price, "Your budget")
    if total is not None:
        _check(int(total), read_account(connection, CLASS_ACCOUNT), price, "The budget of the class")


def _check_not_paused(paused: Any) -> None:
    if paused:
        message = "The teacher has paused this key: nothing was sent. Ask in class."
        raise Problem("forbidden", message, status=403)


def _which(task_uuid: str) -> sa.Update:
    return sa.update(TASKS).where(TASKS.c.taskUUID == task_uuid.lower(), TASKS.c.state != ENDED)


def _accounts(student: str) -> tuple[str, str]:
    return student_account(student), CLASS_ACCOUNT


def _check(limit: int, account: Account, asked: int, whose: str) -> None:
    try:
        check_limit(limit, account, asked, whose, "")
    except BudgetExceeded:
        left = max(0, limit - account.spent - account.held)
        waiting = f" ({usd(account.held)} of it for tasks under way)" if account.held else ""
        message = (
            f"{whose} has {usd(left)} left of {usd(limit)}, and this may cost up to {usd(asked)}{waiting}. Nothing was sent; "
            "a smaller or a single picture costs less, and the teacher can raise the budget."
        )
        raise Problem("insufficientCredits", message, status=402) from None
