"""The log as a DataFrame: one row per picture, and one for each run or result without a picture.

:data:`_NAMES` lists the columns; a new column is one name there. Every dtype has gaps and is always the same,
also for an empty log, so a seed of 63 bits stays exact beside a gap. After these columns come those of the axes of the
sweeps that are shown (:mod:`nbkit.log.axes`), whose dtype follows from their values.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from nbkit.errors import NbkitError, RequestError
from nbkit.log.axes import read_axes, value_as_text
from nbkit.log.damage import KINDS, SUSPECT, Damage, DamagedRow, check_values, columns_of, read_undamaged
from nbkit.log.database import Database, read_columns
from nbkit.log.images import is_picture_name
from nbkit.log.schema import IMAGES, IS_REMOVED, PARAMETER_COLUMNS, RUNS
from nbkit.log.sql import one_of
from nbkit.request.parameter import ValueInvalid, short_repr, type_in_words
from nbkit.request.price import MICRO
from nbkit.request.reference import name_in_log

_arrow: Any = importlib.import_module("pyarrow") if pd.StringDtype().storage == "pyarrow" else None

REMOVED = "its picture was removed from the disk"
"""The column ``error`` of such a picture."""

STRING, INTEGER, FLOAT, BOOLEAN, TIME = "string", "Int64", "Float64", "boolean", "datetime64[us, UTC]"

MEASURE = "float64"
"""The dtype of what is measured, whose gap is NaN: pandas makes a table of several nullable columns, such as a pivot
table, an array of objects, which matplotlib refuses, and most of what people compute with takes no nullable column."""

_AFTER_SEED = ("temperature", "topP")
_AFTER_STATUS = (
    "thinking", "width", "height", "resolution", "numberResults", "systemPrompt", "webSearch", "imageSearch",
    "safetyTolerance",
)  # fmt: skip
_OTHER_PARAMETERS = tuple(
    name for name in PARAMETER_COLUMNS.values() if name not in {*_AFTER_SEED, *_AFTER_STATUS, "prompt", "requestedSeed"}
)
_NAMES = (
    "prompt", "seed", *_AFTER_SEED, "cost", "status", *_AFTER_STATUS, *_OTHER_PARAMETERS, "NSFWContent", "extra", "parent",
    "parentImage", "requestedSeed", "created", "latency", "file", "rating", "keep", "tags", "note",
    "textFidelity", "textMissing", "textFound", "sharpness", "contrast", "colourfulness",
    "sweep", "error", "charged", "engine", "model", "adopted", "replay", "taskUUID", "imageUUID",
)  # fmt: skip
"""The columns of the frame, in their order."""

_EXPRESSIONS: dict[str, sa.ColumnElement[Any]] = {
    "cost": IMAGES.c.cost / float(MICRO),
    "NSFWContent": IMAGES.c.nsfw,
    "status": sa.func.coalesce(IMAGES.c.status, RUNS.c.status),
    "adopted": sa.func.coalesce(IMAGES.c.adopted, RUNS.c.adopted),
    "error": sa.case((IS_REMOVED, REMOVED), else_=sa.func.coalesce(IMAGES.c.error, RUNS.c.error)),
    # The picture's own size where none was sent.
    **{name: sa.func.coalesce(RUNS.c[name], IMAGES.c[name]) for name in ("width", "height")},
}
"""What is read where that is not the column of this name, of the picture if it has one, else of the run."""

COLUMNS: dict[str, sa.ColumnElement[Any]] = {
    name: _EXPRESSIONS[name] if name in _EXPRESSIONS else (IMAGES.c if name in IMAGES.c else RUNS.c)[name]
    for name in _NAMES
}
"""The columns of the frame with their SQL expressions."""

_OF_TYPE = {sa.BigInteger: INTEGER, sa.Integer: INTEGER, sa.Float: FLOAT, sa.Boolean: BOOLEAN}

DTYPES = {name: _OF_TYPE.get(type(source.type), STRING) for name, source in COLUMNS.items()} | {
    **dict.fromkeys(("cost", "latency", "rating", "textFidelity", "sharpness", "contrast", "colourfulness"), MEASURE),
    **dict.fromkeys(("created", "adopted"), TIME),
}
"""The dtypes of the columns."""


def dtype_of(name: str, expression: sa.ColumnElement[Any]) -> str:
    """The dtype of a column of the log, given its expression; that of an axis follows from the expression's type."""
    return DTYPES.get(name) or _OF_TYPE.get(type(expression.type), STRING)


