"""The columns of a sweep's axes, with dtypes that do not depend on which cells have been run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pandas as pd

from nbkit.log.frame import DTYPES, FLOAT
from nbkit.request.image_request import PARAMETERS
from nbkit.sweep.spec import SweepSpec

_SWEEP_COLUMNS = {"cell", "images", "low", "high"}
"""Columns of a sweep's frames that the log does not have."""


def axis_column(spec: SweepSpec, name: str) -> str:
    """The column of an axis: the log's own for a parameter, the name for a variable of the template.

    A variable whose name is taken (``status``) keeps the braces that it has in the template.
    """
    python = spec.python_name(name)
    if python in PARAMETERS:
        return "seed" if python == "seed" else PARAMETERS[python].column
    return f"{{{name}}}" if name in DTYPES or name in _SWEEP_COLUMNS else name


def axis_series(column: str, values: Sequence[Any]) -> pd.Series[Any]:
    """The values of an axis as a column. Numbers are nullable, and whole floats stay floats."""
    items = [value_text(value) if isinstance(value, tuple) else value for value in values]
    dtype = cast("Any", DTYPES.get(column))  # the stubs of pandas do not accept a dtype in a variable
    if dtype is None and any(isinstance(item, float) for item in items) and _are_numbers(items):
        dtype = FLOAT
    if dtype is None:
        return pd.Series(items, name=column, dtype="object").convert_dtypes()
    return pd.Series(items, name=column, dtype="object").astype(dtype)


def value_text(value: Any) -> str:
    """A value of an axis as text."""
    if isinstance(value, tuple):  # reference images: a content hash is cut, an address is not
        names = [str(item) for item in value]
        return ", ".join(name[:19] if name.startswith("sha256:") else name for name in names)
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _are_numbers(values: Sequence[Any]) -> bool:
    return all(value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)) for value in values)
