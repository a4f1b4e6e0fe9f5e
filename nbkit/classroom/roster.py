"""A class's folder: its students with their keys and budgets, the policy, and what the teacher wants to see."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
import os
import secrets
import time
import unicodedata
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import pandas as pd
import sqlalchemy as sa

from nbkit.classroom.policy import Policy
from nbkit.classroom.schema import (
    AT_WORK,
    CLASS_ACCOUNT,
    ENDED,
    FILE,
    METADATA,
    SETTINGS,
    STUDENTS,
    TASKS,
    WAITING,
    student_account,
)
from nbkit.errors import RequestError, StorageError
from nbkit.ledger.budget import Account, read_account
from nbkit.log.database import Database
from nbkit.request.price import MICRO

TEACHER: Final = "teacher"
"""What :meth:`Classroom.who` returns for the teacher's key."""

ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
"""Of keys: no two of its characters look alike on paper."""

GROUPS, GROUP_LENGTH = 4, 4
"""Of a key: 16 characters of 31 are 79 bits."""

STUCK_SECONDS = 120.0
"""A task that waits, or is at work, for longer is shown to the teacher."""

ERRORS_IN_A_ROW = 3
"""So many failed tasks after each other are shown to the teacher."""

MAX_NAME = 60


@dataclass(frozen=True, slots=True)
class Student:
    """A student of a class; money in micro-dollars.

    Attributes:
        name: as it is typed in commands.
        budget: the most that the student may spend.
        paused: whether nothing is taken from the student.
        spent, held: of the budget.
        seen: when the last request came, in seconds since 1970; ``None`` if none did.
    """

    name: str
    budget: int
    paused: bool
    spent: int = 0
    held: int = 0
    seen: float | None = None

    @property
    def left(self) -> int:
        """What may still be spent."""
        return max(0, self.budget - self.spent - self.held)


