"""The frame of a sweep: the log's rows of its cells, and one for each cell that has none."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from nbkit.run import SENT
from nbkit.storage.history import State
from nbkit.sweep.cells import Cells, ListedCells, axis_names
from nbkit.sweep.columns import axis_series, column_of
from nbkit.sweep.plan import NOT_RUN, RUNNING


def frame_of(cells: Cells | ListedCells, states: Mapping[int, State], log: pd.DataFrame) -> pd.DataFrame:
    """One row per picture, in the order of the cells; a column per axis first, then ``cell``, then the log's.

    Args:
        cells: of the sweep.
        states: what became of them, by place; cells that have not been run are not in it.
        log: the rows of the sweep's runs.
    """
    places = {state.task_uuid: place for place, state in states.items()}
    log = log[log["taskUUID"].isin(list(places))]
    missing = [place for place in range(len(cells)) if place not in states]
    blank = log.iloc[:0].reset_index(drop=True).reindex(range(len(missing)))
    frame = pd.concat([log, blank], ignore_index=True)
    at = [*(places[uuid] for uuid in log["taskUUID"]), *missing]
    frame.loc[len(log) :, "status"] = NOT_RUN
    frame.loc[frame["status"] == SENT, "status"] = RUNNING
    if missing:
        frame.loc[len(log) :, "prompt"] = [cells[place].request.prompt for place in missing]
    own = [cells.values_of(place) for place in at]
    columns = {column_of(cells.layout, name): name for name in axis_names(cells)}
    for column, name in columns.items():
        series = axis_series(column, [values[name] for values in own])
        # The seed of a picture is the one that the service reports: the second of two results has its own.
        frame[column] = frame[column].fillna(series) if column == "seed" else series
    frame["cell"] = pd.Series(at, dtype="Int64")
    first = [*columns, "cell"]
    ordered = frame[[*first, *(column for column in frame if column not in first)]]
    return ordered.sort_values("cell", kind="stable").reset_index(drop=True)
