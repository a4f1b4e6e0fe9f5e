"""The grid that fills: a table of the sweep's cells, and under it the pictures of those that are chosen."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets

from nbkit.display.text import count, ellipsis
from nbkit.run import DONE, PLANNED, Run
from nbkit.storage.history import State
from nbkit.sweep.pages import MAX_TILES
from nbkit.sweep.plan import NOT_RUN, matched, status_of
from nbkit.sweep.sweep import Sweep
from nbkit.widgets.page.guard import guarded
from nbkit.widgets.panel.bar import Bar
from nbkit.widgets.panel.shown import Shown, pictures_of
from nbkit.widgets.sweep_panel.board import Board, BoardTile
from nbkit.widgets.sweep_panel.counting import Books
from nbkit.widgets.sweep_panel.tables import arrange, sides_of, told
from nbkit.widgets.wall.item import Item
from nbkit.widgets.wall.wall import Wall

EVERY = 0.5
"""Seconds between two looks into the log while a sweep runs."""
STAGE = 320
"""Pixels on the long side of a chosen picture."""
ROOM = 820
"""Pixels that the columns share, about; a tile is a part of it."""
NONE = "(none)"


class Filling:
    """The cells of one sweep, as the log knows them.

    Attributes:
        sweep: what is shown; ``None`` before there is any.
        rows, columns: which axis goes where.
        board: the tables.
        stage: the pictures of the chosen cells.
        bar: says what goes wrong.
        box: all of it.
    """

    def __init__(self, books: Books, bar: Bar) -> None:
        self._books, self.bar = books, bar
        self._lock = threading.RLock()
        self._looked = 0.0
        self._runs: dict[str, Run] = {}
        self._placing = self._chosen = False
        self.sweep: Sweep | None = None
        preview = books.log.previews.get
        self.board = Board(preview, label="cells of the sweep")
        self.stage = Wall(preview, size=STAGE, label="pictures of the chosen cells", height=None, multiple=False)
        self.rows = widgets.Dropdown(description="rows", tooltip="rows: the axis down the side")
        self.columns = widgets.Dropdown(description="columns", tooltip="columns: the axis along the top")
        self.note = widgets.HTML()
        self._sides = widgets.HBox((self.rows, self.columns, self.note))
        self._sides.add_class("nbkit-sides")
        self.box = widgets.VBox((self._sides, self.board.box, self.stage.box))
        self.box.add_class("nbkit-pictures")
        self.box.layout.display = "none"
        self.rows.observe(lambda change: self._swap(self.columns, change), "value")
        self.columns.observe(lambda change: self._swap(self.rows, change), "value")
        self.board.on_choose(self._choose)
        self.board.on_open(self._open)

    def show(self, sweep: Sweep) -> None:
        """Be about a sweep."""
        with self._lock:
            same = self.sweep is not None and _layout(self.sweep) == _layout(sweep)
            self.sweep = sweep
            if same:
                self.say("")
                self.refresh()
            else:
                self._offer(list(sides_of(sweep.cells)))
                self._lay_out()

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
                self.board.update(tiles, bare=_bare(tiles))
            self._looked = time.monotonic()
            return True

    def say(self, text: str) -> None:
        """Say something beside the lists of axes."""
        self.note.value = f'<span class="nbkit-quiet">{text}</span>' if text else ""

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
        tables = arrange(self.sweep.cells, self.rows.value, self.columns.value)
        widest = max((len(table.columns) for table in tables), default=1)
        tiles = self._tiles()
        size = min(232, max(96, ROOM // widest - 12))
        self.board.lay_out(tables, (self.rows.value, self.columns.value), tiles, size=size, bare=_bare(tiles))

    # -- tiles ----------------------------------------------------------------------------------------------

    def _states(self) -> list[State | None]:
        assert self.sweep is not None
        return matched(self.sweep.cells, self._books.log.history.states(self.sweep.name, self._books.engine))

    def _tiles(self) -> dict[int, BoardTile]:
        states = self._states()
        uuids = [s.task_uuid for s in states if s and s.status != PLANNED and self._is_new(s)]
        self._runs |= self._books.log.several(uuids)
        return {place: self._tile(place, state) for place, state in enumerate(states)}

    def _is_new(self, state: State) -> bool:
        """Whether there may be more to know of it than is known."""
        known = self._runs.get(state.task_uuid)
        return known is None or known.status != state.status or (known.status == DONE and not known.images)

    def _tile(self, place: int, state: State | None) -> BoardTile:
        run = self._runs.get(state.task_uuid) if state else None
        status = status_of(state)
        if run is None or status == NOT_RUN:
            return BoardTile(status)
        if not run.images:
            why = "its picture is on its way" if status == DONE else str(run.error or "")
            return BoardTile(status, ellipsis(why, 120) if status != "running" else "")
        more = len(run.images) - 1
        notes = [f"+ {more} more" if more else "", *(failure.message for failure in run.failures)]
        first = Shown(run, 0)
        note = ellipsis(" · ".join(note for note in notes if note), 120)
        return BoardTile(
            status,
            note,
            ellipsis(", ".join((*self._facts(place), run.request.prompt)), 300),
            first.key,
            run.images[0].path,
        )

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
        self.stage.open([item.key for item in self._items(places)][:4])

    def _items(self, places: Sequence[int]) -> list[Item]:
        """The pictures of these cells; their facts begin with the cell's own."""
        states = self._states() if places else []
        found = []
        for place in places:
            state = states[place] if place < len(states) else None
            run = self._runs.get(state.task_uuid) if state else None
            for item in (picture.item() for picture in (pictures_of(run) if run else ())):
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
