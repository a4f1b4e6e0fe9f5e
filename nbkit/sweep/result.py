"""What came of a sweep: a frame, a grid, a contact sheet, a page."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from nbkit.display.bundle import Bundle
from nbkit.display.figure import Figure
from nbkit.display.grid import Page, Tile, page_text, pages_html
from nbkit.display.text import count, usd, usd_range
from nbkit.errors import RequestError, UnknownParameter
from nbkit.log import RunLog
from nbkit.model import MICRO, Price
from nbkit.parameter import nearest
from nbkit.request import NAMES, PARAMETERS
from nbkit.run import DONE, NOT_SENT, PLANNED, SENT, Run
from nbkit.storage.history import State
from nbkit.sweep.cells import Cell, Cells, ListedCells
from nbkit.sweep.plan import price_of
from nbkit.sweep.promotion import promoted
from nbkit.sweep.sheet import draw_sheet

NOT_RUN, RUNNING = "not run", "running"
MAX_TILES = 600
"""A grid with more is no picture to look at, and a notebook that no longer opens."""

_SIZES = ((16, 256), (64, 192), (150, 160), (MAX_TILES, 96))
"""Up to so many cells, so many pixels on the long side of a preview: a grid of a hundred stays under 3 MB."""


class SweepResult:
    """What there is of a sweep, read from the log when this was made.

    ``.to_frame()``, ``.grid()``, ``.contact_sheet(path)``, ``.save_html(path)``; as the last line of a cell it is
    its grid.
    """

    def __init__(
        self,
        cells: Cells | ListedCells,
        log: RunLog,
        states: Mapping[str, State],
        *,
        charged: bool,
        sweep_of: Callable[[ListedCells], Any],
    ) -> None:
        self.cells = cells
        self._log, self._charged, self._sweep_of = log, charged, sweep_of
        self._states = {place: states[cell.key] for place, cell in enumerate(cells) if cell.key in states}

    # -- facts -----------------------------------------------------------------------------------------------

    @property
    def counts(self) -> dict[str, int]:
        """Cells by what became of them: ``done``, ``failed``, ``blocked``, ``unknown``, ``running``, ``not run``."""
        counts: dict[str, int] = {}
        for place in range(len(self.cells)):
            status = self._status(place)
            counts[status] = counts.get(status, 0) + 1
        return counts

    @property
    def cost(self) -> float:
        """What its runs cost together, in USD."""
        return sum(state.cost or 0 for state in self._states.values()) / MICRO

    @property
    def runs(self) -> list[Run]:
        """The runs of its cells, in the cells' order; cells that have not been sent have none."""
        return list(self._runs(range(len(self.cells))).values())

    def __len__(self) -> int:
        return len(self.cells)

    def to_frame(self) -> pd.DataFrame:
        """One row per picture, one for each cell without any; a column per axis first, then those of the log."""
        places = {state.task_uuid: place for place, state in self._states.items()}
        log = self._log.to_frame(self.cells.key)
        log = log[log["taskUUID"].isin(list(places))]
        missing = [place for place in range(len(self.cells)) if place not in self._states]
        blank = log.reindex(range(len(missing))) if missing else log.iloc[:0]
        at = [*(places[uuid] for uuid in log["taskUUID"]), *missing]
        frame = pd.concat([log, blank.astype(log.dtypes)], ignore_index=True) if missing else log.reset_index(drop=True)
        frame.loc[len(log) :, "status"] = NOT_RUN
        cells = [self.cells[place] for place in at]
        frame.loc[len(log) :, "prompt"] = [cell.request.prompt for cell in cells[len(log) :]]
        axes = {self._column(name): _series(name, [cell.values[name] for cell in cells]) for name in self._names(cells)}
        for column, values in axes.items():
            frame[column] = values.astype(frame[column].dtype) if column in frame else values
        frame["cell"] = pd.Series(at, dtype="Int64")
        first = [*axes, "cell"]
        ordered = frame[[*first, *(column for column in frame if column not in first)]]
        return ordered.sort_values("cell", kind="stable").reset_index(drop=True)

    # -- looking at it -----------------------------------------------------------------------------------------

    def grid(
        self, rows: str | None = None, columns: str | None = None, pages: str | None = None, *, size: int | None = None
    ) -> Bundle:
        """A labelled grid of all pictures, as plain HTML.

        Args:
            rows: the axis down the side, in either spelling; the first one unless given.
            columns: the axis along the top; the last one unless given.
            pages: an axis whose values become pages that unfold one by one. Axes that are left over become grids
                one under another, each with its caption.
            size: pixels on the long side of a preview; fewer the more cells there are, unless given.

        Raises:
            UnknownParameter: for a name that is no axis of this sweep.
        """
        made = self._pages(rows, columns, pages, size or _fitting(len(self.cells)))
        totals = self._totals()
        text = "\n".join([totals, *(page_text(page) for page in made)])
        return Bundle(pages_html(made, totals=totals), text)

    def contact_sheet(
        self, path: str | Path, *, rows: str | None = None, columns: str | None = None, size: int = 320
    ) -> Path:
        """One PNG with all pictures and their labels; returns its path."""
        target = Path(path).expanduser()
        target.parent.mkdir(parents=True, exist_ok=True)
        draw_sheet(self._pages(rows, columns, None, size), self._totals()).save(target, "PNG")
        return target

    def save_html(
        self, path: str | Path, *, rows: str | None = None, columns: str | None = None, size: int = 384
    ) -> Path:
        """One self-contained page with the grid and the frame, which opens without nbkit; returns its path."""
        target = Path(path).expanduser()
        target.parent.mkdir(parents=True, exist_ok=True)
        title = escape(f"Sweep {self.cells.key}")
        facts = self.to_frame().drop(columns=["file"]).dropna(axis="columns", how="all")
        target.write_text(
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
            "<style>:root{color-scheme:light dark}body{font-family:sans-serif;margin:2em}"
            "td,th{padding:.3em .6em;text-align:left}</style></head>"
            f"<body><h1>{title}</h1>{self.grid(rows, columns, size=size).html}"
            f"<h2>Every run</h2>{facts.to_html(index=False, escape=True, border=0)}</body></html>",
            "utf-8",
        )
        return target

    # -- going on --------------------------------------------------------------------------------------------------

    def promote(self, rows: Any, resolution: str = "4K", **how: Any) -> Any:
        """Make chosen pictures again at a higher tier, with the seeds of their drafts; prints the price first.

        Args:
            rows: rows of :meth:`to_frame`, after whatever pandas did to them, or the numbers of cells.
            resolution: the tier.
            **how: ``budget``, ``max_workers``, ``confirm`` as in ``sweep.run``.

        Returns:
            The :class:`SweepResult` of the promoted cells; in the log each is linked to its draft.

        Raises:
            RequestError: if a row is not of this sweep, or has no picture.
        """
        cells, drafts = promoted(self.cells, self.to_frame(), rows, resolution)
        price, _ = price_of(cells)
        more = Price(price.low - drafts, price.high - drafts)
        money = "" if self._charged else " at offline list prices"
        print(  # noqa: T201  the price, before anything is sent
            f"{count(len(cells), 'picture')} at {resolution}: {usd_range(price)}{money}, {usd_range(more)} more than the drafts."
        )
        return self._sweep_of(cells).run(**how)

    def __repr__(self) -> str:
        return f"<SweepResult {self._totals()}>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return self.grid()._repr_mimebundle_()

    # -- inside --------------------------------------------------------------------------------------------------

    def _status(self, place: int) -> str:
        state = self._states.get(place)
        if state is None or state.status in (NOT_SENT, PLANNED):
            return NOT_RUN
        return RUNNING if state.status == SENT else state.status

    def _totals(self) -> str:
        counts = self.counts
        told = ", ".join(
            f"{number} {status}" for status, number in sorted(counts.items(), key=lambda item: item[0] != DONE)
        )
        money = "charged" if self._charged else "at offline list prices, of which nothing was charged"
        running = "; what is running is being paid for and lands in the log" if counts.get(RUNNING) else ""
        return f"{count(len(self.cells), 'cell')}: {told} · {usd(round(self.cost * MICRO))} {money}{running}"

    def _runs(self, places: Sequence[int]) -> dict[int, Run]:
        wanted = {place: self._states[place].task_uuid for place in places if place in self._states}
        runs = self._log.history.many(list(wanted.values()))
        return {place: runs[uuid] for place, uuid in wanted.items() if uuid in runs}

    def _names(self, cells: Sequence[Cell]) -> list[str]:
        return list(cells[0].values) if cells else []

    def _column(self, name: str) -> str:
        """The column of an axis: the log's own for a parameter, the name itself for a variable of the template."""
        python = next((n for n, spelling in self.cells.layout.spelled.items() if spelling == name), name)
        if python == "seed":
            return "seed"
        return PARAMETERS[python].column if python in PARAMETERS else name

    def _axis(self, name: str) -> str:
        known = list(self.cells[0].values) if len(self.cells) else []
        if name in known:
            return name
        try:
            python = NAMES.find(name).name
        except UnknownParameter:
            python = name
        for axis in known:
            if self.cells.layout.spelled.get(python) == axis:
                return axis
        raise UnknownParameter(
            f"{name} is no axis of this sweep; its axes are {', '.join(known) or 'none'}",
            parameter=name, reason="unknown", suggestion=nearest(name, known),
        )  # fmt: skip

    def _pages(self, rows: str | None, columns: str | None, pages: str | None, size: int) -> list[Page]:
        if len(self.cells) > MAX_TILES:
            raise RequestError(
                f"a grid of {len(self.cells):,} cells is too large to look at (at most {MAX_TILES}); "
                ".to_frame() has them all, and a smaller sweep with where= shows some of them",
                parameter="grid", reason="count",
            )  # fmt: skip
        cells = list(self.cells)
        names = self._names(cells)
        chosen = {self._axis(name) for name in (rows, columns, pages) if name}
        free = [name for name in names if name not in chosen]
        across = self._axis(columns) if columns else (free.pop() if free else "")
        down = self._axis(rows) if rows else (free.pop(0) if free else "")
        folds = [self._axis(pages)] if pages else []
        runs = self._runs(range(len(cells)))
        groups: dict[tuple[str, str], list[Cell]] = {}
        for cell in cells:
            groups.setdefault((_place(cell, folds), _place(cell, free)), []).append(cell)
        return [
            dataclasses.replace(self._page(title, group, down, across, runs, size), fold=fold)
            for (fold, title), group in sorted(
                groups.items(), key=lambda item: [key[0] for key in groups].index(item[0][0])
            )
        ]

    def _page(
        self, title: str, cells: Sequence[Cell], down: str, across: str, runs: Mapping[int, Run], size: int
    ) -> Page:
        lines = list(dict.fromkeys(_shown(cell.values[down]) if down else "" for cell in cells))
        columns = list(dict.fromkeys(_shown(cell.values[across]) if across else "" for cell in cells))
        tiles: dict[tuple[str, str], list[Tile]] = {place: [] for place in itertools.product(lines, columns)}
        for cell in cells:
            place = (_shown(cell.values[down]) if down else "", _shown(cell.values[across]) if across else "")
            tiles[place].append(self._tile(cell, runs.get(cell.index), size))
        return Page(
            title, down, lines, across, columns, [[tiles[line, column] for column in columns] for line in lines]
        )

    def _tile(self, cell: Cell, run: Run | None, size: int) -> Tile:
        if run is None:
            return Tile(status=self._status(cell.index))
        figures: list[Figure] = [image.figure(size, (f"seed {image.seed}", image.caption[-1])) for image in run.images]
        note = "; ".join(failure.message for failure in run.failures) or (str(run.error) if run.error else "")
        return Tile(tuple(figures), self._status(cell.index), note)


def _place(cell: Cell, names: Sequence[str]) -> str:
    return ", ".join(f"{name} {_shown(cell.values[name])}" for name in names)


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(str(item)[:19] for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _series(name: str, values: list[Any]) -> pd.Series[Any]:
    if any(isinstance(value, tuple) for value in values):
        values = [_shown(value) for value in values]
    return pd.Series(values, name=name, dtype="object").convert_dtypes()


def _fitting(cells: int) -> int:
    return next((size for most, size in _SIZES if cells <= most), _SIZES[-1][1])