TAKEN = "var_"
"""Begins the column of an axis whose own name is that of another column."""


def axis_column(name: str) -> str:
    """The column of an axis: its name, or where a column of every frame has that, ``var_`` and the name."""
    return f"{TAKEN}{name}" if _PREFIX.sub("", name) in COLUMNS else name


def axis_name(column: str) -> str:
    """The name of the axis that :func:`axis_column` gives a column."""
    return column.removeprefix(TAKEN) if _PREFIX.sub("", column) in COLUMNS else column


_PREFIX = re.compile("^(var_)+")  # an axis "var_status" has the column "var_var_status", and takes none from "status"

_ROWS = RUNS.outerjoin(IMAGES, IMAGES.c.run == RUNS.c.id)

_OPTIONAL = {name for name, c in COLUMNS.items() if isinstance(c, sa.Column) and c.table is RUNS and c.nullable}
_OPTIONAL |= {"adopted"}


def check_argument(name: str, check: Callable[[Any], Any], value: Any, hint: str = "") -> Any:
    """An argument in its canonical form.

    Args:
        name: of the argument.
        check: returns that form, or raises ``ValueInvalid``.
        value: the argument.
        hint: ends the message of the error.

    Raises:
        RequestError: if the check does not allow the value.
    """
    try:
        return check(value)
    except ValueInvalid as error:
        raise RequestError(
            f"{name}={short_repr(value)}: must be {error}{hint}",
            parameter=name,
            value=value,
            reason=error.reason,
            suggestion=error.suggestion,
        ) from None


def check_frame(frame: object, needed: Sequence[str] = ("file",)) -> None:
    """Check that an argument is a frame with the log's columns.

    Args:
        frame: the argument.
        needed: the columns that it must have.

    Raises:
        NbkitError: if it is no frame, lacks one of those columns, or has two columns of one name. The message contains
            what to give instead.
    """
    if not isinstance(frame, pd.DataFrame):
        raise NbkitError(
            f"the rows must be a frame, such as studio.df[studio.df.seed == 7], got {type_in_words(frame)}"
        )
    check_unique_columns(frame.columns)
    lacking = [name for name in needed if name not in frame.columns]
    if lacking:
        raise NbkitError(
            f"this frame has no column {' and no column '.join(map(repr, lacking))}, so its rows do not know their "
            f"pictures; keep {', '.join(needed[:-1])}{' and ' if needed[:-1] else ''}{needed[-1]} when selecting columns"
        )


def check_unique_columns(columns: pd.Index[Any]) -> None:
    """Check that the names of a frame's columns are unique.

    Raises:
        NbkitError: if they are not.
    """
    duplicates = columns[columns.duplicated()]
    if len(duplicates):
        raise NbkitError(
            f"this frame has more than one column {duplicates[0]!r}; frame.loc[:, ~frame.columns.duplicated()] keeps the "
            "first of each name"
        )


_FEW = 20_000
"""Up to so many rows are found by their numbers after a condition was looked at once; it is looked at twice for more."""


_LOOKS = 30
"""Runs that are looked at first for each row of a page."""

NEWEST_FIRST = (RUNS.c.id.desc(), IMAGES.c.id.desc())


@dataclass(frozen=True, slots=True)
class RowPage:
    """Some rows of a longer list.

    Attributes:
        limit: how many there are at most.
        offset: how many come before them.
        order: by what they are put in order; without it, the newest come first.
        each: a column; with it, there are ``limit`` rows of each of its values.
        rows: how many there are in all, if that is known.
    """

    limit: int
    offset: int = 0
    order: Sequence[sa.ColumnElement[Any]] = NEWEST_FIRST
    each: sa.ColumnElement[Any] | None = None
    rows: int | None = None


