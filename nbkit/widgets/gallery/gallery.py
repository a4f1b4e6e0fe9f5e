"""The gallery: the log's pictures to browse, filter, rate and pick from.

The pictures are a :class:`~nbkit.widgets.image_grid.image_grid.ImageGrid`; the controls around it are stock ones. What is said of a picture
goes into the log at once (:meth:`nbkit.RunLog.mark`) and can be taken back. Handlers run in any thread, and
Jupyter loses what they raise: it is said in the gallery.
"""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import numpy as np
import pandas as pd

from nbkit.display.mime import MimeBundle
from nbkit.display.text import count, escape
from nbkit.errors import RequestError
from nbkit.history import RunLog
from nbkit.log.annotations import image_uuids
from nbkit.log.columns import column_of, is_gap
from nbkit.log.filter import Filter, parse
from nbkit.log.table import sums_of
from nbkit.request.parameter import Integer, ValueInvalid
from nbkit.results.run import GeneratedImage, Run
from nbkit.sweep.result import SweepResult
from nbkit.widgets.gallery.comparing import MOST, Comparing
from nbkit.widgets.gallery.filters import MOST_VALUES, Filters
from nbkit.widgets.gallery.folding import Folding
from nbkit.widgets.gallery.marker import Marker, Told, pictured, tags_of
from nbkit.widgets.gallery.promoting import Promote, Promoting
from nbkit.widgets.gallery.query import IS, MOST_GROUPS, Condition, arranged, check_groups, equal_to, searched
from nbkit.widgets.gallery.record import KEPT_ROWS, NO_MATCH, NO_ROWS, NO_RUNS, NONE_MATCHED, NOTHING, record
from nbkit.widgets.gallery.rows import RowItems, check_columns, keys_of, with_marks
from nbkit.widgets.gallery.toolbar import NONE, Arrangement, Marking, offered
from nbkit.widgets.image_grid.image_grid import ImageGrid
from nbkit.widgets.image_grid.picture import remember_in
from nbkit.widgets.page.cell import close_parts
from nbkit.widgets.page.guard import guarded, words_of
from nbkit.widgets.page.plain import plain
from nbkit.widgets.page.publish import publish
from nbkit.widgets.page.subshell import answer_at_once

QUICK = 20_000
"""Up to so many rows, a search is made at each letter, and a gallery of the log has them all."""

FIRST = 2_000
"""Of a longer log, so many of those that are asked for, the first ones in their order. Nobody looks at more, and the
database finds them."""
ALONE = "An nbkit gallery: run this cell again to use it. What it showed first stands below."
SIZES = Integer(32, 1024)
"""Of a tile, in CSS pixels."""


HEIGHT = "clamp(260px, 100vh - 440px, 900px)"
"""Of the pictures: what is above and below them stays in view on a laptop, and a tall window shows more."""
OpenPanel = Callable[[GeneratedImage, bool], widgets.Widget]


