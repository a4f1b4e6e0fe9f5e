"""The log as a DataFrame: one row per picture, one for each run or result that has none.

Columns are a list of data, :data:`COLUMNS`: a new column is one line. Every dtype is nullable and always the
same, also for an empty log: a seed of 63 bits stays exact beside a gap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pandas as pd
import sqlalchemy as sa

from nbkit.model import MICRO
from nbkit.parameter import Flag, Hundredths, Parameter, Whole
from nbkit.request import PARAMETERS
from nbkit.storage.database import Database
from nbkit.storage.schema import IMAGES, PARAMETER_COLUMNS, RUNS

STRING, WHOLE, NUMBER, FLAG, TIME = "string", "Int64", "Float64", "boolean", "datetime64[us, UTC]"


@dataclass(frozen=True, slots=True)
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
        case Whole():
            return WHOLE
        case Hundredths():
            return NUMBER
        case Flag():
            return FLAG
        case _:
            return STRING


def _usd(micros: int) -> float:
    return micros / MICRO


def _parameter(name: str) -> Column:
    parameter = PARAMETERS[name]
    column = PARAMETER_COLUMNS[name]
    convert = " ".join if name == "reference_images" else None
    source: sa.ColumnElement[Any] = RUNS.c[column]
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


def to_frame(database: Database, images: Path, sweep: str | None = None) -> pd.DataFrame:
    """The log, oldest first.

    Args:
        database: the log.
        images: the image folder; ``file`` is below it.
        sweep: only the runs of this sweep.
    """
    query = (
        sa.select(*(column.source.label(f"c{i}") for i, column in enumerate(COLUMNS)))
        .select_from(RUNS.outerjoin(IMAGES, IMAGES.c.run == RUNS.c.id))
        .order_by(RUNS.c.id, IMAGES.c.id)
    )
    if sweep is not None:
        query = query.where(RUNS.c.sweep == sweep)
    with database.reading() as connection:
        rows = connection.execute(query).all()
    by_column: Iterable[tuple[Any, ...]] = zip(*rows, strict=True) if rows else ((),) * len(COLUMNS)
    data = {column.name: _series(column, values) for column, values in zip(COLUMNS, by_column, strict=True)}
    frame = pd.DataFrame(data)
    if len(frame):
        frame["file"] = f"{images.as_posix()}/" + frame["file"]
    return frame


def _series(column: Column, values: tuple[Any, ...]) -> pd.Series[Any]:
    if column.dtype == TIME:
        return pd.Series(pd.to_datetime(list(values), unit="us", utc=True).as_unit("us"))
    if column.convert is not None:
        convert = column.convert
        values = tuple(None if value is None else convert(value) for value in values)
    dtype = cast("Any", column.dtype)  # the stubs know no dtype whose name is a variable
    series: pd.Series[Any] = pd.Series(list(values), dtype=dtype)
    return series
