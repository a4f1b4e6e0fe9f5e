"""The gallery: the log's pictures to browse, filter, rate and pick from.

The pictures are a :class:`~nbkit.widgets.wall.wall.Wall`; the controls around it are stock ones. What is said of a picture
goes into the log at once (:meth:`nbkit.history.LogStore.mark`) and can be taken back. Handlers run in any thread, and
Jupyter loses what they raise: it is said in the gallery.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterable, Iterator
from html import escape
from typing import Any

import ipywidgets as widgets
import numpy as np
import pandas as pd

from nbkit.display.mime import MimeBundle
from nbkit.display.text import count
from nbkit.errors import NbkitError, RequestError
from nbkit.log.annotations import image_uuids
from nbkit.log.store import LogStore
from nbkit.log.table import column_of, sums_of
from nbkit.request.parameter import Integer, ValueInvalid
from nbkit.results.image import GeneratedImage
from nbkit.results.run import Run
from nbkit.widgets.gallery.comparing import MOST, Comparing
from nbkit.widgets.gallery.filters import Filters
from nbkit.widgets.gallery.marker import Marker, Told, tags_of
from nbkit.widgets.gallery.query import IS, Condition, Expression, arranged, equal_to, searched
from nbkit.widgets.gallery.record import KEPT_ROWS, NO_ROWS, NOTHING, record
from nbkit.widgets.gallery.rows import RowItems, check_columns, keys_of, with_marks
from nbkit.widgets.gallery.toolbar import NONE, Arrangement, Marking
from nbkit.widgets.page.plain import plain
from nbkit.widgets.page.publish import publish
from nbkit.widgets.page.subshell import answer_at_once
from nbkit.widgets.wall.wall import Wall

QUICK = 20_000
"""Up to so many rows, a search is made at each letter."""
ALONE = "An nbkit gallery: run this cell again to use it. What it showed first stands below."
SIZES = Integer(32, 1024)
"""Of a tile, in CSS pixels."""


def _guarded(method: Callable[..., None]) -> Callable[..., None]:
    """Say in the gallery what a handler raises: Jupyter would lose it."""

    @functools.wraps(method)
    def handler(gallery: Gallery, *arguments: Any) -> None:
        try:
            method(gallery, *arguments)
            gallery._complain("")  # noqa: SLF001  a method of the same class
        except Exception as error:  # noqa: BLE001  whatever it is, a person has to see it
            fault = "" if isinstance(error, NbkitError) else f"{type(error).__name__}: "
            gallery._complain(f"{fault}{error.args[0] if isinstance(error, KeyError) else error}")  # noqa: SLF001

    return handler


class Gallery:
    """Pictures of a log, shown as the last line of a cell; ``studio.gallery()`` makes it.

    Keys, while the pictures have the focus: arrows move, with Shift they select; 1 to 5 rate, 0 takes the rating
    away, k keeps and x rejects, or takes that back where all of them are; t and n lead to the boxes for tags and for a
    note, / to the search, and Esc back; u or Ctrl+Z takes back the last change; Space shows the picture in full size.

    Args:
        log: where the pictures are and where marks are written.
        frame: rows of the log to show, after whatever pandas did to them; ``None``: all, the newest first.
        size: of a tile, in CSS pixels.
        height: of the part with the pictures, in CSS; ``None``: as tall as they are.

    Attributes:
        box: the widget, to be placed into other widgets.
        wall: the pictures.

    Raises:
        NbkitError: if the frame's rows do not know their pictures.
        RequestError: for a size that no tile can have.
    """

    def __init__(
        self, log: LogStore, frame: pd.DataFrame | None = None, *, size: int = 160, height: str | None = "520px"
    ) -> None:
        if frame is not None:
            check_columns(frame)
        try:
            SIZES.check(size)
        except ValueInvalid as wrong:
            raise RequestError(f"size={size!r}: must be {wrong}", parameter="size", value=size) from None
        self._log, self._given = log, None if frame is None else frame.copy()
        self._lock = threading.RLock()
        self._marker = Marker(log)
        self._still, self._typed = False, dict[str, str]()
        # First of all, so that the page makes its part ready while the log is read.
        self.wall = Wall(log.previews.get, size=size, label="gallery", height=height, keys=True)
        answer_at_once(self.wall.box)
        self.marking = Marking()
        self._runs = self._newer = 0
        self._rows = self._read()
        self._order = np.arange(len(self._rows))
        columns = [str(name) for name in self._rows.columns]
        self.arrangement = Arrangement(columns, size=size, quick=len(self._rows) <= QUICK)
        self.filters = Filters(columns, self._rearrange, self._narrow)
        self._comparing = Comparing(log)
        self._line, self._trouble, self._worth = plain(widgets.HTML), plain(widgets.HTML), ""
        self.box = self._build()
        self._listen()
        self._show()
        answer_at_once(self.box)

    # -- what is shown ---------------------------------------------------------------------------------------

    @property
    def frame(self) -> pd.DataFrame:
        """What is shown now, in that order: rows of the log."""
        with self._lock:
            return self._rows.iloc[self._order].reset_index(drop=True)

    @property
    def selection(self) -> pd.DataFrame:
        """The selected rows, in the order in which they are shown, with what the log says of them now."""
        with self._lock:
            rows = self._rows.loc[list(self.wall.selected)]
            if len(rows):
                rows = with_marks(rows, self._log.rows_of(rows["taskUUID"].dropna().astype(str)))
            return rows.reset_index(drop=True)

    def runs_of(self, keys: Iterable[str]) -> list[str]:
        """The taskUUIDs of the runs that pictures belong to, each once."""
        with self._lock:
            return list(dict.fromkeys(self._rows.loc[list(keys), "taskUUID"].dropna().astype(str)))

    def select(self, which: GeneratedImage | Run | str | pd.DataFrame | Iterable[Any]) -> None:
        """Select pictures and nothing else.

        Args:
            which: a picture, a run (all its pictures), an imageUUID, rows of the log, or several of those; what is
                not shown cannot be selected.
        """
        if isinstance(which, pd.DataFrame):
            check_columns(which)
            self.wall.select(keys_of(which))
        else:
            self.wall.select(image_uuids(which))

    def filter(self, expression: str | None = None, **values: Any) -> None:
        """Show only the rows that meet this, and all that was asked for before.

        ``gallery.filter("temperature > 0.5 and rating >= 4")`` is read by ``DataFrame.query``;
        ``gallery.filter(temperature=0.7, status="done")`` compares, and takes the place of an earlier comparison of
        the same column; a list means any of its values and ``None``, there too, no value. Both spellings of a parameter will do.
        :meth:`clear` takes all filters away.

        Args:
            expression: a condition in pandas' words.
            **values: by column.

        Raises:
            UnknownParameter: for a column that there is not.
            RequestError: for a condition that cannot be used; what is shown stays.
        """
        new: list[Condition | Expression] = [] if expression is None else [Expression(expression)]
        new += [equal_to(column_of(self._rows, name), value) for name, value in values.items()]
        for condition in new:
            condition.mask(self._rows)
        with self._from_code():
            for condition in new:
                self.filters.put(condition)

    def search(self, text: str) -> None:
        """Show only the rows whose prompt, tags or note hold every word; an empty text shows all again."""
        with self._from_code():
            self.arrangement.search.value = text or ""

    def sort(self, column: str | None, *, ascending: bool = False) -> None:
        """Sort by a column, in either spelling; ``None``: in the order in which the rows came, newest first.

        Raises:
            UnknownParameter: for a column that there is not.
            RequestError: if its values cannot be put in order.
        """
        name = None if column is None else column_of(self._rows, column)
        with self._from_code():
            self.arrangement.ascending.value = ascending
            self.arrangement.sort.value = name or NONE

    def group(self, column: str | None) -> None:
        """Put a heading over the pictures of each value of a column; ``None`` takes the headings away.

        Raises:
            UnknownParameter: for a column that there is not.
            RequestError: if it has too many values for that.
        """
        name = None if column is None else column_of(self._rows, column)
        with self._from_code():
            self.arrangement.group.value = name or NONE

    def clear(self) -> None:
        """Take all filters and the search away."""
        with self._from_code():
            self.arrangement.search.value = ""
            self.filters.replace(())

    def refresh(self) -> None:
        """Read the log again: new runs, and marks that were set elsewhere."""
        with self._lock:
            self._rows = self._read()
            self._show()

    # -- what is said of the selected ------------------------------------------------------------------------

    def rate(self, rating: int | None) -> None:
        """Rate the selected pictures 1 to 5; ``None`` takes the rating away.

        Raises:
            RequestError: for another rating, or if no picture is selected; nothing is changed.
        """
        self._mark(self.wall.selected, rating=rating)

    def keep(self, keep: bool | None = True) -> None:
        """Keep the selected pictures; ``None`` takes back that they were kept or rejected."""
        self._mark(self.wall.selected, keep=keep)

    def reject(self) -> None:
        """Reject the selected pictures. Nothing is deleted: ``gallery.filter(keep=[True])`` shows what was kept."""
        self._mark(self.wall.selected, keep=False)

    def tag(self, tags: str | Iterable[str]) -> None:
        """Add a tag to the selected pictures, or several: a list, or one text with commas."""
        added = tags_of(tags)
        self._mark(self.wall.selected, tags=lambda old: f"{old},{added}")

    def untag(self, tags: str | Iterable[str]) -> None:
        """Remove a tag from the selected pictures, or several: a list, or one text with commas."""
        gone = {tag.strip().casefold() for tag in tags_of(tags).split(",")}

        def without(old: str) -> str:
            return ",".join(tag for tag in old.split(",") if tag.strip().casefold() not in gone)

        self._mark(self.wall.selected, tags=without)

    def note(self, note: str | None) -> None:
        """Write a note on the selected pictures, in place of the one that is there; ``None`` takes it away."""
        self._mark(self.wall.selected, note=note or None)

    def undo(self) -> None:
        """Take back the last change that was made in this gallery.

        Raises:
            RequestError: if there is none.
        """
        with self._lock:
            told = self._marker.undo(self._rows)
        self._told(told)

    def compare(self) -> None:
        """Show two to four selected pictures side by side, and under the others what differs in their parameters.

        Raises:
            RequestError: if fewer than two or more than four are selected.
        """
        selected = self.wall.selected
        if not 2 <= len(selected) <= MOST:
            raise RequestError(
                f"Compare shows 2 to {MOST} pictures side by side, and {len(selected):,} are selected",
                parameter="compare",
            )
        self.wall.open(selected)
        with self._lock:
            rows: list[Any] = [self._rows.loc[key] for key in selected]
        self._comparing.show(selected, rows)

    # -- showing it ------------------------------------------------------------------------------------------

    def _ipython_display_(self) -> None:
        view = dict(self.box._repr_mimebundle_())
        publish({**view, "text/plain": ALONE, "text/html": f"<em>{ALONE}</em>"}, raw=True)
        publish(self._record())

    def _record(self) -> MimeBundle:
        with self._lock:
            return record(
                self._rows.iloc[self._order[:KEPT_ROWS]],
                len(self._order),
                empty=NO_ROWS if self._given is not None else NOTHING,
            )

    def __repr__(self) -> str:
        return f"<Gallery: {count(len(self._order), 'row')}, {len(self.wall.selected):,} selected>"

    def on_budget_change(self) -> None:
        """A studio tells it so; then there are runs that are not shown yet, and a line says it."""
        if self._given is None:
            newer = len(self._log) - self._runs
            if newer != self._newer:
                self._newer = newer
                self._tell()

    # -- inside: what is shown ----------------------------------------------------------------------------------

    def _build(self) -> widgets.VBox:
        self._line.add_class("nbkit-gallery-line")
        line = plain(widgets.HBox, (self._line, self.arrangement.size))
        line.add_class("nbkit-gallery-row")
        above = (self.arrangement.box, self.filters.box, line, self.wall.box)
        children = (*above, self._comparing.box, self.marking.box, self._trouble)
        box = widgets.VBox(children)
        box.add_class("nbkit-gallery")
        return box

    def _listen(self) -> None:
        arrangement, marking = self.arrangement, self.marking
        for control in (arrangement.search, arrangement.sort, arrangement.ascending, arrangement.group):
            control.observe(self._rearrange, "value")
        arrangement.size.observe(lambda change: setattr(self.wall, "size", change["new"]), "value")
        self.filters.button.on_click(self._press_filter)
        self.wall.on_select(self._choose)
        self.wall.on_key(self._press_key)
        self.wall.on_typed(self._typed.update)
        presses: list[tuple[widgets.Button, Callable[[], None]]] = [
            *((button, functools.partial(self.rate, stars or None)) for stars, button in marking.stars.items()),
            (marking.keep, lambda: self._turn(self.wall.selected, keep=True)),
            (marking.reject, lambda: self._turn(self.wall.selected, keep=False)), (marking.undo, self.undo),
            (marking.compare, self.compare), (marking.refresh, self.refresh),
            (marking.add_tag, lambda: self.tag(self._read_box("tag"))),
            (marking.drop_tag, lambda: self.untag(self._read_box("tag"))),
            (marking.set_note, lambda: self.note(self._read_box("note"))),
        ]  # fmt: skip
        for button, press in presses:
            button.on_click(functools.partial(self._press, press))
        entered: list[tuple[widgets.Text, Callable[[], None]]] = [
            (marking.tag, lambda: self.tag(self._read_box("tag"))),
            (marking.note, lambda: self.note(self._read_box("note"))),
            (self.filters.value, lambda: self.filters.offer(self._read_box("value"))),
        ]  # fmt: skip
        for text, enter in entered:
            text.on_msg(functools.partial(self._enter, enter))

    def _read(self) -> pd.DataFrame:
        """The rows to choose from; the index is what the wall knows them by."""
        log = self._log.to_frame()
        self._runs, self._newer = log["taskUUID"].nunique(), 0
        rows = log.iloc[::-1] if self._given is None else with_marks(self._given, log)
        return rows.set_axis(keys_of(rows), axis=0).copy()

    def _show(self, *, top: bool = False) -> None:
        """Put on the wall what the controls ask for; ``top``: they ask for something else than before."""
        with self._lock:
            rows, controls = self._rows, self.arrangement
            met = np.ones(len(rows), dtype=bool)
            for condition in self.filters.held:
                met &= condition.mask(rows).to_numpy()
            if controls.search.value.strip():
                met &= searched(rows, controls.search.value)
            sort, group = controls.sort.value or None, controls.group.value or None
            places = np.flatnonzero(met)
            order, groups = arranged(rows, places, sort, ascending=controls.ascending.value, group=group)
            self._order = order
            asked = [c.column for c in self.filters.held if isinstance(c, Condition) and c.operator != IS]
            items = RowItems(rows, order, [name for name in (sort, *asked) if name], without=group)
            self.wall.show(items, groups, top=top)
            self._worth = " and ".join(sums_of(rows.iloc[order]))
            self._tell()

    @contextlib.contextmanager
    def _from_code(self) -> Iterator[None]:
        """Move controls and show once what they ask for; if that cannot be shown, they move back."""
        controls = self.arrangement
        with self._lock:
            moved = (controls.search, controls.sort, controls.ascending, controls.group)
            before, held = [control.value for control in moved], self.filters.held
            self._still = True
            try:
                yield
                self._show(top=True)
            except Exception:
                for control, value in zip(moved, before, strict=True):
                    control.value = value
                self.filters.replace(held)
                raise
            finally:
                self._still = False
            self._complain("")

    @_guarded
    def _rearrange(self, change: Any = None) -> None:
        if self._still:
            return
        try:
            self._show(top=True)
        except Exception:
            if change is not None:  # what cannot be shown is not what the control says
                self._still = True
                change["owner"].value = change["old"]
                self._still = False
            raise

    def _narrow(self, condition: Condition) -> None:
        condition.mask(self._rows)
        self.filters.put(condition)

    def _choose(self, keys: tuple[str, ...]) -> None:
        self._comparing.leave(keys)
        self._tell()

    def _tell(self) -> None:
        """How many are selected of how many, and what they cost."""
        with self._lock:
            selected = self.wall.selected
            chosen = " and ".join(sums_of(self._rows.loc[list(selected)])) if selected else ""
            of = f" of {len(self._rows):,}" if len(self._order) < len(self._rows) else ""
            newer = f"{count(self._newer, 'newer run')} not shown yet: Refresh" if self._newer > 0 else ""
            parts = (newer, f"{len(self._order):,}{of} shown", self._worth, f"{len(selected):,} selected", chosen)
        self._line.value = f"<div>{' · '.join(escape(part) for part in parts if part)}</div>"

    def _complain(self, problem: str) -> None:
        self._trouble.value = f'<div class="nbkit-gallery-problem" role="alert">✗ {escape(problem)}</div>' * bool(
            problem
        )

    # -- inside: marks ----------------------------------------------------------------------------------------------

    @_guarded
    def _press(self, press: Callable[[], None], _button: Any) -> None:
        press()

    @_guarded
    def _enter(self, enter: Callable[[], None], _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        if content.get("event") == "submit":
            enter()

    @_guarded
    def _press_filter(self, _button: Any) -> None:
        self.filters.offer(self._read_box("value"))

    @_guarded
    def _press_key(self, key: str, keys: tuple[str, ...]) -> None:
        if key == "u":
            self.undo()
        elif key in "kx":
            self._turn(keys, keep=key == "k")
        else:
            self._mark(keys, rating=int(key) or None)

    def _read_box(self, name: str) -> str:
        """What stood in a box at the press; the box itself may be behind, where the page has not said."""
        boxes = {"tag": self.marking.tag, "note": self.marking.note, "value": self.filters.value}
        text = self._typed.get(name, boxes[name].value)
        self._typed.clear()
        return str(text)

    def _turn(self, keys: Iterable[str], *, keep: bool) -> None:
        with self._lock:
            self._mark(keys, keep=self._marker.turned(self._rows, keys, keep=keep))

    def _mark(self, keys: Iterable[str], **values: Any) -> None:
        with self._lock:
            told = self._marker.mark(self._rows, keys, **values)
        self._told(told)

    def _told(self, told: Told) -> None:
        self.wall.refresh(told.keys)
        self.wall.say(told.words)
