"""The log as a DataFrame: one row per picture, one for each run or result that has none.

Columns are a list of data, :data:`COLUMNS`: a new column is one line. Every dtype is nullable and always the
same, also for an empty log: a seed of 63 bits stays exact beside a gap. (``cast``: the stubs of pandas know no dtype
whose name is a variable.)
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

STRING, WHOLE, NUMBER, FLAG, TIME = "string", "Int64", "Float64", "boolean", "datetime64[us, UTC]"


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One column of the frame.

    Attributes:
        name: in the frame.
        source: the SQL expression it is read from.
        dtype: in pandas.
        convert: from the database's value to the frame's, where they differ; never called with ``None``.
    """

    name: str
    source: sa.ColumnElement[Any]
    dtype: str
    convert: Callable[[Any], Any] | None = None


def _dtype(parameter: Parameter[Any]) -> str:
    match parameter.kind:
        case Integer():
            return WHOLE
        case Decimal2():
            return NUMBER
        case Boolean():
            return FLAG
        case _:
            return STRING


def _usd(micros: int) -> float:
    return micros / MICRO


def _joined(texts: str) -> str:
    return " ".join(json.loads(texts))


def _parameter(name: str) -> Column:
    parameter = PARAMETERS[name]
    column = PARAMETER_COLUMNS[name]
    source: sa.ColumnElement[Any] = RUNS.c[column]
    convert = None
    if name == "reference_images":
        source, convert = sa.cast(source, sa.Text), _joined
    if name in ("width", "height"):  # where no size was sent, the picture's own
        source = sa.func.coalesce(source, IMAGES.c[name])
    return Column(column, source, _dtype(parameter), convert)


_FIRST = ("temperature", "top_p")
_SECOND = (
    "thinking", "width", "height", "resolution", "number_results", "system_prompt",
    "web_search", "image_search", "safety_tolerance",
)  # fmt: skip
_REST = tuple(name for name in PARAMETERS if name not in {*_FIRST, *_SECOND, "prompt", "seed"})

COLUMNS: tuple[Column, ...] = (
    _parameter("prompt"),
    Column("seed", IMAGES.c.seed, WHOLE),
    *(_parameter(name) for name in _FIRST),
    Column("cost", IMAGES.c.cost, NUMBER, _usd),
    Column("status", sa.func.coalesce(IMAGES.c.status, RUNS.c.status), STRING),
    *(_parameter(name) for name in _SECOND),
    *(_parameter(name) for name in _REST),
    Column("NSFWContent", IMAGES.c.nsfw, FLAG),
    Column("extra", sa.cast(RUNS.c.extra, sa.Text), STRING),
    Column("parent", RUNS.c.parent, STRING),
    _parameter("seed"),
    Column("created", RUNS.c.created, TIME),
    Column("latency", RUNS.c.latency, NUMBER),
    Column("file", IMAGES.c.file, STRING),
    Column("rating", IMAGES.c.rating, WHOLE),
    Column("keep", IMAGES.c.keep, FLAG),
    Column("tags", IMAGES.c.tags, STRING),
    Column("note", IMAGES.c.note, STRING),
    Column("sweep", RUNS.c.sweep, STRING),
    Column("error", sa.func.coalesce(IMAGES.c.error, RUNS.c.error), STRING),
    Column("charged", RUNS.c.charged, FLAG),
    Column("engine", RUNS.c.engine, STRING),
    Column("model", RUNS.c.model, STRING),
    Column("taskUUID", RUNS.c.taskUUID, STRING),
    Column("imageUUID", IMAGES.c.imageUUID, STRING),
)


_KEYS = (Column("run", RUNS.c.id, WHOLE), Column("result", IMAGES.c.id, WHOLE))

_ROWS = RUNS.outerjoin(IMAGES, IMAGES.c.run == RUNS.c.id)

_BY_NAME = 2_000  # of so many runs SQLite finds each by its number; more are read together with those between them

_DENSE_SHARE = 1 / 3  # where more of them than this are wanted, pandas takes them out more quickly than a loop

_SELDOM = [c for c in COLUMNS if isinstance(c.source, sa.Column) and c.source.table is RUNS and c.source.nullable]


def check_frame(frame: object, needed: Sequence[str] = ("file",)) -> None:
    """See that something is a frame of the log's rows, and that they know their pictures.

    Args:
        frame: what a person gave.
        needed: the columns that must be there.

    Raises:
        NbkitError: if it is not; it says what to give instead.
    """
    if not isinstance(frame, pd.DataFrame):
        raise NbkitError(
            f"rows of studio.df are wanted, as a frame, not {type(frame).__name__}: studio.df[studio.df.seed == 7]"
        )
    check_names(frame.columns)
    lacking = [name for name in needed if name not in frame.columns]
    if lacking:
        raise NbkitError(
            f"this frame has no column {' and no column '.join(map(repr, lacking))}, so its rows do not know their "
            f"pictures; keep {', '.join(needed[:-1])}{' and ' if needed[:-1] else ''}{needed[-1]} when selecting columns"
        )


