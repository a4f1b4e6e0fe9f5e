"""The pictures of a sweep as grids: what each position shows."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Self

from nbkit.display.figure import Figure
from nbkit.display.grid import Page, Tile
from nbkit.display.text import missing_words, replay_caption, usd_short
from nbkit.measures.preview import PREVIEWS_BYTES, size_among
from nbkit.results.run import GeneratedImage, Run
from nbkit.sweep.arrange import CellArrangement

MAX_TILES, MAX_PICTURES = 600, 2000
"""A larger grid is too large to look at, and its notebook would not open."""

_SIZES = ((40, 192), (72, 128), (200, 80))
"""Up to so many pictures, and more than sixteen, their pixels: a grid of 8 x 4 x 3 is less than two screens high."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What a grid says once, and not under each picture.

    Attributes:
        has_seed_axis: whether the headers have the seeds.
        seed: of all pictures; ``None`` if they have several, or if it is an axis.
        price: of each picture in micro-dollars; ``None`` if they have several.
    """

    has_seed_axis: bool
    seed: int | None
    price: int | None

    @classmethod
    def by(cls, pictures: Sequence[GeneratedImage], arrangement: CellArrangement) -> Self:
        """What these pictures have in common; of a single picture everything is under it."""
        seeds, prices = {image.seed for image in pictures}, {image.cost_micros for image in pictures}
        has_seed_axis = any("seed" in axis.names for axis in arrangement.axes)
        seed, price = (_only(values) if len(pictures) > 1 else None for values in (seeds, prices))
        return cls(has_seed_axis, None if has_seed_axis else seed, price)

    @property
    def facts(self) -> tuple[str, ...]:
        """The same as text."""
        seed = () if self.seed is None else (f"seed {self.seed}",)
        return (*seed, *(() if self.price is None else (f"{usd_short(self.price)} each",)))


def _only(values: AbstractSet[int | None]) -> int | None:
    return next(iter(values)) if len(values) == 1 else None


@dataclass(frozen=True, slots=True)
class Pages:
    """Makes the grids of a sweep.

    Attributes:
        arrangement: where the cells stand.
        runs: by index of the cell, the runs that there are.
        statuses: of each cell.
        pictures: how many there are in all.
        shared: what is said of them above the grids.
        size: pixels on the long side of a preview; ``None`` for the more pictures, the smaller.
        in_notebook: whether the previews together have to stay light.
        missing: the expected words that pictures lack, by imageUUID.
        places: for a script, for each cell the number of its first picture among those of all cells.
        deadline: when to stop making previews, on the monotonic clock: after Stop, the user is waiting.
        values: by imageUUID, what is printed under a picture, and whether it is within noise.
    """

    arrangement: CellArrangement
    runs: Mapping[int, Run]
    statuses: Sequence[str]
    pictures: int
    shared: Shared
    size: int | None = None
    in_notebook: bool = True
    missing: Mapping[str, str] = field(default_factory=dict)
    places: Sequence[int] = ()
    deadline: float = math.inf
    values: Mapping[str, tuple[str, bool]] = field(default_factory=dict)

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
        figures = (self._measured(image, alt, run.request.seed) for image, alt in zip(run.images, alts, strict=False))
        return Tile(tuple(figures), status, note, self.places[cell] if self.places else -1)

    def _measured(self, image: GeneratedImage, alt: str, asked: int | None) -> Figure:
        value, is_noise = self.values.get(image.image_uuid, ("", False))
        return dataclasses.replace(self._figure(image, alt, asked), value=value, is_noise=is_noise)

    def _figure(self, image: GeneratedImage, alt: str, asked: int | None) -> Figure:
        """One picture, with what neither its place in the grid nor the line above the grid says.

        Args:
            image: the picture.
            alt: for a screen reader.
            asked: the seed of its cell's request.
        """
        said = asked if self.shared.has_seed_axis else self.shared.seed
        seed = "" if image.seed == said else f"seed {image.seed}"
        price = "" if image.cost_micros == self.shared.price else usd_short(image.cost_micros)
        lacking = self.missing.get(image.image_uuid, "")
        badge = missing_words(lacking) if lacking else ""
        alt = f"missing: {lacking}; {alt}" if lacking else alt
        caption = tuple(filter(None, (badge, seed, image.problem, *replay_caption(image.replay), price)))
        if time.monotonic() > self.deadline:
            return Figure(None, alt, caption=caption, missing="its picture is in the log: sweep.result shows it")
        if image.is_stored and not image.path.exists():  # and no path: the grid may be sent to somebody
            return Figure(None, alt, caption=caption, missing="its file is not here")
        size = self.size or _size_among(self.pictures)
        max_bytes = PREVIEWS_BYTES // max(self.pictures, 75) if self.in_notebook else None
        figure = dataclasses.replace(image.figure(size, caption, max_bytes), alt=alt)
        return figure if self.in_notebook else dataclasses.replace(figure, link="")  # a file may be anywhere


def _size_among(pictures: int) -> int:
    """Pixels on the long side of a preview in a grid of so many pictures."""
    usual = size_among(pictures)
    return min(usual, next((size for limit, size in _SIZES if pictures <= limit), usual))
