"""Groups of controls that are folded away, each behind a button of its own in one row."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import ipywidgets as widgets

from nbkit.display.text import escape
from nbkit.request.image_request import PARAMETERS
from nbkit.widgets.controls.control import Control, label
from nbkit.widgets.page.plain import plain


class Fold:
    """What is needed seldom: folded, but never hidden while it is wrong, and what is sent is counted on its button.

    Args:
        controls: in the order of their parameters' declaration; they are shown by the group of the parameter.
        begun: groups of which a part stands open elsewhere: the button of such a rest says what is in it.

    Attributes:
        buttons: one for each group, by its name.
        box: the row of buttons, and under it what is open.
    """

    def __init__(self, controls: Iterable[Control], *, begun: Collection[str] = ()) -> None:
        self._groups = by_group(controls)
        self._titles = {g: ", ".join(_labels(held)) if g in begun else g for g, held in self._groups.items()}
        self.buttons = {group: _button(self._titles[group], held) for group, held in self._groups.items()}
        self._sections = {group: section(group, held) for group, held in self._groups.items()}
        for button in self.buttons.values():
            button.observe(lambda _: self._show(), "value")
        row = plain(widgets.HBox, (plain(widgets.Label, "more"), plain(widgets.HBox, tuple(self.buttons.values()))))
        row.add_class("nbkit-more")
        self.box = plain(widgets.VBox, (row, *self._sections.values()))
        self._show()

    def _show(self) -> None:
        for group, button in self.buttons.items():
            self._sections[group].layout.display = "" if button.value else "none"

    def tell(self) -> None:
        """Say on each button how many parameters behind it are sent."""
        for group, held in self._groups.items():
            sent = sum(len(control.read()) for control in held)
            self.buttons[group].description = f"{self._titles[group]} · {sent} set" if sent else self._titles[group]

    def open_for(self, names: Mapping[str, str]) -> None:
        """Open the groups of these parameters: a complaint is not left folded away."""
        for group, held in self._groups.items():
            if any(name in names for control in held for name in control.names):
                self.buttons[group].value = True


def section(group: str, controls: Sequence[Control]) -> widgets.VBox:
    """A group under its name, in as many columns as there is room for."""
    twice = _labels(controls) == [group.lower()]  # one word does for the eye where both are the same
    heading = plain(
        widgets.HTML, f'<span class="nbkit-group-name{" nbkit-unseen" if twice else ""}">{escape(group)}</span>'
    )
    heading.add_class("nbkit-heading")
    grid = plain(widgets.Box, [control.box for control in controls])
    grid.add_class("nbkit-grid")
    box = widgets.VBox((heading, grid))
    box.add_class("nbkit-section")
    return box


def by_group(controls: Iterable[Control]) -> dict[str, list[Control]]:
    """Controls by the group of their parameters."""
    groups: dict[str, list[Control]] = {}
    for control in controls:
        groups.setdefault(PARAMETERS[control.names[0]].group, []).append(control)
    return groups


def _labels(held: Iterable[Control]) -> list[str]:
    return [label(PARAMETERS[name]) for control in held for name in control.names]


def _button(title: str, held: Sequence[Control]) -> widgets.ToggleButton:
    button = plain(widgets.ToggleButton, description=title, tooltip=", ".join(_labels(held)))
    button.add_class("nbkit-small")
    return button
