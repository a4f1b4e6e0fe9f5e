"""Which rows of a frame are shown, and in which order: pure functions and small values, without a widget.

pandas does the work. What a person types becomes a :class:`Condition` or a :class:`~nbkit.log.filter.Filter`; both are
masks over a frame and say in one line what they ask for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd
import sqlalchemy as sa
from pandas.api import types

from nbkit.errors import RequestError
from nbkit.log import sql
from nbkit.log.columns import is_gap
from nbkit.log.filter_columns import LogColumns, time_of
from nbkit.log.frame import BOOLEAN, COLUMNS, FLOAT, STRING, TIME
from nbkit.log.search import match_rows
from nbkit.log.sqlite import casefold
from nbkit.log.table import heading_of
from nbkit.request.parameter import MAX_INTEGER

IS, IS_NOT, ABOVE, BELOW = "=", "≠", "≥", "≤"
MORE, LESS, HOLDS, SET, UNSET = ">", "<", "contains", "is set", "is not set"
OPERATORS = (IS, IS_NOT, ABOVE, BELOW, MORE, LESS, HOLDS, SET, UNSET)
ALONE = (SET, UNSET)
"""Operators that take no value."""
MOST_GROUPS = 400
"""Headings that a grid can have."""
SEARCHED = ("prompt", "tags", "note")

_YES, _NO = ("true", "yes", "1"), ("false", "no", "0")
_NEAR = 1e-9  # a temperature comes from a slider or from arange


@dataclass(frozen=True)
class Condition:
    """A column, an operator of :data:`OPERATORS`, and a value; for ``=`` a list of values means any of them."""

    column: str
    operator: str
    value: Any = None

    def __str__(self) -> str:
        if self.operator in ALONE:
            return f"{self.column} {self.operator}"
        several = self.value if isinstance(self.value, tuple) else (self.value,)
        value = " or ".join("no value" if is_gap(one) else str(one) for one in several) or "none of any values"
        return f"{self.column} {self.operator} {value}"

    def mask(self, frame: pd.DataFrame) -> pd.Series[bool]:
        """Which rows meet it; a row without a value meets ``≠`` and ``is not set`` only.

        Raises:
            RequestError: if the value is none that this column can have.
        """
        series = frame[self.column]
        if self.operator in ALONE:
            return series.notna() if self.operator == SET else series.isna()
        if self.operator == HOLDS:
            word = str(self.value).casefold()
            return series.astype("string").str.casefold().str.contains(word, regex=False).fillna(value=False)
        values = self.value if isinstance(self.value, tuple) else (self.value,)
        found = [pd.Series(self.operator == IS_NOT, index=series.index)]  # of no value nothing is true
        found += [
            series.isna() if is_gap(value) else _met(_compared(series, self._typed(series, value), self.operator))
            for value in values
        ]
        if self.operator == IS_NOT:
            return pd.concat(found, axis=1).all(axis=1) | series.isna()
        return pd.concat(found, axis=1).any(axis=1)

    def condition(self, columns: Mapping[str, sa.ColumnElement[Any]] = COLUMNS) -> sa.ColumnElement[bool]:
        """The same condition on the rows of the log, in SQL.

        Args:
            columns: their expressions by name.

        Raises:
            RequestError: as :meth:`mask`.
        """
        _, kind, column = LogColumns(columns).find(self.column)
        gap: sa.ColumnElement[bool] = column.is_(None)
        if self.operator in ALONE:
            return sa.not_(gap) if self.operator == SET else gap
        if self.operator == HOLDS:
            text = column if kind == STRING else _written(column, kind)
            return sql.holds(sql.folded(text), casefold(str(self.value)))
        values = self.value if isinstance(self.value, tuple) else (self.value,)
        series = pd.Series(dtype=cast("Any", kind))
        found = [
            gap
            if is_gap(value)
            else _compared(*_in_sql(column, self._typed(series, value)), self.operator, sa.func.abs)
            for value in values
        ]
        if self.operator == IS_NOT:
            return sa.or_(gap, sa.and_(sa.true(), *found))
        return sa.or_(sa.false(), *found)

    def _typed(self, series: pd.Series[Any], value: Any) -> Any:
        """A value as the column has them; text comes from a text box."""
        kinds: tuple[tuple[Any, str, Any], ...] = (
            (types.is_bool_dtype, "yes or no", _flag),
            (types.is_integer_dtype, "a number", _number),
            (types.is_float_dtype, "a number", _number),
            (types.is_datetime64_any_dtype, "a date such as 2026-03-31 or 2026-03-31 14:00", _time),
        )
        for is_kind, words, convert in kinds:
            if is_kind(series.dtype):
                try:
                    return convert(value)
                except (TypeError, ValueError):
                    raise RequestError(
                        f"{self.column} is compared with {words}, not {value!r}", parameter=self.column, value=value
                    ) from None
        return str(value)


def equal_to(column: str, value: Any) -> Condition:
    """The condition of ``filter(column=value)``: a list means any of its values, ``None``, there too, no value."""
    if is_gap(value):
        return Condition(column, UNSET)
    several = isinstance(value, Iterable) and not isinstance(value, (str, bytes))
    return Condition(column, IS, tuple(value) if several else value)


def searched(frame: pd.DataFrame, text: str) -> np.ndarray[Any, Any]:
    """Which rows hold every word of a text in prompt, tags or note, as the log's own search has it."""
    met = np.zeros(len(frame), dtype=bool)
    columns = [
        frame[name].astype(object).where(frame[name].notna(), None).tolist() for name in SEARCHED if name in frame
    ]
    met[match_rows(text, *columns)] = True
    return met


