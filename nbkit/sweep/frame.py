"""The DataFrame of a sweep: the log's rows of its cells, and one row for each cell without any."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from nbkit.log.runs import State
from nbkit.results.run import SENT
from nbkit.sweep.columns import axis_column, axis_series
from nbkit.sweep.grid import CellSequence, axis_names
from nbkit.sweep.plan import NOT_RUN, RUNNING


def sweep_frame(cells: CellSequence, states: Mapping[int, State], log: pd.DataFrame) -> pd.DataFrame:
    """One row per picture, in the order of the cells: a column for each axis, then ``cell``, then those of the log.

    Args:
        cells: of the sweep.
        states: by index, what became of the cells that have been run.
        log: the log's rows of the sweep.
    """
    indices = {state.task_uuid: index for index, state in states.items()}
    log = log[log["taskUUID"].isin(list(indices))]
    missing = [index for index in range(len(cells)) if index not in states]
    blank = log.iloc[:0].reset_index(drop=True).reindex(range(len(missing)))
    frame = pd.concat([log, blank], ignore_index=True)
    cell_column = [*(indices[uuid] for uuid in log["taskUUID"]), *missing]
    frame.loc[len(log) :, "status"] = NOT_RUN
    frame.loc[frame["status"] == SENT, "status"] = RUNNING
    if missing:
        frame.loc[len(log) :, "prompt"] = [cells[index].request.prompt for index in missing]
    values = [cells.values_of(index) for index in cell_column]
    columns = {axis_column(cells.spec, name): name for name in axis_names(cells)}
    for column, name in columns.items():
        series = axis_series(column, [of_cell[name] for of_cell in values])
        # The service reports a seed for each picture: the second of two results has another than was sent.
        frame[column] = frame[column].fillna(series) if column == "seed" else series
    frame["cell"] = pd.Series(cell_column, dtype="Int64")
    first = [*columns, "cell"]
    ordered = frame[[*first, *(column for column in frame if column not in first)]]
    return ordered.sort_values("cell", kind="stable").reset_index(drop=True)
