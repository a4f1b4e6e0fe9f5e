"""Decodes the rows of a log, and finds those that are damaged: each is named in a warning, and the others are read.

A file may have been cut, edited by another program or made by a stranger; SQLite stores any value in any column.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import sqlalchemy as sa

from nbkit.errors import StorageError
from nbkit.log.database import Database, read_columns
from nbkit.log.rows import logged_request
from nbkit.log.schema import IMAGES, RUNS
from nbkit.log.sql import is_json, is_whole, one_of, total
from nbkit.results.run import BLOCKED, DONE, FAILED, NOT_SENT, PLANNED, SENT, UNKNOWN

T = TypeVar("T")

NAMED_ROWS = 5
"""Number of damaged rows that a warning names."""

_STATUSES = {DONE, BLOCKED, FAILED, NOT_SENT, PLANNED, SENT, UNKNOWN}
_FACTS = ("sha256", "mediaType")
"""Of a picture; a row with a file has both. The size is known only of a picture that can be read."""


class DamagedRow(StorageError):
    """A row of the log has a value that no nbkit writes; the message has its column."""


@dataclass(frozen=True, slots=True)
class ColumnKind:
    """The values that a column may have; numbers between two bounds, texts and JSON for which ``check`` is true."""

    types: frozenset[type]
    low: float = 0
    high: float = 2**63 - 1
    is_json: bool = False
    check: Callable[[Any], bool] | None = None

    def decode(self, value: Any) -> Any:
        """The value in Python.

        Raises:
            ValueError, RecursionError: if it is none of this kind.
        """
        if type(value) not in self.types or (str not in self.types and not self.low <= value <= self.high):
            raise ValueError(value)
        if self.is_json:
            value = json.loads(value)
        if self.check is not None and not self.check(value):
            raise ValueError(value)
        return bool(value) if self is _BOOLEAN else value


def _is_request(value: Any) -> bool:
    names = value.get("reference_images", []) if isinstance(value, dict) else None
    return isinstance(names, list) and all(isinstance(name, str) for name in names)


_TEXT, _NUMBER = frozenset({str}), frozenset({int})
_BOOLEAN = ColumnKind(_NUMBER, 0, 1)  # as SQLite has them
_SECONDS_TO_9999 = 253_402_300_799
_OF_TYPE = {
    sa.BigInteger: ColumnKind(_NUMBER, -(2**63)),
    sa.Integer: ColumnKind(_NUMBER, -(2**63)),
    sa.Float: ColumnKind(frozenset({int, float}), -sys.float_info.max, sys.float_info.max),
    sa.Boolean: _BOOLEAN,
    sa.JSON: ColumnKind(_TEXT, is_json=True, check=lambda value: isinstance(value, dict)),
}
_MONEY = ColumnKind(_NUMBER, 0, 10**15)
_SIDE = ColumnKind(_NUMBER, 1, 10**6)
_NAMED = {
    **dict.fromkeys((RUNS.c.created, RUNS.c.adopted, IMAGES.c.adopted), ColumnKind(_NUMBER, 0, _SECONDS_TO_9999 * 10**6)),
    **dict.fromkeys((RUNS.c.estimateLow, RUNS.c.estimateHigh, RUNS.c.held, RUNS.c.spent, RUNS.c.cost, IMAGES.c.cost), _MONEY),
    **dict.fromkeys((IMAGES.c.width, IMAGES.c.height), _SIDE),
    **dict.fromkeys((RUNS.c.status, IMAGES.c.status), ColumnKind(_TEXT, check=_STATUSES.__contains__)),
    RUNS.c.request: ColumnKind(_TEXT, is_json=True, check=_is_request),
    RUNS.c.referenceImages: ColumnKind(_TEXT, is_json=True, check=lambda v: _is_request({"reference_images": v})),
}  # fmt: skip

KINDS: dict[sa.ColumnElement[Any], ColumnKind] = {
    column: _NAMED.get(column) or _OF_TYPE.get(type(column.type)) or ColumnKind(_TEXT)
    for table in (RUNS, IMAGES)
    for column in table.c
}
"""What each column of the log may have, besides NULL."""

_NEVER_NULL = {RUNS.c.task, RUNS.c.request, *(column for column in KINDS if not getattr(column, "nullable", True))}


SUSPECT = total(
    sa.or_(
        *(column.is_not(None) & sa.not_(is_json(column)) for column in (RUNS.c.task, RUNS.c.request)),
        sa.not_(is_whole(IMAGES.c.cost)),
        IMAGES.c.cost < 0,
    )
)
"""Counts rows that are damaged where a frame does not look: in a column that it lacks, or from which SQL computes."""


@dataclass(frozen=True, slots=True)
class Damage:
    """The damaged rows of a log, by table and number, and a sentence on each."""

    rows: dict[sa.Table, list[int]] = field(default_factory=lambda: {RUNS: [], IMAGES: []})
    sentences: list[str] = field(default_factory=list)

    def without(self, query: sa.Select[Any], *tables: sa.Table) -> sa.Select[Any]:
        """A query without those rows of its tables."""
        for table in tables:
            if ids := self.rows[table]:
                query = query.where(table.c.id.is_(None) | ~one_of(table.c.id, ids))
        return query


def decode_row(columns: Sequence[Any], values: Iterable[Any]) -> dict[str, Any]:
    """A row by its column names, in Python's types.

    Args:
        columns: of the query; those that are no columns of a table keep their value.
        values: as the driver returned them.

    Raises:
        DamagedRow: if a value is none that the column may have.
    """
    row, wrong = read_row(columns, values)
    if wrong:
        whose = (
            f"run {row['taskUUID']!r}"
            if "taskUUID" in row
            else f"result {row.get('id')} of run number {row.get('run')}"
        )
        raise DamagedRow(f"{whose}, column {wrong[0]!r}")
    return row


def read_row(columns: Sequence[Any], values: Iterable[Any]) -> tuple[dict[str, Any], list[str]]:
    """A row as :func:`decode_row` returns it, and the columns whose values cannot be decoded and are as they came."""
    row: dict[str, Any] = {}
    wrong: list[str] = []
    for column, value in zip(columns, values, strict=True):
        kind = KINDS.get(column)
        row[column.key] = value
        if kind is not None and (value is not None or column in _NEVER_NULL):
            try:
                row[column.key] = kind.decode(value)
            except (ValueError, TypeError, RecursionError):
                wrong.append(column.key)
    if row.get("file") is not None:
        wrong += [fact for fact in _FACTS if row.get(fact, "") is None]
    return row, wrong


def fetch(connection: sa.Connection, query: sa.Select[Any], **parameters: Any) -> list[dict[str, Any]]:
    """The rows of a query, decoded.

    Raises:
        DamagedRow: if one of them cannot be.
    """
    columns = list(query.selected_columns)
    cursor: Any = connection.execute(query, parameters).cursor
    return [decode_row(columns, values) for values in cursor.fetchall()]


def check_values(name: str, kind: ColumnKind, values: Sequence[Any]) -> None:
    """Check many values of one column faster than one by one. Texts are checked by the driver, JSON is not parsed.

    Raises:
        DamagedRow: if one of them is none of that kind.
    """
    types = set(map(type, values)) - {type(None)}
    is_number = str not in kind.types
    numbers = [value for value in values if value is not None] if is_number and types <= kind.types else []
    if not types <= kind.types or (numbers and not kind.low <= min(numbers) <= max(numbers) <= kind.high):
        raise DamagedRow(f"a row, column {name!r}")


def read_undamaged(database: Database, read: Callable[[sa.Connection, Damage], T]) -> T:
    """Read rows; if one of them is damaged, warn of all damaged rows, and read the others.

    Args:
        database: the log.
        read: reads them in a transaction, without the damaged ones that it is given. May run twice.

    Raises:
        StorageError: if the log cannot be read.

    Warns:
        UserWarning: for damaged rows, each with its column.
    """
    try:
        with database.reading() as connection:
            return read(connection, Damage())
    except StorageError as error:
        if not isinstance(error, DamagedRow) and "decode to UTF-8" not in str(error):
            raise
        with database.reading() as connection:
            damage = _find_damage(connection)
            if not damage.sentences:
                raise
            more = len(damage.sentences) - NAMED_ROWS
            named = "; ".join(damage.sentences[:NAMED_ROWS]) + (f"; and {more:,} more" if more > 0 else "")
            warnings.warn(f"the log {database.name} has damaged rows, which are left out: {named}", stacklevel=4)
            return read(connection, damage)


def columns_of(database: Database, query: sa.Select[Any]) -> list[list[Any]]:
    """The columns of a query over runs and results, without damaged rows, as the driver returned them.

    Raises:
        StorageError: if the log cannot be read.

    Warns:
        UserWarning: for damaged rows.
    """
    return read_undamaged(database, lambda c, damage: read_columns(c, damage.without(query, RUNS, IMAGES)))


def _find_damage(connection: sa.Connection) -> Damage:
    """Decode every row of the log."""
    damage = Damage()
    for table, numbers in damage.rows.items():
        for values in raw_rows(connection, table):
            try:
                row = decode_row(list(table.c), values)
                if table is RUNS:
                    check_request(row)
            except DamagedRow as error:
                numbers.append(values[0])
                damage.sentences.append(str(error))
    return damage


def raw_rows(connection: sa.Connection, table: sa.Table) -> Iterator[tuple[Any, ...]]:
    """The rows of a table, each with the values of its columns as SQLite has them; bytes for a text that is no UTF-8."""
    yield from raw_values(connection, sa.select(table).order_by(table.c.id))


def raw_values(connection: sa.Connection, query: sa.Select[Any]) -> Iterator[tuple[Any, ...]]:
    """The rows of a query, as :func:`raw_rows` returns those of a table."""
    driver: Any = connection.connection.dbapi_connection
    driver.text_factory = _text
    try:
        cursor: Any = connection.execute(query).cursor
        yield from cursor
    finally:
        driver.text_factory = str


def _text(value: bytes) -> str | bytes:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def check_request(row: dict[str, Any]) -> None:
    """Check that a run's row has a request.

    Raises:
        DamagedRow: if it has none.
    """
    try:
        logged_request(row["request"], row["extra"], row["task"], is_cut=not row["resendable"])
    except Exception:  # noqa: BLE001  what a stranger wrote may raise anything
        raise DamagedRow(f"run {row['taskUUID']!r}, column 'request'") from None
