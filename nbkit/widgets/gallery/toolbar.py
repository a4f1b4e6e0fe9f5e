"""The stock controls around a gallery's pictures: how they are arranged, and what is said of those selected."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import ipywidgets as widgets
import pandas as pd

from nbkit.widgets.gallery.rows import MARKS
from nbkit.widgets.page.plain import plain

NEWEST = "created"
ASKED = (
    NEWEST,
    "prompt",
    "seed",
    "temperature",
    "topP",
    "thinking",
    "cost",
    "rating",
    "keep",
    "tags",
    "status",
    "sweep",
)
"""Of the log's many columns, those that stand first in the lists."""
NO_GROUP = "no groups"
NONE = ""
"""The value of these choices; ipywidgets takes ``None`` for no choice at all, and shows nothing."""
SIZES = {"small": 112, "medium": 160, "large": 256, "very large": 384}
KEYS = (
    "Keys: ←→ move · Shift select · 1-5 rate · 0 clear · K keep · X reject · T tag · N note · U undo · / search · "
    "Space full size"
)
STARS = range(1, 6)


class Arrangement:
    """Search, order, groups and the size of the tiles.

    Attributes:
        box: the widget; the list of sizes, the button that clears and those that fold are placed beside the line that
            counts.
    """

    def __init__(self, columns: Iterable[str], *, size: int, quick: bool) -> None:
        self.search = plain(widgets.Text, description="search", placeholder="words to find", continuous_update=quick)
        self.search.add_class("nbkit-search")
        order, by = _choices(columns)
        self.sort = plain(widgets.Dropdown, options=order, value=NONE, description="sort by")
        self.ascending = plain(
            widgets.Dropdown, options={"high to low": False, "low to high": True}, description="order"
        )
        self.group = plain(widgets.Dropdown, options=by, value=NONE)
        self.group.description = "group by"
        self.ascending.disabled = True  # what stands as it was given has no order to turn
        self.sort.observe(lambda change: setattr(self.ascending, "disabled", change["new"] == NONE), "value")
        sizes = SIZES if size in SIZES.values() else {f"{size} px": size, **SIZES}
        self.size = plain(widgets.Dropdown, options=sizes, value=size, description="tiles")
        self.clear = _button("Clear filters", "Take all filters and the search away", layout={"display": "none"})
        self.fold = plain(
            widgets.ToggleButton,
            description="Fold near-equal",
            tooltip="Pictures that are nearly equal, such as copies in another format, become one tile",
        )
        self.fold.add_class("nbkit-gallery-button")
        hidden = {"display": "none"}
        self.unfold = _button("Unfold", "Show what is nearly equal to the selected, or fold it again", layout=hidden)
        self.box = plain(widgets.Box, (self.search, self.sort, self.ascending, self.group))
        self.box.add_class("nbkit-gallery-grid")

    def offer(self, columns: Iterable[str]) -> None:
        """Have these columns to choose from; what is chosen stays."""
        for control, options in zip((self.sort, self.group), _choices(columns), strict=True):
            chosen = control.value
            control.options = options
            control.value = chosen if chosen in options.values() else NONE


