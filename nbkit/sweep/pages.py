"""From cells and their runs to the pages of a grid: which axis goes where, and what stands in each place."""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nbkit.display.figure import Figure
from nbkit.display.grid import Page, Tile
from nbkit.errors import RequestError, UnknownParameter
from nbkit.image import GeneratedImage
from nbkit.parameter import nearest
from nbkit.request import NAMES
from nbkit.run import Run
from nbkit.sweep.cell import Cell
from nbkit.sweep.cells import Cells, ListedCells, axis_names
from nbkit.sweep.columns import shown

MAX_TILES, MAX_PICTURES = 600, 2000
"""A grid with more is nothing to look at, and a notebook that no longer opens."""

PREVIEWS_BYTES = 1_900_000
"""What all previews of a grid may weigh together: in base64 and with their labels they stay under 3 MB."""

_SIZES = ((16, 256), (64, 192), (150, 160), (MAX_TILES, 96), (1000, 64), (MAX_PICTURES, 48))
"""Up to so many pictures, so many pixels on the long side of a preview."""


@dataclass(frozen=True, slots=True)
class Look:
    """How the previews of a grid are made.

    Attributes:
        size: pixels on the long side.
        weight: bytes that one may have; ``None`` for those that do not go into a notebook.
        until: when to stop making them, on the monotonic clock; a person who pressed Stop does not wait for them.
    """

    size: int
    weight: int | None = None
    until: float | None = None

    def figure(self, image: GeneratedImage, alt: str) -> Figure:
        """A picture as it stands in a grid."""
        caption = (f"seed {image.seed}", image.caption[-1])
        if self.until is not None and time.monotonic() > self.until:
            return Figure(None, alt, caption=caption, missing="its picture is in the log: sweep.result shows it")
        return dataclasses.replace(image.figure(self.size, caption, self.weight), alt=alt)


def look_for(pictures: int, size: int | None = None, until: float | None = None) -> Look:
    """Previews for a notebook, the smaller the more there are."""
    fitting = next((size for most, size in _SIZES if pictures <= most), _SIZES[-1][1])
    return Look(size or fitting, PREVIEWS_BYTES // max(pictures, 75), until)


class Pages:
    """The grids of a sweep.

    Args:
        cells: of the sweep.
        runs: the run of each cell that has one, by place.
        statuses: what became of each cell.
        look: how previews are made.
    """

    def __init__(
        self, cells: Cells | ListedCells, runs: Mapping[int, Run], statuses: Sequence[str], look: Look
    ) -> None:
        self._cells, self._runs, self._statuses, self._look = cells, runs, statuses, look
        self._names = axis_names(cells)

    def lay_out(self, rows: str | None, columns: str | None, pages: str | None) -> list[Page]:
        """One page for each combination of the axes that are neither rows nor columns."""
        chosen = [self._axis(name) for name in (rows, columns, pages) if name]
        if len(set(chosen)) < len(chosen):
            raise RequestError(
                f"rows, columns and pages are different axes, and {', '.join(chosen)} are not",
                parameter="rows", value=chosen, reason="conflict",
            )  # fmt: skip
        free = [name for name in self._names if name not in chosen]
        across = self._axis(columns) if columns else (free.pop() if free else "")
        down = self._axis(rows) if rows else (free.pop(0) if free else "")
        folds = [self._axis(pages)] if pages else []
        groups: dict[str, dict[str, list[Cell]]] = {}
        for cell in self._cells:
            groups.setdefault(_told(cell, folds), {}).setdefault(_told(cell, free), []).append(cell)
        return [
            dataclasses.replace(self._page(title, cells, down, across), fold=fold)
            for fold, group in groups.items()
            for title, cells in group.items()
        ]

    def _axis(self, name: str) -> str:
        if name in self._names:
            return name
        try:
            python = NAMES.find(name).name
        except UnknownParameter:
            python = name
        spelling = self._cells.layout.spelled.get(python)
        if spelling in self._names:
            return str(spelling)
        raise UnknownParameter(
            f"{name} is no axis of this sweep; its axes are {', '.join(self._names) or 'none'}",
            parameter=name, reason="unknown", suggestion=nearest(name, self._names),
        )  # fmt: skip

    def _page(self, title: str, cells: Sequence[Cell], down: str, across: str) -> Page:
        places = [(_label(cell, down), _label(cell, across)) for cell in cells]
        lines = list(dict.fromkeys(line for line, _ in places))
        columns = list(dict.fromkeys(column for _, column in places))
        tiles: dict[tuple[str, str], list[Tile]] = {place: [] for place in itertools.product(lines, columns)}
        for cell, place in zip(cells, places, strict=True):
            tiles[place].append(self._tile(cell))
        return Page(
            title, down, lines, across, columns, [[tiles[line, column] for column in columns] for line in lines]
        )

    def _tile(self, cell: Cell) -> Tile:
        run, status = self._runs.get(cell.index), self._statuses[cell.index]
        if run is None:
            return Tile(status=status)
        place = _told(cell, self._names)
        figures = [
            self._look.figure(image, f"{place}: {image.prompt}" if number == 0 else f"{place}: picture {number + 1}")
            for number, image in enumerate(run.images)
        ]
        note = "; ".join(failure.message for failure in run.failures) or (str(run.error) if run.error else "")
        return Tile(tuple(figures), status, note)


def _label(cell: Cell, name: str) -> str:
    return shown(cell.values[name]) if name else ""


def _told(cell: Cell, names: Sequence[str]) -> str:
    return ", ".join(f"{name} {shown(cell.values[name])}" for name in names)
