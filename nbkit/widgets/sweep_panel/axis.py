"""One axis of a sweep on the page: the values of one parameter or variable, typed or ticked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import ipywidgets as widgets

from nbkit.display.text import count, escape
from nbkit.errors import RequestError
from nbkit.request import rules
from nbkit.request.image_request import PARAMETERS
from nbkit.request.parameter import Boolean, Choice, Decimal2, Integer, Kind, Parameter, Text
from nbkit.widgets.form.fields import NOT_SENT, label, word
from nbkit.widgets.form.form import Changed
from nbkit.widgets.page.guard import guarded, words_of
from nbkit.widgets.sweep_panel.values import read_values, spread, write_values


class Axis(ABC):
    """A row: the name, the values, how many they are, and a button to take it away.

    Attributes:
        name: the Python name of a parameter, or the name of a variable.
        said: what it is called on the page and in a sweep's keywords.
        remove: takes it away; a variable's braces then stay in the template as they are.
        box: the row with its message under it.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.parameter: Parameter[Any] | None = PARAMETERS.get(name)
        self.said = label(self.parameter) if self.parameter else name
        self.remove = widgets.Button(
            description="remove" if self.parameter else "as text",
            tooltip=f"{self.said} remove" if self.parameter else f"{name} as text: {{{name}}} stays as it is",
        )
        self._many, self._message = widgets.HTML(), widgets.HTML()
        for widget, mark in ((self.remove, "nbkit-small"), (self.remove, "nbkit-named"), (self._many, "nbkit-many")):
            widget.add_class(mark)
        self._message.add_class("nbkit-message")
        self.box = widgets.VBox()
        self.box.add_class("nbkit-axis")
        self.complain("")

    @property
    def kind(self) -> Kind | None:
        """What the parameter takes; ``None`` for a variable."""
        return self.parameter.kind if self.parameter else None

    @abstractmethod
    def read(self) -> list[Any]:
        """The values, unchecked."""

    @abstractmethod
    def write(self, values: Sequence[Any]) -> None:
        """Put values there, which have been checked."""

    @abstractmethod
    def on_change(self, changed: Changed) -> None:
        """Have ``changed`` called after every change."""

    def wrong(self) -> RequestError | None:
        """What is wrong with a value, in the words of the parameter's own check, or that there is none."""
        values = self.read()
        if not values:
            named = self.said if self.parameter else f"{{{self.said}}}"
            return RequestError(
                f"{named} is an axis without a value: {self.wish}", parameter=self.name, reason="missing"
            )
        for value in values:
            if self.parameter is None or isinstance(self.kind, Text) or value is None:
                continue
            try:
                rules.check_value(self.parameter, self.said, value)
            except RequestError as error:
                return error
        return None

    @property
    def wish(self) -> str:
        """What is to be done when it has no value."""
        return "type them one per line or with commas between"

    def complain(self, text: str, *, gently: bool = False) -> None:
        """Say what is wrong, under the row; an empty text takes it away."""
        kind, mark, role = ("hint", "", "note") if gently else ("error", "✗ ", "alert")
        self._message.value = f'<span class="nbkit-{kind}" role="{role}">{mark}{escape(text)}</span>' if text else ""
        self._message.layout.display = "" if text else "none"

    @property
    def complaint(self) -> str:
        """The HTML of what is said to be wrong; empty when nothing is."""
        return str(self._message.value)

    def close(self) -> None:
        """Give its widgets up: the page and the kernel forget them."""
        for widget in list(_with_parts(self.box)):
            widget.close()

    def _place(self, *row: widgets.Widget) -> None:
        line = widgets.HBox((*row, self._many, self.remove))
        line.add_class("nbkit-axis-row")
        self.box.children = (line, self._message)

    def _count(self) -> None:
        self._many.value = f'<span class="nbkit-quiet">{count(len(self.read()), "value")}</span>'


