"""What came of a sweep: a frame, a grid, a contact sheet, a page."""

from __future__ import annotations

import itertools
import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, overload

import pandas as pd

from nbkit.comparison.diversity import Diversity, diversity_of
from nbkit.comparison.effects import REFUSED, WINS, Effects, noise_band, noise_in_words
from nbkit.display.grid import Page, page_text, pages_html
from nbkit.display.mime import MimeBundle
from nbkit.display.notice import quiet_html
from nbkit.display.page import page_html
from nbkit.display.report import REPORT_MARK
from nbkit.display.text import count, escape, list_price, usd_short_range
from nbkit.errors import RequestError
from nbkit.history import RunLog
from nbkit.ledger.ledger import Ledger
from nbkit.ledger.recovery import Recovery
from nbkit.log.columns import column_of, format_measure
from nbkit.log.export import without_folders, without_private
from nbkit.log.plots import plot_rows
from nbkit.log.runs import State
from nbkit.request.price import MICRO, Price
from nbkit.results.image import with_folder
from nbkit.results.money import short_amount
from nbkit.results.run import DONE, FAILED, PLANNED, Run
from nbkit.sweep.arrange import CellArrangement
from nbkit.sweep.contact_sheet import draw_sheet
from nbkit.sweep.frame import RUNNING, column_of_axis, status_of, sweep_frame
from nbkit.sweep.grid import REPEAT, CellSequence
from nbkit.sweep.pages import MAX_PICTURES, MAX_TILES, Pages, Shared
from nbkit.sweep.plan import CostSummary, price_to_send
from nbkit.sweep.promotion import promoted_cells
from nbkit.sweep.report import ReportSource, make_report

_STYLE = ":root{color-scheme:light dark}body{font-family:sans-serif;margin:2em}td,th{padding:.3em .6em;text-align:left}"
"""Of a saved page."""


@dataclass(frozen=True, slots=True)
class SweepContext:
    """What a sweep needs of its studio.

    Attributes:
        ledger, recovery: send and settle runs.
        log: where the runs are.
        engine: the engine's name in the log.
        charged: whether it charges real money.
        balance: asks the service what the account holds, in USD.
        explore: makes the widget that shows a sweep: ``explore(sweep, **sides)``.
        explorable: makes a plain grid one that a script explores: ``explorable(result, pages, totals=…, title=…, **sides)``.
    """

    ledger: Ledger
    recovery: Recovery
    log: RunLog
    engine: str
    charged: bool
    balance: Callable[[], float]
    explore: Callable[..., Any]
    explorable: Callable[..., str]


def _page_path(path: str | Path, mark: str) -> Path:
    """The path of a page that nbkit writes, with its folder made.

    Args:
        path: as given.
        mark: a text that an earlier page of this kind has, which may be replaced.

    Raises:
        RequestError: for another ending than ``.html``, and for a file without the mark.
    """
    if Path(path).suffix.lower() not in (".html", ".htm"):
        message = f"path={str(path)!r}: the name of the page ends in .html"
        raise RequestError(message, parameter="path", value=str(path), suggestion=f"{path}.html")
    target = with_folder(path)
    if target.exists() and mark not in target.read_text("utf-8", "replace"):
        message = f"path={str(path)!r}: there is a file of that name that nbkit did not write; choose another name"
        raise RequestError(message, parameter="path", value=str(path), reason="conflict")
    return target


class _Grids(NamedTuple):
    """Grids, and what is said of all their pictures."""

    pages: list[Page]
    shared: tuple[str, ...]


