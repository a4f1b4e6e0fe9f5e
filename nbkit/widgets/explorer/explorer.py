"""The grid explorer: a sweep's pictures with any axis down the side, along the top, on a slider or on pages.

The kernel sends the axes and the position of each cell once (:mod:`nbkit.sweep.arrange`); which slice is shown is the
page's matter, so a slider flips through pictures that the page has already. Tiles, previews, marks and the lightbox are
those of :class:`~nbkit.widgets.image_grid.image_grid.ImageGrid`, of which this is another view.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import traitlets

from nbkit.display.mime import MimeBundle
from nbkit.display.text import count, usd_range, usd_short_range
from nbkit.errors import RequestError, UnknownParameter
from nbkit.request.image_request import ImageRequest
from nbkit.request.price import Price
from nbkit.request.profiles import DEFAULT
from nbkit.service.threads import THREADS
from nbkit.sweep.arrange import CellArrangement
from nbkit.sweep.grid import CellCost
from nbkit.sweep.plan import price_to_send
from nbkit.sweep.promotion import promoted_request, promotion_name
from nbkit.sweep.result import SweepResult
from nbkit.sweep.sweep import Sweep
from nbkit.widgets.explorer.cells import CellTable
from nbkit.widgets.gallery.marker import Marker
from nbkit.widgets.image_grid.image_grid import HERE as IMAGE_GRID
from nbkit.widgets.image_grid.image_grid import SHARED, Action, GridView, ImageGrid
from nbkit.widgets.image_grid.item import Item, ItemList
from nbkit.widgets.jobs.job import StudioAPI
from nbkit.widgets.jobs.promotion import Promotion
from nbkit.widgets.jobs.quote import QuoteBook
from nbkit.widgets.page.cell import close_parts, replace_in_cell
from nbkit.widgets.page.guard import guarded, words_of
from nbkit.widgets.page.publish import publish
from nbkit.widgets.page.subshell import answer_at_once

EVERY = 0.5
"""Seconds between two looks into the log while a sweep runs."""
PATIENCE = 20.0
"""Seconds for the previews of a large grid that a notebook keeps; the rest says where its pictures are."""
MAX_CELLS = 2_000
"""Larger sweeps are not shown."""
SIDES = ("rows", "columns", "slider", "pages")
TIERS = DEFAULT.tiers[1:]
"""Resolutions to which pictures are promoted."""
PANEL = "open in panel"
"""The action of the button "Open in panel"."""
ALONE = "An nbkit explorer: run this cell again to use it. The grid stands below."
NO_CELL = "The sweep has no cells."

HERE = Path(__file__).parent
VIEW_SCRIPT = "\n".join(
    (
        SHARED,
        *((HERE / "script" / f"{part}.js").read_text("utf-8") for part in ("project", "cell", "controls", "explorer")),
    )
)
"""Everything but the way in: the page of a notebook has a kernel, a file has its pictures."""
STYLE = "\n".join(path.read_text("utf-8") for path in (IMAGE_GRID / "image_grid.css", HERE / "explorer.css"))


class _CellView(GridView):
    _esm = f"{VIEW_SCRIPT}\nexport default gridWidget(ExplorerView);"
    _css = STYLE
    axes: Any = traitlets.List().tag(sync=True)
    spots: Any = traitlets.List().tag(sync=True)
    sides = traitlets.Dict(dict.fromkeys(SIDES, -1)).tag(sync=True)
    at: Any = traitlets.List().tag(sync=True)
    tile = traitlets.Int(0).tag(sync=True)
    offer = traitlets.Dict().tag(sync=True)


class CellGrid(ImageGrid):
    """The pictures of a sweep's cells, as a table whose axes the page arranges; see :class:`ImageGrid`."""

    VIEW = _CellView

    def show_table(self, table: CellTable, items: Sequence[Item], sides: dict[str, int]) -> None:
        """Show other cells.

        Args:
            table: where they stand.
            items: their tiles.
            sides: the axis of each side by its index.
        """
        with self._lock, self.box.hold_sync():
            self.box.axes = [[name, values] for name, values in table.axes]
            self.box.spots, self.box.sides, self.box.at = table.spots, sides, [0] * len(table.axes)
            self.show(items)
            self.box.tallest = table.tallest()

    def update(self, items: Sequence[Item], tallest: float) -> bool:
        """Show what has changed of the same cells; returns whether anything has."""
        with self._lock:
            changed = [new.key for new, old in zip(items, self._items, strict=True) if new != old]
            self._items, self.box.tallest = ItemList(items), tallest
            self.refresh(changed)
            return bool(changed)

    def on_press(self, callback: Callable[[dict[str, Any]], None]) -> None:
        """Call with the page's message when one of the buttons under the grid is pressed."""
        self._callbacks["press"] = [callback]

    def fault(self, error: Exception | None) -> None:
        """Show an error under the pictures, or that the last one is over."""
        with self._lock:
            self._faults |= {"explorer": words_of(error) if error else ""}
            self.box.problem = "; ".join(filter(None, self._faults.values()))

    def _hear(self, view: Any, content: dict[str, Any], buffers: Any) -> None:
        if content.get("type") == "press":
            self._call("press", content)
        else:
            super()._hear(view, content, buffers)


