"""The controls that say which rows a gallery shows: conditions that are stacked, and taken away one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import ipywidgets as widgets

from nbkit.display.text import ellipsis
from nbkit.log.filter import Filter
from nbkit.widgets.gallery.query import ALONE, IS, OPERATORS, Condition
from nbkit.widgets.page.plain import plain
from nbkit.widgets.page.subshell import answer_at_once

MOST_VALUES = 12
"""Values of a column that stand as buttons under the line."""


class Filters:
    """A line to make a condition with, and a button for each that is in force.

    Args:
        columns: the names to choose from.
        changed: called when a condition has come or gone.
        add: called with what a person wants to have added; raises what is wrong with it.
        counts: the values of a column that are shown, and how many rows have each.

    Attributes:
        box: the widget.
    """

    def __init__(
        self,
        columns: Iterable[str],
        changed: Callable[[], None],
        add: Callable[[Condition], None],
        counts: Callable[[str], list[tuple[str, int]]],
    ) -> None:
        self._changed, self._add, self._counts = changed, add, counts
        self._suggested: tuple[str, list[tuple[str, int]]] = ("", [])
        self._held: tuple[Condition | Filter, ...] = ()
        self.column = plain(widgets.Dropdown, options=tuple(columns), description="filter by")
        self.operator = plain(widgets.Dropdown, options=OPERATORS, description="is")
        self.value = plain(widgets.Text, description="value", placeholder="such as 0.7")
        self.button = plain(widgets.Button, description="Add filter", tooltip="Show only the rows that meet this, too")
        self.chips, self.values = widgets.HBox(), widgets.HBox()
        self.value.add_class("nbkit-value")
        for name in ("nbkit-gallery-button", "nbkit-reads"):
            self.button.add_class(name)
        self.operator.observe(self._follow, "value")
        self.column.observe(lambda _: self.suggest(), "value")
        for row in (self.chips, self.values):
            row.add_class("nbkit-gallery-row")
        line = plain(widgets.Box, (self.column, self.operator, self.value, self.button))
        line.add_class("nbkit-gallery-grid")
        self.box = plain(widgets.VBox, (line, self.values, self.chips))

    @property
    def held(self) -> tuple[Condition | Filter, ...]:
        """The conditions in force; rows have to meet all of them."""
        return self._held

    def put(self, condition: Condition | Filter) -> None:
        """Add a condition. One with ``=`` takes the place of an earlier one for the same column."""
        self.replace([old for old in self._held if not _same_place(old, condition)] + [condition])

    def replace(self, conditions: Iterable[Condition | Filter]) -> None:
        """Have these conditions and no others."""
        self._held = tuple(conditions)
        _replace(self.chips, [self._chip(condition) for condition in self._held])
        self.chips.layout.display = "" if self._held else "none"
        self._changed()

    def suggest(self) -> None:
        """Offer the values of the chosen column, where they are few, each with the number of its rows."""
        found = self._counts(self.column.value) if self.column.value else []
        if (self.column.value, found) != self._suggested:
            self._suggested = self.column.value, found
            _replace(self.values, [self._value(value, many) for value, many in found] if len(found) > 1 else [])

    def _value(self, value: str, many: int) -> widgets.Button:
        column = self.column.value
        button = widgets.Button(description=f"{ellipsis(value, 30)} · {many:,}", tooltip=f"Only {column} {value}")
        button.add_class("nbkit-gallery-button")
        button.on_click(lambda _: self._add(Condition(column, IS, value)))
        answer_at_once(button)
        return button

    def offer(self, value: str) -> None:
        """Add what the line says with this value; nothing where it says nothing."""
        if self.operator.value in ALONE:
            self._add(Condition(self.column.value, self.operator.value))
        elif value.strip():
            self._add(Condition(self.column.value, self.operator.value, value.strip()))
            self.value.value = ""

    def _chip(self, condition: Condition | Filter) -> widgets.Button:
        words = ellipsis(str(condition), 60)
        chip = widgets.Button(description=f"✕ {words}", tooltip=f"Take this filter away: {words}")
        chip.add_class("nbkit-gallery-button")
        chip.on_click(lambda _: self.replace(old for old in self._held if old is not condition))
        answer_at_once(chip)
        return chip

    def _follow(self, _change: object) -> None:
        self.value.disabled = self.operator.value in ALONE


def _replace(row: widgets.HBox, buttons: list[widgets.Button]) -> None:
    """Put other buttons into a row, and close those that were there."""
    before, row.children = row.children, tuple(buttons)
    for button in before:
        for part in (button, button.layout, button.style):
            part.close()


def _same_place(old: Condition | Filter, new: Condition | Filter) -> bool:
    if old == new:
        return True
    if not (isinstance(old, Condition) and isinstance(new, Condition)):
        return False
    return old.column == new.column and old.operator == new.operator == IS
