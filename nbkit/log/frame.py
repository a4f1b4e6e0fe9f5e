"""The log as a DataFrame: one row per picture, and one for each run or result without a picture.

:data:`COLUMNS` is the list of columns; a new column is one line there. Every dtype is nullable and always the same,
also for an empty log, so a seed of 63 bits stays exact beside a gap.
"""

from __future__ import annotations

import importlib
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import sqlalchemy as sa

from nbkit.errors import NbkitError
from nbkit.log.database import Database, read_columns
from nbkit.log.schema import IMAGES, PARAMETER_COLUMNS, RUNS
from nbkit.request.image_request import PARAMETERS
from nbkit.request.model import MICRO
from nbkit.request.parameter import Boolean, Decimal2, Integer, Parameter

_arrow: Any = importlib.import_module("pyarrow") if pd.StringDtype().storage == "pyarrow" else None

STRING, INTEGER, FLOAT, BOOLEAN, TIME = "string", "Int64", "Float64", "boolean", "datetime64[us, UTC]"


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One column of the frame.

    Attributes:
        name: in the frame.
        source: the SQL expression that it is read from.
        dtype: in pandas.
        convert: from the database's value to the frame's, if they differ; never called with ``None``.
    """

    name: str
    source: sa.ColumnElement[Any]
    dtype: str
    convert: Callable[[Any], Any] | None = None


def _dtype(parameter: Parameter[Any]) -> str:
    match parameter.kind:
        case Integer():
            return INTEGER
        case Decimal2():
            return FLOAT
        case Boolean():
            return BOOLEAN
        case _:
            return STRING


def _to_usd(micros: int) -> float:
    return micros / MICRO


def _join_references(references: str) -> str:
    return " ".join(json.loads(references))


def _parameter(name: str) -> Column:
    parameter = PARAMETERS[name]
    column = PARAMETER_COLUMNS[name]
    source: sa.ColumnElement[Any] = RUNS.c[column]
    convert = None
    if name == "reference_images":
        source, convert = sa.cast(source, sa.Text), _join_references
    if name in ("width", "height"):  # the picture's own size where none was sent
        source = sa.func.coalesce(source, IMAGES.c[name])
    return Column(column, source, _dtype(parameter), convert)


_AFTER_SEED = ("temperature", "top_p")
_AFTER_STATUS = (
    "thinking", "width", "height", "resolution", "number_results", "system_prompt",
    "web_search", "image_search", "safety_tolerance",
)  # fmt: skip
_OTHER_PARAMETERS = tuple(name for name in PARAMETERS if name not in {*_AFTER_SEED, *_AFTER_STATUS, "prompt", "seed"})

COLUMNS: tuple[Column, ...] = (
    _parameter("prompt"),
    Column("seed", IMAGES.c.seed, INTEGER),
    *(_parameter(name) for name in _AFTER_SEED),
    Column("cost", IMAGES.c.cost, FLOAT, _to_usd),
    Column("status", sa.func.coalesce(IMAGES.c.status, RUNS.c.status), STRING),
    *(_parameter(name) for name in _AFTER_STATUS),
    *(_parameter(name) for name in _OTHER_PARAMETERS),
    Column("NSFWContent", IMAGES.c.nsfw, BOOLEAN),
    Column("extra", sa.cast(RUNS.c.extra, sa.Text), STRING),
    Column("parent", RUNS.c.parent, STRING),
    _parameter("seed"),
    Column("created", RUNS.c.created, TIME),
    Column("latency", RUNS.c.latency, FLOAT),
    Column("file", IMAGES.c.file, STRING),
    Column("rating", IMAGES.c.rating, INTEGER),
    Column("keep", IMAGES.c.keep, BOOLEAN),
    Column("tags", IMAGES.c.tags, STRING),
    Column("note", IMAGES.c.note, STRING),
    Column("sweep", RUNS.c.sweep, STRING),
    Column("error", sa.func.coalesce(IMAGES.c.error, RUNS.c.error), STRING),
    Column("charged", RUNS.c.charged, BOOLEAN),
    Column("engine", RUNS.c.engine, STRING),
    Column("model", RUNS.c.model, STRING),
    Column("taskUUID", RUNS.c.taskUUID, STRING),
    Column("imageUUID", IMAGES.c.imageUUID, STRING),
)


_ID_COLUMNS = (Column("run", RUNS.c.id, INTEGER), Column("result", IMAGES.c.id, INTEGER))

_ROWS = RUNS.outerjoin(IMAGES, IMAGES.c.run == RUNS.c.id)

MAX_RUNS_BY_ID = 2_000
"""Up to this number of runs, :func:`frame_of` reads each by its id; for more, it reads the range from first to last."""

DENSE_SHARE = 1 / 3
"""If a larger share of the rows that :func:`frame_of` reads is wanted, pandas selects them faster than a loop."""

_BATCH_SIZE = 500  # a SQLite query cannot have thousands of parameters

_OPTIONAL_COLUMNS = [
    c for c in COLUMNS if isinstance(c.source, sa.Column) and c.source.table is RUNS and c.source.nullable
]


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
            f"rows of studio.df are wanted, as a frame, not {type(frame).__name__}: studio.df[studio.df.seed == 7]"
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


def query_of(where: sa.ColumnElement[bool] | None = None, columns: Sequence[Column] = COLUMNS) -> sa.Select[Any]:
    """The query for the log's rows, oldest first.

    Args:
        where: a condition on the rows; ``None`` selects all.
        columns: the columns to read.
    """
    # Without types, because converting every 0 and 1 into a boolean takes longer than reading it.
    expressions = (sa.type_coerce(column.source, sa.types.NullType()).label(column.name) for column in columns)
    query = sa.Select[Any](*expressions).select_from(_ROWS).order_by(RUNS.c.id, IMAGES.c.id)
    return query if where is None else query.where(where)


def to_frame(database: Database, images: Path, runs: sa.ColumnElement[bool] | None = None) -> pd.DataFrame:
    """The log as a DataFrame; :meth:`nbkit.log.store.LogStore.to_frame` lists its columns and dtypes.

    Args:
        database: the log.
        images: the image folder; the column ``file`` starts with it.
        runs: a condition on the runs; ``None`` selects all.

    Returns:
        The rows, oldest first.
    """
    with database.reading() as connection:
        columns = _columns_with_values(connection, runs)
        fetched = read_columns(connection, query_of(runs, columns), len(columns))
    return _build_frame(dict(zip(columns, fetched, strict=True)), len(fetched[0]), images)


def _columns_with_values(connection: sa.Connection, runs: sa.ColumnElement[bool] | None) -> list[Column]:
    """The columns with values. Most parameters are never set, and counting values is faster than reading gaps."""
    counting = sa.select(
        *(sa.func.count(column.source).label(column.name) for column in _OPTIONAL_COLUMNS)
    ).select_from(RUNS)
    counts = connection.execute(counting if runs is None else counting.where(runs)).one()
    empty = {column for column, number in zip(_OPTIONAL_COLUMNS, counts, strict=True) if not number}
    return [column for column in COLUMNS if column not in empty]


def frame_of(database: Database, images: Path, rows: Sequence[tuple[int, int | None]]) -> pd.DataFrame:
    """Some rows of the log, in the columns of :func:`to_frame`.

    Args:
        database: the log.
        images: the image folder.
        rows: the ids of run and result of each row, oldest first; ``None`` as the result of a run without results.
    """
    wanted, runs = set(rows), list(dict.fromkeys(run for run, _ in rows))
    if len(runs) <= MAX_RUNS_BY_ID:
        conditions = [RUNS.c.id.in_(runs[start : start + _BATCH_SIZE]) for start in range(0, len(runs), _BATCH_SIZE)]
    else:
        conditions = [RUNS.c.id.between(runs[0], runs[-1])]
    with database.reading() as connection:
        columns = COLUMNS if len(conditions) != 1 else _columns_with_values(connection, conditions[0])
        found: list[list[Any]] = [[] for _ in columns]
        for where in conditions:
            ids, results, *read = read_columns(connection, query_of(where, (*_ID_COLUMNS, *columns)), 2 + len(columns))
            mask = [key in wanted for key in zip(ids, results, strict=True)]
            if len(conditions) == 1 and len(rows) > DENSE_SHARE * len(mask):
                frame = _build_frame(dict(zip(columns, read, strict=True)), len(mask), images)
                return frame[mask].reset_index(drop=True)
            for column, values in zip(found, read, strict=True):
                column.extend(itertools.compress(values, mask))
    return _build_frame(dict(zip(columns, found, strict=True)), len(found[0]), images)


def _build_frame(fetched: Mapping[Column, list[Any]], rows: int, images: Path) -> pd.DataFrame:
    frame = pd.DataFrame({column.name: _series(column, fetched.get(column, []), rows) for column in COLUMNS})
    if rows:
        frame["file"] = f"{images.as_posix()}/" + frame["file"]
    return frame


def _series(column: Column, values: list[Any], rows: int) -> pd.Series[Any]:
    series: pd.Series[Any]
    dtype = cast("Any", column.dtype)  # the stubs of pandas accept only literal names of dtypes
    if all(value is None for value in values):
        series = pd.Series(pd.NaT if column.dtype == TIME else pd.NA, index=range(rows), dtype=dtype)
        return series
    if column.convert is not None:
        convert = column.convert
        values = [None if value is None else convert(value) for value in values]
    series = pd.Series(_ARRAYS[column.dtype](values), dtype=dtype)
    return series


def _with_mask(kind: str, values: list[Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The numbers (0 for a gap) and the mask of gaps. pandas itself would inspect each value several times."""
    if None not in values:
        return np.array(values, dtype=kind), np.zeros(len(values), dtype=bool)
    numbers = np.array([0 if value is None else value for value in values], dtype=kind)
    return numbers, np.array([value is None for value in values])


def _strings(values: list[Any]) -> Any:
    # If pandas stores strings in pyarrow, pyarrow converts the list several times as fast as pandas.
    return values if _arrow is None else pd.array(_arrow.array(values, _arrow.large_string()), dtype="string")


_ARRAYS: dict[str, Callable[[list[Any]], Any]] = {
    INTEGER: lambda values: pd.arrays.IntegerArray(*_with_mask("int64", values)),
    FLOAT: lambda values: pd.arrays.FloatingArray(*_with_mask("float64", values)),
    BOOLEAN: lambda values: pd.arrays.BooleanArray(*_with_mask("bool", values)),
    TIME: lambda values: pd.DatetimeIndex(np.array(values, dtype="datetime64[us]"), tz="UTC"),
    STRING: _strings,
}
