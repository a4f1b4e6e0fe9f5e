"""What a filter is compiled for: the columns of a frame, which give masks, or those of the log, which give SQL.

``&``, ``|`` and ``~`` combine the conditions of both in the same three-valued logic: arrays of pandas' dtype
``boolean``, and expressions of SQLAlchemy.
"""

from __future__ import annotations

import math
import operator
import warnings
from collections import ChainMap
from collections.abc import Mapping
from typing import Any, Protocol

import pandas as pd
import sqlalchemy as sa
from pandas.api import types

from nbkit.errors import UnknownParameter
from nbkit.log import sql
from nbkit.log.columns import column_of
from nbkit.log.frame import BOOLEAN, COLUMNS, FLOAT, INTEGER, MEASURE, STRING, TIME, dtype_of
from nbkit.log.sqlite import casefold
from nbkit.request.parameter import MAX_INTEGER, short_repr

OPERATORS = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip

WANTED = {
    BOOLEAN: "True or False",
    INTEGER: "a number",
    FLOAT: "a number",
    TIME: "a date such as '2026-03-31' or '2026-03-31 14:00'",
    STRING: "text in quotation marks",
}
"""What a column of each kind is compared with."""

_MIN_INTEGER = -MAX_INTEGER - 1
_ALWAYS, _NEVER = ("<=", MAX_INTEGER), ("<", _MIN_INTEGER)
"""Comparisons that are true, and false, of each whole number of 64 bits."""


class Unusable(Exception):
    """What is wrong with a filter. It never leaves nbkit: users get a :class:`~nbkit.errors.RequestError`.

    Args:
        why: continues "the filter cannot be used".
        suggestion: the nearest name.
    """

    def __init__(self, why: str, suggestion: str | None = None) -> None:
        super().__init__(why)
        self.suggestion = suggestion


class Columns(Protocol):
    """Columns by name, each of one kind of :data:`WANTED`; a time counts as its microseconds since 1970, UTC."""

    def find(self, name: str) -> tuple[str, str, Any]:
        """The name, the kind and the values of a column; raises ``UnknownParameter``."""

    def apply(self, how: str, left: Any, right: Any) -> Any:
        """What an operator of :data:`OPERATORS` says of values."""

    def is_gap(self, values: Any) -> Any: ...
    def is_in(self, values: Any, some: list[Any]) -> Any: ...
    def as_float(self, values: Any) -> Any: ...
    def holds(self, values: Any, method: str, text: str, *, case: bool) -> Any:
        """Where texts contain another one, or start or end with it."""


def compare(columns: Columns, name: str, how: str, value: Any) -> Any:
    """The condition that a column meets a comparison with a constant.

    Args:
        columns: with the column.
        name: of the column.
        how: one of :data:`OPERATORS`, ``in``, ``true``, or the name of a text's method.
        value: a constant, a tuple of them, or the arguments of the method.

    Raises:
        Unusable: for a column that is not there, or cannot be compared so.
    """
    name, kind, values = _found(columns, name)
    if how == "true":
        if kind != BOOLEAN:
            raise Unusable(f"{name} is not true or false by itself; it is compared with {WANTED[kind]}")
        return columns.apply("==", values, right=True)
    if how == "in":
        some = [_typed(name, kind, one) for one in value if one is not None]
        if kind in (INTEGER, TIME):  # an older pandas makes floats of whole numbers beside a float
            some = [number for how, number in (_whole("==", one) for one in some) if (how, number) != _NEVER]
        found, gap = columns.is_in(values, some), columns.is_gap(values)
        return found | gap if None in value else found & ~gap
    if how.startswith("str."):
        text, case, na = value
        if kind != STRING:
            raise Unusable(f"{name} is compared with {WANTED[kind]}; .{how}() is for text")
        found, gap = columns.holds(values, how, _typed(name, kind, text), case=case), columns.is_gap(values)
        return found if na is None else found | gap if na else found & ~gap
    _check_order(name, kind, how)
    typed_value = _typed(name, kind, value)
    if kind in (INTEGER, TIME):
        how, typed_value = _whole(how, typed_value)
    return columns.apply(how, values, typed_value)


def compare_columns(columns: Columns, name: str, how: str, other: str) -> Any:
    """The condition that two columns meet a comparison.

    Raises:
        Unusable: for a column that is not there, or two that cannot be compared.
    """
    (name, kind, left), (other, other_kind, right) = _found(columns, name), _found(columns, other)
    _check_order(name, kind, how)
    if {kind, other_kind} == {INTEGER, FLOAT}:
        left, right = columns.as_float(left), columns.as_float(right)
    elif kind != other_kind:
        raise Unusable(f"{name} is compared with {WANTED[kind]}, and {other} with {WANTED[other_kind]}")
    return columns.apply(how, left, right)


def _found(columns: Columns, name: str) -> tuple[str, str, Any]:
    try:
        return columns.find(name)
    except UnknownParameter as error:
        hint = f"; did you mean {error.suggestion}?" if error.suggestion else ""
        raise Unusable(f"{name!r} is not a column{hint}", error.suggestion) from None


