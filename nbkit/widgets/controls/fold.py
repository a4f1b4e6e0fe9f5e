"""Groups of controls that are folded away, each behind a button of its own in one row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import ipywidgets as widgets

from nbkit.request import PARAMETERS
from nbkit.widgets.controls.control import Control, label


class Fold:
    """What is needed seldom: folded, but never hidden while it is sent or wrong.

    Args:
        controls: in the order of their parameters' declaration; they are shown by the group of the parameter.

    Attributes:
        buttons: one for each group, by its name.
        box: the row of buttons, and under it what is open.
    """

    def __init__(self, controls: Iterable[Control]) -> None:
        self._groups = _by_group(controls)
        self.buttons = {group: _button(held) for group, held in self._groups.items()}
        self._sections = {group: grid(held) for group, held in self._groups.items()}
        for group, button in self.buttons.items():
            button.observe(lambda _: self._show(), "value")
            self._sections[group].add_class("nbkit-section")
        row = widgets.HBox((widgets.Label("more"), widgets.HBox(tuple(self.buttons.values()))))
        row.add_class("nbkit-more")
        self.box = widgets.VBox((row, *self._sections.values()))
        self._show()

    def _show(self) -> None:
        for group, button in self.buttons.items():
            self._sections[group].layout.display = "" if button.value else "none"

    def tell(self) -> None:
        """Say on each button how many parameters behind it are sent."""
        for group, held in self._groups.items():
            sent = sum(len(control.read()) for control in held)
            self.buttons[group].description = f"{_title(held)} · {sent} set" if sent else _title(held)

    def open_for(self, names: Mapping[str, str]) -> None:
        """Open the groups of these parameters: a complaint is not left folded away."""
        for group, held in self._groups.items():
            if any(name in names for control in held for name in control.names):
                self.buttons[group].value = True


def grid(controls: Sequence[Control]) -> widgets.Box:
    """Controls in as many columns as there is room for."""
    box = widgets.Box([control.box for control in controls])
    box.add_class("nbkit-grid")
    return box


def _by_group(controls: Iterable[Control]) -> dict[str, list[Control]]:
    groups: dict[str, list[Control]] = {}
    for control in controls:
        groups.setdefault(PARAMETERS[control.names[0]].group, []).append(control)
    return groups


def _title(held: Sequence[Control]) -> str:
    first = PARAMETERS[held[0].names[0]]
    return first.group if len(held) > 1 else label(first)


def _button(held: Sequence[Control]) -> widgets.ToggleButton:
    what = ", ".join(label(PARAMETERS[name]) for control in held for name in control.names)
    button = widgets.ToggleButton(description=_title(held), tooltip=what)
    button.add_class("nbkit-small")
    return button
