"""The columns of a frame by name, and their values as text."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import pandas as pd

from nbkit.display.text import count, usd, usd_short
from nbkit.errors import RequestError, UnknownParameter
from nbkit.request.image_request import NAMES
from nbkit.request.naming import TASK_KEYS
from nbkit.request.parameter import nearest, short_repr, type_in_words
from nbkit.request.price import MICRO


def column_of(frame: pd.DataFrame | Mapping[str, Any], name: str) -> str:
    """The name of a frame's column.

    Args:
        frame: with the log's columns, or their names as keys.
        name: of the column, in either spelling of a parameter.

    Raises:
        UnknownParameter: if the frame has no such column; its ``suggestion`` is the nearest name.
    """
    given: object = name
    if not isinstance(given, str):
        message = f"{short_repr(name)}: must be the name of a column, such as 'temperature', got {type_in_words(name)}"
        raise RequestError(message, parameter="column", value=name, reason="type")
    if name in frame:
        return name
    column = TASK_KEYS.get(name, name)
    with contextlib.suppress(UnknownParameter):
        column = NAMES.find(name).column
    if column not in frame:
        guess = nearest(name, [str(present) for present in frame])
        hint = f"did you mean {guess}?" if guess else f"it has {', '.join(map(str, frame))}"
        raise UnknownParameter(
            f"this frame has no column {column!r}; {hint}", parameter=name, reason="unknown", suggestion=guess
        )
    return column


def is_gap(value: Any) -> bool:
    """Whether a value of a frame is missing. A list, which a user's own column may hold, is not."""
    return bool(pd.api.types.is_scalar(value) and pd.isna(value))


def format_value(name: str, value: Any) -> str:
    """A value as text, formatted for its column; ``—`` for a gap."""
    if is_gap(value):
        return "—"
    if name == "cost" and isinstance(value, (int, float)):
        return usd(round(float(value) * MICRO))
    if isinstance(value, pd.Timestamp):
        return value.strftime("%Y-%m-%d %H:%M")
    return f"{value:g}" if isinstance(value, float) else str(value)


def format_measure(name: str, value: float) -> str:
    """A number with its unit and three digits, for a place with little room.

    Args:
        name: of its column.
        value: the number; a cost in USD, a latency in seconds.

    Example:
        >>> from nbkit.log.columns import format_measure
        >>> [format_measure(*pair) for pair in (("rating", 4), ("cost", 0.06895), ("latency", 1.234), ("width", 1264))]
        ['4 stars', '$0.069', '1.23 s', '1,264']
    """
    if name == "cost":
        return usd_short(round(value * MICRO))
    if name == "rating" and value == round(value):
        return count(round(value), "star")
    text = f"{value:,.0f}" if value == round(value) or abs(value) >= 1000 else f"{value:.3g}"
    unit = {"rating": "stars", "latency": "s"}.get(name, "")
    return f"{text} {unit}".rstrip()
