"""The log as a DataFrame: one row per picture, and one for each run or result without a picture.

:data:`COLUMNS` is the list of columns; a new column is one line there. Every dtype is nullable and always the same,
also for an empty log, so a seed of 63 bits stays exact beside a gap.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Sequence
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

_arrow: Any = importlib.import_module("pyarrow") if pd.StringDtype().storage == "pyarrow" else None

STRING, INTEGER, FLOAT, BOOLEAN, TIME = "string", "Int64", "Float64", "boolean", "datetime64[us, UTC]"

_DTYPES = {sa.BigInteger: INTEGER, sa.Integer: INTEGER, sa.Float: FLOAT, sa.Boolean: BOOLEAN}


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One column of the frame.

    Attributes:
        name: in the frame.
        source: the SQL expression that it is read from.
        dtype: in pandas; by default the one that fits the type of the expression.
    """

    name: str
    source: sa.ColumnElement[Any]
    dtype: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "dtype", self.dtype or _DTYPES.get(type(self.source.type), STRING))


def _parameter(name: str) -> Column:
    column = PARAMETER_COLUMNS[name]
    source: sa.ColumnElement[Any] = RUNS.c[column]
    if name in ("width", "height"):  # the picture's own size where none was sent
        source = sa.func.coalesce(source, IMAGES.c[name])
    return Column(column, source)


_AFTER_SEED = ("temperature", "top_p")
_AFTER_STATUS = (
    "thinking", "width", "height", "resolution", "number_results", "system_prompt",
    "web_search", "image_search", "safety_tolerance",
)  # fmt: skip
_OTHER_PARAMETERS = tuple(name for name in PARAMETERS if name not in {*_AFTER_SEED, *_AFTER_STATUS, "prompt", "seed"})

COLUMNS: tuple[Column, ...] = (
    _parameter("prompt"),
    Column("seed", IMAGES.c.seed),
    *map(_parameter, _AFTER_SEED),
    Column("cost", IMAGES.c.cost / float(MICRO), FLOAT),
    Column("status", sa.func.coalesce(IMAGES.c.status, RUNS.c.status)),
    *map(_parameter, _AFTER_STATUS),
    *map(_parameter, _OTHER_PARAMETERS),
    Column("NSFWContent", IMAGES.c.nsfw),
    Column("extra", RUNS.c.extra),
    Column("parent", RUNS.c.parent),
    _parameter("seed"),
    Column("created", RUNS.c.created, TIME),
    Column("latency", RUNS.c.latency),
    Column("file", IMAGES.c.file),
    Column("rating", IMAGES.c.rating),
    Column("keep", IMAGES.c.keep),
    Column("tags", IMAGES.c.tags),
    Column("note", IMAGES.c.note),
    Column("sweep", RUNS.c.sweep),
    Column("error", sa.func.coalesce(IMAGES.c.error, RUNS.c.error)),
    Column("charged", RUNS.c.charged),
    Column("engine", RUNS.c.engine),
    Column("model", RUNS.c.model),
    Column("taskUUID", RUNS.c.taskUUID),
    Column("imageUUID", IMAGES.c.imageUUID),
)

_ROWS = RUNS.outerjoin(IMAGES, IMAGES.c.run == RUNS.c.id)

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


def query_of(where: sa.ColumnElement[bool] | None = None, *columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """The query for the log's rows, oldest first.

    Args:
        where: a condition on the rows; ``None`` selects all.
        columns: what to read; by default all of :data:`COLUMNS`.
    """
    # Without types, because converting every 0 and 1 into a boolean takes longer than reading it.
    expressions = (
        sa.type_coerce(column, sa.types.NullType()) for column in columns or (column.source for column in COLUMNS)
    )
    query = sa.Select[Any](*expressions).select_from(_ROWS).order_by(RUNS.c.id, IMAGES.c.id)
    return query if where is None else query.where(where)


def to_frame(
    database: Database,
    images: Path,
    where: sa.ColumnElement[bool] | None = None,
    columns: Sequence[Column] = COLUMNS,
) -> pd.DataFrame:
    """The log as a DataFrame; :meth:`nbkit.log.store.LogStore.to_frame` lists its columns and dtypes.

    ``pandas.read_sql`` takes half as long again, and makes a seed beside a gap a float unless it is told not to.

    Args:
        database: the log.
        images: the image folder; the column ``file`` starts with it.
        where: a condition on the rows; ``None`` selects all.
        columns: the columns of the frame.

    Returns:
        The rows, oldest first.
    """
    with database.reading() as connection:
        # Most parameters are never set, and counting values is faster than reading gaps.
        counted = (sa.func.count(column.source) for column in _OPTIONAL_COLUMNS)
        counts = connection.execute(query_of(where, *counted)).one()
        empty = {column for column, number in zip(_OPTIONAL_COLUMNS, counts, strict=True) if not number}
        present = [column for column in columns if column not in empty]
        fetched = read_columns(connection, query_of(where, *(column.source for column in present)))
    values, rows = dict(zip(present, fetched, strict=True)), len(fetched[0])
    frame = pd.DataFrame({column.name: _series(column, values.get(column), rows) for column in columns})
    if rows and "file" in frame:
        frame["file"] = f"{images.as_posix()}/" + frame["file"]
    return frame


def _series(column: Column, values: list[Any] | None, rows: int) -> pd.Series[Any]:
    dtype = cast("Any", column.dtype)  # the stubs of pandas accept only literal names of dtypes
    if not values:
        return cast("pd.Series[Any]", pd.Series(pd.NA, index=range(rows), dtype=dtype))
    if column.name == "referenceImages":
        values = [value and " ".join(json.loads(value)) for value in values]
    return cast("pd.Series[Any]", pd.Series(_ARRAYS[column.dtype](values), dtype=dtype))


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
