"""The values by which a sweep varies and which are no parameters: one row for each run and name, as the sweep was given them.

They are the variables of its template and the number of a repeat. A text stays text, and a number a number. The rows are
written with the run, so that a later kernel can filter, group and sort by them without the sweep.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import numbers
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from nbkit.errors import printable
from nbkit.log.database import read_columns
from nbkit.log.schema import AXES, RUNS
from nbkit.log.sql import given_value, one_of, recursive, type_name, upsert
from nbkit.request.parameter import MAX_INTEGER

MAX_AXES = 100
"""Axes that a run has in the log, and axes that a frame has: the first of a run, and the newest of a log."""

MAX_NAME, MAX_TEXT = 100, 2_000
"""Characters of a name and of a text in the log; the rest of a longer one is replaced by a hash of the whole."""

_FEW = 20_000
"""The axes of so many runs are found by their numbers; of more, those of all runs between the first and the last are read."""

_MIN_INTEGER = -MAX_INTEGER - 1
_MAX_LISTED = 1_000
_VALUES = ("text", "integer", "real")  # what SQLite calls the types that nbkit writes
_NEXT = (
    "WITH RECURSIVE found(name) AS (SELECT min(name) FROM axes UNION ALL "
    "SELECT (SELECT min(name) FROM axes WHERE name > found.name) FROM found WHERE found.name IS NOT NULL {inside}) "
    "SELECT name FROM found {outside}"
)
"""Finds each name by one look at the index, however many rows have it."""


def to_log(values: Mapping[str, Any]) -> dict[str, str | int | float]:
    """Values by name as the log has them: numbers of 64 bits, and everything else as the text that a prompt has.

    Args:
        values: of any kind, by any name.
    """
    some = itertools.islice(values.items(), MAX_AXES)
    return {_bounded(printable(name), MAX_NAME): _value(value) for name, value in some}


def _value(value: Any) -> str | int | float:
    text = str(value)
    is_whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if is_whole and _MIN_INTEGER <= int(value) <= MAX_INTEGER:
        return int(value)
    if isinstance(value, numbers.Real) and not isinstance(value, numbers.Rational):
        number = float(text)  # of a number of 32 bits, the digits that a prompt has
        if math.isfinite(number):
            return number
    return _bounded(text, MAX_TEXT)


def storable(text: str) -> str:
    """A text as SQLite takes it, which has no half of a surrogate pair."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _bounded(text: str, most: int) -> str:
    whole = storable(text)
    if len(whole) <= most:
        return whole
    return f"{whole[: most - 9]}…{hashlib.sha256(whole.encode()).hexdigest()[:8]}"


def write_axes(connection: sa.Connection, run: int, values: Mapping[str, str | int | float]) -> None:
    """Write the axes of a run, in the transaction that writes the run.

    Args:
        connection: of the transaction.
        run: number of the row.
        values: as :func:`to_log` returns them.
    """
    if values:
        rows = [{"run": run, "name": name, "value": value} for name, value in values.items()]
        connection.execute(_INSERT, rows)


# A row that another program left, of a run that is not there, refuses no run.
_INSERT = upsert(AXES, ("run", "name", "value"), ("run", "name"))


def read_axes(
    connection: sa.Connection, runs: Sequence[int], names: Collection[str] | None = None
) -> dict[str, list[str | int | float | None]]:
    """The axes of some runs: by name, a value or ``None`` for each run.

    Args:
        connection: of a reading transaction.
        runs: the numbers of their rows, ascending; one may come several times.
        names: only these axes, which are all in the result; without them, those that the runs have.
    """
    if not runs or (names is not None and not names) or connection.scalar(sa.select(AXES.c.id).limit(1)) is None:
        return {name: [None] * len(runs) for name in names or ()}
    distinct = list(dict.fromkeys(runs))
    some = one_of(AXES.c.run, distinct) if len(distinct) <= _FEW else AXES.c.run.between(distinct[0], distinct[-1])
    query = sa.select(AXES.c.run, AXES.c.name, AXES.c.value).where(some)
    if names is not None:
        query = query.where(one_of(AXES.c.name, names))
    columns = _read_any_text(connection, query.order_by(AXES.c.id))
    wanted, types = set(distinct), {str, int, float}
    found: dict[str, dict[int, Any]] = {
        name: {} for name in (*(names or ()), *filter(_is_axis, dict.fromkeys(columns[1])))
    }
    for run, name, value in zip(*columns, strict=True):
        if run in wanted and name in found and type(value) in types:
            found[name][run] = value
    if names is None:  # the range of many runs may have others between them
        found = {name: values for name, values in found.items() if values}
    shown = list(found) if names is not None else list(found)[-MAX_AXES:]
    return {name: list(map(found[name].get, runs)) for name in shown}


def axis_names(connection: sa.Connection) -> list[str]:
    """The names of all axes of the log."""
    query = recursive(_NEXT, "LIMIT :most", connection.dialect.name).bindparams(most=_MAX_LISTED)
    (names,) = _read_any_text(connection, query)
    return [name for name in names if _is_axis(name)]


def axis_types(connection: sa.Connection, name: str) -> set[str]:
    """What SQLite calls the types of an axis's values; empty if the log has no such axis."""
    if not _is_axis(name):
        return set()
    query = sa.select(type_name(AXES.c.value)).where(AXES.c.name == name).distinct()
    return set(connection.scalars(query)) & set(_VALUES)


def axis_expression(name: str, types: Collection[str]) -> sa.ColumnElement[Any]:
    """The value of a row's axis in SQL.

    Args:
        name: of the axis.
        types: of its values. If some are text, all are; a float beside whole numbers makes all of them floats.
    """
    kind: sa.types.TypeEngine[Any] = sa.Text() if "text" in types else sa.Float()
    kind = sa.BigInteger() if set(types) == {"integer"} else kind
    value = given_value(AXES.c.value, kind)
    of_run = sa.select(value).where(AXES.c.run == RUNS.c.id, AXES.c.name == name)
    return of_run.where(type_name(AXES.c.value).in_(_VALUES)).correlate(RUNS).scalar_subquery()


def value_as_text(value: str | float) -> str:
    """A value as SQLite makes text of it."""
    if not isinstance(value, float):
        return str(value)
    digits, sign, exponent = f"{value:.15g}".partition("e")
    return f"{digits if '.' in digits else f'{digits}.0'}{sign}{exponent}"


def _is_axis(name: object) -> bool:
    """Whether a name is one that nbkit writes."""
    return isinstance(name, str) and len(name) <= MAX_NAME and name == _bounded(printable(name), MAX_NAME)


def _read_any_text(connection: sa.Connection, query: sa.Executable) -> list[list[Any]]:
    """The columns of a query; a text of another program that is no UTF-8 is read as what it is most like."""
    try:
        return read_columns(connection, query)
    except (sqlite3.OperationalError, sa.exc.OperationalError) as error:
        if "UTF-8" not in str(error):
            raise
    driver: Any = connection.connection.dbapi_connection
    driver.text_factory = lambda text: text.decode("utf-8", "replace")  # slower
    try:
        return read_columns(connection, query)
    finally:
        driver.text_factory = str
