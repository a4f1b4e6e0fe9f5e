"""All controls of a request together: what they say, as a request or as what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ipywidgets as widgets

from nbkit import rules
from nbkit.errors import RequestError
from nbkit.request import NAMES, PARAMETERS, ImageRequest
from nbkit.widgets.controls import Changed, Control, control_for
from nbkit.widgets.references import References
from nbkit.widgets.seed import Seed
from nbkit.widgets.size import Size

OPEN = ("prompt", "aspect_ratio", "temperature", "top_p", "thinking", "number_results", "seed")
"""The controls that stand open, in this order; every other parameter is folded under the heading of its group."""


class Form:
    """The controls of every parameter.

    Attributes:
        controls: by the Python name of the parameter; one control may hold several.
        box: what stands open, and the folded rest under it.
    """

    def __init__(self) -> None:
        self.size, self.references, self.seed = Size(), References(), Seed()
        own = {name: control for control in (self.size, self.references, self.seed) for name in control.names}
        self.controls: dict[str, Control] = {n: own[n] if n in own else control_for(p) for n, p in PARAMETERS.items()}
        self._folded = _by_group(self.controls)
        self._fold = widgets.Accordion([_grid(controls) for controls in self._folded.values()], selected_index=None)
        self._fold.add_class("nbkit-fold")
        self.box = widgets.VBox((_grid([self.controls[name] for name in OPEN]), self._fold))
        self.show_what_is_folded()

    def on_change(self, changed: Changed) -> None:
        """Have ``changed`` called after every change of a control."""
        for control in _once(self.controls.values()):
            control.on_change(changed)

    def write(self, parameters: Mapping[str, Any]) -> None:
        """Set parameters in any spelling; ``None`` sets one to "not sent".

        Raises:
            UnknownParameter, RequestError: for a name or a value that the model does not have; then no control moves.
        """
        given, head = NAMES.resolve(parameters)
        if head:
            name = next(iter(head))
            raise RequestError(f"{name} is made for each send: a panel has no control for it", parameter=name)
        checked = {
            name: None if value is None else rules.check_one(PARAMETERS[name], spelling, value)
            for name, (spelling, value) in given.items()
        }
        if checked.get("width") is not None or checked.get("height") is not None:
            said = {name: spelling for name, (spelling, _) in given.items()}
            size = {n: v for n, v in checked.items() if v is not None and PARAMETERS[n].group == "Size"}
            rules.check_together({"prompt": "", **size}, said)  # a pair that the controls cannot show is refused here
        for control in _once(self.controls[name] for name in checked):
            control.write({name: value for name, value in checked.items() if name in control.names})

    def check(self) -> tuple[ImageRequest | None, dict[str, RequestError]]:
        """The request that the controls ask for, or else, by parameter, what is wrong with them."""
        values: dict[str, Any] = {}
        for control in _once(self.controls.values()):
            values |= control.read()
        problems = {}
        for name, value in values.items():
            try:
                rules.check_one(PARAMETERS[name], name, value)
            except RequestError as error:
                problems[name] = error
        if problems:
            return None, problems
        try:
            return ImageRequest(**values), {}
        except RequestError as error:
            return None, {NAMES.find(error.parameter).name: error}

    def complain(self, problems: Mapping[str, str], *, gently: bool = False) -> None:
        """Let each control that is named say its sentence, and every other one be quiet."""
        for control in _once(self.controls.values()):
            text = next((problems[name] for name in control.names if name in problems), "")
            control.complain(text, gently=gently)
        for index, controls in enumerate(self._folded.values()):
            if any(name in problems for control in controls for name in control.names) and not gently:
                self._fold.selected_index = index  # a complaint is not left folded away

    def show_what_is_folded(self) -> None:
        """Say in the headings how many parameters under each are sent, so that none is sent unseen."""
        for index, (group, controls) in enumerate(self._folded.items()):
            sent = sum(len(control.read()) for control in controls)
            title = f"{group} · {sent} set" if sent else group
            if self._fold.get_title(index) != title:
                self._fold.set_title(index, title)


def _by_group(controls: Mapping[str, Control]) -> dict[str, list[Control]]:
    shown = {controls[name] for name in OPEN}
    groups: dict[str, list[Control]] = {}
    for name, parameter in PARAMETERS.items():
        if controls[name] not in shown:
            groups.setdefault(parameter.group, []).append(controls[name])
    return groups


def _grid(controls: list[Control]) -> widgets.Box:
    grid = widgets.Box([control.box for control in controls])
    grid.add_class("nbkit-grid")
    for control in controls:
        if isinstance(control.field, widgets.Textarea) or isinstance(control, (Size, Seed)):
            control.box.add_class("nbkit-wide")
    return grid


def _once(controls: Any) -> list[Control]:
    return list(dict.fromkeys(controls))