class SweepResult:
    """What there is of a sweep, read from the log when this object was made. ``sweep.run()`` returns one.

    As the last line of a cell it shows its grid.

    Attributes:
        cells: of the sweep.

    Example:
        >>> import nbkit
        >>> studio = nbkit.Studio(engine="offline")
        >>> sweep = studio.sweep("A {colour} lantern", colour=["red", "jade"], seed=1, name="lanterns of two colours")
        >>> result = sweep.start().wait()
        >>> result.counts
        {'done': 2}
        >>> [run.request.prompt for run in result.runs]
        ['A red lantern', 'A jade lantern']
    """

    def __init__(
        self,
        cells: CellSequence,
        context: SweepContext,
        states: Sequence[State | None],
        make: Callable[[CellSequence], Any],
    ) -> None:
        """Keep the states, from which all else follows.

        Args:
            cells: of the sweep.
            context: of the sweep.
            states: of each cell.
            make: makes a sweep of some cells, which has the same context.
        """
        self.cells = cells
        self._context, self._log, self._charged, self._make = context, context.log, context.charged, make
        self._missing = context.log.history.count_missing(cells.key, context.engine)
        self._statuses = list(map(status_of, states))
        self._states = {index: state for index, state in enumerate(states) if state and state.status != PLANNED}

    # -- facts -----------------------------------------------------------------------------------------------

    @property
    def counts(self) -> dict[str, int]:
        """Number of cells by status: ``done``, ``failed``, ``blocked``, ``unknown``, ``running``, ``not run``."""
        return dict(Counter(self._statuses))

    @property
    def cost(self) -> float:
        """What its runs cost together, in USD."""
        return sum(state.cost or 0 for state in self._states.values()) / MICRO

    @property
    def runs(self) -> list[Run]:
        """The runs of its cells, in the order of the cells. A cell that has not been sent has none."""
        uuids = [state.task_uuid for state in self._states.values()]
        found = self._log.get_runs(uuids)
        return [found[uuid] for uuid in uuids if uuid in found]

    def __len__(self) -> int:
        return len(self.cells)

    def to_frame(self) -> pd.DataFrame:
        """One row per picture, and one for each cell without any.

        The first columns are the axes: a parameter under its log column and dtype, a template variable under its own
        name (string, Int64, Float64 or boolean, by its values). Then comes ``cell`` (Int64), the index of the cell, and
        then the other columns of :meth:`nbkit.RunLog.to_frame`. ``status`` is ``not run`` for a cell that has not been
        sent.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> sweep = studio.sweep("A {colour} lantern", colour=["red", "jade"], seed=1, name="a frame")
            >>> frame = sweep.start().wait().to_frame()
            >>> frame[["colour", "cell", "seed", "status"]].to_dict("records")[1]
            {'colour': 'jade', 'cell': 1, 'seed': 1, 'status': 'done'}
        """
        return sweep_frame(self.cells, self._states, self._log.to_frame(self.cells.key))

    # -- looking at it -----------------------------------------------------------------------------------------

    def grid(
        self,
        rows: str | None = None,
        columns: str | None = None,
        pages: str | None = None,
        *,
        size: int | None = None,
        on: str | None = None,
    ) -> MimeBundle:
        """A labelled grid of all pictures, as plain HTML without a script.

        Args:
            rows: the axis down the side, in either spelling; the first one if not given.
            columns: the axis along the top; the last one if not given.
            pages: an axis whose values become pages that unfold one by one. Each combination of the axes that are left
                over is a grid with its own caption.
            size: pixels on the long side of a preview; if not given, the more pictures, the smaller.
            on: a measure, whose value is printed under each picture: a column of numbers of :meth:`to_frame`, such as
                ``rating`` or ``cost``. A value within noise is grey and has a ``~``: it is no further from the mean than
                two standard deviations of pictures of one setting, with whatever seeds. What one picture shows is no answer
                about its setting; :meth:`effects` has that.

        Raises:
            UnknownParameter: for a name that is no axis of this sweep, and for a measure that the frame does not have.
            RequestError: for a grid that is too large to look at, and for a measure that is no number of a picture.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> sweep = studio.sweep("A lantern", temperature=[0.2, 0.8], seed=[1, 2], name="a grid")
            >>> result = sweep.start().wait()
            >>> print(result.grid(rows="temperature", columns="seed").text.splitlines()[1][:32])
              temperature 0.2, seed 1: ✓ don
            >>> change = studio.log.mark(result.runs[3], rating=5)
            >>> result.grid(on="rating").text.splitlines()[4][-7:]
            '5 stars'
        """
        if on is None:
            return self._shown(self._pages(rows, columns, pages, size=size))
        values, line = self._values_under_pictures(on)
        return self._shown(self._pages(rows, columns, pages, size=size, values=values), line)

    def explore(
        self,
        rows: str | None = None,
        columns: str | None = None,
        slider: str | None = None,
        pages: str | None = None,
    ) -> Any:
        """The grid explorer, a widget: any axis down the side, along the top, on a slider or on pages.

        A press on a picture opens it in full size, where arrows move along rows and columns and Page Up and Page Down
        along the slider. Chosen pictures are rated, compared, promoted and exported from there.

        Args:
            rows: the axis down the side, in either spelling; ``""`` for none.
            columns: the axis along the top.
            slider: the axis of the slider.
            pages: the axis of which one value is shown at a time. If not given, the axes go where most is seen at once.

        Returns:
            An :class:`nbkit.Explorer`.

        Raises:
            UnknownParameter: for a name that is no axis of this sweep.
            RequestError: for an axis that is named twice.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> sweep = studio.sweep("A {colour} lantern", colour=["red", "jade"], seed=[1, 2, 3], name="to explore")
            >>> explorer = sweep.start().wait().explore()
            >>> explorer.sides
            {'rows': 'colour', 'columns': 'seed', 'slider': '', 'pages': ''}
        """
        return self._context.explore(self._make(self.cells), rows=rows, columns=columns, slider=slider, pages=pages)

    def export(
        self,
        path: str | Path,
        *,
        rows: str | None = None,
        columns: str | None = None,
        slider: str | None = None,
        pages: str | None = None,
        size: int = 512,
    ) -> Path:
        """Write one HTML file in which the grid is explored as in :meth:`explore`, and return its path.

        The file loads nothing: it opens from a folder, without a network, without Jupyter and without nbkit.

        Args:
            path: of the file, which ends in ``.html``. An earlier export is replaced.
            rows: the axis down the side, as in :meth:`explore`.
            columns: the axis along the top.
            slider: the axis of the slider.
            pages: the axis of which one value is shown at a time.
            size: pixels on the long side of a picture in the file.

        Raises:
            RequestError: for another ending, and for a file that is no earlier export; nothing is written.

        Example:
            >>> import tempfile, nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> result = studio.sweep("A lantern", seed=[1, 2], name="a file").start().wait()
            >>> result.export(f"{tempfile.mkdtemp()}/grid.html").name
            'grid.html'
        """
        target, title = _page_path(path, "data-nbkit-explore"), f"Sweep {self.cells.key}"
        html, _ = self._explored(rows, columns, slider, pages, title=title, size=size, in_notebook=False)
        target.write_text(html, "utf-8")
        return target

    def explorable(
        self,
        rows: str | None = None,
        columns: str | None = None,
        slider: str | None = None,
        pages: str | None = None,
        *,
        size: int | None = None,
    ) -> MimeBundle:
        """The grid as a plain output that needs no kernel, explored as in :meth:`explore` wherever scripts run.

        In a notebook that is not trusted, and on a code host, it is the grid of :meth:`grid`.

        Args:
            rows: the axis down the side, as in :meth:`explore`.
            columns: the axis along the top.
            slider: the axis of the slider.
            pages: the axis of which one value is shown at a time.
            size: pixels on the long side of a preview; if not given, the more pictures, the smaller.

        Raises:
            UnknownParameter: for a name that is no axis of this sweep.
            RequestError: for an axis that is named twice, and for a grid that is too large to look at.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> result = studio.sweep("A lantern", seed=[1, 2], name="for a colleague").start().wait()
            >>> "<script" in result.explorable().html
            True
        """
        return MimeBundle(*self._explored(rows, columns, slider, pages, size=size))

    @property
    def states(self) -> list[State | None]:
        """The state of each cell in the log, when this object was made."""
        return [self._states.get(index) for index in range(len(self))]

    def plot(self, value: str, by: str | None = None) -> MimeBundle:
        """A dot for every picture, by each axis, as a drawing (SVG) in a plain output.

        Dots that would hide each other stand side by side. Cells without the value are counted below the plots.

        Args:
            value: the column up the side, a number: ``cost``, ``latency``, ``rating``, or another one of :meth:`to_frame`.
            by: the axis along the bottom, or another column, in either spelling; a plot for each axis if not given.

        Raises:
            UnknownParameter: for a column that the frame does not have.
            RequestError: for a value that is no number, and for more pictures than have room.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> sweep = studio.sweep("A lantern", resolution=["0.5K", "1K"], seed=[1, 2], name="a plot")
            >>> sweep.start().wait().plot("cost", by="resolution")
            cost (USD) by resolution: 4 pictures from 0.04657 to 0.06895
              0.5K: 2 pictures, 0.04657
              1K: 2 pictures, 0.06895
        """
        steps = {name: len(axis) for axis in self.cells.axes for name in axis.names}
        several = [name for name, number in steps.items() if number > 1]
        axes = [column_of_axis(self.cells.spec, self.cells.spec.spelled.get(name, name)) for name in several or steps]
        return plot_rows(self.to_frame(), (axes or ["seed"]) if by is None else [by], value)

    def effects(self, on: str, *, block: str | None = "seed") -> Effects:
        """What each axis does to a measure, and whether it is more than noise: all pairs of its values, with intervals.

        Args:
            on: the measure, a column of numbers of :meth:`to_frame` such as ``rating``, ``cost`` or ``latency``;
                ``"refused"``, the share of requests that a safety filter blocked; ``"wins"``, strengths in what was judged
                in ``studio.arena(result)``, in logits; or ``"likeness"``, how alike the pictures of one setting look,
                which takes three of each.
            block: the column of what pictures share whose settings differ, by which noise is taken out; ``None`` for
                none.

        Raises:
            UnknownParameter: for a column that the frame does not have.
            RequestError: for a measure that is no number, or that no picture has; for wins without judgements; for a sweep
                without an axis.
            NbkitError: if scipy is not installed.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> sweep = studio.sweep("A lantern", temperature=[0.2, 1.0], seed=[1, 2, 3], name="is it more than noise")
            >>> result = sweep.start().wait()
            >>> for run, stars in zip(result.runs, (2, 3, 2, 5, 5, 4)):
            ...     change = studio.log.mark(run, rating=stars)
            >>> print(result.effects(on="rating").sentences[0])
            temperature 0.2 → 1: +2.3 stars (0.9 to 3.8), more than seed noise
        """
        return self._log.effects(self.to_frame(), self._compared(block), on, block)

    def diversity(self, by: str | None = None) -> Diversity:
        """How different the pictures look from each other: the mean unlikeness of each two of them, with its interval.

        It is taken from colours and edges, and knows nothing of what a picture means.

        Args:
            by: the axis, or another column, whose values are told apart, in either spelling; ``None`` for all pictures as
                one set.

        Raises:
            UnknownParameter: for a column that the frame does not have.
            RequestError: if there is no picture that can be read.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> sweep = studio.sweep("A lantern", temperature=[0, 1], seed=[1, 2, 3], resolution="0.5K", name="how diverse")
            >>> sweep.start().wait().diversity(by="temperature").to_frame().columns.tolist()
            ['temperature', 'diversity', 'low', 'high', 'n']
        """
        return diversity_of(self.to_frame(), by)

    def peek(self, seconds: float) -> MimeBundle:
        """The grid, with as many of its previews as can be made within that time."""
        try:
            return self._shown(self._pages(deadline=time.monotonic() + seconds))
        except RequestError as error:
            lines = [self._totals(), str(error)]
            return MimeBundle("".join(f"<div>{escape(line)}</div>" for line in lines), "\n".join(lines))

    def contact_sheet(
        self, path: str | Path, *, rows: str | None = None, columns: str | None = None, size: int = 320
    ) -> Path:
        """Write one PNG with all pictures and their labels, and return its path.

        Args:
            path: of the file.
            rows: the axis down the side, as in :meth:`grid`.
            columns: the axis along the top.
            size: pixels on the long side of a picture.

        Example:
            >>> import tempfile, nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> result = studio.sweep("A lantern", seed=[1, 2], name="a sheet").start().wait()
            >>> result.contact_sheet(f"{tempfile.mkdtemp()}/sheet.png").name
            'sheet.png'
        """
        target = with_folder(path)
        grids = self._pages(rows, columns, size=size, in_notebook=False)
        draw_sheet(grids.pages, self._totals(grids.shared)).save(target, "PNG")
        return target

    def save_html(
        self, path: str | Path, *, rows: str | None = None, columns: str | None = None, size: int = 384
    ) -> Path:
        """Write one self-contained page with the grid and the frame, which opens without nbkit, and return its path.

        Args:
            path: of the file.
            rows: the axis down the side, as in :meth:`grid`.
            columns: the axis along the top.
            size: pixels on the long side of a preview.

        Example:
            >>> import tempfile, nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> result = studio.sweep("A lantern", seed=[1, 2], name="a page").start().wait()
            >>> "<h1>Sweep a page</h1>" in result.save_html(f"{tempfile.mkdtemp()}/page.html").read_text()
            True
        """
        target = with_folder(path)
        title = f"Sweep {self.cells.key}"
        grid = self._shown(self._pages(rows, columns, size=size, in_notebook=False))
        facts = self.to_frame().drop(columns=["file"]).dropna(axis="columns", how="all")
        table = facts.to_html(index=False, escape=True, border=0)
        body = f"<h1>{escape(title)}</h1>{grid.html}<h2>Every run</h2>{table}"
        target.write_text(page_html(title, body, _STYLE), "utf-8")
        return target

    @overload
    def report(
        self, path: None = None, *, question: str | None = ..., on: str | Sequence[str] | None = ...
    ) -> MimeBundle: ...

    @overload
    def report(self, path: str | Path, *, question: str | None = ..., on: str | Sequence[str] | None = ...) -> Path: ...

    def report(
        self, path: str | Path | None = None, *, question: str | None = None, on: str | Sequence[str] | None = None
    ) -> MimeBundle | Path:
        """What was asked, what came of it, and whether it is more than noise, as one page to send to a colleague.

        It has the plan with the gap that it could see, the pictures, the effects of the axes, the ranking where people judged,
        refusals, cost, and the code that makes the sweep again; no path of this machine and no address with credentials.

        Args:
            path: of the file, which ends in ``.html``. An earlier report is replaced, another file is not. Without a path
                the report is the output of the cell.
            question: the heading; by default made of the axes.
            on: a measure or several, as :meth:`effects` takes them; by default ``rating``, ``"wins"`` and
                ``textFidelity`` where they are there, and ``cost``. The report says how many were looked at.

        Returns:
            The path, or without one something that shows itself as the last line of a cell.

        Raises:
            RequestError: for another ending, for a file that is no earlier report (nothing is written then), and for a
                measure that is no number, or that no picture has.
            UnknownParameter: for a measure that the frame does not have.

        Example:
            >>> import tempfile, nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> result = studio.sweep("A lantern", temperature=[0.2, 1.0], seed=[1, 2], name="to report").start().wait()
            >>> result.report(f"{tempfile.mkdtemp()}/report.html").name
            'report.html'
            >>> print(result.report(question="Is warmer better?").text.splitlines()[0])
            Is warmer better?
        """
        target = None if path is None else _page_path(path, REPORT_MARK)
        frame = without_private(self.to_frame(), self._log.private_paths)

        def grid(measure: str | None) -> MimeBundle:
            if target is None:
                return self.grid(on=measure)
            values, line = self._values_under_pictures(measure) if measure else ({}, "")
            return self._shown(self._pages(size=384, in_notebook=False, values=values), line)

        source = ReportSource(
            cells=self.cells,
            frame=frame,
            axes=[name for name in self._compared("seed") if name != "seed"],
            charged=self._charged,
            spent=self.cost,
            grid=grid,
            effects=self.effects,
            ranking=lambda by: self._log.ranking(by=by, frame=frame),
        )
        report = make_report(source, question, on)
        if target is None:
            output = report.output()
            return MimeBundle(*(without_folders(part, self._log.private_paths) for part in (output.html, output.text)))
        target.write_text(without_folders(report.page(), self._log.private_paths), "utf-8")
        return target

    # -- going on --------------------------------------------------------------------------------------------------

    def promote(
        self,
        rows: Any,
        resolution: str = "4K",
        *,
        max_workers: int = 4,
        budget: float | None = None,
        confirm: bool = False,
        retry: str | None = None,
    ) -> SweepResult:
        """Make chosen pictures again at a higher tier, with the seeds of their drafts. Prints the price first.

        Args:
            rows: rows of :meth:`to_frame`, after whatever pandas did to them, or the indices of cells.
            resolution: the tier.
            max_workers: number of requests at once, as in :meth:`nbkit.Sweep.run`.
            budget: the most that this call may spend, in USD.
            confirm: needed for more than a hundred images.
            retry: ``"failed"`` sends failed cells again.

        Returns:
            The result of the promoted cells. In the log, ``parent`` and ``parentImage`` link each one to its draft.

        Raises:
            RequestError: if a row is not of this sweep, or has no picture.

        Example:
            >>> import tempfile, nbkit
            >>> studio = nbkit.Studio(engine="offline", path=tempfile.mkdtemp())
            >>> drafts = studio.sweep("A lantern", seed=[1, 2], resolution="0.5K").start().wait()
            >>> final = drafts.promote([1], resolution="1K")
            1 picture at 1K · List price $0.069 (offline, not charged), $0.022 more than the drafts.
            >>> final.runs[0].seed, final.runs[0].request.resolution
            (2, '1K')
        """
        cells, drafts = promoted_cells(self.cells, self.to_frame(), rows, resolution)
        sweep = self._make(cells)
        price, whole = price_to_send(cells.costs, sweep.states), CostSummary.of(cells.costs).price
        what = f"{count(len(cells), 'picture')} at {resolution}"
        if price is None:
            what += " · already there"
        else:
            what += f" · {usd_short_range(price) if self._charged else list_price(usd_short_range(price))}"
        if price == whole:
            more = Price(price.low - drafts, price.high - drafts)
            what += f", {usd_short_range(more)} more than the drafts"
        print(f"{what}.")  # noqa: T201  the price, before anything is sent
        result: SweepResult = sweep.run(max_workers=max_workers, budget=budget, confirm=confirm, retry=retry)
        return result

    def promotion(self, rows: Any, resolution: str = "4K") -> Any:
        """The :class:`~nbkit.Sweep` that :meth:`promote` runs. Nothing is sent yet.

        Args:
            rows: as :meth:`promote` takes them.
            resolution: the tier.

        Raises:
            RequestError: if a row is not of this sweep, or has no picture.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> drafts = studio.sweep("A lantern", seed=[1, 2], resolution="0.5K", name="drafts").start().wait()
            >>> final = drafts.promotion([1], resolution="2K")
            >>> len(final), final[0].resolution
            (1, '2K')
        """
        cells, _ = promoted_cells(self.cells, self.to_frame(), rows, resolution)
        return self._make(cells)

    def __dir__(self) -> list[str]:
        return sorted(set(super().__dir__()) - {"peek", "states"})  # TAB offers what people type

    def __repr__(self) -> str:
        return f"<SweepResult {self._totals()}>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return self.peek(math.inf)._repr_mimebundle_()

    # -- inside --------------------------------------------------------------------------------------------------

    def _totals(self, shared: Sequence[str] = ()) -> str:
        """What there is and what it cost, as one line; ``shared`` is said of all pictures."""
        counts = self.counts
        parts = ", ".join(f"{counts[status]} {status}" for status in sorted(counts, key=lambda status: status != DONE))
        spent = short_amount(self.cost)
        money = " · ".join([*shared, f"{spent} charged" if self._charged else list_price(spent)])
        refused = sum(state.was_never_accepted for state in self._states.values())
        failed = counts.get(FAILED, 0) - refused
        again = f"; sweep.run() sends {refused:,} again that the service never accepted" if refused else ""
        again += f'; sweep.run(retry="{FAILED}") sends {failed:,} again that failed there' if failed > 0 else ""
        running = "; what is running is being paid for and lands in the log" if counts.get(RUNNING) else ""
        missing = f" · {count(self._missing, 'picture')} paid and not here: sweep.run() fetches what is missing"
        return f"{count(len(self.cells), 'cell')}: {parts} · {money}{running}{missing if self._missing else ''}{again}"

    def _shown(self, grids: _Grids, foot: str = "") -> MimeBundle:
        totals = self._totals(grids.shared)
        html = quiet_html((totals,)) + pages_html(grids.pages) + quiet_html((foot,) if foot else ())
        return MimeBundle(html, "\n".join(filter(None, [totals, *map(page_text, grids.pages), foot])))

    def _compared(self, block: str | None) -> list[str]:
        """The columns of the axes whose effects are of interest: all but the blocks, where there are others."""
        spec = self.cells.spec
        axes = [column_of_axis(spec, spec.spelled.get(name, name)) for axis in self.cells.axes for name in axis.names]
        names = [name for name in axes if name != REPEAT]
        return [name for name in names if name not in ("seed", block)] or names

    def _values_under_pictures(self, on: str) -> tuple[dict[str, tuple[str, bool]], str]:
        """A measure by imageUUID, as text and whether it is within noise; and a line that says what noise is."""
        if on in (REFUSED, WINS):
            what = "no picture is refused" if on == REFUSED else "a picture has no number of wins"
            message = f'on="{on}": {what}; result.effects(on="{on}") compares the settings'
            raise RequestError(message, parameter="on", value=on, suggestion="rating")
        frame = self.to_frame()
        name = column_of(frame, on)
        band = noise_band(frame, self._compared("seed"), name)
        rows = frame[frame["imageUUID"].notna() & frame[name].notna()]
        numbers = [float(value) for value in rows[name]]
        values = {
            uuid: (format_measure(name, number), number in band)
            for uuid, number in zip(rows["imageUUID"], numbers, strict=True)
        }
        return values, noise_in_words(name, band, len(rows), int(frame["imageUUID"].notna().sum()))

    def _explored(
        self,
        rows: str | None,
        columns: str | None,
        slider: str | None,
        pages: str | None,
        *,
        title: str = "",
        **previews: Any,
    ) -> tuple[str, str]:
        """A grid with its script, and as text. Without one it has the same axes down the side and along the top."""
        arrangement = CellArrangement(self.cells)
        sides = arrangement.survey(rows=rows, columns=columns, slider=slider, pages=pages)
        names = {side: arrangement.axes[axis].name if axis >= 0 else "" for side, axis in sides.items()}
        folded = names["pages"] or names["slider"] or None
        places = [0, *itertools.accumulate(cost.images for cost in self.cells.costs)]
        grids = self._pages(names["rows"], names["columns"], folded, places=places, **previews)
        totals = self._totals(grids.shared)
        html = self._context.explorable(self, grids.pages, totals=totals, title=title, **names)
        return html, "\n".join([totals, *map(page_text, grids.pages)])

    def _pages(
        self, rows: str | None = None, columns: str | None = None, pages: str | None = None, **previews: Any
    ) -> _Grids:
        """The grids; ``previews`` says how :class:`Pages` makes its previews."""
        uuids = [state.task_uuid for state in self._states.values()]
        found = self._log.history.many(uuids) if len(self) <= MAX_PICTURES else {}
        runs = {index: found[state.task_uuid] for index, state in self._states.items() if state.task_uuid in found}
        pictures = [image for run in runs.values() for image in run.images]
        tiles = MAX_TILES if previews.get("in_notebook", True) else MAX_PICTURES
        for number, limit, noun in ((len(self), tiles, "cell"), (len(pictures), MAX_PICTURES, "picture")):
            if number > limit:
                rest = ".to_frame() has them all, and a sweep of the same name with where= shows some of them"
                message = f"a grid of {count(number, noun)} is too large to look at; {rest}"
                raise RequestError(message, parameter="grid", reason="count")
        arrangement = CellArrangement(self.cells)
        shared = Shared.by(pictures, arrangement)
        previews["missing"] = self._log.missing_words([image.image_uuid for image in pictures])
        made = Pages(arrangement, runs, self._statuses, len(pictures), shared, **previews)
        return _Grids(made.arrange(rows, columns, pages), shared.facts)
