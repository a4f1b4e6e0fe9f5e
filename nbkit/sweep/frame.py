"""The DataFrames of a sweep: how its axes and the states of its cells are written in a column.

The dtypes do not depend on which cells have been run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import pandas as pd

from nbkit.log.frame import DTYPES, FLOAT, TAKEN, axis_column
from nbkit.log.runs import State
from nbkit.request.address import Url
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
    columns = {column_of_axis(cells.spec, name): name for name in cells.axis_names}
    return {
        column: _axis_series(column, [_labelled(cells, name, of_cell[name]) for of_cell in values])
        for column, name in columns.items()
    }


def column_of_axis(spec: SweepSpec, name: str) -> str:
    """The column of an axis: the log's own for a parameter, the name for a variable of the template.

    A variable whose name is taken (``status``) has ``var_`` before it.
    """
    python = spec.python_name(name)
    if python in PARAMETERS:
        return "seed" if python == "seed" else PARAMETERS[python].column
    return f"{TAKEN}{name}" if name in _SWEEP_COLUMNS else axis_column(name)


def _labelled(cells: CellSequence, name: str, value: Any) -> Any:
    return cells.label(name, value) if isinstance(value, (tuple, dict, Url)) else value


def _axis_series(column: str, values: Sequence[Any]) -> pd.Series[Any]:
    """The values of an axis as a column. Numbers are nullable, and whole floats stay floats."""
    items = list(values)
    dtype = cast("Any", DTYPES.get(column))  # the stubs of pandas do not accept a dtype in a variable
    if pd.api.types.infer_dtype(items, skipna=True) in ("floating", "mixed-integer-float"):
        dtype = dtype or FLOAT
    series = pd.Series(items, name=column, dtype="object")
    return series.convert_dtypes() if dtype is None else series.astype(dtype)
