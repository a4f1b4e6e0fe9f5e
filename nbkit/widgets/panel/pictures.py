"""The panel's pictures: the chosen ones large with their tools, those before them in a strip, the log.

The page asks for what it shows (:mod:`nbkit.widgets.image_grid.image_grid`), so no picture is part of what a notebook
saves of its widgets; what the saved notebook keeps is the output beside the panel (:mod:`nbkit.widgets.jobs.saved_output`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ipywidgets as widgets

from nbkit.comparison.result import differences
from nbkit.display.compare import differences_html
from nbkit.request.image_request import ImageRequest
from nbkit.results.run import Run
from nbkit.widgets.gallery.gallery import Gallery
from nbkit.widgets.image_grid.image_grid import Action, ImageGrid
from nbkit.widgets.image_grid.item import Item
from nbkit.widgets.image_grid.picture import PictureRef, pictures_of, remember_in
from nbkit.widgets.jobs.job import StudioAPI
from nbkit.widgets.jobs.quote import QuoteBook
from nbkit.widgets.page.guard import guarded, showing
from nbkit.widgets.page.plain import plain
from nbkit.widgets.panel.tools import Tools, offer_of
from nbkit.widgets.panel.versions import lines_of, versions_of

STRIP = 56
"""Pixels of a tile in the strip."""
LETTERS = "ABCD"
COMPARED = len(LETTERS)
"""So many pictures stand beside each other at once."""
NO_PICTURE = "The picture will appear here."
EDIT = Action("edit", "Edit this", "Make it the only reference image, and describe the change", closes=True)


class Pictures:
    """What the panel has made, newest first, and on demand all that the log holds.

    Args:
        studio: in whose log they are.
        fault: shows an error.
        pressed: called with the message of every press under a picture.
        chosen_changed: called when another picture is chosen.
        lock: guards what two threads touch. It is the panel's own: each calls the other while it holds it.

    Attributes:
        quotes: what the paid buttons under a picture promise.
        shown: what is large: the pictures of a run, or those that are compared.
        stage: shows them.
        strip: all pictures of this panel, small.
        tools: what can be done with the picture that is chosen.
        differences: a table of what differs between the pictures that are compared.
        past: the whole log, with filters; made when it is first opened.
    """

    def __init__(
        self,
        studio: StudioAPI,
        fault: Callable[[Exception], None],
        pressed: Callable[[Mapping[str, Any]], None],
        chosen_changed: Callable[[], None],
        lock: threading.RLock,
    ) -> None:
        self._studio, self._log = studio, studio.log
        self.fault, self._chosen_changed, self._lock = fault, chosen_changed, lock
        self._mine: dict[str, PictureRef] = {}
        self._coming: list[Item] = []
        self._expected: ImageRequest | None = None
        self._is_busy = self._is_waiting = False  # whether any are coming, and whether their places are large
        self.quotes = QuoteBook()
        self.shown: tuple[PictureRef, ...] = ()
        self.gallery: Gallery | None = None
        self.compared = False
        look: dict[str, Any] = {"actions": (EDIT,), "details": self._details, "remember": remember_in(studio.log)}
        self.stage = ImageGrid(
            studio.log.previews.get,
            label="chosen pictures",
            height=None,
            multiple=False,
            fit=True,
            opens=False,
            empty=NO_PICTURE,
            **look,
        )
        self.strip = ImageGrid(
            studio.log.previews.get, size=STRIP, label="pictures of this panel, newest first", height="76px", **look
        )
        self.tools = Tools(fault, pressed)
        self.differences = plain(widgets.HTML)
        self.past = widgets.VBox()
        for part, name in (
            (self.stage.box, "stage"),
            (self.tools, "tools"),
            (self.strip.box, "strip"),
            (self.differences, "differences"),
            (self.past, "past"),
        ):
            part.add_class(f"nbkit-{name}")
        self.strip.on_select(self._chose)
        self.stage.on_select(lambda _: self._offer())
        self.stage.on_open(lambda _: self.open())
        for grid in (self.stage, self.strip):
            grid.on_action(lambda action, key: pressed({"kind": "press", "button": action, "key": key}))
        self._show_strip()
        self._show()

    @property
    def chosen(self) -> PictureRef | None:
        """The picture that the tools are about: of those shown the selected one, or the first; ``None`` while none is."""
        if self._is_waiting:
            return None
        selected = self.stage.selected
        return next((one for one in self.shown if one.key in selected), self.shown[0] if self.shown else None)

    def picture(self, key: str) -> PictureRef | None:
        """A picture of this panel, or of the log, by its key."""
        return next((one for one in (*self.shown, *self._mine.values()) if one.key == key), None)

    def add(self, run: Run, *, late: bool = False) -> None:
        """Put a run's pictures in front, and show them large.

        Args:
            run: one without a picture is only put in front, if another picture can stay large.
            late: it was no longer waited for, so it does not take the place of what is large.
        """
        new = {shown.key: shown for shown in pictures_of(run)}
        with self._lock:
            self._mine = {**new, **{key: shown for key, shown in self._mine.items() if key not in new}}
            is_shown = not self.shown or (bool(run.images) and not late)
            if not late:
                self._coming, self._expected, self._is_waiting = [], None, False
            self._show_strip()
        if is_shown:
            self.show(tuple(new.values()))
        else:
            self.show(self.shown, compared=self.compared)
        if self.gallery is not None and self.is_past_open:  # not under the lock: it has one of its own, and calls back
            with showing(self.fault):
                self.gallery.refresh()

    def expect(self, request: ImageRequest | None) -> None:
        """Show the place of the pictures that are being made: large if nothing was, and else in the strip.

        Args:
            request: for the pictures; ``None`` where none are being made.
        """
        with self._lock:
            if request is self._expected:
                return
            self._is_waiting = request is not None and not self._is_busy
            self._is_busy = request is not None
            self._expected, self._coming = request, [] if request is None else _places_of(request)
            self._show_strip()
            self._show()

    def show(self, pictures: Sequence[PictureRef], *, compared: bool = False, chosen: PictureRef | None = None) -> None:
        """Show pictures large.

        Args:
            pictures: those of a run, or up to four that are compared.
            compared: whether they are.
            chosen: the one that the tools are about; the first by default.
        """
        with self._lock:
            self.shown, self.compared, self._is_waiting = tuple(pictures), compared and len(pictures) > 1, False
            self._show()
            if len(self.shown) > 1:
                self.stage.select([(chosen or self.shown[0]).key])
            mine = tuple(key for key in self._mine if key in {shown.key for shown in self.shown})
            if mine != self.strip.selected:
                self.strip.select(mine)
        self._tell_versions()
        self._chosen_changed()

    def show_run(self, run: Run) -> None:
        """Show a run of the log, as this panel knows it where it made it itself."""
        self.show([self._mine.get(one.key, one) for one in pictures_of(run)])

    def compare(self) -> None:
        """Show the chosen picture beside the one that it was made from, or before it; pressed again, alone."""
        chosen = self.chosen
        if chosen is None:
            return
        if self.compared:
            self.show([chosen])
            return
        parent = chosen.run.parent
        origins = [one for one in pictures_of(parent) if one.image] if parent else []
        with self._lock:
            others = {**self._mine, **{one.key: one for one in self.shown}}
            keys = list(others)
            here = keys.index(chosen.key)
            before = others[keys[here + 1] if here + 1 < len(keys) else keys[here - 1]]
        origin = next((one for one in origins if one.key == chosen.run.parent_image), origins[0] if origins else before)
        if origin.key != chosen.key:
            self.show(sorted([origin, chosen], key=_age), compared=True, chosen=chosen)

    def open(self) -> None:
        """Show what is large in full size; from one picture, arrows lead to the others of this panel."""
        chosen = self.chosen
        if self.compared:
            self.stage.open([one.key for one in self.shown])
        elif chosen is not None:
            is_in_strip = chosen.key in self._mine and len(self.strip) > 1  # with one picture, it is hidden
            (self.strip if is_in_strip else self.stage).open([chosen.key])

    def save(self, *, settings: bool) -> None:
        """Have the browser save the chosen picture, or those that are compared: the originals, or with their settings."""
        chosen = self.chosen
        keys = [one.key for one in self.shown] if self.compared else [chosen.key] if chosen else []
        self.stage.save(keys, settings=settings)

    @property
    def parts(self) -> tuple[widgets.Widget, ...]:
        """The widgets, from top to bottom."""
        return self.stage.box, self.tools, self.strip.box, self.differences, self.past

    @property
    def is_past_open(self) -> bool:
        """Whether the log is shown under the panel."""
        return bool(self.past.children) and self.past.layout.display != "none"

    def show_past(self, *, open_: bool) -> None:
        """Open or close the log under the panel."""
        self.past.layout.display = "" if open_ else "none"
        if open_ and self.gallery is None:
            self.gallery = Gallery(self._log, size=112, height="300px")
            self.gallery.grid.on_select(lambda _: self._chose_past())
            self.past.children = (self.gallery,)
        elif open_ and self.gallery is not None:
            self.gallery.refresh()

    def _show(self) -> None:
        letters = LETTERS if self.compared else ("",) * len(self.shown)
        items = [one.item(mark=letter) for one, letter in zip(self.shown, letters, strict=False)]
        self.stage.show(self._coming if self._is_waiting else items)
        subjects = [one.run[one.index or 0] if len(one.run) else one.run for one in self.shown]
        labels = list(LETTERS[: len(self.shown)])
        self.differences.value = differences_html(labels, differences(subjects)) if self.compared else ""
        self._offer()

    def _show_strip(self) -> None:
        coming = [] if self._is_waiting and not self._mine else self._coming
        self.strip.show([*coming, *(shown.item(small=True) for shown in self._mine.values())], top=True)
        self.strip.box.layout.display = "" if len(self.strip) > 1 else "none"

    def _offer(self) -> None:
        chosen = self.chosen
        number = f"{self.shown.index(chosen) + 1} of {len(self.shown)}" if chosen and len(self.shown) > 1 else ""
        self.tools.offer = {
            **offer_of(chosen, self.quotes, self._studio.price_of),
            "which": LETTERS[self.shown.index(chosen)] if self.compared and chosen else number,
            "compare": len({*self._mine, *(one.key for one in self.shown)}) > 1,
            "compared": self.compared,
        }

    def _tell_versions(self) -> None:
        chosen = self.chosen
        with showing(self.fault):
            told = versions_of(self._log, chosen.run) if chosen and not self.compared else {}
            self.tools.thread = {**told, "here": chosen.run.task_uuid if chosen else ""}

    def _details(self, key: str) -> list[str]:
        picture = self.picture(key)
        return lines_of(self._log, picture.run) if picture else []

    @guarded
    def _chose(self, keys: tuple[str, ...]) -> None:
        chosen = [self._mine[key] for key in keys[:COMPARED] if key in self._mine]
        if chosen and set(keys) != {one.key for one in self.shown}:
            self.show(chosen, compared=True)

    @guarded
    def _chose_past(self) -> None:
        """Pictures of the log were chosen in the history."""
        assert self.gallery is not None
        keys = self.gallery.grid.selected[:COMPARED]
        runs = self._log.get_runs(self.gallery.runs_of(keys))
        known = {picture.key: picture for run in runs.values() for picture in pictures_of(run)}
        known |= self._mine  # which know the credentials that the log does not keep
        if chosen := [known[key] for key in keys if key in known]:
            self.show(chosen, compared=True)


def _places_of(request: ImageRequest) -> list[Item]:
    """The places of the pictures that a request makes."""
    size, many = request.size or (1024, 1024), request.number_results or 1
    return [
        Item(f"coming/{number}", request.prompt, ("coming",), None, *size, "", status="coming")
        for number in range(many)
    ]


def _age(picture: PictureRef) -> str:
    """What pictures are sorted by, the older one first."""
    created = picture.run.created
    return created.isoformat() if created else ""