class Classroom:
    """A class's folder; safe to use from several threads, and beside commands that change it.

    Args:
        folder: that :meth:`create` has made.

    Attributes:
        folder: as given.
        database: its file.
        name: of the class.
        organization_uuid: of its account.

    Raises:
        StorageError: if the folder is none of a class.
    """

    def __init__(self, folder: Path) -> None:
        if not (folder / FILE).exists():
            raise StorageError(f"{folder} is no class: python -m nbkit class init ROSTER makes one")
        self.folder, self.database = folder, Database(folder / FILE)
        settings = self._settings()
        self.name, self.organization_uuid = str(settings.get("name", "")), str(settings.get("organization", ""))

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The class of a folder.

        Raises:
            StorageError: if there is none.
        """
        return cls(folder)

    @classmethod
    def create(
        cls,
        folder: Path,
        students: Sequence[tuple[str, float | None]],
        budget: float,
        *,
        name: str = "",
        total: float | None = None,
        policy: Policy | None = None,
    ) -> tuple[Self, dict[str, str], str]:
        """Make the folder of a new class.

        Args:
            folder: made; nobody but this user can read it.
            students: name, and budget in USD where it differs.
            budget: of each student, in USD.
            name: of the class.
            total: the most that all together may spend, in USD.
            policy: its rules.

        Returns:
            The class, the key of each student by name, and the teacher's key. Only their hashes are kept.

        Raises:
            StorageError: if the folder has a class already.
            RequestError: if a name or a budget cannot be.
        """
        if (folder / FILE).exists():
            raise StorageError(f"{folder} has a class already; choose another folder, or python -m nbkit class add")
        names = [check_name(student) for student, _ in students]
        if not names:
            raise RequestError("the roster has no students", parameter="roster", reason="missing")
        doubles = {one for one in names if [other.casefold() for other in names].count(one.casefold()) > 1}
        if doubles:
            raise RequestError(f"the roster has {min(doubles)!r} twice; each name is there once", parameter="roster")
        keys = {student: new_key(student) for student in names}
        teacher = new_key("teacher")
        rows = [
            {"name": student, "key": hashed(keys[student]), "budget": micros_of(budget if own is None else own), "paused": False,
             "created": time.time()}
            for student, (_, own) in zip(names, students, strict=True)
        ]  # fmt: skip
        settings = {
            "name": name or "nbkit class",
            "organization": str(uuid.uuid4()),
            "teacher": hashed(teacher),
            "total": None if total is None else micros_of(total),
            "policy": dataclasses.asdict(policy or Policy()),
        }
        folder.mkdir(parents=True, exist_ok=True)  # once all of it is known to be good
        folder.chmod(0o700)
        database = Database(folder / FILE)
        with database.writing() as connection:
            METADATA.create_all(connection)
            connection.execute(sa.insert(STUDENTS), rows)
            connection.execute(sa.insert(SETTINGS), [{"key": key, "value": value} for key, value in settings.items()])
        database.close()
        return cls(folder), keys, teacher

    def close(self) -> None:
        """Close the file."""
        self.database.close()

    # -- settings ----------------------------------------------------------------------------------------------

    def _settings(self) -> dict[str, Any]:
        with self.database.reading() as connection:
            return {row.key: row.value for row in connection.execute(sa.select(SETTINGS))}

    def _set(self, key: str, value: Any) -> None:
        statement = sa.update(SETTINGS).where(SETTINGS.c.key == key).values(value=value)
        self.database.write(lambda connection: connection.execute(statement))

    @property
    def policy(self) -> Policy:
        """The rules as they are now."""
        return Policy.of(self._settings().get("policy") or {})

    @policy.setter
    def policy(self, policy: Policy) -> None:
        self._set("policy", dataclasses.asdict(policy))

    @property
    def total(self) -> int | None:
        """The most that all together may spend, in micro-dollars; ``None`` for the sum of their budgets."""
        found = self._settings().get("total")
        return None if found is None else int(found)

    @total.setter
    def total(self, usd: float | None) -> None:
        self._set("total", None if usd is None else micros_of(usd))

    @property
    def account(self) -> Account:
        """What all together have spent, and what is held."""
        with self.database.reading() as connection:
            return read_account(connection, CLASS_ACCOUNT)

    # -- students ----------------------------------------------------------------------------------------------

    def who(self, key: str) -> Student | str | None:
        """Whose key this is: a student, :data:`TEACHER`, or ``None``."""
        digest = hashed(key)
        with self.database.reading() as connection:
            row = connection.execute(sa.select(STUDENTS).where(STUDENTS.c.key == digest)).one_or_none()
            if row is not None:
                return _student(connection, row)
            teacher = connection.scalar(sa.select(SETTINGS.c.value).where(SETTINGS.c.key == "teacher"))
        return TEACHER if secrets.compare_digest(str(teacher), digest) else None

    def student(self, name: str) -> Student:
        """A student by name, in upper or lower case.

        Raises:
            RequestError: if there is none of that name.
        """
        found = [one for one in self.students() if one.name.casefold() == name.strip().casefold()]
        if not found:
            known = ", ".join(one.name for one in self.students()[:8])
            raise RequestError(f"there is no student {name!r} in this class; there are {known}", parameter="student")
        return found[0]

    def students(self) -> list[Student]:
        """All students, by name."""
        with self.database.reading() as connection:
            rows = connection.execute(sa.select(STUDENTS)).all()
            found = [_student(connection, row) for row in rows]
        return sorted(found, key=lambda one: one.name.casefold())

    def set(
        self, name: str, *, budget: float | None = None, paused: bool | None = None, new_key: bool = False
    ) -> str | None:
        """Change a student.

        Args:
            name: of the student.
            budget: in USD.
            paused: whether to take nothing more.
            new_key: whether the old key ends, and a new one is made.

        Returns:
            The new key, if one was made.

        Raises:
            RequestError: if there is no such student, or the budget cannot be.
        """
        student = self.student(name)
        key = globals()["new_key"](student.name) if new_key else None
        values: dict[str, Any] = {}
        if budget is not None:
            values["budget"] = micros_of(budget)
        if paused is not None:
            values["paused"] = paused
        if key is not None:
            values["key"] = hashed(key)
        if values:
            statement = sa.update(STUDENTS).where(STUDENTS.c.name == student.name).values(values)
            self.database.write(lambda connection: connection.execute(statement))
        return key

    def add(self, name: str, budget: float) -> str:
        """Add a student; the budget is in USD. Returns the key.

        Raises:
            RequestError: if the name is taken or cannot be, or the budget cannot be.
        """
        name = check_name(name)
        if any(one.name.casefold() == name.casefold() for one in self.students()):
            raise RequestError(f"{name!r} is in this class already", parameter="student")
        key = new_key(name)
        row = {"name": name, "key": hashed(key), "budget": micros_of(budget), "paused": False, "created": time.time()}
        self.database.write(lambda connection: connection.execute(sa.insert(STUDENTS), row))
        return key

    # -- what the teacher sees ---------------------------------------------------------------------------------

    def report(self) -> pd.DataFrame:
        """A row for each student, with money in USD: who needs help has a ``trouble``."""
        columns = (
            TASKS.c.student, TASKS.c.state, TASKS.c.created, TASKS.c.started, TASKS.c.ended, TASKS.c.pictures, TASKS.c.code
        )  # fmt: skip
        with self.database.reading() as connection:
            rows = connection.execute(sa.select(*columns).order_by(TASKS.c.id)).all()
        by_student: dict[str, list[Any]] = {}
        for row in rows:
            by_student.setdefault(row.student, []).append(row)
        return pd.DataFrame([_report_row(one, by_student.get(one.name, [])) for one in self.students()])

    def latencies(self, seconds: float = 300.0) -> list[float]:
        """How long the tasks that ended lately took, with their wait, in seconds."""
        query = sa.select(TASKS.c.created, TASKS.c.ended).where(
            TASKS.c.ended > time.time() - seconds, TASKS.c.pictures > 0
        )
        with self.database.reading() as connection:
            return [float(row.ended - row.created) for row in connection.execute(query)]

    def last_pictures(self, count: int = 24, student: str | None = None) -> list[dict[str, Any]]:
        """The newest pictures: ``uuid``, ``student``, ``prompt``, ``created``."""
        prompt = TASKS.c.task["positivePrompt"].as_string().label("prompt")
        columns = (TASKS.c.student, TASKS.c.created, TASKS.c.answer, prompt)
        query = sa.select(*columns).where(TASKS.c.pictures > 0).order_by(TASKS.c.id.desc()).limit(count)
        if student is not None:
            query = query.where(TASKS.c.student == student)
        with self.database.reading() as connection:
            tasks = connection.execute(query).all()
        found = [
            {"uuid": str(item["imageUUID"]), "student": task.student, "prompt": task.prompt or "",
             "created": task.created}
            for task in tasks for item in task.answer or () if item.get("imageUUID") and "code" not in item
        ]  # fmt: skip
        return found[:count]


def _student(connection: sa.Connection, row: Any) -> Student:
    account = read_account(connection, student_account(row.name))
    return Student(row.name, row.budget, row.paused, account.spent, account.held, row.seen)


def _report_row(student: Student, tasks: Sequence[Any]) -> dict[str, Any]:
    ended = [task for task in tasks if task.state == ENDED]
    failed = [task for task in ended if task.code is not None and not task.pictures]
    blocked = [task for task in failed if _is_blocked(task.code)]
    seconds = pd.Series([task.ended - task.created for task in ended if task.pictures], dtype="float64")
    return {
        "student": student.name,
        "presses": len(tasks),
        "pictures": sum(task.pictures for task in tasks),
        "spent": student.spent / MICRO,
        "held": student.held / MICRO,
        "budget": student.budget / MICRO,
        "left": student.left / MICRO,
        "blocked": len(blocked),
        "failed": len(failed) - len(blocked),
        "waiting": sum(task.state == WAITING for task in tasks),
        "at work": sum(task.state == AT_WORK for task in tasks),
        "seconds": seconds.median() if len(seconds) else float("nan"),
        "last": pd.Timestamp(student.seen, unit="s", tz="UTC") if student.seen else pd.NaT,
        "trouble": trouble_of(student, tasks),
    }


def trouble_of(student: Student, tasks: Sequence[Any]) -> str:
    """Why a student may be stuck; empty if nothing says so."""
    now = time.time()
    if student.paused:
        return "paused"
    if student.seen is None and not tasks:
        return "never connected"
    open_since = min((task.created for task in tasks if task.state != ENDED), default=now)
    if now - open_since > STUCK_SECONDS:
        return f"waits for {(now - open_since) / 60:.0f} min"
    in_a_row = 0
    for task in reversed([task for task in tasks if task.state == ENDED]):
        if task.pictures:
            break
        in_a_row += 1
    if in_a_row >= ERRORS_IN_A_ROW:
        return f"{in_a_row} errors in a row: {tasks[-1].code or 'no answer'}"
    return "nothing left" if student.left < 1000 * 40 else ""  # less than the cheapest picture costs


def _is_blocked(code: str) -> bool:
    lower = code.lower()
    return "content" in lower or "blocked" in lower or "nsfw" in lower


# -- names, keys, rosters --------------------------------------------------------------------------------------


def check_name(name: str) -> str:
    """A student's name without spaces around it.

    Raises:
        RequestError: if it is empty, too long, or has characters that cannot be seen.
    """
    cleaned = unicodedata.normalize("NFC", " ".join(name.split()))
    if not cleaned or len(cleaned) > MAX_NAME or not cleaned.isprintable():
        what = f"a name has 1 to {MAX_NAME} characters that can be seen, not {cleaned[:80]!r}"
        raise RequestError(what, parameter="student", value=name)
    return cleaned


def new_key(name: str) -> str:
    """A new key that can be typed from paper: it begins with the name, and has 79 bits of chance."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    head = "".join(one for one in plain if one.isalnum())[:8] or "key"
    groups = ("".join(secrets.choice(ALPHABET) for _ in range(GROUP_LENGTH)) for _ in range(GROUPS))
    return "-".join((head, *groups))