class Explorer(widgets.VBox):  # type: ignore[misc]  # ipywidgets says nothing of its types
    """The pictures of a sweep as a grid to look around in; ``result.explore()`` makes one.

    Each axis goes to one of ``Rows``, ``Columns``, ``Slider`` and ``Pages``; for an axis that is nowhere, one of its
    values is shown. As the last line of a cell the explorer shows itself, and a saved notebook keeps the grid.

    Keys, while a picture has the focus:

    - arrows move along rows and columns, Page Up and Page Down along the slider; with Shift they choose several;
    - Enter or Space opens the picture in full size, where the same keys work, and Esc leads back to its tile;
    - 1 to 5 rate, 0 removes the rating, k keeps and x rejects, u or Ctrl+Z undoes the last change;
    - c compares the chosen pictures side by side.

    Args:
        studio: sends what is promoted.
        fault: shows an error; by default under the grid.
        open_panel: what "Open in panel" does with the request of a picture; a widget that it returns is shown under the
            grid.

    Attributes:
        grid: the part with the pictures.
        sweep: whose cells are shown; ``None`` before there are any.

    Example:
        >>> import nbkit
        >>> studio = nbkit.Studio(engine="offline")
        >>> sweep = studio.sweep("A {colour} lantern", colour=["red", "jade"], seed=[1, 2, 3], name="explored")
        >>> explorer = sweep.start().wait().explore(rows="seed")
        >>> explorer
        <Explorer 6 cells: seed down the side, colour along the top>
        >>> explorer.arrange(columns="seed", slider="colour")
        >>> explorer.sides
        {'rows': '', 'columns': 'seed', 'slider': 'colour', 'pages': ''}
    """

    def __init__(
        self,
        studio: StudioAPI,
        fault: Callable[[Exception], None] | None = None,
        open_panel: Callable[[ImageRequest], widgets.Widget | None] | None = None,
    ) -> None:
        self._studio, self._lock = studio, threading.RLock()
        self._looked, self._shows = 0.0, 0
        self._layout: Any = None
        self._table: CellTable | None = None
        self._chosen_sides: dict[str, str] = {}
        self._tier = TIERS[-1]
        self._open_panel = open_panel
        self._panel: widgets.Widget | None = None
        self._quotes, self._marker = QuoteBook(), Marker(studio.log)
        self.sweep: Sweep | None = None
        self._promotion = Promotion(self.say, self._offer, "explorer")
        self.grid = CellGrid(
            studio.log.previews.get,
            label="cells of the sweep",
            height=None,
            keys=True,
            empty=NO_CELL,
            actions=(Action(PANEL, "Open in panel", "A panel with the settings of this picture", closes=True),),
        )
        self.fault: Callable[[Exception], None] = fault or self.grid.fault
        super().__init__((self.grid.box,))
        self.add_class("nbkit-exploring")
        self.layout.display = "none"
        self.grid.on_select(lambda _: self._offer())
        self.grid.on_key(self._mark)
        self.grid.on_press(self._pressed)
        self.grid.on_action(lambda _, key: self._open_in_panel((key,)))
        self.grid.box.observe(self._sides_changed, "sides")
        answer_at_once(self)

    @property
    def promoted(self) -> SweepResult | None:
        """The result of the latest promotion, or ``None``."""
        return self._promotion.result

    @property
    def box(self) -> Explorer:
        """The widget that can be put into other widgets: the explorer itself."""
        return self

    def close(self) -> None:
        """Free the widgets. A promotion under way goes on, and its pictures come into the log."""
        close_parts(self)
        super().close()

    # -- what is shown ---------------------------------------------------------------------------------------

    def show(self, sweep: Sweep) -> None:
        """Show the cells of a sweep; axes that a person has put somewhere stay there."""
        with self._lock:
            self.sweep, layout = sweep, _layout_of(sweep)
            if self._layout == layout:
                self.say("")
                self.refresh()
            else:
                self._layout = None
                self._lay_out(sweep)
                self._layout = layout  # only now: what an error kept from being shown is shown the next time

    def refresh(self, *, now: bool = True) -> bool:
        """Read the log again; returns whether it did.

        Args:
            now: also if it was read a moment ago.

        Example:
            >>> import nbkit
            >>> sweep = nbkit.Studio(engine="offline").sweep("A lantern", seed=[1, 2], name="explored while it runs")
            >>> explorer = sweep.result.explore()
            >>> result = sweep.start().wait()
            >>> explorer.refresh()
            True
        """
        with self._lock:
            if not now and time.monotonic() - self._looked < EVERY:
                return False
            if self.sweep is not None and self._table is not None:
                items = self._table.items(self.sweep.states)
                if self.grid.update(items, self._table.tallest()):
                    self._offer()
            self._looked = time.monotonic()
            return True

    def say(self, text: str) -> None:
        """Say something under the grid.

        Example:
            >>> import nbkit
            >>> explorer = nbkit.Studio(engine="offline").sweep("A lantern", seed=[1, 2]).result.explore()
            >>> explorer.say("The third row is the best.")
        """
        self.grid.say(text)

    @property
    def sides(self) -> dict[str, str]:
        """The axis at ``rows``, ``columns``, ``slider`` and ``pages``; an empty text for none."""
        axes = self._table.axes if self._table else []
        given = {side: int(self.grid.box.sides.get(side, -1)) for side in SIDES}
        return {side: axes[number][0] if 0 <= number < len(axes) else "" for side, number in given.items()}

    def arrange(
        self,
        rows: str | None = None,
        columns: str | None = None,
        slider: str | None = None,
        pages: str | None = None,
    ) -> None:
        """Put axes elsewhere. Where none is named, the remaining axes go where most is seen at once.

        Args:
            rows: the axis down the side, in either spelling; ``""`` for none.
            columns: the axis along the top.
            slider: the axis of the slider.
            pages: the axis of which one value is shown at a time.

        Raises:
            UnknownParameter: for a name that is no axis of the sweep.
            RequestError: for an axis that is named twice.

        Example:
            >>> import nbkit
            >>> sweep = nbkit.Studio(engine="offline").sweep("A lantern", seed=[1, 2], temperature=[0.2, 0.5, 0.8])
            >>> explorer = sweep.result.explore()
            >>> explorer.arrange(rows="temperature")
            >>> explorer.sides["columns"]
            'seed'
        """
        if self._table is not None:
            given = {"rows": rows, "columns": columns, "slider": slider, "pages": pages}
            self.grid.box.sides = sides_of(self._table, given)

    def plain(self, result: SweepResult) -> MimeBundle:
        """A result as a notebook keeps it: arranged in the same way, and explored where scripts run.

        Example:
            >>> import nbkit
            >>> result = nbkit.Studio(engine="offline").sweep("A lantern", seed=[1, 2], name="kept").start().wait()
            >>> result.explore().plain(result).text.splitlines()[1].split(":")[0]
            '  seed 1'
        """
        try:
            return result.explorable(*self._own_sides())
        except (RequestError, UnknownParameter):  # too large, or of other axes
            return result.peek(PATIENCE)

    def _own_sides(self) -> list[str]:
        """The sweep's own axes at the sides; not the one that the explorer adds for several pictures of a cell."""
        own = {axis.name for axis in self._table.arrangement.axes} if self._table else set()
        return [name if name in own else "" for name in self.sides.values()]

    def _lay_out(self, sweep: Sweep) -> None:
        self.layout.display = ""
        self.say("")
        if len(sweep) > MAX_CELLS:
            self._table = None
            self.grid.box.empty = f"{count(len(sweep), 'cell')} are too many to show; result.to_frame() has them all"
            self.grid.show(())
            return
        kept = {side: name for side, name in self._chosen_sides.items() if name}
        self._shows += 1
        table = CellTable(sweep.cells, self._studio.log, str(self._shows))
        names = [name for name, _ in table.axes]
        items = table.items(sweep.states)
        self.grid.box.empty = NO_CELL
        sides = sides_of(table, {side: name for side, name in kept.items() if name in names})
        self._table = table
        self.grid.show_table(table, items, sides)
        self._looked = time.monotonic()
        self._offer()

    def _sides_changed(self, _change: Any) -> None:
        if self._table is not None and self._layout is not None:
            self._chosen_sides = self.sides

    # -- what is said of the pictures --------------------------------------------------------------------------

    @guarded
    def _mark(self, pressed: str, keys: Sequence[str]) -> None:
        """A key that rates, keeps, rejects or undoes."""
        self.grid.fault(None)
        with self._lock:
            assert self._table is not None
            rows = self._table.marks
            if pressed == "u":
                told = self._marker.undo(rows)
            elif pressed in "kx":
                keep = self._marker.turned(rows, keys, keep=pressed == "k")
                told = self._marker.mark(rows, keys, keep=keep)
            else:
                told = self._marker.mark(rows, keys, rating=int(pressed) or None)
            self.refresh()
        self.say(told.words)

    # -- the buttons -------------------------------------------------------------------------------------------

    def export(self, path: str | Path) -> Path:
        """Write the grid as one HTML file, arranged as it is now; see :meth:`nbkit.SweepResult.export`.

        Args:
            path: of the file.

        Example:
            >>> import tempfile, nbkit
            >>> sweep = nbkit.Studio(engine="offline").sweep("A lantern", seed=[1, 2], name="exported")
            >>> explorer = sweep.start().wait().explore()
            >>> explorer.export(f"{tempfile.mkdtemp()}/grid.html").name
            'grid.html'
        """
        if self.sweep is None:
            raise RequestError("There is no sweep to export.", parameter="sweep", reason="missing")
        rows, columns, slider, pages = self._own_sides()
        return self.sweep.result.export(path, rows=rows, columns=columns, slider=slider, pages=pages)

    @guarded
    def _pressed(self, content: dict[str, Any]) -> None:
        self.grid.fault(None)
        button = str(content.get("button"))
        if button == "tier" and content.get("tier") in TIERS:
            self._tier = str(content["tier"])
            self._offer()
        elif button == "panel":
            self._open_in_panel(self.grid.selected)
        elif button == "promote":
            THREADS.submit(self._promote, *self._quotes.promised(content.get("quote")))
        elif button == "stop":
            self._promotion.stop()
        elif button == "export":
            self.say("Writing the file …")
            THREADS.submit(self._export)

    @guarded
    def _export(self) -> None:
        assert self.sweep is not None
        stem = re.sub(r"[^\w.-]+", "-", self.sweep.name)[:60].strip("-.") or "sweep"
        names = (f"{stem}.html", *(f"{stem}-{number}.html" for number in range(2, 1000)))
        path = self.export(next(name for name in names if not Path(name).exists()))
        self.say(f"Wrote {path}, {path.stat().st_size / 1e6:.1f} MB: it opens in any browser.")

    def _open_in_panel(self, keys: Sequence[str]) -> None:
        if self.sweep is None or self._table is None or self._open_panel is None or not keys:
            return
        cell, _ = self._table.places[self._table.place(keys[0])]
        panel = self._open_panel(self.sweep.cells.cell(cell).request)
        if panel is not None:
            if self._panel is not None:
                self._panel.close()
            self._panel, self.children = panel, (self.grid.box, panel)
            self.grid.box.send({"type": "below"})  # the page goes there as soon as it has drawn it

    # -- promotion ---------------------------------------------------------------------------------------------

    def _offer(self) -> None:
        """What Promote would send for the chosen pictures, and its price."""
        with self._lock:
            keys = tuple(key for key in self.grid.selected if self._draft(key) is not None)
            offer: dict[str, Any] = {"tiers": list(TIERS), "tier": self._tier, "busy": self._promotion.is_under_way}
            requests = self._promoted(keys)
            if requests:
                price = self._price(requests)
                offer |= {
                    "promote": f"Promote {len(keys)} to {self._tier} · {usd_short_range(price) if price else 'already there'}",
                    "exact": usd_range(price) if price else "",
                    "quote": self._quotes.offer("promote", (price.high if price else 0, keys, self._tier)),
                }
            self.grid.box.offer = offer

    def _promoted(self, keys: Sequence[str]) -> dict[str, ImageRequest]:
        """The requests of a promotion by identity; none where the pictures cannot be promoted."""
        drafts = [draft for key in keys if (draft := self._draft(key)) is not None]
        try:
            return {one.identity: one for one in (promoted_request(*draft, self._tier) for draft in drafts)}
        except RequestError:  # what came through `extra` may not go together with another size
            return {}

    def _price(self, requests: dict[str, ImageRequest]) -> Price | None:
        """What is still to be paid for a promotion; ``None`` if all of it is there."""
        assert self.sweep is not None  # else there are no requests
        name = promotion_name(self.sweep.name, self._tier)
        found = self._studio.log.history.states(name, self._studio.engine)
        costs = [CellCost(identity, self._studio.price_of(request), 1) for identity, request in requests.items()]
        return price_to_send(costs, [next(iter(found.get(cost.key, ())), None) for cost in costs])

    def _draft(self, key: str) -> tuple[ImageRequest, int | None] | None:
        """The request and the seed of a tile's picture."""
        if self._table is None or self.sweep is None:
            return None
        place = self._table.place(key)
        found = self._table.picture(place)
        if found is None or found.item.file is None:
            return None
        return self.sweep.cells.cell(self._table.places[place][0]).request, found.seed

    @guarded
    def _promote(self, promised: int, keys: Sequence[str], tier: str) -> None:
        """Make pictures again at a tier, for no more than the button said."""
        with self._lock:
            if self.sweep is None or self._table is None:
                return
            result = self.sweep.result
            pictures = [self._table.picture(self._table.place(key)) for key in keys]
        uuids = [picture.uuid for picture in pictures if picture]

        def make() -> Sweep:
            frame = result.to_frame()
            sweep: Sweep = result.promotion(frame[frame["imageUUID"].isin(uuids)], tier)
            return sweep

        self._promotion.send(make, len(uuids), tier, promised)

    # -- showing it --------------------------------------------------------------------------------------------

    def _ipython_display_(self) -> None:
        view = dict(self._repr_mimebundle_())
        publish({**view, "text/plain": ALONE, "text/html": f"<em>{ALONE}</em>"}, raw=True)
        if self.sweep is not None:
            publish(MimeBundle(*_kept(self.plain(self.sweep.result))))

    def __repr__(self) -> str:
        said = {"rows": "down the side", "columns": "along the top", "slider": "on the slider", "pages": "on pages"}
        sides = ", ".join(f"{name} {said[side]}" for side, name in self.sides.items() if name)
        return f"<Explorer {count(len(self.sweep or ()), 'cell')}: {sides or 'no axis'}>"


