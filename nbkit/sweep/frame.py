"""The DataFrames of a sweep: how its axes and the states of its cells are written in a column.

The dtypes do not depend on which cells have been run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import pandas as pd

from nbkit.log.frame import DTYPES, FLOAT
from nbkit.log.runs import State
from nbkit.request.image_request import PARAMETERS
from nbkit.results.run import PLANNED, SENT
from nbkit.sweep.grid import CellSequence
from nbkit.sweep.spec import SweepSpec

NOT_RUN, RUNNING = "not run", "running"

_SWEEP_COLUMNS = {"cell", "images", "low", "high"}
"""Columns of a sweep's frames that the log does not have."""


def status_of(state: State | None) -> str:
    """The status of a cell for the user; a run that is only planned counts as not run."""
    if state is None or state.status == PLANNED:
        return NOT_RUN
    return RUNNING if state.status == SENT else state.status


def sweep_frame(cells: CellSequence, states: Mapping[int, State], log: pd.DataFrame) -> pd.DataFrame:
    """One row per picture, in the order of the cells: a column for each axis, then ``cell``, then those of the log.

    Args:
        cells: of the sweep.
        states: by index, what became of the cells that have been run.
        log: the log's rows of the sweep.
    """
    indices = {state.task_uuid: index for index, state in states.items()}
    log = log[log["taskUUID"].isin(list(indices))].reset_index(drop=True)
    missing = [index for index in range(len(cells)) if index not in states]
    cell_column = [*(indices[uuid] for uuid in log["taskUUID"]), *missing]
    frame = log.reindex(range(len(cell_column)))
    frame.loc[len(log) :, "status"] = NOT_RUN
    frame.loc[frame["status"] == SENT, "status"] = RUNNING
    if missing:
        frame.loc[len(log) :, "prompt"] = [cells.cell(index).request.prompt for index in missing]
    axes = axis_columns(cells, cell_column)
    for column, series in axes.items():
        # The service reports a seed for each picture: the second of two results has another than was sent.
        frame[column] = frame[column].fillna(series) if column == "seed" else series
    frame["cell"] = pd.Series(cell_column, dtype="Int64")
    ordered = frame[list(dict.fromkeys([*axes, "cell", *frame]))]
    return ordered.sort_values("cell", kind="stable", ignore_index=True)


def axis_columns(cells: CellSequence, indices: Iterable[int]) -> dict[str, pd.Series[Any]]:
    """The values of some cells: a column for each axis."""
    values = [cells.values_of(index) for index in indices]
    columns = {_axis_column(cells.spec, name): name for name in cells.axis_names}
    return {column: _axis_series(column, [of_cell[name] for of_cell in values]) for column, name in columns.items()}


def _axis_column(spec: SweepSpec, name: str) -> str:
    """The column of an axis: the log's own for a parameter, the name for a variable of the template.

    A variable whose name is taken (``status``) keeps the braces that it has in the template.
    """
    python = spec.python_name(name)
    if python in PARAMETERS:
        return "seed" if python == "seed" else PARAMETERS[python].column
    return f"{{{name}}}" if name in DTYPES or name in _SWEEP_COLUMNS else name


def _axis_series(column: str, values: Sequence[Any]) -> pd.Series[Any]:
    """The values of an axis as a column. Numbers are nullable, and whole floats stay floats."""
    items = [value_text(value) if isinstance(value, tuple) else value for value in values]
    dtype = cast("Any", DTYPES.get(column))  # the stubs of pandas do not accept a dtype in a variable
    if dtype is None and any(isinstance(item, float) for item in items) and _are_numbers(items):
        dtype = FLOAT
    series = pd.Series(items, name=column, dtype="object")
    return series.convert_dtypes() if dtype is None else series.astype(dtype)


def value_text(value: Any) -> str:
    """A value of an axis as text."""
    if isinstance(value, tuple):  # reference images: a content hash is cut, an address is not
        names = [str(item) for item in value]
        return ", ".join(name[:19] if name.startswith("sha256:") else name for name in names)
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _are_numbers(values: Sequence[Any]) -> bool:
    return all(value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)) for value in values)