def query_of(
    where: sa.ColumnElement[bool] | None = None, columns: Iterable[sa.ColumnElement[Any]] = tuple(COLUMNS.values())
) -> sa.Select[Any]:
    """The query for the log's rows, oldest first.

    Args:
        where: a condition on the rows; ``None`` selects all.
        columns: what to read.
    """
    # Without types, because converting every 0 and 1 into a boolean takes longer than reading it.
    expressions = (sa.type_coerce(column, sa.types.NullType()) for column in columns)
    query = sa.Select[Any](*expressions).select_from(_ROWS).order_by(RUNS.c.id, IMAGES.c.id)
    return query if where is None else query.where(where)


def _narrowed(
    connection: sa.Connection, damage: Damage, where: sa.ColumnElement[bool] | None, page: RowPage | None
) -> Any:
    """A condition that finds the rows of a page, or those that meet a condition, by their numbers if they are few."""
    if where is None and page is None:
        return None
    some = page or RowPage(_FEW + 1)

    def read(condition: sa.ColumnElement[bool] | None) -> list[list[Any]]:
        if some.each is not None:
            number = sa.func.row_number().over(partition_by=some.each, order_by=list(some.order))
            columns = (RUNS.c.id.label("run"), IMAGES.c.id.label("result"), number.label("number"))
            numbered = damage.without(query_of(condition, columns).order_by(None), RUNS, IMAGES).subquery().c
            return read_columns(connection, sa.select(numbered[0], numbered[1]).where(numbered[2] <= some.limit))
        query = damage.without(query_of(condition, (RUNS.c.id, IMAGES.c.id)), RUNS, IMAGES)
        query = query.order_by(None).order_by(*some.order)
        return read_columns(connection, query.limit(some.limit).offset(some.offset))

    runs: list[Any] = []
    results: list[Any] = []
    rows = some.limit if some.rows is None else some.rows
    if page is not None and where is not None and page.order is NEWEST_FIRST:
        # First among the newest runs, and by no index: an index finds rare rows at once, and of frequent ones all.
        newest = connection.scalar(sa.select(sa.func.max(RUNS.c.id))) or 0
        looks = min(max(_FEW, _LOOKS * (rows + page.offset)), newest)
        looked_at = RUNS.c.id > newest - looks
        runs, results = read(looked_at & (sa.func.coalesce(where, sa.false()) == sa.true()))
    if len(runs) < rows:
        runs, results = read(where)
    if page is None and len(runs) > _FEW:
        return where
    return one_of(RUNS.c.id, runs) & sa.or_(IMAGES.c.id.is_(None), one_of(IMAGES.c.id, results))


def to_frame(
    database: Database,
    images: Path,
    where: sa.ColumnElement[bool] | None = None,
    columns: Iterable[str] | None = None,
    page: RowPage | None = None,
    axes: Iterable[str] = (),
) -> pd.DataFrame:
    """The log as a DataFrame; :meth:`nbkit.RunLog.to_frame` lists its columns and dtypes.

    ``pandas.read_sql`` takes half as long again, and makes a seed beside a gap a float unless it is told not to.

    Args:
        database: the log.
        images: the image folder; the column ``file`` starts with it.
        where: a condition on the rows; ``None`` selects all.
        columns: the columns of the frame; without them, those of every frame, and those of the axes that the rows have.
        page: only those rows.
        axes: columns of axes that the frame has in any case.

    Returns:
        The rows, oldest first.
    """
    names = _NAMES if columns is None else tuple(columns)
    fixed = [name for name in names if name in COLUMNS]
    wanted = None if columns is None else [axis_name(name) for name in names if name not in COLUMNS]

    def read(connection: sa.Connection, damage: Damage) -> tuple[dict[str, list[Any]], list[int]]:
        values, runs = _read_values(connection, damage, _narrowed(connection, damage, where, page), fixed)
        found = read_axes(connection, runs, wanted)
        return values | {axis_column(name): of_axis for name, of_axis in found.items()}, runs

    values, runs = read_undamaged(database, read)
    if columns is None:
        names = tuple(dict.fromkeys((*names, *(name for name in values if name not in COLUMNS), *axes)))
    if files := values.get("file"):
        values["file"] = [name and f"{images.as_posix()}/{name}" for name in files]
    arrays = {name: _array(name, values.get(name), len(runs)) for name in names}
    return pd.DataFrame(arrays, index=pd.RangeIndex(len(runs)), copy=False)