class FrameColumns:
    """The columns of a frame: those of the log, and whatever else it has."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame

    def find(self, name: str) -> tuple[str, str, Any]:
        name = column_of(self._frame, name)
        series: Any = self._frame[name]
        if isinstance(series.dtype, pd.CategoricalDtype):
            series = series.astype(series.cat.categories.dtype)
        if types.is_object_dtype(series.dtype):
            series = series.convert_dtypes()
        if types.is_datetime64_any_dtype(series.dtype):
            times = series if series.dt.tz is None else series.dt.tz_convert("UTC").dt.tz_localize(None)
            micros = times.astype("datetime64[us]").astype("int64").astype(INTEGER)
            return name, TIME, micros.mask(series.isna())
        kinds = ((types.is_bool_dtype, BOOLEAN), (types.is_integer_dtype, INTEGER), (types.is_float_dtype, FLOAT))
        kind = next((kind for is_kind, kind in kinds if is_kind(series.dtype)), STRING)
        return name, kind, series.astype(kind)

    def apply(self, how: str, left: Any, right: Any) -> Any:
        return OPERATORS[how](left, right).astype(BOOLEAN)  # of texts, pyarrow's own

    def is_gap(self, values: Any) -> Any:
        return values.isna().astype(BOOLEAN)

    def is_in(self, values: Any, some: list[Any]) -> Any:
        return values.isin(pd.array(some, dtype=values.dtype)).astype(BOOLEAN)

    def as_float(self, values: Any) -> Any:
        return values.astype(FLOAT)

    def holds(self, values: Any, method: str, text: str, *, case: bool) -> Any:
        if not case:
            values, text = values.map(casefold, na_action="ignore").astype(STRING), casefold(text)
        options: Any = {"regex": False} if method == "str.contains" else {}
        return getattr(values.str, method.removeprefix("str."))(text, **options).astype(BOOLEAN)


class LogColumns:
    """The columns of the log's rows in SQL.

    Args:
        columns: their expressions by name.
    """

    _TYPES: Mapping[str, Any] = {
        BOOLEAN: sa.Boolean(), INTEGER: sa.BigInteger(), FLOAT: sa.Float(), TIME: sa.BigInteger(), STRING: sa.Text()
    }  # fmt: skip

    def __init__(self, columns: Mapping[str, sa.ColumnElement[Any]] = COLUMNS) -> None:
        images = sql.joined(COLUMNS["referenceImages"])  # as the frame has them
        # Not copied into one mapping: an axis is looked up when it is named.
        own: dict[str, sa.ColumnElement[Any]] = {"referenceImages": images}
        self._columns: Mapping[str, sa.ColumnElement[Any]] = ChainMap(own, columns)  # type: ignore[arg-type]  # read only

    def find(self, name: str) -> tuple[str, str, Any]:
        name = column_of(self._columns, name)
        expression = self._columns[name]
        kind = dtype_of(name, expression).replace(MEASURE, FLOAT)
        return name, kind, sa.type_coerce(expression, self._TYPES[kind])

    def apply(self, how: str, left: Any, right: Any) -> Any:
        return OPERATORS[how](left, right)

    def is_gap(self, values: Any) -> Any:
        return values.is_(None)

    def is_in(self, values: Any, some: list[Any]) -> Any:
        return values.in_(some)

    def as_float(self, values: Any) -> Any:
        return sa.cast(values, sa.Float)

    def holds(self, values: Any, method: str, text: str, *, case: bool) -> Any:
        if not case:
            values, text = sql.folded(values), casefold(text)
        if method == "str.contains":
            return sql.holds(values, text)
        if method == "str.endswith" and text:
            return sql.ends_with(values, text)
        return sa.func.substr(values, 1, len(text)) == text


def _check_order(name: str, kind: str, how: str) -> None:
    if kind == BOOLEAN and how not in ("==", "!="):
        raise Unusable(f"{name} is true or false, and {how} compares numbers")


def _typed(name: str, kind: str, value: Any) -> Any:
    """A constant as the column has its values."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind == BOOLEAN and (isinstance(value, bool) or (is_number and value in (0, 1))):
        return bool(value)
    if (kind == STRING and isinstance(value, str)) or (kind == INTEGER and is_number):
        return value
    if kind == FLOAT and is_number:
        try:
            return float(value)
        except OverflowError:  # an int that is too large for a float
            return math.copysign(math.inf, value)
    if kind == TIME and isinstance(value, str) and (time := time_of(value)) is not None:
        return int(time.as_unit("us").to_datetime64().astype("int64"))
    raise Unusable(f"{name} is compared with {WANTED[kind]}, not {short_repr(value)}")


def _whole(how: str, value: float) -> tuple[str, int]:
    """A comparison of whole numbers of 64 bits with any number as one with such a whole number.

    A float would turn seeds into floats, and those beyond 2**53 would equal their neighbours.
    """
    in_range = _MIN_INTEGER <= value <= MAX_INTEGER
    if in_range and value == int(value):
        return how, int(value)
    if how in ("==", "!="):
        return _NEVER if how == "==" else _ALWAYS
    is_less = how in ("<", "<=")
    if not in_range:
        return _ALWAYS if is_less == (value > 0) else _NEVER
    return ("<=", math.floor(value)) if is_less else (">=", math.ceil(value))


def time_of(text: Any) -> pd.Timestamp | None:
    """A date and time as a person types it, in UTC unless it says otherwise; ``None`` if it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of a time zone that pandas does not know
            time: Any = pd.Timestamp(text)
    except (TypeError, ValueError, OverflowError, Warning):
        return None
    if time is pd.NaT:
        return None
    found: pd.Timestamp = time.tz_localize("UTC") if time.tzinfo is None else time
    return found
