"""The rows of a frame as a plot: a dot for each picture, by a number or by categories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from nbkit.display.mime import MimeBundle
from nbkit.display.notice import quiet_html
from nbkit.display.plot import PlotAxis, plot_svg, plot_text
from nbkit.display.text import count, ellipsis
from nbkit.errors import RequestError
from nbkit.log.columns import column_of, format_value, is_gap
from nbkit.log.frame import check_unique_columns
from nbkit.request.image_request import NAMES
from nbkit.request.parameter import Choice

UNITS = {"cost": "USD", "latency": "s", "rating": "1 to 5", "width": "px", "height": "px", "ttl": "s"}
"""The units of columns."""

MAX_DOTS = 5000
"""A plot of more dots is a dark area, and a large notebook."""

MAX_CATEGORIES = 40
"""So many texts have room along the bottom."""

_MAX_NAMED = 1000
"""Up to so many dots each say what they are under the pointer."""

_IDENTIFIERS = ("seed", "requestedSeed")
"""Columns whose numbers measure nothing; few of them are categories."""


def plot_rows(frame: pd.DataFrame, xs: Sequence[str], y: str) -> MimeBundle:
    """A plot for each of some columns.

    Args:
        frame: with any columns.
        xs: the columns along the bottom, in either spelling of a parameter.
        y: the column up the side; its values are numbers.

    Raises:
        UnknownParameter: for a column that the frame does not have.
        RequestError: for a ``y`` without numbers, and for more rows or categories than have room.
    """
    check_unique_columns(frame.columns)
    column = column_of(frame, y)
    rows = frame[frame[column].notna()]
    numbers = _numbers(rows[column], y)
    if len(rows) > MAX_DOTS:
        hint = f"a plot has at most {MAX_DOTS:,} dots, and {len(rows):,} rows have a {column}"
        raise RequestError(f"{hint}; frame.sample({MAX_DOTS}) draws some of them", parameter="y", reason="count")
    axes = [_axis(rows, column_of(frame, x), x) for x in xs]
    up = PlotAxis(column, UNITS.get(column, ""), numbers, is_numeric=True)
    lacking = len(frame) - len(rows)
    note = f"{count(lacking, 'row')} without a {column} {'is' if lacking == 1 else 'are'} not drawn" if lacking else ""
    if rows.empty:
        return MimeBundle(quiet_html((note or "no rows",)), note or "no rows")
    plots = "".join(
        f'<div style="display:inline-block;margin:0 1em 0.5em 0">{plot_svg(along, up, _dot_names(rows, along, up))}</div>'
        for along in axes
    )
    texts = [plot_text(along, up) for along in axes]
    return MimeBundle(
        f"<div>{plots}</div>{quiet_html((note,) if note else ())}", "\n".join(filter(None, [*texts, note]))
    )


def _numbers(values: pd.Series[Any], name: str) -> list[float]:
    try:
        return [float(value) for value in values]
    except (TypeError, ValueError):
        message = (
            f"y={name!r}: its values are not numbers; they can be the x of a plot, and cost, latency or rating its y"
        )
        raise RequestError(message, parameter="y", value=name) from None


def _axis(rows: pd.DataFrame, column: str, name: str) -> PlotAxis:
    """A column along the bottom: numbers as they are, all else as categories in the order of the rows."""
    values = [None if is_gap(value) else value for value in rows[column]]
    different = {value for value in values if value is not None} if _is_number_column(rows[column]) else set()
    is_numeric = bool(different) and not (column in _IDENTIFIERS and len(different) <= MAX_CATEGORIES)
    if is_numeric:
        return PlotAxis(
            column, UNITS.get(column, ""), [None if v is None else float(v) for v in values], is_numeric=True
        )
    order = [str(value) for value in sorted(different)]  # of few seeds
    if column in NAMES and isinstance(kind := NAMES.find(column).kind, Choice):
        order = list(kind.choices)
    texts = [None if value is None else ellipsis(format_value(column, value), 60) for value in values]
    if len(set(texts)) > MAX_CATEGORIES:
        message = f"x={name!r} has {len(set(texts)):,} different texts, and a plot has room for {MAX_CATEGORIES}"
        raise RequestError(
            f"{message}; a column of numbers has room for any", parameter="x", value=name, reason="count"
        )
    return PlotAxis(column, UNITS.get(column, ""), texts, is_numeric=False, order=order)


def _is_number_column(values: pd.Series[Any]) -> bool:
    return pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype)


def _dot_names(rows: pd.DataFrame, x: PlotAxis, y: PlotAxis) -> list[str]:
    """What each dot is: its values, its seed and its prompt."""
    if len(rows) > _MAX_NAMED:
        return [""] * len(rows)
    beyond = [name for name in ("seed", "prompt") if name in rows and name not in (x.name, y.name)]
    facts = [rows[x.name].tolist(), rows[y.name].tolist(), *(rows[name].tolist() for name in beyond)]
    names = (x.name, y.name, *beyond)
    return [
        " · ".join(
            format_value(name, value) if name == "prompt" else f"{name} {format_value(name, value)}"
            for name, value in zip(names, values, strict=True)
        )
        for values in zip(*facts, strict=True)
    ]
