"""Reads every row of a log, also damaged ones, and says what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from nbkit.errors import printable
from nbkit.log.accounts import CHARGED, OFFLINE, account_names, day_accounts
from nbkit.log.damage import DamagedRow, check_request, raw_rows, read_row
from nbkit.log.owner import Owner, is_alive
from nbkit.log.schema import IMAGES, RUNS
from nbkit.results.run import DONE, FINAL, NOT_SENT, PLANNED

FETCHED = "studio.recover() fetches it, where the service still has it"
"""What to do about a picture that is damaged or gone."""

ADOPTED = "studio.log.adopt(…) brings it again, from where it came"
"""The same about a picture that came from another log: the service is not asked for it."""


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
        pictures: which row names a picture, its hash, and what to do if it is not there, by the picture's file.
        removed: the files of pictures that were removed from the disk.
        references: which runs of this log need a reference image, by its hash.
        under_way: numbers of the runs that a process works on, or may work on.
        sums: what is spent and held, by account.
        is_open: whether there is a run without a final status, or a picture that was not fetched.
        has_old_days: whether a row has no accounts of its day, because nbkit 0.1.0 wrote it.
    """

    faults: list[Fault] = field(default_factory=list)
    pictures: dict[str, list[tuple[str, str, str]]] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    references: dict[str, list[str]] = field(default_factory=dict)
    under_way: set[int] = field(default_factory=set)
    sums: dict[str, tuple[int, int]] = field(default_factory=dict)
    is_open: bool = False
    has_old_days: bool = False


def read_rows(connection: sa.Connection) -> CheckedRows:
    """Read every row, also of runs that are damaged."""
    found = CheckedRows()
    runs: dict[int, str] = {}
    for row, wrong in _rows(connection, RUNS):
        task_uuid = runs[row["id"]] = str(row["taskUUID"] or f"row {row['id']} of runs")
        problems = [_WRONG.format(name) for name in wrong]
        if row["status"] in FINAL and row["held"] != 0:
            problems.append("it has ended, and money is held for it")
        found.faults += (Fault("row", task_uuid, problem) for problem in problems)
        if _is_under_way(row):
            found.under_way.add(row["id"])
        if row["status"] not in (PLANNED, NOT_SENT):
            for digest in _references(row):
                needed_by = found.references.setdefault(digest, [])
                if row["adopted"] is None:  # a run of another log may have come without them
                    needed_by.append(task_uuid)
        found.is_open |= row["status"] not in FINAL
        _add(found, row, has_time="created" not in wrong)
    _read_results(connection, found, runs)
    return found


def _read_results(connection: sa.Connection, found: CheckedRows, runs: Collection[int]) -> None:
    for row, wrong in _rows(connection, IMAGES):
        which = str(row["imageUUID"] or f"row {row['id']} of images")
        problems = [_WRONG.format(name) for name in wrong]
        if row["run"] not in runs:
            problems.append("its run is not in the log")
        if row["file"] is None and isinstance(row["removed"], str):
            found.removed.add(row["removed"])
        elif row["status"] == DONE and row["file"] is None and row["adopted"] is None:
            found.is_open = True
            if row["run"] not in found.under_way:
                problems.append(f"its picture is paid and was not fetched; {FETCHED}")
        found.faults += (Fault("row", which, problem) for problem in problems)
        if isinstance(row["file"], str):
            advice = FETCHED if row["adopted"] is None else ADOPTED
            found.pictures.setdefault(row["file"], []).append((which, str(row["sha256"] or ""), advice))


_WRONG = "{} has a value that no nbkit writes"


def _rows(connection: sa.Connection, table: sa.Table) -> Iterator[tuple[dict[str, Any], list[str]]]:
    """The rows of a table, each with the names of the columns for which whoever reads the log leaves it out."""
    columns = list(table.columns)
    for values in raw_rows(connection, table):
        row, wrong = read_row(columns, values)
        if table is RUNS and not wrong:
            try:
                check_request(row)
            except DamagedRow:
                wrong = ["request"]
        yield row, wrong


def _is_under_way(row: Mapping[str, Any]) -> bool:
    if not row["owner"]:
        return False
    owner = Owner.parse(str(row["owner"]))
    return owner is None or is_alive(owner) is not False


def _references(row: Mapping[str, Any]) -> list[str]:
    texts = row["request"].get("reference_images") if isinstance(row["request"], dict) else None
    found = [re.fullmatch("sha256:([0-9a-f]{64})", text) for text in texts or () if isinstance(text, str)]
    return [match[1] for match in found if match]


def _add(found: CheckedRows, row: Mapping[str, Any], *, has_time: bool) -> None:
    """Add a run to the accounts that count it."""
    spent, held = amount(row["spent"]), amount(row["held"])
    if not (spent or held):
        return
    days = row["dayAccounts"]
    if not days:
        found.has_old_days = True
        days = day_accounts(row["created"] if has_time else 0, CHARGED if row["charged"] else OFFLINE)
    for name in account_names(str(row["studio"]), str(days), row["purse"]):
        before = found.sums.get(name, (0, 0))
        found.sums[name] = before[0] + spent, before[1] + held


def amount(value: Any) -> int:
    return value if isinstance(value, int) else 0
