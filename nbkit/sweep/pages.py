"""The pictures of a sweep as grids: which axis goes where, and what each position shows."""

from __future__ import annotations

import dataclasses
import math
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nbkit.display.figure import Figure
from nbkit.display.grid import Page, Tile
from nbkit.errors import RequestError, UnknownParameter
from nbkit.measures.preview import PREVIEWS_BYTES, size_among
from nbkit.request.image_request import NAMES
from nbkit.request.parameter import nearest, short_repr
from nbkit.results.run import GeneratedImage, Run
from nbkit.sweep.grid import Cell, CellSequence

MAX_TILES, MAX_PICTURES = 600, 2000
"""A larger grid is too large to look at, and its notebook would not open."""


@dataclass(frozen=True, slots=True)
class Pages:
    """Arranges the cells of a sweep in grids.

    Attributes:
        cells: of the sweep.
        runs: by index of the cell, the runs that there are.
        statuses: of each cell.
        pictures: how many there are in all.
        size: pixels on the long side of a preview; ``None`` for the more pictures, the smaller.
        in_notebook: whether the previews together have to stay light.
        deadline: when to stop making previews, on the monotonic clock: after Stop, the user is waiting.
    """

    cells: CellSequence
    runs: Mapping[int, Run]
    statuses: Sequence[str]
    pictures: int
    size: int | None = None
    in_notebook: bool = True
    deadline: float = math.inf

    def arrange(self, rows: str | None, columns: str | None, pages: str | None) -> list[Page]:
        """One grid for each combination of the axes that are neither rows nor columns.

        Args:
            rows: the axis down the side; the first free one if not given.
            columns: the axis along the top; the last free one if not given.
            pages: an axis whose values become groups that unfold.

        Raises:
            UnknownParameter: for a name that is no axis of the sweep.
            RequestError: for an axis that is named twice.
        """
        across, down, folded = (self._axis(name) if name else "" for name in (columns, rows, pages))
        chosen = [name for name in (down, across, folded) if name]
        if len(set(chosen)) < len(chosen):
            message = f"rows, columns and pages are different axes, and {', '.join(chosen)} are not"
            raise RequestError(message, parameter="rows", value=chosen, reason="conflict")
        free = [name for name in self.cells.axis_names if name not in chosen]
        across = across or (free.pop() if free else "")
        down = down or (free.pop(0) if free else "")
        grids: dict[tuple[str, str], list[Cell]] = {}
        for cell in self.cells:
            grids.setdefault((self._labels(cell, [folded]), self._labels(cell, free)), []).append(cell)
        groups = list(dict.fromkeys(group for group, _ in grids))
        ordered = sorted(grids, key=lambda grid: groups.index(grid[0]))
        return [self._page(group, title, grids[group, title], down, across) for group, title in ordered]

    def _axis(self, name: Any) -> str:
        """The axis that a name in either spelling stands for, as the sweep spells it."""
        names = self.cells.axis_names
        if not isinstance(name, str):
            message = f"{short_repr(name)}: rows, columns and pages are each the name of one axis, as text: {', '.join(names)}"
            raise RequestError(message, parameter="rows", value=name)
        python = NAMES.find(name).name if name in NAMES else name
        for found in (name, self.cells.spec.spelled.get(python)):
            if found in names:
                return found
        message = f"{name} is no axis of this sweep; its axes are {', '.join(names) or 'none'}"
        raise UnknownParameter(message, parameter=name, reason="unknown", suggestion=nearest(name, names))

    def _page(self, group: str, title: str, cells: Sequence[Cell], down: str, across: str) -> Page:
        positions = [(self._label(cell, down), self._label(cell, across)) for cell in cells]
        lines, columns = (list(dict.fromkeys(labels)) for labels in zip(*positions, strict=True))
        tiles = defaultdict(list)
        for cell, position in zip(cells, positions, strict=True):
            tiles[position].append(self._tile(cell))
        table = [[tiles[line, column] for column in columns] for line in lines]
        return Page(title, down, lines, across, columns, table, group)

    def _tile(self, cell: Cell) -> Tile:
        run, status = self.runs.get(cell.index), self.statuses[cell.index]
        if run is None:
            return Tile(status=status)
        values = self._labels(cell, self.cells.axis_names)
        alts = [f"{values}: {run.request.prompt}", *(f"{values}: picture {n}" for n in range(2, len(run.images) + 1))]
        note = "; ".join(failure.message for failure in run.failures) or (str(run.error) if run.error else "")
        return Tile(tuple(map(self._figure, run.images, alts)), status, note)

    def _figure(self, image: GeneratedImage, alt: str) -> Figure:
        caption = (f"seed {image.seed}", *filter(None, (image.problem,)), image.caption[-1])
        if time.monotonic() > self.deadline:
            return Figure(None, alt, caption=caption, missing="its picture is in the log: sweep.result shows it")
        size = self.size or size_among(self.pictures)
        max_bytes = PREVIEWS_BYTES // max(self.pictures, 75) if self.in_notebook else None
        figure = dataclasses.replace(image.figure(size, caption, max_bytes), alt=alt)
        return figure if self.in_notebook else dataclasses.replace(figure, link="")  # a file may be anywhere

    def _label(self, cell: Cell, name: str) -> str:
        return self.cells.label(name, cell.values[name]) if name else ""

    def _labels(self, cell: Cell, names: Sequence[str]) -> str:
        return ", ".join(f"{name} {self._label(cell, name)}" for name in names if name)
