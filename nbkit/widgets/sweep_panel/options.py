"""How a sweep is run: what is asked for with its axes, and what is needed seldom, folded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as widgets

from nbkit.errors import RequestError
from nbkit.log.frame import check_argument
from nbkit.request.parameter import Integer, Kind, Text
from nbkit.results.money import limit_in_micros
from nbkit.results.run import FAILED
from nbkit.sweep.grid import MAX_CELLS
from nbkit.widgets.form.form import Changed
from nbkit.widgets.page.plain import plain

WORKERS = 4
KINDS: dict[str, Kind] = {
    "repeats": Integer(1, MAX_CELLS),
    "sample": Integer(1),
    "name": Text(1, 200),
    "max_workers": Integer(1),
}
BUILDING = ("combine", "repeats", "sample", "name")
"""What ``studio.sweep`` takes; the rest is for ``sweep.run``."""
RUNNING = ("max_workers", "budget", "retry")

_TOLD = {
    "repeats": ("1", "how often each cell is made, each time with a fresh seed"),
    "sample": ("all", "draw so many cells instead of taking all"),
    "max_workers": (str(WORKERS), "how many requests are under way at once"),
    "budget": ("no limit", "the most that one press of Run may spend, in USD"),
    "name": ("made of the axes", "what the sweep is known by when it goes on in a later kernel"),
}


class Options:
    """Boxes for the arguments of ``studio.sweep`` and ``sweep.run`` that are no parameters.

    Attributes:
        combine: every value with every other, or step by step.
        fields: a text box for each other argument, by its name; empty means the default.
        retry: whether failed cells are sent again.
        more: opens what is folded.
        box: what stands open, and what is folded.
    """

    def __init__(self) -> None:
        self.combine = plain(
            widgets.Dropdown,
            options=[("each with each (product)", "product"), ("step by step (zip)", "zip")],
            description="combine",
            tooltip="combine: how the axes go together",
        )
        self.fields = {name: self._field(name, *told) for name, told in _TOLD.items()}
        self.retry = plain(widgets.Checkbox, value=False, indent=False, description="retry failed")
        self.more = plain(
            widgets.ToggleButton, description="More options", tooltip="sample, name, max_workers, budget, retry"
        )
        self.more.add_class("nbkit-small")
        self._message = plain(widgets.HTML, layout={})
        self._message.add_class("nbkit-message")
        open_ = plain(widgets.HBox, (self.combine, self.fields["repeats"], self.more))
        folded = [self.fields[name] for name in ("sample", "max_workers", "budget", "name")]
        self._folded = widgets.HBox((*folded, self.retry))
        self.box = plain(widgets.VBox, (open_, self._folded, self._message))
        for box in (open_, self._folded):
            box.add_class("nbkit-options")
        self.more.observe(lambda _: self._fold(), "value")
        self._fold()
        self.complain("")

    def read(self, name: str) -> Any:
        """One argument, checked; ``None`` where its box is empty.

        Raises:
            RequestError: for a value that it cannot have.
        """
        if name in ("combine", "retry"):
            return self.combine.value if name == "combine" else (FAILED if self.retry.value else None)
        text = self.fields[name].value.strip()
        if not text:
            return WORKERS if name == "max_workers" else None
        if name == "budget":
            amount = _or_text(float, text)
            limit_in_micros(name, amount)
            return amount
        value = check_argument(name, KINDS[name].check, text if name == "name" else _or_text(int, text))
        return None if name == "repeats" and value == 1 else value

    def building(self) -> dict[str, Any]:
        """What ``studio.sweep`` takes, without what is as it would be anyway."""
        found = {name: self.read(name) for name in BUILDING}
        return {name: value for name, value in found.items() if value is not None and value != "product"}

    def running(self) -> dict[str, Any]:
        """What ``sweep.run`` takes, without what is as it would be anyway."""
        found = {name: self.read(name) for name in RUNNING}
        return {name: value for name, value in found.items() if value is not None and name != "max_workers"} | {
            "max_workers": found["max_workers"]
        }

    def write(self, values: Mapping[str, Any]) -> None:
        """Set arguments; ``None`` sets one to what it is anyway.

        Raises:
            RequestError: for a value that one cannot have; then none is set.
        """
        for name, value in values.items():
            _check(name, value)
        for name, value in values.items():
            if name == "combine":
                self.combine.value = value or "product"
            elif name == "retry":
                self.retry.value = value == FAILED
            else:
                self.fields[name].value = "" if value is None else str(value)

    def wrong(self) -> dict[str, RequestError]:
        """What is wrong, by the argument's name."""
        problems = {}
        for name in self.fields:
            try:
                self.read(name)
            except RequestError as error:
                problems[name] = error
        return problems

    def complain(self, text: str) -> None:
        """Say what is wrong, under the boxes."""
        self._message.value = text
        self._message.layout.display = "" if text else "none"
        if text:
            self.more.value = True

    def on_change(self, changed: Changed) -> None:
        """Have ``changed`` called after every change."""
        for widget in (self.combine, self.retry, *self.fields.values()):
            widget.observe(lambda _: changed(), "value")

    def _field(self, name: str, placeholder: str, tooltip: str) -> widgets.Text:
        return plain(widgets.Text, description=name, placeholder=placeholder, tooltip=tooltip, continuous_update=True)

    def _fold(self) -> None:
        self._folded.layout.display = "" if self.more.value else "none"


def _check(name: str, value: Any) -> None:
    if name == "combine":
        if value not in (None, "product", "zip"):
            raise RequestError(f"combine={value!r}: must be 'product' or 'zip'", parameter=name, value=value)
    elif name == "retry":
        if value not in (None, FAILED):
            raise RequestError(f"retry={value!r}: must be 'failed' or None", parameter=name, value=value)
    elif name == "budget":
        limit_in_micros(name, value)
    elif value is not None:
        check_argument(name, KINDS[name].check, value)


def _or_text(number: Callable[[str], Any], text: str) -> Any:
    try:
        return number(text)
    except ValueError:
        return text  # the check says what is wrong with it