_COUNTS = (
    sa.select(sa.func.count()).select_from(RUNS),
    sa.select(sa.func.count()).select_from(IMAGES),
    sa.select(sa.func.count(IMAGES.c.run.distinct())),
)


def count_rows(database: Database, where: sa.ColumnElement[bool] | None = None) -> int:
    """The number of rows of the log's frame, without reading them.

    Args:
        database: the log.
        where: a condition on the rows; ``None`` counts all.
    """

    def read(connection: sa.Connection, damage: Damage) -> int:
        if where is not None or damage.sentences:
            query = damage.without(query_of(where, (sa.func.count(),)), RUNS, IMAGES)
            return int(connection.scalar(query.order_by(None)) or 0)
        # From indexes alone: each picture is a row, and each run without any.
        runs, results, with_results = (int(connection.scalar(query) or 0) for query in _COUNTS)
        return runs + results - with_results

    return read_undamaged(database, read)


def count_groups(
    database: Database,
    column: sa.ColumnElement[Any],
    where: sa.ColumnElement[bool] | None = None,
    limit: int | None = None,
) -> tuple[list[Any], list[int]]:
    """The values of a column, as they are stored, in ascending order with a gap at the end, and the rows of each.

    Args:
        database: the log.
        column: its expression.
        where: a condition on the rows.
        limit: only so many values.
    """
    column = sa.type_coerce(column, sa.types.NullType())  # the values are compared as they are stored
    each = query_of(where, (column.label("value"), sa.func.count().label("rows"))).order_by(None)
    counted = (
        each.group_by(sa.literal_column("1")).subquery().c
    )  # by its number: parameters in a column are not its name
    query = sa.select(counted.value, counted.rows).order_by(counted.value.is_(None), counted.value)
    values, rows = columns_of(database, query.limit(limit))
    return values, rows


def values_of(name: str, values: list[Any] | None, rows: int, images: Path) -> pd.Series[Any]:
    """Values of a column, as they are stored, as the frame has them.

    Args:
        name: of the column.
        values: ``None`` for gaps alone.
        rows: how many there are.
        images: the image folder; the column ``file`` starts with it.
    """
    series: pd.Series[Any] = pd.Series(_array(name, values, rows))
    return f"{images.as_posix()}/" + series if rows and name == "file" else series


def _read_values(
    connection: sa.Connection, damage: Damage, where: sa.ColumnElement[bool] | None, columns: Sequence[str]
) -> tuple[dict[str, list[Any]], list[int]]:
    """The values of each column that is not empty, and the number of each row's run."""

    def rows_of(*expressions: Any) -> sa.Select[Any]:
        return damage.without(query_of(where, expressions), RUNS, IMAGES)

    # Most parameters are never set, and counting values is faster than reading gaps.
    optional = [name for name in columns if name in _OPTIONAL] or ["prompt"]
    counted = rows_of(SUSPECT, *(sa.func.count(COLUMNS[name]) for name in optional)).order_by(None)
    suspect, *counts = connection.execute(counted).one()
    if suspect:
        raise DamagedRow("a row")
    empty = {name for name, number in zip(optional, counts, strict=True) if not number}
    present = [name for name in columns if name not in empty]
    runs, *fetched = read_columns(connection, rows_of(RUNS.c.id, *(COLUMNS[name] for name in present)))
    for name, values in zip(present, fetched, strict=True):
        _check(name, values)
    read = dict(zip(present, fetched, strict=True))
    if "file" in read:
        read["file"] = [name if is_picture_name(name) else None for name in read["file"]]
    return read, runs