class Typed(Axis):
    """Values in a box; for a number beside it a range that writes them there.

    Attributes:
        field: the box.
        range: three boxes and a button; ``None`` for what is no number.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        only_lines = isinstance(self.kind, Text)
        self.field = widgets.Textarea(
            rows=2 if only_lines else 1,
            continuous_update=True,
            placeholder="one per line" if only_lines else "one per line, or with commas between",
            tooltip=self.parameter.help if self.parameter else f"what stands for {{{name}}} in the template",
            **_named(f"{escape(self.said)} <span>values</span>"),
        )
        self.field.add_class("nbkit-values")
        self.field.observe(lambda _: self._count(), "value")
        self.range: Range | None = None
        if isinstance(self.kind, (Integer, Decimal2)):
            self.range = Range(self.said, self.kind, self._fill)
        self._place(self.field, *((self.range.box,) if self.range else ()))
        self._count()

    @property
    def wish(self) -> str:
        return "type them one per line" if isinstance(self.kind, Text) else super().wish

    def read(self) -> list[Any]:
        return read_values(self.field.value, self.kind)

    def write(self, values: Sequence[Any]) -> None:
        self.field.value = write_values(values, self.kind)

    def on_change(self, changed: Changed) -> None:
        self.field.observe(lambda _: changed(), "value")

    def fault(self, error: Exception) -> None:
        """Show, under the row, an error of the range's button."""
        self.complain(f"{self.said} {error}" if isinstance(error, RequestError) else words_of(error))

    @guarded
    def _fill(self, values: Callable[[], list[Any]]) -> None:
        self.write(values())


class Range:
    """From where to where and how many: the button writes these values.

    Attributes:
        start, stop, count: the boxes.
        fill: the button.
        box: all of it.
    """

    def __init__(self, said: str, kind: Integer | Decimal2, filled: Callable[[Callable[[], list[Any]]], None]) -> None:
        self._said, self._kind = said, kind
        last = "" if kind.maximum is None or kind.maximum >= 1000 else kind.maximum
        self.start, self.stop, self.count = (
            self._small(part, first) for part, first in (("start", kind.minimum), ("stop", last), ("count", 3))
        )
        self.fill = widgets.Button(description="fill", tooltip=f"{said} fill: writes the values of the range")
        for mark in ("nbkit-small", "nbkit-named"):
            self.fill.add_class(mark)
        self.fill.on_click(lambda _: filled(self.read))
        self.box = widgets.HBox((self.start, self.stop, self.count, self.fill))
        self.box.add_class("nbkit-range")

    def read(self) -> list[Any]:
        """The values.

        Raises:
            RequestError: for what is no number.
        """
        return spread(self.start.value, self.stop.value, self.count.value, self._kind)

    def _small(self, part: str, first: Any) -> widgets.Text:
        named = _named(f"<span>{escape(self._said)} </span>{part}")
        field = widgets.Text(value=str(first), continuous_update=True, **named)
        field.add_class("nbkit-short")
        return field


class Ticked(Axis):
    """Tick boxes, one for each word that the parameter knows, and one for "not sent".

    Attributes:
        ticks: the boxes, by the value that they stand for.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        kind = self.kind
        assert isinstance(kind, (Choice, Boolean))
        choices: tuple[Any, ...] = kind.choices if isinstance(kind, Choice) else (True, False)
        self.ticks = {value: self._tick(NOT_SENT if value is None else word(value)) for value in (*choices, None)}
        boxes = widgets.HBox(tuple(self.ticks.values()))
        boxes.add_class("nbkit-ticks")
        heading = widgets.Label(self.said)
        heading.add_class("nbkit-axis-name")
        for box in self.ticks.values():
            box.observe(lambda _: self._count(), "value")
        self._place(heading, boxes)
        self._count()

    @property
    def wish(self) -> str:
        return "tick those that it shall take"

    def read(self) -> list[Any]:
        return [value for value, box in self.ticks.items() if box.value]

    def write(self, values: Sequence[Any]) -> None:
        for value, box in self.ticks.items():
            box.value = value in values

    def on_change(self, changed: Changed) -> None:
        for box in self.ticks.values():
            box.observe(lambda _: changed(), "value")

    def _tick(self, text: str) -> widgets.Checkbox:
        name = f'<span class="nbkit-unseen">{escape(self.said)} </span>{escape(text)}'
        box = widgets.Checkbox(value=False, indent=False, description=name, description_allow_html=True)
        box.add_class("nbkit-tick")
        return box


def _named(text: str) -> dict[str, Any]:
    """A description that begins with the parameter's name; what the eye sees already is only heard."""
    return {"description": text.replace("<span>", '<span class="nbkit-unseen">'), "description_allow_html": True}


def _with_parts(widget: widgets.Widget) -> Iterator[widgets.Widget]:
    """A widget, what is inside it, and their layouts and styles."""
    for child in getattr(widget, "children", ()):
        yield from _with_parts(child)
    yield from (part for part in (widget.layout, getattr(widget, "style", None)) if part is not None)
    yield widget


def axis_for(name: str) -> Axis:
    """The row that a parameter's kind asks for; a variable is typed."""
    kind = PARAMETERS[name].kind if name in PARAMETERS else None
    return Ticked(name) if isinstance(kind, (Choice, Boolean)) else Typed(name)