class Marking:
    """Buttons for what the keys do, and a line each for tags and notes.

    Attributes:
        box: the widget.
        stars: the buttons of the ratings, by rating; 0 takes it away.
        acts: the buttons that do more than mark.
    """

    def __init__(self) -> None:
        self.stars = {stars: _button(f"{stars} ★", f"Rate the selected {stars} of 5 (key {stars})") for stars in STARS}
        self.stars[0] = _button("No rating", "Take the rating of the selected away (key 0)")
        self.keep = _button("✓ Keep", "Keep the selected, or take that back (key k)")
        self.reject = _button("✗ Reject", "Reject the selected, or take that back (key x)")
        self.undo = _button("Undo", "Take back the last change (key u)")
        self.compare = _button("Compare", "Show two to four selected side by side")
        self.refresh = _button("Refresh", "Read the log again, for new runs and changed marks")
        self.advance = plain(
            widgets.ToggleButton,
            description="Auto-advance",
            tooltip="After a rating key the next picture is selected; with Shift the same one stays",
        )
        self.edit = _button("Edit this", "A panel below, with the selected picture as the only reference image")
        self.settings = _button("Open in panel", "A panel below, with the settings of the selected picture")
        self.promote = _button(
            "Promote", "Make the selected again at a higher resolution: the next press shows the prices"
        )
        self.export = _button("Export", "Write the selected pictures, or all that are shown, as a zip file")
        self.remove = _button("Remove from disk", "The rows and what they cost stay; Undo brings the pictures back")
        self.tag = plain(widgets.Text, description="tag", placeholder="one, or a, b, c")
        self.add_tag, self.drop_tag = _button("Add tag", "To the selected"), _button("Remove tag", "From the selected")
        self.note = plain(widgets.Text, description="note", placeholder="on the selected")
        self.set_note = _button("Set note", "On the selected; an empty one takes the note away")
        self.tag.add_class("nbkit-tag")
        self.note.add_class("nbkit-note")
        for reads in (self.add_tag, self.drop_tag, self.set_note):
            reads.add_class("nbkit-reads")
        marks = plain(
            widgets.HBox,
            (*self.stars.values(), self.keep, self.reject, self.advance, self.undo, self.compare, self.refresh),
        )
        self.acts = plain(widgets.HBox, (self.edit, self.settings, self.promote, self.export, self.remove))
        self.advance.add_class("nbkit-gallery-button")
        words = plain(widgets.HBox, (self.tag, self.add_tag, self.drop_tag, self.note, self.set_note))
        for one in (marks, self.acts, words):
            one.add_class("nbkit-gallery-row")
        keys = plain(widgets.HTML, f'<div class="nbkit-gallery-keys">{KEYS}</div>')
        self.box = plain(widgets.VBox, (marks, self.acts, words, keys))

    def offer(self, *, panel: bool, prices: widgets.Widget | None) -> None:
        """Have the buttons that can do something.

        Args:
            panel: those that open one.
            prices: what "Promote" fills stands below it; ``None`` for no such button.
        """
        idle = (*((self.edit, self.settings) if not panel else ()), *((self.promote,) if prices is None else ()))
        if prices is not None:
            marks, acts, *below = self.box.children
            self.box.children = (marks, acts, prices, *below)
        self.acts.children = tuple(button for button in self.acts.children if button not in idle)
        for button in idle:
            button.close()


def offered(rows: pd.DataFrame, columns: Iterable[str]) -> tuple[str, ...]:
    """The columns that tell these rows apart, and those that people look for or mark."""
    return tuple(name for name in columns if name in ASKED or name in MARKS or _varies(rows[name]))


def _varies(values: pd.Series[Any]) -> bool:
    gaps = values.isna()
    if gaps.any() or values.dtype == object:  # which may hold lists, and these are not compared
        return not gaps.all()
    return bool(len(values)) and bool((values != values.iloc[0]).any())


def _choices(columns: Iterable[str]) -> tuple[dict[str, str], dict[str, str]]:
    """The columns to sort and to group by, with the words for them."""
    names = _first(tuple(columns))
    order = {"Default order": NONE, **{"newest" if name == NEWEST else name: name for name in names}}
    return order, {NO_GROUP: NONE, **{name: name for name in names}}


def _first(names: tuple[str, ...]) -> list[str]:
    """The names, those first that people look for."""
    return sorted(names, key=lambda name: ASKED.index(name) if name in ASKED else len(ASKED))


def _button(text: str, tooltip: str, **own: Any) -> widgets.Button:
    button = plain(widgets.Button, description=text, tooltip=tooltip, **own)
    button.add_class("nbkit-gallery-button")
    return button