def explore(
    studio: StudioAPI, open_panel: Callable[[ImageRequest], widgets.Widget], sweep: Sweep, **sides: str | None
) -> Explorer:
    """An explorer of a sweep; it closes the one that its cell made when it ran before.

    Args:
        studio: sends what is promoted.
        open_panel: makes the panel of a request.
        sweep: whose cells are shown.
        **sides: the axes, as :meth:`Explorer.arrange` takes them.
    """
    CellArrangement(sweep.cells).survey(**sides)  # a wrong name raises before there is a widget
    explorer = Explorer(studio, open_panel=open_panel)
    explorer.show(sweep)
    if any(name is not None for name in sides.values()):
        explorer.arrange(**sides)
    for before in replace_in_cell(explorer):
        before.close()
    return explorer


def sides_of(table: CellTable, given: dict[str, str | None]) -> dict[str, int]:
    """The axis of each side, by its index: those that are named, and the others where most is seen at once."""
    own = [axis.name for axis in table.arrangement.axes]
    extra = [name for name, _ in table.axes if name not in own]
    named = {side: name for side, name in given.items() if name in extra}
    sides = table.arrangement.survey(**{side: "" if side in named else name for side, name in given.items()})
    sides |= dict.fromkeys(named, len(own))
    if extra and not named:  # the pictures of a cell go where there is room
        free = next((side for side in SIDES if sides[side] < 0), "")
        sides |= {free: len(own)} if free else {}
    return sides


def _layout_of(sweep: Sweep) -> tuple[Any, ...]:
    """What makes two sweeps the same for a grid: the name, and the request of every cell."""
    if len(sweep) > MAX_CELLS:
        return sweep.name, len(sweep)
    values = [tuple(map(str, sweep.cells.values_of(index).items())) for index in range(len(sweep))]
    return sweep.name, values, [(cost.key, cost.images) for cost in sweep.cells.costs]


def _kept(bundle: MimeBundle) -> tuple[str, str]:
    return f'<div class="nbkit-record">{bundle.html}</div>', bundle.text
