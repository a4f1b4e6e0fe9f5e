"""The panel's pictures: the chosen one large with what can be done with it, those before it in a strip, the log.

The page asks for what it shows (:mod:`nbkit.widgets.image_grid.image_grid`), so no picture is part of what a notebook saves of its
widgets; what the saved notebook keeps is the output beside the panel (:mod:`nbkit.widgets.panel.outputs`).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import ipywidgets as widgets

from nbkit.comparison.result import differences
from nbkit.display.compare import differences_html
from nbkit.log.store import RunLog
from nbkit.results.run import Run
from nbkit.widgets.gallery.gallery import Gallery
from nbkit.widgets.image_grid.image_grid import ImageGrid
from nbkit.widgets.page.guard import guarded, showing
from nbkit.widgets.page.plain import plain
from nbkit.widgets.panel.actions import Actions, Deeds
from nbkit.widgets.panel.shown import Shown, pictures_of

STAGE = 384
"""Pixels on the long side of the chosen picture, as in an output."""
BESIDE = 300
"""Of several beside each other: what differs is seen under them."""
STRIP = 120
LETTERS = "ABCD"
MOST = len(LETTERS)
"""So many pictures stand beside each other at once."""


class Pictures:
    """What the panel has made, newest first, and on demand all that the log holds.

    Attributes:
        chosen: what is on the stage: nothing, one picture, or up to four beside each other.
        stage: shows it.
        strip: all pictures of this panel, small.
        actions: what can be done with the picture that is chosen.
        compare: sets the chosen picture beside the one before it.
        history: opens the whole log, with filters.
        box: all of it.
    """

    def __init__(self, log: RunLog, deeds: Deeds) -> None:
        self._log, self.fault = log, deeds.fault
        self._lock = threading.RLock()
        self._mine: dict[str, Shown] = {}
        self._full = False
        self.chosen: tuple[Shown, ...] = ()
        self.gallery: Gallery | None = None
        self.stage = ImageGrid(log.previews.get, size=STAGE, label="chosen picture", height=None, multiple=False)
        self.strip = ImageGrid(
            log.previews.get, size=STRIP, label="pictures of this panel, newest first", height="232px"
        )
        self.actions = Actions(deeds, open_=self._open, save=self._save)
        self.compare = plain(
            widgets.Button,
            description="Compare",
            tooltip="Beside the picture before it; choose several below with Ctrl or Shift",
        )
        self.compare.add_class("nbkit-small")
        self.history = plain(widgets.ToggleButton, description="History", tooltip="The whole log, with filters")
        self.history.add_class("nbkit-small")
        self.history.add_class("nbkit-history")
        self._which = plain(widgets.Label, layout={})
        first, *others = self.actions.box.children
        self.actions.box.children = (self._which, first, self.compare, *others)
        self._difference = plain(widgets.HTML, layout={})
        self._past = widgets.VBox()
        self._past.add_class("nbkit-past")
        self._left = plain(widgets.VBox, (self.stage.box,))
        right = plain(widgets.VBox, (self._difference, self.actions.box, self.strip.box))
        self._both = widgets.Box((self._left, right))
        self._both.add_class("nbkit-both")
        self._left.add_class("nbkit-stage")
        self.box = plain(widgets.VBox, (self._both, self._past))
        self.box.add_class("nbkit-pictures")
        self.compare.on_click(lambda _: self._compare())
        self.history.observe(lambda _: self._show_history(), "value")
        self.strip.on_select(self._chose)
        self._tell()

    def add(self, run: Run, *, late: bool = False) -> None:
        """Put a run's pictures in front, and the first of them on the stage, unless the run came late."""
        new = {shown.key: shown for shown in pictures_of(run)}
        with self._lock:
            self._mine = {**new, **{key: shown for key, shown in self._mine.items() if key not in new}}
            self.strip.show([shown.item(small=True) for shown in self._mine.values()])
            if not late or not self.chosen:
                self.choose(tuple(new.values())[:1])
        if self.gallery is not None and self.history.value:  # not under the lock: it has one of its own, and calls back
            with showing(self.fault):
                self.gallery.refresh()

    def choose(self, pictures: Sequence[Shown]) -> None:
        """Put pictures on the stage: one, or several beside each other."""
        with self._lock:
            self.chosen = tuple(pictures)[:MOST]
            mine = tuple(key for key in self._mine if key in {shown.key for shown in self.chosen})
            if mine != self.strip.selected:
                self.strip.select(mine)
            self._tell()

    def occupied(self, *, full: bool) -> None:
        """Whether nothing can be sent at the moment."""
        with self._lock:
            if full != self._full:
                self._full = full
                self._offer()

    @guarded
    def _chose(self, keys: Sequence[str]) -> None:
        """A person, or :meth:`choose`, has selected pictures in the strip."""
        if keys and set(keys) != {shown.key for shown in self.chosen}:
            self.choose([self._mine[key] for key in keys if key in self._mine])

    def _differences(self) -> str:
        """What differs between the chosen pictures, in words and numbers."""
        found = differences([shown.image or shown.run for shown in self.chosen])
        return differences_html(LETTERS[: len(self.chosen)], found)

    def _tell(self) -> None:
        several = len(self.chosen) > 1
        marks = LETTERS if several else ("",)
        self.stage.show([shown.item(mark=mark) for shown, mark in zip(self.chosen, marks, strict=False)])
        self._difference.value = self._differences() if several else ""
        self._which.value = f"with {LETTERS[0]}:"
        self._which.layout.display = self._difference.layout.display = "" if several else "none"
        self.stage.size = BESIDE if several else STAGE
        (self._both.add_class if several else self._both.remove_class)("nbkit-several")
        self._both.layout.display = "" if self._mine or self.chosen else "none"
        self.strip.box.layout.display = "" if len(self._mine) > 1 else "none"
        self._offer()

    def _offer(self) -> None:
        self.actions.offer(self.chosen[0] if self.chosen else None, full=self._full)
        self.compare.disabled = len({*self._mine, *(shown.key for shown in self.chosen)}) < 2

    @guarded
    def _compare(self) -> None:
        if len(self.chosen) > 1:
            self._open()
            return
        with self._lock:
            keys = list(self._mine)
            here = keys.index(self.chosen[0].key) if self.chosen and self.chosen[0].key in keys else -1
            before = keys[here + 1] if here + 1 < len(keys) else keys[here - 1]
            self.choose([*self.chosen, self._mine[before]])

    @guarded
    def _open(self) -> None:
        self.stage.open([shown.key for shown in self.chosen])

    @guarded
    def _save(self) -> None:
        self.stage.save([shown.key for shown in self.chosen])

    @guarded
    def _show_history(self) -> None:
        if self.history.value and self.gallery is None:
            self.gallery = Gallery(self._log, size=112, height="300px")
            self.gallery.grid.on_select(lambda _: self._remember())
            self._past.children = (self.gallery.box,)
        elif self.history.value and self.gallery is not None:
            self.gallery.refresh()
        self._past.layout.display = "" if self.history.value else "none"

    def _remember(self) -> None:
        """Pictures of the log were chosen in the history."""
        assert self.gallery is not None
        keys = self.gallery.grid.selected[:MOST]
        runs = self._log.get_runs(self.gallery.runs_of(keys))
        shown = {picture.key: picture for run in runs.values() for picture in pictures_of(run)}
        shown |= self._mine  # which know the credentials that the log does not keep
        if chosen := [shown[key] for key in keys if key in shown]:
            self.choose(chosen)
