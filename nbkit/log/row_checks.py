"""Reads every row of a log as SQLite has it, and says what is wrong with its values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from nbkit.errors import printable
from nbkit.log.accounts import CHARGED, OFFLINE, account_names, day_accounts
from nbkit.log.damage import DamagedRow, check_request, decode_row
from nbkit.log.owner import Owner, is_alive
from nbkit.log.schema import IMAGES, RUNS
from nbkit.results.run import DONE, FINAL, NOT_SENT, PLANNED, SENT, UNKNOWN

FETCHED = "studio.recover() fetches it, where the service still has it"
"""What to do about a picture that is damaged or gone."""

_LATEST = 253_402_300_800_000_000  # microseconds: the end of the year 9999
_TYPES: tuple[tuple[type, tuple[type, ...], str], ...] = (
    (sa.Integer, (int,), "a whole number"),  # BigInteger too
    (sa.Float, (int, float), "a number"),
    (sa.Text, (str,), "text"),
    (sa.Boolean, (int,), "true or false"),
)


@dataclass(slots=True)
class Fault:
    """One row of the frame: ``what`` is picture, row, file, account or log, and ``which`` names it."""

    what: str
    which: str
    problem: str
    mended: bool = False

    def __post_init__(self) -> None:
        """Control characters of a damaged row are shown as escapes, and a fault is one line."""
        self.which, self.problem = (printable(" ".join(text.split())) for text in (self.which, self.problem))


@dataclass(slots=True)
class CheckedRows:
    """What the rows of a log name.

    Attributes:
        faults: of the rows.
        pictures: which row names a picture, with its hash, by the picture's file.
        references: which runs need a reference image, by its hash.
        under_way: numbers of the runs that a process works on, or may work on.
        sums: what is spent and held, by account.
        is_open: whether there is a run without a final status, or a picture that was not fetched.
        has_old_days: whether a row has no accounts of its day, because nbkit 0.1.0 wrote it.
    """

    faults: list[Fault] = field(default_factory=list)
    pictures: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    references: dict[str, list[str]] = field(default_factory=dict)
    under_way: set[int] = field(default_factory=set)
    sums: dict[str, tuple[int, int]] = field(default_factory=dict)
    is_open: bool = False
    has_old_days: bool = False


def read_rows(connection: sa.Connection) -> CheckedRows:
    found = CheckedRows()
    runs: dict[int, str] = {}
    for row in _rows(connection, RUNS):
        task_uuid = runs[row["id"]] = str(row["taskUUID"] or f"row {row['id']} of runs")
        problems = [*_wrong_values(RUNS, row), *_wrong_run(row)] or [*_left_out(RUNS, row)]
        found.faults += (Fault("row", task_uuid, problem) for problem in problems)
        if _is_under_way(row):
            found.under_way.add(row["id"])
        if row["status"] not in (PLANNED, NOT_SENT):
            for digest in _references(row):
                found.references.setdefault(digest, []).append(task_uuid)
        found.is_open |= row["status"] not in FINAL
        _add(found, row)
    for row in _rows(connection, IMAGES):
        which = str(row["imageUUID"] or f"row {row['id']} of images")
        problems = [*_wrong_values(IMAGES, row)] or [*_left_out(IMAGES, row)]
        if row["run"] not in runs:
            problems.append("its run is not in the log")
        if row["status"] == DONE and row["file"] is None:
            found.is_open = True
            if row["run"] not in found.under_way:
                problems.append(f"its picture is paid and was not fetched; {FETCHED}")
        found.faults += (Fault("row", which, problem) for problem in problems)
        if isinstance(row["file"], str):
            found.pictures.setdefault(row["file"], []).append((which, str(row["sha256"] or "")))
    return found


def _rows(connection: sa.Connection, table: sa.Table) -> Iterator[dict[str, Any]]:
    """The rows of a table with the values as SQLite has them, so that a damaged one stops nobody."""
    driver: Any = connection.connection.driver_connection
    driver.text_factory = _text
    try:
        result = connection.exec_driver_sql(f"SELECT * FROM {table.name} ORDER BY id")  # noqa: S608  a name of ours
        names = list(result.keys())
        for row in result:
            yield dict.fromkeys(table.columns.keys()) | dict(zip(names, row, strict=True))
    finally:
        driver.text_factory = str


def _text(value: bytes) -> str | bytes:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def _wrong_values(table: sa.Table, row: Mapping[str, Any]) -> Iterator[str]:
    """SQLite keeps any value in any column; these are of another type than the column's."""
    for column in table.columns:
        value = row[column.name]
        if value is None:
            if not column.nullable:
                yield f"{column.name} is missing"
        elif isinstance(column.type, sa.JSON):
            if _json(value) is None:
                yield f"{column.name} is no JSON"
        else:
            types, name = next((types, name) for kind, types, name in _TYPES if isinstance(column.type, kind))
            if not isinstance(value, types) or (isinstance(column.type, sa.Boolean) and value not in (0, 1)):
                yield f"{column.name} is not {name}"


def _left_out(table: sa.Table, row: Mapping[str, Any]) -> Iterator[str]:
    """What makes whoever reads the log leave a row out."""
    try:
        decoded = decode_row(list(table.columns), [row[column.name] for column in table.columns])
        if table is RUNS:
            check_request(decoded)
    except DamagedRow as error:
        yield f"{str(error).rpartition(', ')[2]} has a value that no nbkit writes"


def _wrong_run(row: Mapping[str, Any]) -> Iterator[str]:
    status, created = row["status"], row["created"]
    if status not in (*FINAL, PLANNED, SENT, UNKNOWN):
        yield "its status is none that nbkit knows"
    if isinstance(created, int) and not 0 <= created < _LATEST:
        yield "created is no time"
    for name in ("task", "request"):
        if (value := _json(row[name])) is not None and not isinstance(value, dict):
            yield f"{name} is no JSON object"
    if any(isinstance(row[name], int) and row[name] < 0 for name in ("held", "spent", "estimateHigh")):
        yield "an amount of money is negative"
    if status in FINAL and row["held"] != 0:
        yield "it has ended, and money is held for it"


def _is_under_way(row: Mapping[str, Any]) -> bool:
    if not row["owner"]:
        return False
    owner = Owner.parse(str(row["owner"]))
    return owner is None or is_alive(owner) is not False


def _references(row: Mapping[str, Any]) -> list[str]:
    request = _json(row["request"])
    texts = request.get("reference_images") if isinstance(request, dict) else None
    found = [re.fullmatch("sha256:([0-9a-f]{64})", text) for text in texts or () if isinstance(text, str)]
    return [match[1] for match in found if match]


def _json(text: Any) -> Any:
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return None


def _add(found: CheckedRows, row: Mapping[str, Any]) -> None:
    """Add a run to the accounts that count it."""
    spent, held = amount(row["spent"]), amount(row["held"])
    if not (spent or held):
        return
    days = row["dayAccounts"]
    if not days:
        found.has_old_days = True
        created = row["created"] if isinstance(row["created"], int) and 0 <= row["created"] < _LATEST else 0
        days = day_accounts(created, CHARGED if row["charged"] else OFFLINE)
    for name in account_names(str(row["studio"]), str(days), row["purse"]):
        before = found.sums.get(name, (0, 0))
        found.sums[name] = before[0] + spent, before[1] + held


def amount(value: Any) -> int:
    return value if isinstance(value, int) else 0
