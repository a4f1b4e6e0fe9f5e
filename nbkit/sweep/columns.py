"""The columns of a sweep's frames: one for each axis, with a dtype that does not depend on what has been run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pandas as pd

from nbkit.request import PARAMETERS
from nbkit.storage.frame import COLUMNS, NUMBER
from nbkit.sweep.axes import Layout

DTYPES = {column.name: column.dtype for column in COLUMNS}
_OWN = {"cell", "images", "low", "high"}
"""Columns of a sweep's frames that the log does not have."""


def column_of(layout: Layout, name: str) -> str:
    """The column of an axis: for a parameter the log's own, for a variable of the template its name.

    A variable whose name is taken (``status``) gets its column in the braces that it has in the template.
    """
    python = next((n for n, spelling in layout.spelled.items() if spelling == name), name)
    if python in PARAMETERS:
        return "seed" if python == "seed" else PARAMETERS[python].column
    return f"{{{name}}}" if name in DTYPES or name in _OWN else name


def axis_series(column: str, values: Sequence[Any]) -> pd.Series[Any]:
    """The values of an axis as a column; numbers are nullable, and floats stay floats also when they are whole."""
    plain = [shown(value) if isinstance(value, tuple) else value for value in values]
    dtype = cast("Any", DTYPES.get(column))  # the stubs know no dtype whose name is a variable
    if dtype is None and any(isinstance(value, float) for value in plain) and _are_numbers(plain):
        dtype = NUMBER
    if dtype is None:
        return pd.Series(plain, name=column, dtype="object").convert_dtypes()
    return pd.Series(plain, name=column, dtype="object").astype(dtype)


def shown(value: Any) -> str:
    """A value of an axis in words."""
    if isinstance(value, tuple):  # reference images: a content hash is cut, an address is not
        names = [str(item) for item in value]
        return ", ".join(name[:19] if name.startswith("sha256:") else name for name in names)
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _are_numbers(values: Sequence[Any]) -> bool:
    return all(value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)) for value in values)
