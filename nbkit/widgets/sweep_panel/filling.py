"""The grid that fills: a table of the sweep's cells, and under it the pictures of those that are chosen."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import ipywidgets as widgets

from nbkit.display.text import count, ellipsis, escape
from nbkit.log.runs import State
from nbkit.results.run import DONE, PLANNED, SENT, Run
from nbkit.sweep.frame import NOT_RUN, RUNNING, status_of
from nbkit.sweep.pages import MAX_TILES
from nbkit.sweep.sweep import Sweep
from nbkit.widgets.image_grid.image_grid import ImageGrid
from nbkit.widgets.image_grid.item import Item
from nbkit.widgets.jobs.job import StudioAPI
from nbkit.widgets.page.guard import guarded
from nbkit.widgets.page.plain import plain
from nbkit.widgets.panel.picture import pictures_of
from nbkit.widgets.sweep_panel.board import Board, BoardTile
from nbkit.widgets.sweep_panel.tables import arrange, sides_of, told

EVERY = 0.5
"""Seconds between two looks into the log while a sweep runs."""
STAGE = 320
"""Pixels on the long side of a chosen picture."""
ROOM = 820
"""Pixels that the columns share, about; a tile is a part of it."""
NONE = "(none)"
NO_CELL = Item("none", "no such cell", (), None, 0, 0, "", "no such cell")


@dataclass(frozen=True, slots=True)
class Known:
    """What is shown of a run: small things, for a run holds every byte of its reference images.

    Attributes:
        status: of the run.
        pictures: of it, with their facts; one without a file that says why, if it has none.
        note: what is said in the tile.
        prompt: as it was sent.
    """

    status: str
    pictures: tuple[Item, ...]
    note: str
    prompt: str

    @classmethod
    def of(cls, run: Run) -> Self:
        """That of a run."""
        pictures = tuple(picture.item() for picture in pictures_of(run))
        if run.images:
            more = [f"+ {len(run.images) - 1} more"] if len(run.images) > 1 else []
            note = " · ".join((*more, *(failure.message for failure in run.failures)))
        else:
            note = "its picture is on its way" if run.status == DONE else str(run.error or "")
            why = note or (RUNNING if run.status == SENT else run.status)
            pictures = tuple(dataclasses.replace(item, missing=ellipsis(why, 160)) for item in pictures)
        return cls(run.status, pictures, ellipsis(note, 120), run.request.prompt)

    @property
    def file(self) -> Path | None:
        """Of its first picture."""
        return self.pictures[0].file


class Filling:
    """The cells of one sweep, as the log knows them.

    Attributes:
        sweep: what is shown; ``None`` before there is any.
        rows, columns: which axis goes where.
        board: the tables.
        stage: the pictures of the chosen cells.
        full_size: all cells in the order of the tables, for the lightbox; its arrow keys move along rows and columns.
        fault: shows an error in the panel.
        box: all of it.
    """

    def __init__(self, studio: StudioAPI, fault: Callable[[Exception], None]) -> None:
        self._studio, self.fault = studio, fault
        self._lock = threading.RLock()
        self._looked = 0.0
        self._known: dict[str, Known] = {}
        self._laid: Any = None
        self._placing = self._chosen = False
        self._order: list[int] = []
        self.sweep: Sweep | None = None
        preview = studio.log.previews.get
        self.board = Board(preview, label="cells of the sweep")
        self.stage = ImageGrid(preview, size=STAGE, label="pictures of the chosen cells", height=None, multiple=False)
        self.rows = plain(widgets.Dropdown, layout={}, description="rows", tooltip="rows: the axis down the side")
        self.columns = plain(
            widgets.Dropdown, layout={}, description="columns", tooltip="columns: the axis along the top"
        )
        self.note = plain(widgets.HTML)
        self._sides = plain(widgets.HBox, (self.rows, self.columns, self.note))
        self._sides.add_class("nbkit-sides")
        self.full_size = ImageGrid(preview, label="cells of the sweep in full size", height="1px")
        self.full_size.box.add_class("nbkit-images-hidden")
        self.box = widgets.VBox((self._sides, self.board.box, self.stage.box, self.full_size.box))
        self.box.add_class("nbkit-pictures")
        self.box.layout.display = "none"
        self.rows.observe(lambda change: self._swap(self.columns, change), "value")
        self.columns.observe(lambda change: self._swap(self.rows, change), "value")
        self.board.on_choose(self._choose)
        self.board.on_open(self._open)
        self.full_size.on_select(self._follow)

    def show(self, sweep: Sweep) -> None:
        """Be about a sweep."""
        with self._lock:
            self.sweep = sweep
            if self._laid == (layout := _layout(sweep)):
                self.say("")
                self.refresh()
            else:
                self._laid = None
                self._offer(list(sides_of(sweep.cells)))
                self._lay_out()
                self._laid = layout  # only now: what a fault has kept from being laid out is laid out the next time

    def refresh(self, *, now: bool = True) -> bool:
        """Bring the tiles in step with the log; tells whether it looked.

        Args:
            now: also if it has just been done.
        """
        with self._lock:
            if not now and time.monotonic() - self._looked < EVERY:
                return False
            if self.sweep is not None and self._fits:
                tiles = self._tiles()
                changed = self.board.update(tiles, bare=_bare(tiles))
                if changed & set(self.board.box.chosen):
                    self._choose(self.board.box.chosen)
                if changed and len(self.full_size):
                    self.full_size.show(self._all_items())
            self._looked = time.monotonic()
            return True

    def say(self, text: str) -> None:
        """Say something beside the lists of axes."""
        self.note.value = f'<span class="nbkit-quiet">{escape(text)}</span>' if text else ""

    @property
    def _fits(self) -> bool:
        return self.sweep is not None and len(self.sweep) <= MAX_TILES

    def _offer(self, sides: Sequence[str]) -> None:
        """Axes to choose from; what a person has chosen stays where it still is one."""
        before = (self.rows.value, self.columns.value) if self._chosen else (None, None)
        self._placing = True
        options = [(NONE, ""), *((side, side) for side in sides)]
        self.rows.options = self.columns.options = options
        across = before[1] if before[1] in sides else next((s for s in reversed(sides) if s != before[0]), "")
        down = before[0] if before[0] in sides else next((side for side in sides if side != across), "")
        self.rows.value, self.columns.value = down, across
        self._placing = False

    @guarded
    def _swap(self, other: widgets.Dropdown, change: Any) -> None:
        """No axis goes both down and along."""
        if self._placing:
            return
        with self._lock:
            self._placing = self._chosen = True
            if other.value == change["new"]:
                other.value = change["old"] or ""
            self._placing = False
            self._lay_out()

    def _lay_out(self) -> None:
        if self.sweep is None:
            return
        fits = self._fits
        self.box.layout.display = ""
        self.board.box.layout.display = self.rows.layout.display = self.columns.layout.display = "" if fits else "none"
        self._choose(())
        if not fits:
            self.say(f"{count(len(self.sweep), 'cell')} are too many to show; panel.result.to_frame() has them all")
            return
        self.say("")
        self.full_size.show(())
        tables = arrange(self.sweep.cells, self.rows.value, self.columns.value)
        self._order = [place for table in tables for row in table.places for place in row]
        widest = self.full_size.columns = max((len(table.columns) for table in tables), default=1)
        tiles = self._tiles()
        size = min(232, max(96, ROOM // widest - 12))
        self.board.lay_out(tables, (self.rows.value, self.columns.value), tiles, size=size, bare=_bare(tiles))

    # -- tiles ----------------------------------------------------------------------------------------------

    def _states(self) -> list[State | None]:
        assert self.sweep is not None
        return self.sweep.states

    def _tiles(self) -> dict[int, BoardTile]:
        states = self._states()
        uuids = [s.task_uuid for s in states if s and s.status != PLANNED and self._is_new(s)]
        self._known |= {uuid: Known.of(run) for uuid, run in self._studio.log.get_runs(uuids).items()}
        return {place: self._tile(place, state) for place, state in enumerate(states)}

    def _is_new(self, state: State) -> bool:
        """Whether there may be more to know of it than is known."""
        known = self._known.get(state.task_uuid)
        return known is None or known.status != state.status or (known.status == DONE and known.file is None)

    def _tile(self, place: int, state: State | None) -> BoardTile:
        known = self._known.get(state.task_uuid) if state else None
        status = status_of(state)
        if known is None or status == NOT_RUN:
            return BoardTile(status)
        if known.file is None:
            return BoardTile(status, known.note)
        alt = ellipsis(", ".join((*self._facts(place), known.prompt)), 300)
        return BoardTile(status, known.note, alt, known.pictures[0].key, known.file)

    def _facts(self, place: int) -> list[str]:
        """What is particular to a cell."""
        assert self.sweep is not None
        return [f"{name} {ellipsis(told(value), 40)}" for name, value in self.sweep.cells.values_of(place).items()]

    # -- what is chosen -------------------------------------------------------------------------------------

    def _choose(self, places: Sequence[int]) -> None:
        items = self._items(places)
        self.stage.box.layout.display = "" if items else "none"
        self.stage.show(items)

    def _open(self, places: Sequence[int]) -> None:
        with self._lock:
            self.full_size.show(self._all_items())
            self.full_size.open([str(place) for place in places])

    @guarded
    def _follow(self, keys: Sequence[str]) -> None:
        """The lightbox shows another cell: that one is chosen."""
        places = tuple(int(key) for key in keys if key.isdecimal())
        if places:
            self.board.choose(places)
            self._choose(places)

    def _all_items(self) -> list[Item]:
        """The first picture of each cell under the cell's number, in the order of the tables."""
        states = self._states()
        return [self._first(place, states[place]) if place >= 0 else NO_CELL for place in self._order]

    def _first(self, place: int, state: State | None) -> Item:
        found = self._items((place,))
        if found:
            return dataclasses.replace(found[0], key=str(place))
        return Item(str(place), ", ".join(self._facts(place)), (), None, 0, 0, "", status_of(state))

    def _items(self, places: Sequence[int]) -> list[Item]:
        """The pictures of these cells; their facts begin with the cell's own."""
        states = self._states() if places else []
        found = []
        for place in places:
            state = states[place] if place < len(states) else None
            known = self._known.get(state.task_uuid) if state else None
            for item in known.pictures if known else ():
                own = [fact for fact in self._facts(place) if fact not in item.caption]
                found.append(dataclasses.replace(item, caption=(*own, *item.caption)))
        return found


def _layout(sweep: Sweep) -> tuple[Any, ...]:
    return (
        sweep.name,
        tuple(sides_of(sweep.cells)),
        [sweep.cells.values_of(place) for place in range(min(len(sweep), MAX_TILES + 1))],
    )


def _bare(tiles: dict[int, BoardTile]) -> bool:
    return all(tile.status == NOT_RUN for tile in tiles.values())
