"""The pictures of a sweep as grids: what each position shows."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nbkit.display.figure import Figure
from nbkit.display.grid import Page, Tile
from nbkit.measures.preview import PREVIEWS_BYTES, size_among
from nbkit.results.run import GeneratedImage, Run
from nbkit.sweep.arrange import CellArrangement

MAX_TILES, MAX_PICTURES = 600, 2000
"""A larger grid is too large to look at, and its notebook would not open."""


@dataclass(frozen=True, slots=True)
class Pages:
    """Makes the grids of a sweep.

    Attributes:
        arrangement: where the cells stand.
        runs: by index of the cell, the runs that there are.
        statuses: of each cell.
        pictures: how many there are in all.
        size: pixels on the long side of a preview; ``None`` for the more pictures, the smaller.
        in_notebook: whether the previews together have to stay light.
        places: for a script, for each cell the number of its first picture among those of all cells.
        deadline: when to stop making previews, on the monotonic clock: after Stop, the user is waiting.
    """

    arrangement: CellArrangement
    runs: Mapping[int, Run]
    statuses: Sequence[str]
    pictures: int
    size: int | None = None
    in_notebook: bool = True
    places: Sequence[int] = ()
    deadline: float = math.inf

    def arrange(self, rows: str | None, columns: str | None, pages: str | None) -> list[Page]:
        """One grid for each combination of the axes that are neither rows nor columns; see :meth:`CellArrangement.pages`."""
        return self.arrangement.pages(rows, columns, pages, self._tile)

    def _tile(self, cell: int) -> Tile:
        run, status = self.runs.get(cell), self.statuses[cell]
        if run is None:
            return Tile(status=status)
        values = ", ".join(self.arrangement.facts(cell))
        alts = [f"{values}: {run.request.prompt}", *(f"{values}: picture {n}" for n in range(2, len(run.images) + 1))]
        note = "; ".join(failure.message for failure in run.failures) or (str(run.error) if run.error else "")
        figures = tuple(map(self._figure, run.images, alts))
        return Tile(figures, status, note, self.places[cell] if self.places else -1)

    def _figure(self, image: GeneratedImage, alt: str) -> Figure:
        caption = (f"seed {image.seed}", *filter(None, (image.problem,)), image.caption[-1])
        if time.monotonic() > self.deadline:
            return Figure(None, alt, caption=caption, missing="its picture is in the log: sweep.result shows it")
        if image.is_stored and not image.path.exists():  # and no path: the grid may be sent to somebody
            return Figure(None, alt, caption=caption, missing="its file is not here")
        size = self.size or size_among(self.pictures)
        max_bytes = PREVIEWS_BYTES // max(self.pictures, 75) if self.in_notebook else None
        figure = dataclasses.replace(image.figure(size, caption, max_bytes), alt=alt)
        return figure if self.in_notebook else dataclasses.replace(figure, link="")  # a file may be anywhere
