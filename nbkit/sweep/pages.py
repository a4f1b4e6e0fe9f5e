"""The pictures of a sweep as grids: which axis goes where, and what each position shows."""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nbkit.display.figure import Figure
from nbkit.display.grid import Page, Tile
from nbkit.errors import RequestError, UnknownParameter
from nbkit.request.image_request import NAMES
from nbkit.request.parameter import nearest
from nbkit.results.image import GeneratedImage
from nbkit.results.run import Run
from nbkit.sweep.cell import Cell
from nbkit.sweep.columns import value_text
from nbkit.sweep.grid import Grid, SelectedCells, axis_names

MAX_TILES, MAX_PICTURES = 600, 2000
"""A larger grid is too large to look at, and its notebook would not open."""

PREVIEWS_BYTES = 1_900_000
"""Limit for all previews of a grid together: with base64 and labels they stay under 3 MB."""

_SIZES = ((16, 256), (64, 192), (150, 160), (MAX_TILES, 96), (1000, 64), (MAX_PICTURES, 48))
"""Pixels on the long side of a preview, up to a number of pictures."""


@dataclass(frozen=True, slots=True)
class PreviewOptions:
    """How the previews of a grid are made.

    Attributes:
        size: pixels on the long side.
        max_bytes: of one preview; ``None`` for previews that do not go into a notebook.
        deadline: when to stop making them, on the monotonic clock: after Stop, the user is waiting.
    """

    size: int
    max_bytes: int | None = None
    deadline: float | None = None

    def figure(self, image: GeneratedImage, alt: str) -> Figure:
        """A picture with its caption."""
        caption = (f"seed {image.seed}", image.caption[-1])
        if self.deadline is not None and time.monotonic() > self.deadline:
            return Figure(None, alt, caption=caption, missing="its picture is in the log: sweep.result shows it")
        return dataclasses.replace(image.figure(self.size, caption, self.max_bytes), alt=alt)


def preview_options(pictures: int, size: int | None = None, deadline: float | None = None) -> PreviewOptions:
    """Options for a notebook: the more pictures, the smaller the previews."""
    fitting = next((size for limit, size in _SIZES if pictures <= limit), _SIZES[-1][1])
    return PreviewOptions(size or fitting, PREVIEWS_BYTES // max(pictures, 75), deadline)


class Pages:
    """Arranges the cells of a sweep in grids.

    Args:
        cells: of the sweep.
        runs: by index of the cell, the runs that there are.
        statuses: of each cell.
        options: how previews are made.
    """

    def __init__(
        self, cells: Grid | SelectedCells, runs: Mapping[int, Run], statuses: Sequence[str], options: PreviewOptions
    ) -> None:
        self._cells, self._runs, self._statuses, self._options = cells, runs, statuses, options
        self._names = axis_names(cells)

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
            groups.setdefault(_labels(cell, folds), {}).setdefault(_labels(cell, free), []).append(cell)
        return [
            dataclasses.replace(self._page(title, cells, down, across), group=group)
            for group, titles in groups.items()
            for title, cells in titles.items()
        ]

    def _axis(self, name: str) -> str:
        """The axis that a name in either spelling stands for, as the sweep spells it."""
        if name in self._names:
            return name
        try:
            python = NAMES.find(name).name
        except UnknownParameter:
            python = name
        spelling = self._cells.spec.spelled.get(python)
        if spelling in self._names:
            return str(spelling)
        raise UnknownParameter(
            f"{name} is no axis of this sweep; its axes are {', '.join(self._names) or 'none'}",
            parameter=name, reason="unknown", suggestion=nearest(name, self._names),
        )  # fmt: skip

    def _page(self, title: str, cells: Sequence[Cell], down: str, across: str) -> Page:
        positions = [(_label(cell, down), _label(cell, across)) for cell in cells]
        lines = list(dict.fromkeys(line for line, _ in positions))
        columns = list(dict.fromkeys(column for _, column in positions))
        tiles: dict[tuple[str, str], list[Tile]] = {position: [] for position in itertools.product(lines, columns)}
        for cell, position in zip(cells, positions, strict=True):
            tiles[position].append(self._tile(cell))
        return Page(
            title, down, lines, across, columns, [[tiles[line, column] for column in columns] for line in lines]
        )

    def _tile(self, cell: Cell) -> Tile:
        run, status = self._runs.get(cell.index), self._statuses[cell.index]
        if run is None:
            return Tile(status=status)
        values = _labels(cell, self._names)
        figures = [
            self._options.figure(
                image, f"{values}: {image.prompt}" if number == 0 else f"{values}: picture {number + 1}"
            )
            for number, image in enumerate(run.images)
        ]
        note = "; ".join(failure.message for failure in run.failures) or (str(run.error) if run.error else "")
        return Tile(tuple(figures), status, note)


def _label(cell: Cell, name: str) -> str:
    return value_text(cell.values[name]) if name else ""


def _labels(cell: Cell, names: Sequence[str]) -> str:
    return ", ".join(f"{name} {value_text(cell.values[name])}" for name in names)