def hashed(key: str) -> str:
    """What is kept of a key: with so much chance in it, a plain hash cannot be turned back."""
    return hashlib.sha256(key.strip().lower().encode("utf-8", "surrogatepass")).hexdigest()


def micros_of(usd: float) -> int:
    """A budget in micro-dollars.

    Raises:
        RequestError: if it is no amount of money from 0 to a million.
    """
    if isinstance(usd, bool) or not isinstance(usd, int | float) or not 0 <= usd <= 1e6:
        raise RequestError(f"budget={usd!r}: an amount in USD from 0 to 1,000,000, such as 0.50", parameter="budget")
    return round(usd * MICRO)


def read_roster(file: Path) -> list[tuple[str, float | None]]:
    """The students of a table: names in the first column, or in the one named ``name``; budgets in ``budget``.

    Args:
        file: comma, semicolon or tab between the columns, with or without a line of headers, in UTF-8.

    Returns:
        Name, and budget in USD if there is one.

    Raises:
        RequestError: if a line has no name, a name twice, or a budget that is none; it names the line.
        OSError: if the file cannot be read.
    """
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise RequestError(f"{file} is no text in UTF-8: save it as CSV UTF-8", parameter="roster") from None
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    rows = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    header = [cell.strip().casefold() for cell in rows[0]] if rows else []
    has_header = "name" in header or "student" in header
    name_at = next((header.index(word) for word in ("name", "student") if word in header), 0)
    budget_at = header.index("budget") if has_header and "budget" in header else None
    found: list[tuple[str, float | None]] = []
    lines: dict[str, int] = {}
    for number, row in enumerate(rows[has_header:], 1 + has_header):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) <= name_at or not row[name_at].strip():
            raise RequestError(f"line {number} of {file} has no name", parameter="roster")
        name = check_name(row[name_at])
        if name.casefold() in lines:
            raise RequestError(
                f"line {number} of {file} has {name!r}, as line {lines[name.casefold()]} does", parameter="roster"
            )
        lines[name.casefold()] = number
        given = (
            row[budget_at].strip().lstrip("$").replace(",", ".")
            if budget_at is not None and len(row) > budget_at
            else ""
        )
        try:
            found.append((name, float(given) if given else None))
        except ValueError:
            raise RequestError(
                f"line {number} of {file} has the budget {given!r}, which is no amount", parameter="roster"
            ) from None
    if not found:
        raise RequestError(f"{file} has no students: one name in each line", parameter="roster")
    return found


def write_private(file: Path, text: str) -> None:
    """Write a file that nobody but this user can read."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(text)
    file.chmod(0o600)