def check_names(columns: pd.Index[Any]) -> None:
    """See that no two columns of a frame have one name.

    Raises:
        NbkitError: if two have.
    """
    again = columns[columns.duplicated()]
    if len(again):
        raise NbkitError(
            f"this frame has more than one column {again[0]!r}; frame.loc[:, ~frame.columns.duplicated()] keeps the "
            "first of each name"
        )


def query_of(where: sa.ColumnElement[bool] | None = None, columns: Sequence[Column] = COLUMNS) -> sa.Select[Any]:
    """The log's rows, oldest first, as their columns come from the database.

    Args:
        where: which of them.
        columns: which columns.
    """
    # Without types: to make a boolean of every 0 and 1 costs more than to read it.
    expressions = (sa.type_coerce(column.source, sa.types.NullType()).label(column.name) for column in columns)
    query = sa.Select[Any](*expressions).select_from(_ROWS).order_by(RUNS.c.id, IMAGES.c.id)
    return query if where is None else query.where(where)


def to_frame(database: Database, images: Path, runs: sa.ColumnElement[bool] | None = None) -> pd.DataFrame:
    """The log, oldest first.

    Args:
        database: the log.
        images: the image folder; ``file`` is below it.
        runs: which of its runs.
    """
    with database.reading() as connection:
        columns = _ever_set(connection, runs)
        fetched = read_columns(connection, query_of(runs, columns), len(columns))
    return _framed(dict(zip(columns, fetched, strict=True)), len(fetched[0]), images)


def _ever_set(connection: sa.Connection, runs: sa.ColumnElement[bool] | None) -> list[Column]:
    """The columns that hold anything: most parameters are never set, and to count is quicker than to read gaps."""
    counting = sa.select(*(sa.func.count(column.source).label(column.name) for column in _SELDOM)).select_from(RUNS)
    counts = connection.execute(counting if runs is None else counting.where(runs)).one()
    never = {column for column, there in zip(_SELDOM, counts, strict=True) if not there}
    return [column for column in COLUMNS if column not in never]


def frame_of(database: Database, images: Path, rows: Sequence[tuple[int, int | None]]) -> pd.DataFrame:
    """Some of the log's rows, in the same columns.

    Args:
        database: the log.
        images: the image folder.
        rows: the ids of run and result, in the log's order; ``None`` for a run without results.
    """
    wanted, runs = set(rows), list(dict.fromkeys(run for run, _ in rows))
    if len(runs) <= _BY_NAME:
        wheres = [RUNS.c.id.in_(runs[start : start + 500]) for start in range(0, len(runs), 500)]
    else:
        wheres = [RUNS.c.id.between(runs[0], runs[-1])]
    with database.reading() as connection:
        columns = COLUMNS if len(wheres) != 1 else _ever_set(connection, wheres[0])
        found: list[list[Any]] = [[] for _ in columns]
        for where in wheres:
            ids, results, *read = read_columns(connection, query_of(where, (*_KEYS, *columns)), 2 + len(columns))
            here = [key in wanted for key in zip(ids, results, strict=True)]
            if len(wheres) == 1 and len(rows) > _DENSE_SHARE * len(here):
                frame = _framed(dict(zip(columns, read, strict=True)), len(here), images)
                return frame[here].reset_index(drop=True)
            for column, values in zip(found, read, strict=True):
                column.extend(itertools.compress(values, here))
    return _framed(dict(zip(columns, found, strict=True)), len(found[0]), images)


def _framed(fetched: Mapping[Column, list[Any]], rows: int, images: Path) -> pd.DataFrame:
    frame = pd.DataFrame({column.name: _series(column, fetched.get(column, []), rows) for column in COLUMNS})
    if rows:
        frame["file"] = f"{images.as_posix()}/" + frame["file"]
    return frame


def _series(column: Column, values: list[Any], rows: int) -> pd.Series[Any]:
    series: pd.Series[Any]
    dtype = cast("Any", column.dtype)
    if all(value is None for value in values):
        series = pd.Series(pd.NaT if column.dtype == TIME else pd.NA, index=range(rows), dtype=dtype)
        return series
    if column.convert is not None:
        convert = column.convert
        values = [None if value is None else convert(value) for value in values]
    series = pd.Series(_ARRAYS[column.dtype](values), dtype=dtype)
    return series


def _masked(kind: str, values: list[Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Numbers and where there are none. pandas itself looks at each value several times to guess what it is."""
    if None not in values:
        return np.array(values, dtype=kind), np.zeros(len(values), dtype=bool)
    numbers = np.array([0 if value is None else value for value in values], dtype=kind)
    return numbers, np.array([value is None for value in values])


def _strings(values: list[Any]) -> Any:
    # Where pandas keeps its strings in pyarrow, that reads a list several times as quickly as pandas does.
    return values if _arrow is None else pd.array(_arrow.array(values, _arrow.large_string()), dtype="string")


_ARRAYS: dict[str, Callable[[list[Any]], Any]] = {
    WHOLE: lambda values: pd.arrays.IntegerArray(*_masked("int64", values)),
    NUMBER: lambda values: pd.arrays.FloatingArray(*_masked("float64", values)),
    FLAG: lambda values: pd.arrays.BooleanArray(*_masked("bool", values)),
    TIME: lambda values: pd.DatetimeIndex(np.array(values, dtype="datetime64[us]"), tz="UTC"),
    STRING: _strings,
}
