"""Where the cells of a sweep stand: labelled tables, one for each combination of the axes that are left over."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from nbkit.display.text import ellipsis
from nbkit.sweep.grid import CellSequence
from nbkit.sweep.spec import value_text
from nbkit.widgets.form.fields import NOT_SENT, word

LABEL = 80
"""Characters of a heading."""


@dataclass(frozen=True)
class Table:
    """One table: ``places[row][column]`` is the number of the cell that stands there, -1 where there is none."""

    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    places: tuple[tuple[int, ...], ...]


def sides_of(cells: CellSequence) -> dict[str, tuple[str, ...]]:
    """The axes by their label; those that are zipped are one."""
    spelled = cells.spec.spelled
    names = [tuple(spelled.get(name, name) for name in axis.names) for axis in cells.axes]
    return {" + ".join(several): several for several in names}


def arrange(cells: CellSequence, rows: str, columns: str) -> list[Table]:
    """The tables of a sweep.

    Args:
        cells: of the sweep.
        rows: the label of the axis down the side; empty for none.
        columns: the label of the axis along the top, likewise.
    """
    sides = sides_of(cells)
    rest = [side for side in sides if side not in (rows, columns)]
    found: dict[str, dict[tuple[str, str], int]] = {}
    for place in range(len(cells)):
        values = cells.values_of(place)
        said = {side: ", ".join(told(values[name]) for name in names) for side, names in sides.items()}
        title = ", ".join(f"{side} {said[side]}" for side in rest)
        found.setdefault(title, {})[said.get(rows, ""), said.get(columns, "")] = place
    return [_table(title, places) for title, places in found.items()]


def _table(title: str, places: dict[tuple[str, str], int]) -> Table:
    down = list(dict.fromkeys(row for row, _ in places))
    across = list(dict.fromkeys(column for _, column in places))
    grid = {(row, column): places.get((row, column), -1) for row, column in itertools.product(down, across)}
    lines = tuple(tuple(grid[row, column] for column in across) for row in down)
    return Table(title, tuple(_cut(row) for row in down), tuple(_cut(column) for column in across), lines)


def told(value: object) -> str:
    """A value of an axis as a heading says it."""
    return NOT_SENT if value is None else word(value) if isinstance(value, bool) else value_text(value)


def _cut(label: str) -> str:
    return ellipsis(label, LABEL)