class Gallery(widgets.VBox):  # type: ignore[misc]  # ipywidgets says nothing of its types
    """The log's pictures to browse, filter, rate and pick from; ``studio.gallery()`` makes one.

    As the last line of a cell it shows itself. Everything that its controls do can also be done from code; no notebook
    is needed for that. Ratings, tags and notes are written to the log at once.

    Keys, while the pictures have the focus:

    - arrows move; with Shift they select;
    - 1 to 5 rate, and 0 removes the rating;
    - k keeps and x rejects the selected pictures; if all of them are kept or rejected already, it undoes that;
    - t and n move the focus to the boxes for tags and for a note, / to the search, and Esc back to the pictures;
    - u or Ctrl+Z undoes the last change;
    - Space shows the picture in full size.

    Args:
        log: has the pictures, and stores ratings, tags and notes.
        frame: rows of the log, after whatever pandas did to them; ``None`` for all rows, the newest first.
        size: of a tile, in CSS pixels, 32 to 1024.
        height: of the part with the pictures, in CSS; ``None`` for as much as they need.
        open_panel: makes the panel of "Open in panel" and "Edit this" from a picture and whether it is edited; without
            it there are no such buttons.
        promote: makes the sweep of "Promote" from pictures and a resolution; without it there is no such button.

    Attributes:
        grid: the part with the pictures.

    Raises:
        NbkitError: if the frame lacks the columns that lead to the pictures.
        RequestError: for a size outside of its range.

    Example:
        >>> import nbkit
        >>> studio = nbkit.Studio(engine="offline")
        >>> run = studio.generate("A paper lantern", seed=7)
        >>> gallery = studio.gallery(studio.df[studio.df.taskUUID == run.task_uuid])
        >>> gallery.select(run)
        >>> gallery.rate(5)
        >>> gallery.tag("lantern, night")
        >>> gallery.selection[["seed", "rating", "tags"]].to_dict("records")
        [{'seed': 7, 'rating': 5.0, 'tags': 'lantern, night'}]
    """

    def __init__(
        self,
        log: RunLog,
        frame: pd.DataFrame | None = None,
        *,
        size: int = 160,
        height: str | None = HEIGHT,
        open_panel: OpenPanel | None = None,
        promote: Promote | None = None,
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
        self.grid = ImageGrid(
            log.previews.get, size=size, label="gallery", height=height, keys=True, remember=remember_in(log)
        )
        answer_at_once(self.grid.box)
        self.marking = Marking()
        self._open_panel = open_panel
        self._below = widgets.VBox()
        self._promoting = Promoting(promote, self.grid.say, self.fault) if promote else None
        self.marking.offer(panel=open_panel is not None, prices=self._promoting and self._promoting.box)
        self._runs = self._newer = self._in_log = 0
        self._sizes: pd.Series[int] | None = None  # of a long log's groups
        self._count()
        self._rows = self._read()
        self._order = np.arange(len(self._rows))
        self._met, self._unknown, self._folding = len(self._rows), 0, Folding(log)
        columns = self._names = self._columns()
        self.arrangement = Arrangement(columns, size=size, quick=not self._is_long and len(self._rows) <= QUICK)
        self.filters = Filters(
            offered(self._rows, columns), functools.partial(self._do, self._rearrange), self._narrow, self._counts
        )
        self._comparing = Comparing(log)
        self._line, self._trouble, self._worth = plain(widgets.HTML), plain(widgets.HTML), ""
        super().__init__(self._build())
        self.add_class("nbkit-gallery")
        self._listen()
        self._show()
        answer_at_once(self)

    @property
    def box(self) -> Gallery:
        """The widget that can be put into other widgets: the gallery itself."""
        return self

    def close(self) -> None:
        """Free the widgets; the log keeps what was written to it."""
        close_parts(self)
        super().close()

    # -- what is shown ---------------------------------------------------------------------------------------

    @property
    def frame(self) -> pd.DataFrame:
        """The rows that are shown now, in their order, with the index 0, 1, 2 …; columns as in :attr:`selection`."""
        with self._lock:
            return self._rows.iloc[self._order].reset_index(drop=True)

    @property
    def selection(self) -> pd.DataFrame:
        """The selected rows, in the order in which they are shown. The index counts from 0.

        Columns and dtypes are those of :meth:`nbkit.RunLog.to_frame`. If the gallery was made with a frame, they are
        the columns of that frame in its dtypes, and ``rating`` (Int64), ``keep`` (boolean), ``tags`` and ``note``
        (string), which are added where they are missing. These four, and the results of a run (``seed``, ``cost``,
        ``status``, ``width``, ``height``, ``file``, ``error``, ``imageUUID``) and ``textMissing`` have the log's present values and dtypes.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> run = studio.generate("A paper lantern", seed=7, temperature=0.4)
            >>> gallery = studio.gallery()
            >>> gallery.select(run)
            >>> gallery.selection[["prompt", "seed", "temperature"]].to_dict("records")
            [{'prompt': 'A paper lantern', 'seed': 7, 'temperature': 0.4}]
        """
        with self._lock:
            rows = self._rows.loc[list(self.grid.selected)]
            if len(rows):
                rows = with_marks(rows, self._log.rows_of(rows["taskUUID"].dropna().astype(str)))
            return rows.reset_index(drop=True)

    def runs_of(self, keys: Iterable[str]) -> list[str]:
        """The taskUUIDs of the runs of some rows, each once.

        Args:
            keys: of rows of the grid, as in ``gallery.grid.selected``.
        """
        with self._lock:
            return list(dict.fromkeys(self._rows.loc[list(keys), "taskUUID"].dropna().astype(str)))

    def select(self, which: GeneratedImage | Run | str | pd.DataFrame | Iterable[Any]) -> None:
        """Select pictures, in place of those that are selected.

        Args:
            which: a picture, a run (all its pictures), an imageUUID, rows of the log, or a list of those. Pictures that
                are not shown are left out.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> runs = [studio.generate("A paper lantern", seed=seed) for seed in (1, 2, 3)]
            >>> gallery = studio.gallery(studio.df.tail(3))
            >>> gallery.select(runs[1])
            >>> gallery.selection.seed.tolist()
            [2]
            >>> gallery.select(gallery.frame[gallery.frame.seed != 2])
            >>> gallery.selection.seed.tolist()
            [1, 3]
        """
        if isinstance(which, pd.DataFrame):
            check_columns(which)
            self.grid.select(keys_of(which))
        else:
            self.grid.select(image_uuids(which))

    def filter(self, expression: str | None = None, **values: Any) -> None:
        """Add filters: only the rows that meet all of them are shown. :meth:`clear` removes them.

        Args:
            expression: a condition as :meth:`nbkit.RunLog.filter` takes it, such as ``"temperature > 0.5 and rating >= 4"``.
            **values: the value of a column, as in ``temperature=0.7, status="done"``. A list stands for any of its
                values, and ``None``, also in a list, for no value. It replaces an earlier value for the same column. A
                parameter can have either spelling.

        Raises:
            UnknownParameter: for a column that the rows do not have.
            RequestError: for a condition that cannot be used; the filters stay as they were.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> runs = [studio.generate("A paper lantern", seed=seed, temperature=0.4) for seed in (1, 2, 3)]
            >>> gallery = studio.gallery(studio.df.tail(3))
            >>> gallery.filter(seed=[2, 3])
            >>> gallery.filter("seed < 3 and temperature < 0.5")
            >>> gallery.frame.seed.tolist()
            [2]
        """
        new: list[Condition | Filter] = [] if expression is None else [parse(expression)]
        new += [equal_to(column_of(self._rows, name), value) for name, value in values.items()]
        for condition in new:
            condition.mask(self._rows)
        with self._from_code():
            for condition in new:
                self.filters.put(condition)

    def search(self, text: str) -> None:
        """Show only the rows whose prompt, tags or note contain every word of a text.

        Args:
            text: as in :meth:`nbkit.RunLog.search`; an empty text ends the search.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> runs = [studio.generate(f"A lantern, number {seed}", seed=seed) for seed in (1, 2, 3)]
            >>> gallery = studio.gallery(studio.df.tail(3))
            >>> gallery.search("number lantern 2")
            >>> gallery.frame.seed.tolist()
            [2]
        """
        with self._from_code():
            self.arrangement.search.value = text or ""

    def sort(self, column: str | None, *, ascending: bool = False) -> None:
        """Sort by a column. Rows without a value come last.

        Args:
            column: its name, in either spelling; ``None`` for the original order (newest first, or as in the frame).
            ascending: whether small values come first.

        Raises:
            UnknownParameter: for a column that the rows do not have.
            RequestError: if its values cannot be ordered.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> runs = [studio.generate("A paper lantern", seed=seed) for seed in (1, 2, 3)]
            >>> gallery = studio.gallery(studio.df.tail(3))
            >>> gallery.sort("seed")
            >>> gallery.frame.seed.tolist()
            [3, 2, 1]
        """
        name = None if column is None else column_of(self._rows, column)
        with self._from_code():
            self.arrangement.ascending.value = ascending
            self.arrangement.sort.value = name or NONE

    def group(self, column: str | None) -> None:
        """Group the pictures by the values of a column, each group under a heading.

        Args:
            column: its name, in either spelling; ``None`` for no groups.

        Raises:
            UnknownParameter: for a column that the rows do not have.
            RequestError: if it has more than 400 different values.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> runs = [studio.generate("A paper lantern", seed=seed) for seed in (1, 2, 3)]
            >>> gallery = studio.gallery(studio.df.tail(3))
            >>> gallery.group("seed")
            >>> gallery.group(None)
        """
        name = None if column is None else column_of(self._rows, column)
        with self._from_code():
            self.arrangement.group.value = name or NONE

    @property
    def fold_duplicates(self) -> bool:
        """Whether pictures that are nearly equal, such as copies in another format, are one tile: the first of them.

        The tile says how many there are, and :meth:`unfold` shows them. What is said of the tile is said of the first
        picture alone; :attr:`frame` has no row of one that is folded away. It is off at first.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> runs = [studio.generate("A lantern", seed=7, output_format=f, resolution="0.5K") for f in ("JPG", "PNG")]
            >>> gallery = studio.gallery(studio.df.tail(2))
            >>> gallery.fold_duplicates = True
            >>> len(gallery.frame)
            1
        """
        return bool(self.arrangement.fold.value)

    @fold_duplicates.setter
    def fold_duplicates(self, fold: bool) -> None:
        with self._from_code():
            self.arrangement.fold.value = bool(fold)

    def unfold(self) -> None:
        """Show what is nearly equal to the selected pictures, behind them, or fold it again.

        Raises:
            RequestError: if nothing that is nearly equal to one of them is folded.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> runs = [studio.generate("A lantern", seed=7, output_format=f, resolution="0.5K") for f in ("JPG", "PNG")]
            >>> gallery = studio.gallery(studio.df.tail(2))
            >>> gallery.fold_duplicates = True
            >>> gallery.select(gallery.frame)
            >>> gallery.unfold()
            >>> len(gallery.frame)
            2
        """
        with self._lock:
            if not self.fold_duplicates or not self._folding.turn(self.grid.selected):
                message = (
                    "nothing that is nearly equal to what is selected is folded; gallery.fold_duplicates = True folds"
                )
                raise RequestError(message, parameter="unfold", reason="missing")
            self._show()

    def clear(self) -> None:
        """Remove all filters, and end the search.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> runs = [studio.generate("A paper lantern", seed=seed) for seed in (1, 2, 3)]
            >>> gallery = studio.gallery(studio.df.tail(3))
            >>> gallery.filter(seed=2)
            >>> gallery.clear()
            >>> gallery.frame.seed.tolist()
            [1, 2, 3]
        """
        with self._from_code():
            self.arrangement.search.value = ""
            self.filters.replace(())

    def refresh(self) -> None:
        """Read the log again, with new runs and with ratings, tags and notes that were changed elsewhere.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> gallery = studio.gallery()
            >>> run = studio.generate("A paper lantern", seed=7)
            >>> gallery.refresh()
            >>> int(gallery.frame.seed[0])
            7
        """
        with self._lock:
            self._count()
            if not self._is_long:
                self._rows, self._sizes = self._read(), None
            self._offer_columns()
            self._show(top=self._is_long)

    # -- what is said of the selected ------------------------------------------------------------------------

    def rate(self, rating: int | None) -> None:
        """Rate the selected pictures.

        Args:
            rating: 1 to 5; ``None`` removes the rating.

        Raises:
            RequestError: for another rating, or if no picture is selected; nothing is changed.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> run = studio.generate("A paper lantern", seed=7)
            >>> gallery = studio.gallery()
            >>> gallery.select(run)
            >>> gallery.rate(5)
            >>> gallery.selection.rating.tolist()
            [5.0]
        """
        self._mark(self.grid.selected, rating=rating)

    def keep(self, keep: bool | None = True) -> None:
        """Keep the selected pictures, or reject them.

        Args:
            keep: ``True`` to keep, ``False`` to reject, ``None`` for neither.

        Raises:
            RequestError: if no picture is selected; nothing is changed.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> run = studio.generate("A paper lantern", seed=7)
            >>> gallery = studio.gallery()
            >>> gallery.select(run)
            >>> gallery.keep()
            >>> gallery.selection.keep.tolist()
            [True]
        """
        self._mark(self.grid.selected, keep=keep)

    def reject(self) -> None:
        """Reject the selected pictures. They are not deleted; ``gallery.filter(keep=True)`` shows the kept ones only.

        Raises:
            RequestError: if no picture is selected; nothing is changed.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> run = studio.generate("A paper lantern", seed=7)
            >>> gallery = studio.gallery()
            >>> gallery.select(run)
            >>> gallery.reject()
            >>> gallery.selection.keep.tolist()
            [False]
        """
        self._mark(self.grid.selected, keep=False)

    def tag(self, tags: str | Iterable[str]) -> None:
        """Add tags to the selected pictures.

        Args:
            tags: a list of tags, or a text with commas between them.

        Raises:
            RequestError: for tags that are not allowed, or if no picture is selected; nothing is changed.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> run = studio.generate("A paper lantern", seed=7)
            >>> gallery = studio.gallery()
            >>> gallery.select(run)
            >>> gallery.tag("night, lantern")
            >>> gallery.selection.tags.tolist()
            ['lantern, night']
        """
        added = tags_of(tags)
        self._mark(self.grid.selected, tags=lambda old: f"{old},{added}")

    def untag(self, tags: str | Iterable[str]) -> None:
        """Remove tags from the selected pictures.

        Args:
            tags: a list of tags, or a text with commas between them. Upper and lower case are the same.

        Raises:
            RequestError: for a text without a tag, or if no picture is selected; nothing is changed.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> run = studio.generate("A paper lantern", seed=7)
            >>> gallery = studio.gallery()
            >>> gallery.select(run)
            >>> gallery.tag("night, lantern")
            >>> gallery.untag("night")
            >>> gallery.selection.tags.tolist()
            ['lantern']
        """
        gone = {tag.strip().casefold() for tag in tags_of(tags).split(",")}

        def without(old: str) -> str:
            return ",".join(tag for tag in old.split(",") if tag.strip().casefold() not in gone)

        self._mark(self.grid.selected, tags=without)

    def note(self, note: str | None) -> None:
        """Write a note on the selected pictures.

        Args:
            note: replaces the present note; ``None`` removes it.

        Raises:
            RequestError: if no picture is selected; nothing is changed.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> run = studio.generate("A paper lantern", seed=7)
            >>> gallery = studio.gallery()
            >>> gallery.select(run)
            >>> gallery.note("The best of them.")
            >>> gallery.selection.note.tolist()
            ['The best of them.']
        """
        self._mark(self.grid.selected, note=note or None)

    def undo(self) -> None:
        """Undo the last change of ratings, tags or notes that was made in this gallery.

        Raises:
            RequestError: if there is none.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> run = studio.generate("A paper lantern", seed=7)
            >>> gallery = studio.gallery()
            >>> gallery.select(run)
            >>> gallery.rate(5)
            >>> gallery.undo()
            >>> gallery.selection.rating.isna().tolist()
            [True]
        """
        with self._lock:
            told = self._marker.undo(self._rows)
        self._told(told)

    def remove(self) -> None:
        """Remove the selected pictures from the disk. Their rows and what they cost stay; :meth:`undo` brings them back.

        Raises:
            RequestError: if no picture is selected; nothing is changed.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> run = studio.generate("A paper lantern", seed=7)
            >>> gallery = studio.gallery()
            >>> gallery.select(run)
            >>> gallery.remove()
            >>> gallery.undo()
            >>> studio.log[run.task_uuid].image.path.exists()
            True
        """
        with self._lock:
            told = self._marker.remove(self._rows, self.grid.selected)
        self._told(told)

    def export(self, path: str | os.PathLike[str]) -> Path:
        """Write the selected pictures, or all that are shown, with a manifest and a page; see :meth:`nbkit.RunLog.export`.

        Args:
            path: a new folder, or a new file that ends in ``.zip``.

        Example:
            >>> import tempfile, nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> run = studio.generate("A paper lantern", seed=7)
            >>> gallery = studio.gallery()
            >>> gallery.select(run)
            >>> gallery.export(f"{tempfile.mkdtemp()}/lantern.zip").name
            'lantern.zip'
        """
        return self._log.export(path, self.selection if self.grid.selected else self.frame)

    def compare(self) -> None:
        """Show the two to four selected pictures side by side, and a table of the parameters and results that differ.

        Raises:
            RequestError: if fewer than two or more than four are selected.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> runs = [studio.generate("A paper lantern", seed=seed) for seed in (1, 2, 3)]
            >>> gallery = studio.gallery(studio.df.tail(3))
            >>> gallery.select(runs[:2])
            >>> gallery.compare()
        """
        selected = self.grid.selected
        if not 2 <= len(selected) <= MOST:
            raise RequestError(
                f"Compare shows 2 to {MOST} pictures side by side, and {len(selected):,} are selected",
                parameter="compare",
            )
        self.grid.open(selected)
        with self._lock:
            rows: list[Any] = [self._rows.loc[key] for key in selected]
        self._comparing.show(selected, rows)

    @property
    def promoted(self) -> SweepResult | None:
        """The result of the latest promotion that a button sent, or ``None``."""
        return self._promoting.promotion.result if self._promoting else None

    # -- showing it ------------------------------------------------------------------------------------------

    def _ipython_display_(self) -> None:
        view = dict(self._repr_mimebundle_())
        publish({**view, "text/plain": ALONE, "text/html": f"<em>{ALONE}</em>"}, raw=True)
        publish(self._record())

    def _record(self) -> MimeBundle:
        with self._lock:
            return record(
                self._rows.iloc[self._order[:KEPT_ROWS]],
                None if self._is_cut else len(self._order),
                empty=NONE_MATCHED if self._is_narrowed else NO_ROWS if self._given is not None else NOTHING,
            )

    def __repr__(self) -> str:
        return f"<Gallery: {count(len(self._order), 'row')}, {len(self.grid.selected):,} selected>"

    def on_budget_change(self) -> None:
        """Show how many runs are newer than the rows; the studio calls it after each change of the budget."""
        if self._given is None:
            newer = len(self._log) - self._runs
            if newer != self._newer:
                self._newer = newer
                self._tell()

    @property
    def _is_long(self) -> bool:
        return self._in_log > QUICK

    @property
    def _is_cut(self) -> bool:
        """Whether there may be more rows that are asked for than are here."""
        return self._is_long and (self._met == FIRST if self._sizes is None else self._met < self._sizes.sum())

    # -- inside: what is shown ----------------------------------------------------------------------------------

    def _build(self) -> tuple[widgets.Widget, ...]:
        self._line.add_class("nbkit-gallery-line")
        line = plain(
            widgets.HBox,
            (self._line, self.arrangement.clear, self.arrangement.unfold, self.arrangement.fold, self.arrangement.size),
        )
        line.add_class("nbkit-gallery-row")
        above = (self.arrangement.box, self.filters.box, self._trouble, line, self.grid.box)
        return (*above, self._comparing.box, self.marking.box, self._below)

    def _listen(self) -> None:
        arrangement, marking = self.arrangement, self.marking
        moving = (arrangement.search, arrangement.sort, arrangement.ascending, arrangement.group, arrangement.fold)
        for control in moving:
            control.observe(functools.partial(self._do, self._rearrange), "value")
        arrangement.size.observe(lambda change: setattr(self.grid, "size", change["new"]), "value")
        self.filters.button.on_click(lambda _: self._do(lambda: self.filters.offer(self._read_box("value"))))
        self.grid.on_select(self._choose)
        self.grid.on_key(functools.partial(self._do, self._press_key))
        self.grid.on_typed(self._typed.update)
        presses: list[tuple[widgets.Button, Callable[[], None]]] = [
            *((button, functools.partial(self.rate, stars or None)) for stars, button in marking.stars.items()),
            (marking.keep, lambda: self._turn(self.grid.selected, keep=True)),
            (marking.reject, lambda: self._turn(self.grid.selected, keep=False)), (marking.undo, self.undo),
            (marking.compare, self.compare), (marking.refresh, self.refresh), (marking.remove, self.remove),
            (marking.edit, lambda: self._show_panel(edit=True)), (marking.settings, lambda: self._show_panel(edit=False)),
            (marking.promote, self._offer), (marking.export, self._export), (arrangement.clear, self.clear), (arrangement.unfold, self.unfold),
            (marking.add_tag, lambda: self.tag(self._read_box("tag"))),
            (marking.drop_tag, lambda: self.untag(self._read_box("tag"))),
            (marking.set_note, lambda: self.note(self._read_box("note"))),
        ]  # fmt: skip
        for button, press in presses:
            button.on_click(lambda _, press=press: self._do(press))
        entered: list[tuple[widgets.Text, Callable[[], None]]] = [
            (marking.tag, lambda: self.tag(self._read_box("tag"))),
            (marking.note, lambda: self.note(self._read_box("note"))),
            (self.filters.value, lambda: self.filters.offer(self._read_box("value"))),
        ]  # fmt: skip
        for text, enter in entered:
            text.on_msg(functools.partial(self._enter, enter))
        marking.advance.observe(lambda change: setattr(self.grid.box, "advances", change["new"]), "value")

    def _count(self) -> None:
        self._runs, self._newer = len(self._log), 0
        self._in_log = self._log.count_rows() if self._given is None else 0
        self._axes = self._log.axes()

    def _read(self) -> pd.DataFrame:
        """The rows to choose from; the index is what the grid knows them by."""
        if self._given is not None:
            names = (self._given[name].dropna().astype(str) for name in ("taskUUID", "imageUUID"))
            return _keyed(with_marks(self._given, self._log.rows_of(*names)))
        return self._with_axes(self._log.page(FIRST if self._is_long else QUICK))

    def _with_axes(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Rows of a long log with every axis of the log, also where others than these rows have it."""
        lacking = [name for name in self._axes[:MOST_GROUPS] if name not in rows] if self._is_long else []
        gaps = pd.array([pd.NA] * len(rows), dtype="string")
        return _keyed(rows.assign(**dict.fromkeys(lacking, gaps)))

    def _columns(self) -> list[str]:
        """The columns to choose from, the axes of sweeps first."""
        names = [str(name) for name in self._rows.columns]
        return [*self._shown_axes, *(name for name in names if name not in self._shown_axes)]

    @property
    def _shown_axes(self) -> list[str]:
        return [name for name in self._rows if name in self._axes]

    def _offer_columns(self) -> None:
        """Offer the columns of axes that have come into the log."""
        if self._names != (names := self._columns()):
            self._names, self._still = names, True
            try:
                self.arrangement.offer(names)
                self.filters.column.options = offered(self._rows, names)
            finally:
                self._still = False

    def _read_found(self) -> None:
        """Of a long log, the first rows that the controls ask for; with groups, the first of each."""
        controls, limit, sizes = self.arrangement, FIRST, None
        asked: dict[str, Any] = {"conditions": self.filters.held, "text": controls.search.value}
        group = controls.group.value or None
        if group is not None:
            sizes = self._log.group_sizes(group, **asked, limit=MOST_GROUPS + 1)
            check_groups(group, len(sizes), more=True)
            limit = max(1, FIRST // max(1, len(sizes)))
        asked |= {"sort": controls.sort.value or None, "ascending": controls.ascending.value}
        self._rows, self._sizes = self._with_axes(self._log.page(limit, **asked, each=sizes)), sizes

    def _show(self, *, top: bool = False) -> None:
        """Put in the grid what the controls ask for; ``top``: they ask for something else than before."""
        with self._lock:
            controls = self.arrangement
            if self._is_long and top:
                self._read_found()
            rows = self._rows
            met = np.ones(len(rows), dtype=bool)
            for condition in self.filters.held:
                met &= condition.mask(rows).to_numpy()
            if controls.search.value.strip():
                met &= searched(rows, controls.search.value)
            sort, group = controls.sort.value or None, controls.group.value or None
            places = np.flatnonzero(met)
            order, groups = arranged(
                rows, places, sort, ascending=controls.ascending.value, group=group, sizes=self._sizes
            )
            self._met, unknown, badges = len(order), 0, dict[int, str]()
            if controls.fold.value:
                folded = self._folding.fold(rows, order, groups)
                order, groups, badges, unknown = folded.order, folded.groups, folded.badges, folded.unknown
            controls.unfold.layout.display = "" if controls.fold.value else "none"
            self._order = order
            asked = [c.column for c in self.filters.held if isinstance(c, Condition) and c.operator != IS]
            also = [name for name in (sort, *asked) if name]
            items = RowItems(rows, order, also, without=group, axes=self._shown_axes, badges=badges)
            self._tell_emptiness()
            self.grid.show(items, groups, top=top)
            self._worth = " · ".join(sums_of(rows.iloc[order]))
            self._unknown = unknown
            if not self._is_long:  # a million rows are counted when somebody asks
                self.filters.suggest()
            self._tell()

    @property
    def _is_narrowed(self) -> bool:
        """Whether a filter or a search leaves rows out."""
        return bool(self.filters.held or self.arrangement.search.value.strip())

    def _tell_emptiness(self) -> None:
        """Where nothing is shown, say why, and how to see the pictures again."""
        self.arrangement.clear.layout.display = "" if self._is_narrowed else "none"
        self.grid.box.empty = NO_MATCH if self._is_narrowed else NO_ROWS if self._given is not None else NO_RUNS

    def _counts(self, column: str) -> list[tuple[str, int]]:
        """The values of a column among the rows that are shown, ascending; none where there are many."""
        if self._is_long:
            text = self.arrangement.search.value
            sizes = self._log.group_sizes(column, conditions=self.filters.held, text=text, limit=MOST_VALUES + 1)
        elif self._rows[column].dtype == object:  # of a frame's own: lists have no order
            return []
        else:
            sizes = self._rows[column].iloc[self._order].value_counts().sort_index()
        if len(sizes) > MOST_VALUES:
            return []
        return [(str(value), int(many)) for value, many in sizes.items() if not is_gap(value)]

    @contextlib.contextmanager
    def _from_code(self) -> Iterator[None]:
        """Move controls and show once what they ask for; if that cannot be shown, they move back."""
        controls = self.arrangement
        with self._lock:
            moved = (controls.search, controls.sort, controls.ascending, controls.group, controls.fold)
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

    @guarded
    def _do(self, act: Callable[..., None], *arguments: Any) -> None:
        """Carry out what a person asked for; what was wrong before is over then."""
        act(*arguments)
        self._complain("")

    def fault(self, error: Exception) -> None:
        """Show an error under the pictures, until something goes well."""
        self._complain(words_of(error))

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
        if self._is_long:
            self._log.page(0, conditions=[condition])
        self.filters.put(condition)

    def _choose(self, keys: tuple[str, ...]) -> None:
        self._comparing.leave(keys)
        if self._promoting is not None:
            self._promoting.leave(keys)
        self._tell()

    def _tell(self) -> None:
        """How many are selected of how many, and what they cost."""
        with self._lock:
            selected = self.grid.selected
            chosen = " · ".join(sums_of(self._rows.loc[list(selected)])) if selected else ""
            rows = self._in_log if self._is_long else len(self._rows)
            of = f" of {rows:,}" if len(self._order) < rows else ""
            newer = f"{count(self._newer, 'newer run')} not shown yet: Refresh" if self._newer > 0 else ""
            first = "the first " if self._is_cut else ""
            folded = self._met - len(self._order)
            parts = (
                newer,
                f"{first}{len(self._order):,}{of} shown",
                f"{folded:,} nearly equal folded" if folded else "",
                f"{count(self._unknown, 'picture')} not compared yet: log.measure(text=False)" if self._unknown else "",
                self._worth,
                f"{len(selected):,} selected",
                chosen,
            )
        self._line.value = f"<div>{' · '.join(escape(part) for part in parts if part)}</div>"

    def _complain(self, problem: str) -> None:
        self._trouble.value = f'<div class="nbkit-gallery-problem" role="alert">✗ {escape(problem)}</div>' * bool(
            problem
        )

    # -- inside: marks ----------------------------------------------------------------------------------------------

    def _enter(self, enter: Callable[[], None], _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        if content.get("event") == "submit":
            self._do(enter)

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
        if told.is_on_disk:
            self.refresh()
        self.grid.refresh(told.keys)
        self.grid.say(told.words)

    # -- inside: what is done with a picture ------------------------------------------------------------------------

    def _export(self) -> None:
        names = ("gallery.zip", *(f"gallery-{number}.zip" for number in range(2, 1000)))
        path = self.export(next(name for name in names if not Path(name).exists()))
        self.grid.say(f"Wrote {path}, {path.stat().st_size / 1e6:.1f} MB.")

    def _offer(self) -> None:
        """The prices of making the selected pictures again."""
        assert self._promoting is not None  # else there is no such button
        self._promoting.offer(self._pictures(), self.grid.selected)

    def _pictures(self) -> list[GeneratedImage]:
        """The selected pictures."""
        with self._lock:
            rows = self._rows.loc[pictured(self._rows, self.grid.selected)]
        runs = self._log.get_runs(rows["taskUUID"].dropna().astype(str).tolist())
        pairs = zip(rows["taskUUID"].astype(str), rows["imageUUID"], strict=True)
        return [image for task, uuid in pairs for image in runs.get(task, ()) if image.image_uuid == uuid]

    def _show_panel(self, *, edit: bool) -> None:
        """A panel under the pictures, with what the first selected picture was made from, or with itself."""
        assert self._open_panel is not None  # else there is no such button
        image = self._pictures()[0]
        self.grid.say("")
        before, self._below.children = self._below.children, (self._open_panel(image, edit),)
        for panel in before:
            panel.close()


def _keyed(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with the index by which the grid knows them."""
    return rows.set_axis(keys_of(rows), axis=0).copy()
