"""A board: labelled tables whose tiles fill with pictures; the page asks for those that it shows.

::

    page                                        kernel
    every tile, please            ───────>      status, note and picture's number of each
    previews of these, 256 px     ───────>      made in a thread (:mod:`nbkit.widgets.image_grid.preview_loader`)
    chosen: 3 and 4; open: 3      ───────>      callbacks
                                  <───────      tiles that have changed

Traits hold headings and places, and never a picture.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from nbkit.widgets.image_grid.preview_loader import BATCH, PreviewLoader
from nbkit.widgets.page.guard import guarded, words_of
from nbkit.widgets.sweep_panel.tables import Table

HERE = Path(__file__).parent
MOST = 4
"""Tiles that can be chosen at once."""


@dataclass(frozen=True)
class BoardTile:
    """What stands in one place.

    Attributes:
        status: of the cell: ``not run``, ``running``, ``done``, ``failed``, ``blocked``, ``unknown``.
        note: why there is no picture, or what else there is to say.
        alt: what is heard in place of the picture.
        key, file: of the picture, if there is one.
    """

    status: str
    note: str = ""
    alt: str = ""
    key: str = ""
    file: Path | None = None


class _View(anywidget.AnyWidget):
    _esm = HERE / "board.js"
    _css = HERE / "board.css"
    tables: Any = traitlets.List().tag(sync=True)
    names: Any = traitlets.List().tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)
    size = traitlets.Int(160).tag(sync=True)
    bare = traitlets.Bool(default_value=True).tag(sync=True)
    version = traitlets.Int(0).tag(sync=True)
    chosen: Any = traitlets.List().tag(sync=True)
    problem = traitlets.Unicode().tag(sync=True)


class Board:
    """Tables to watch, choose from and open.

    Args:
        preview: from a file and a size in pixels to a small JPEG; called in a thread.
        label: what the board is called for a screen reader.

    Attributes:
        box: the widget, to be placed into other widgets.
    """

    def __init__(self, preview: Callable[[Path, int], bytes], *, label: str) -> None:
        self._lock = threading.RLock()
        self._tiles: dict[int, BoardTile] = {}
        self._ids: dict[str, int] = {}
        self._callbacks: dict[str, list[Callable[[tuple[int, ...]], None]]] = {"choose": [], "open": []}
        self.box = _View(label=label)
        self._loader = PreviewLoader(self._send, preview)
        self.box.on_msg(self._hear)

    def lay_out(
        self, tables: Sequence[Table], names: tuple[str, str], tiles: Mapping[int, BoardTile], *, size: int, bare: bool
    ) -> None:
        """Put up other tables.

        Args:
            tables: headings and places.
            names: of the axis down the side and of the one along the top.
            tiles: what stands in each place.
            size: of a tile, in CSS pixels.
            bare: whether there is nothing to see but headings yet: then the tiles are low.
        """
        with self._lock, self.box.hold_sync():
            self._tiles = dict(tiles)
            self.box.names = list(names)
            self.box.tables = [
                {"title": t.title, "rows": list(t.rows), "columns": list(t.columns), "places": [list(r) for r in t.places]}
                for t in tables
            ]  # fmt: skip
            self.box.size, self.box.bare, self.box.chosen = size, bare, []
            self.box.version += 1

    def update(self, tiles: Mapping[int, BoardTile], *, bare: bool) -> set[int]:
        """Tell the page what has changed of these tiles; returns their places."""
        with self._lock:
            changed = {place: tile for place, tile in tiles.items() if self._tiles.get(place) != tile}
            self._tiles.update(changed)
            self.box.bare = bare
            if changed:
                self._tell(changed)
            return set(changed)

    def choose(self, places: Sequence[int]) -> None:
        """Show these places as the chosen ones; no callback is called."""
        self.box.chosen = list(places)

    def on_choose(self, callback: Callable[[tuple[int, ...]], None]) -> None:
        """Call with the places that a person has chosen, whenever these are others."""
        self._callbacks["choose"].append(callback)

    def on_open(self, callback: Callable[[tuple[int, ...]], None]) -> None:
        """Call with the places that a person wants to see in full size."""
        self._callbacks["open"].append(callback)

    # -- the page ------------------------------------------------------------------------------------------

    def fault(self, error: Exception) -> None:
        """Show an error under the tables, until another tile is chosen or opened."""
        self.box.problem = words_of(error)

    @guarded
    def _hear(self, _view: Any, content: dict[str, Any], _buffers: Any) -> None:
        if content.get("version") != self.box.version:
            return
        kind = content["type"]
        if kind == "tiles":
            with self._lock:
                self._tell(self._tiles)
        elif kind == "previews":
            self._hear_previews(content)
        elif kind in self._callbacks:
            self._hear_places(kind, content)

    def _hear_previews(self, content: dict[str, Any]) -> None:
        tiles = [self._tiles[place] for place in map(int, content["at"][:BATCH]) if place in self._tiles]
        wanted = [(self._id(tile.key), tile.file) for tile in tiles if tile.file is not None]
        self._loader.previews(min(max(int(content["pixels"]), 32), 1024), wanted)

    def _hear_places(self, kind: str, content: dict[str, Any]) -> None:
        places = tuple(place for place in map(int, content["at"][:MOST]) if place in self._tiles)
        self.box.problem = ""
        if kind == "choose":
            self.box.chosen = list(places)
        for callback in self._callbacks[kind]:
            callback(places)

    def _tell(self, tiles: Mapping[int, BoardTile]) -> None:
        rows = [
            [place, tile.status, tile.note, tile.alt, self._id(tile.key) if tile.file else -1]
            for place, tile in tiles.items()
        ]
        self._send({"type": "tiles", "version": self.box.version, "tiles": rows}, [])

    def _id(self, key: str) -> int:
        return self._ids.setdefault(key, len(self._ids))

    def _send(self, content: dict[str, Any], buffers: list[bytes]) -> None:
        self.box.send(content, buffers)
