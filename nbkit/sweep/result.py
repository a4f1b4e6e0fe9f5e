"""What came of a sweep: a frame, a grid, a contact sheet, a page."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from nbkit.display.bundle import Bundle
from nbkit.display.grid import Page, page_text, pages_html
from nbkit.display.text import count, usd, usd_range
from nbkit.errors import RequestError
from nbkit.log import RunLog
from nbkit.model import MICRO, Price
from nbkit.run import DONE, PLANNED, Run
from nbkit.storage.history import State
from nbkit.sweep.cells import Cells, ListedCells
from nbkit.sweep.pages import MAX_PICTURES, MAX_TILES, Look, Pages, look_for
from nbkit.sweep.plan import RUNNING, price_of, status_of
from nbkit.sweep.promotion import promoted
from nbkit.sweep.rows import frame_of
from nbkit.sweep.sheet import draw_sheet


class SweepResult:
    """What there is of a sweep, read from the log when this was made.

    ``.to_frame()``, ``.grid()``, ``.contact_sheet(path)``, ``.save_html(path)``; as the last line of a cell it is
    its grid.
    """

    def __init__(
        self,
        cells: Cells | ListedCells,
        log: RunLog,
        states: Sequence[State | None],
        *,
        charged: bool,
        sweep_of: Callable[[ListedCells], Any],
    ) -> None:
        self.cells = cells
        self._log, self._charged, self._sweep_of = log, charged, sweep_of
        self._states = {place: state for place, state in enumerate(states) if state and state.status != PLANNED}

    # -- facts -----------------------------------------------------------------------------------------------

    @property
    def counts(self) -> dict[str, int]:
        """Cells by what became of them: ``done``, ``failed``, ``blocked``, ``unknown``, ``running``, ``not run``."""
        return dict(Counter(self._statuses()))

    @property
    def cost(self) -> float:
        """What its runs cost together, in USD."""
        return sum(state.cost or 0 for state in self._states.values()) / MICRO

    @property
    def runs(self) -> list[Run]:
        """The runs of its cells, in the cells' order; cells that have not been sent have none."""
        uuids = [state.task_uuid for state in self._states.values()]
        found = self._log.several(uuids)
        return [found[uuid] for uuid in uuids if uuid in found]

    def __len__(self) -> int:
        return len(self.cells)

    def to_frame(self) -> pd.DataFrame:
        """One row per picture, one for each cell without any; a column per axis first, then those of the log."""
        return frame_of(self.cells, self._states, self._log.to_frame(self.cells.key))

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
            size: pixels on the long side of a preview; fewer the more pictures there are, unless given.

        Raises:
            UnknownParameter: for a name that is no axis of this sweep.
            RequestError: for a grid that is too large to look at.
        """
        return self._shown(self._pages(rows, columns, pages, size=size))

    def peek(self, seconds: float) -> Bundle:
        """The grid, with as many of its pictures as can be made small within that time."""
        try:
            return self._shown(self._pages(None, None, None, until=time.monotonic() + seconds))
        except RequestError as error:
            return Bundle(
                f"<div>{escape(self._totals())}</div><div>{escape(str(error))}</div>", f"{self._totals()}\n{error}"
            )

    def contact_sheet(
        self, path: str | Path, *, rows: str | None = None, columns: str | None = None, size: int = 320
    ) -> Path:
        """One PNG with all pictures and their labels; returns its path."""
        target = Path(path).expanduser()
        target.parent.mkdir(parents=True, exist_ok=True)
        draw_sheet(self._pages(rows, columns, None, look=Look(size)), self._totals()).save(target, "PNG")
        return target

    def save_html(
        self, path: str | Path, *, rows: str | None = None, columns: str | None = None, size: int = 384
    ) -> Path:
        """One self-contained page with the grid and the frame, which opens without nbkit; returns its path."""
        target = Path(path).expanduser()
        target.parent.mkdir(parents=True, exist_ok=True)
        title = escape(f"Sweep {self.cells.key}")
        grid = self._shown(self._pages(rows, columns, None, look=Look(size)))
        facts = self.to_frame().drop(columns=["file"]).dropna(axis="columns", how="all")
        target.write_text(
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
            "<style>:root{color-scheme:light dark}body{font-family:sans-serif;margin:2em}"
            "td,th{padding:.3em .6em;text-align:left}</style></head>"
            f"<body><h1>{title}</h1>{grid.html}"
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
        price, _ = price_of(cells.facts)
        more = Price(price.low - drafts, price.high - drafts)
        money = "" if self._charged else " at offline list prices"
        print(  # noqa: T201  the price, before anything is sent
            f"{count(len(cells), 'picture')} at {resolution}: {usd_range(price)}{money}, {usd_range(more)} more than the drafts."
        )
        return self._sweep_of(cells).run(**how)

    def __repr__(self) -> str:
        return f"<SweepResult {self._totals()}>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return self.peek(math.inf)._repr_mimebundle_()

    # -- inside --------------------------------------------------------------------------------------------------

    def _statuses(self) -> list[str]:
        return [status_of(self._states.get(place)) for place in range(len(self.cells))]

    def _totals(self) -> str:
        counts = self.counts
        told = ", ".join(
            f"{number} {status}" for status, number in sorted(counts.items(), key=lambda item: item[0] != DONE)
        )
        money = "charged" if self._charged else "at offline list prices, of which nothing was charged"
        running = "; what is running is being paid for and lands in the log" if counts.get(RUNNING) else ""
        return f"{count(len(self.cells), 'cell')}: {told} · {usd(round(self.cost * MICRO))} {money}{running}"

    def _shown(self, pages: Sequence[Page]) -> Bundle:
        totals = self._totals()
        return Bundle(pages_html(pages, totals=totals), "\n".join([totals, *map(page_text, pages)]))

    def _pages(
        self,
        rows: str | None,
        columns: str | None,
        pages: str | None,
        *,
        size: int | None = None,
        until: float | None = None,
        look: Look | None = None,
    ) -> list[Page]:
        if len(self.cells) > MAX_TILES:
            raise self._too_large(count(len(self.cells), "cell"))
        uuids = {place: state.task_uuid for place, state in self._states.items()}
        found = self._log.history.many(list(uuids.values()))
        runs = {place: found[uuid] for place, uuid in uuids.items() if uuid in found}
        pictures = sum(len(run.images) for run in runs.values())
        if pictures > MAX_PICTURES:
            raise self._too_large(count(pictures, "picture"))
        chosen = look or look_for(pictures, size, until)
        return Pages(self.cells, runs, self._statuses(), chosen).lay_out(rows, columns, pages)

    def _too_large(self, what: str) -> RequestError:
        return RequestError(
            f"a grid of {what} is too large to look at; .to_frame() has them all, and a sweep of the same name "
            "with where= shows some of them",
            parameter="grid", reason="count",
        )  # fmt: skip