Groups = list[tuple[str, int] | tuple[str, int, int]]
"""Headings, each with the number of rows that stand under it and, if these are the first of more, of all of them."""


def arranged(
    frame: pd.DataFrame,
    places: np.ndarray[Any, Any],
    sort: str | None,
    *,
    ascending: bool,
    group: str | None,
    sizes: pd.Series[int] | None = None,
) -> tuple[np.ndarray[Any, Any], Groups]:
    """Rows in order, and their groups as headings with their counts.

    Args:
        frame: the rows.
        places: which of them, by number, in the order that stays where nothing else is asked for.
        sort: the column to sort by; rows without a value come last.
        ascending: whether small values come first.
        group: the column whose values make the headings.
        sizes: how many rows each value has, if these are the first ones of more.

    Returns:
        The numbers of the rows in order, and the groups.

    Raises:
        RequestError: if the values cannot be ordered, or there are too many groups to look at.
    """
    columns = list(dict.fromkeys(name for name in (sort, group) if name is not None))
    if not columns or not len(places):
        return places, []
    part = frame[columns].iloc[places].set_axis(places, axis=0)
    try:
        if sort is not None:
            part = part.sort_values(sort, ascending=ascending, kind="stable", na_position="last")
        if group is not None:
            part = part.sort_values(group, kind="stable", na_position="last")
    except TypeError:
        raise RequestError(f"the values of {' or '.join(columns)} cannot be put in order", parameter="sort") from None
    return part.index.to_numpy(), [] if group is None else _groups(part[group], group, sizes)


def check_groups(name: str, number: int, *, more: bool = False) -> None:
    """Check the number of a column's values.

    Args:
        name: of the column.
        number: of its values.
        more: whether there may be more of them.

    Raises:
        RequestError: if there are too many to look at.
    """
    if number > MOST_GROUPS:
        many = f"more than {MOST_GROUPS:,}" if more else f"{number:,}"
        raise RequestError(
            f"{name} has {many} different values, too many for groups; sort by it instead", parameter="group"
        )


def _groups(values: pd.Series[Any], name: str, sizes: pd.Series[int] | None) -> Groups:
    counts = values.groupby(values, sort=False, dropna=False).size()
    check_groups(name, len(counts))
    groups: Groups = [(heading_of(name, value), int(many)) for value, many in counts.items()]
    if sizes is None:
        return groups
    all_rows = sizes.groupby(sizes.index, dropna=False).sum().reindex(counts.index).fillna(counts)
    return [(*group, int(rows)) for group, rows in zip(groups, all_rows, strict=True)]


def _compared(values: Any, value: Any, operator: str, absolute: Callable[[Any], Any] = abs) -> Any:
    """What an operator says of values, of a series or in SQL."""
    near = isinstance(value, float)  # a seed of 63 bits is compared exactly
    match operator:
        case "=":
            return absolute(values - value) < _NEAR if near else values == value
        case "≠":
            return absolute(values - value) >= _NEAR if near else values != value
        case "≥":
            return values >= (value - _NEAR if near else value)
        case "≤":
            return values <= (value + _NEAR if near else value)
        case ">":
            return values > (value + _NEAR if near else value)
        case _:
            return values < (value - _NEAR if near else value)


def _met(found: Any) -> pd.Series[bool]:
    met: pd.Series[bool] = found.fillna(value=False).astype(bool)
    return met


def _in_sql(column: Any, value: Any) -> tuple[Any, Any]:
    """A column and a value as SQLite compares them."""
    if isinstance(value, pd.Timestamp):
        return column, int(value.as_unit("us").to_datetime64().astype("int64"))
    if isinstance(value, bool):
        return sql.zero_or_one(column), int(value)
    if isinstance(value, int) and abs(value) > MAX_INTEGER:  # of more than 64 bits
        return sa.type_coerce(column, sa.Float()), float(value)
    return column, value


def _written(column: Any, kind: str) -> Any:
    """A value as the frame writes it: ``True``, ``5.0``, ``2026-03-31 14:00:00+00:00``."""
    if kind == BOOLEAN:
        number = sql.zero_or_one(column)
        return sa.case((number == 0, "False"), (number == 1, "True"))
    if kind == TIME:
        return sql.time_text(column)
    column = sa.type_coerce(column, sa.types.NullType())
    return sql.float_text(column) if kind == FLOAT else sa.cast(column, sa.Text)


def _flag(value: Any) -> bool:
    word = str(value).strip().lower()
    if word not in (*_YES, *_NO):
        raise ValueError(word)
    return word in _YES


def _number(value: Any) -> int | float:
    text = str(value).strip().removeprefix("$")
    try:
        return int(text)
    except ValueError:
        return float(text)


def _time(value: Any) -> pd.Timestamp:
    if (time := time_of(value)) is None:
        raise ValueError(value)
    return time