def _check(name: str, values: list[Any]) -> None:
    """Raise ``DamagedRow`` if a value cannot stand in the frame."""
    if name not in _EXPRESSIONS or name in ("width", "height", "status", "error", "adopted"):
        check_values(name, KINDS[(RUNS if name in RUNS.c else IMAGES).c[name]], values)
    if name in ("created", "taskUUID", "status") and None in values:
        raise DamagedRow(f"a row, column {name!r}")
    if name in ("referenceImages", "extra"):
        try:
            for value in {value for value in values if value is not None}:
                KINDS[RUNS.c[name]].decode(value)
        except (ValueError, RecursionError):
            raise DamagedRow(f"a row, column {name!r}") from None


def _array(name: str, values: list[Any] | None, rows: int) -> Any:
    """Values of a column as one of pandas' arrays, of which a frame is made in half the time that columns take."""
    if name not in DTYPES:
        values = _of_one_type(values)
    dtype = DTYPES.get(name) or _DTYPE_OF.get(_types(values), STRING)
    if not values:
        return _GAPS[dtype](rows)
    if name == "referenceImages":
        values = [value and " ".join(map(name_in_log, json.loads(value))) for value in values]  # old logs have queries
    return _ARRAYS[dtype](values)


_DTYPE_OF = {frozenset({int}): INTEGER, frozenset({float}): FLOAT, frozenset({int, float}): FLOAT}
"""The dtypes of axes by the types of their values; it is text for all others."""


def _types(values: list[Any] | None) -> frozenset[type]:
    return frozenset(map(type, values or ())) - {type(None)}


def _of_one_type(values: list[Any] | None) -> list[Any] | None:
    """The values of an axis; if some are text, all are."""
    if values is None or str not in (types := _types(values)) or len(types) == 1:
        return values
    return [None if value is None else value_as_text(value) for value in values]


def _with_mask(kind: str, values: list[Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The numbers (0 for a gap) and the mask of gaps. pandas itself would inspect each value several times."""
    if None not in values:
        return np.array(values, dtype=kind), np.zeros(len(values), dtype=bool)
    numbers = np.array([0 if value is None else value for value in values], dtype=kind)
    return numbers, np.array([value is None for value in values])


def _strings(values: list[Any]) -> Any:
    # If pandas stores strings in pyarrow, pyarrow converts the list several times as fast as pandas.
    return pd.array(values if _arrow is None else _arrow.array(values, _arrow.large_string()), dtype=_STRING)


def _no_strings(rows: int) -> Any:
    return pd.array([None] * rows if _arrow is None else _arrow.nulls(rows, _arrow.large_string()), dtype=_STRING)


_STRING = pd.StringDtype()  # pandas takes as long to find it by its name as to make a short column


_ARRAYS: dict[str, Callable[[list[Any]], Any]] = {
    INTEGER: lambda values: pd.arrays.IntegerArray(*_with_mask("int64", values)),
    MEASURE: lambda values: np.array(values, dtype=MEASURE),  # numpy makes NaN of None
    FLOAT: lambda values: pd.arrays.FloatingArray(*_with_mask("float64", values)),
    BOOLEAN: lambda values: pd.arrays.BooleanArray(*_with_mask("bool", values)),
    TIME: lambda values: pd.DatetimeIndex(np.array(values, dtype="datetime64[us]"), tz="UTC"),
    STRING: _strings,
}
"""How an array of a dtype is made of values."""


def _zeros(kind: str, rows: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    return np.zeros(rows, dtype=kind), np.ones(rows, dtype=bool)


_GAPS: dict[str, Callable[[int], Any]] = {
    INTEGER: lambda rows: pd.arrays.IntegerArray(*_zeros("int64", rows)),
    MEASURE: lambda rows: np.full(rows, np.nan),
    FLOAT: lambda rows: pd.arrays.FloatingArray(*_zeros("float64", rows)),
    BOOLEAN: lambda rows: pd.arrays.BooleanArray(*_zeros("bool", rows)),
    TIME: lambda rows: pd.DatetimeIndex(np.full(rows, "NaT", dtype="datetime64[us]"), tz="UTC"),
    STRING: _no_strings,
}
"""How an array of a dtype is made that has nothing but gaps."""
