"""A control for each parameter, built from the parameter's declaration.

Bounds, steps, choices, defaults and help texts are read off :data:`nbkit.request.image_request.PARAMETERS`; none is written
here a second time. A control holds what a person set, unchecked, and says so honestly when nothing is to be
sent. It knows no other control, no price and no studio: whoever holds it asks :meth:`Control.read` and tells it
with :meth:`Control.complain` what is wrong.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any

import ipywidgets as widgets

from nbkit.display.text import escape
from nbkit.request.address import HIDDEN, Url, whole_text, without_credentials
from nbkit.request.image_request import ImageRequest
from nbkit.request.parameter import (
    Address,
    Boolean,
    Choice,
    Decimal2,
    Integer,
    Kind,
    Parameter,
    Text,
)
from nbkit.widgets.page.plain import plain

Changed = Callable[[], None]

NOT_SENT = "not sent"
UNSET = ""
"""The value of the choice "not sent" in a list of choices; ipywidgets takes ``None`` for no choice at all."""
SLIDER_STEPS = 100
"""A whole number with no more values than this is a slider; one with more is a box to type in."""
BUTTON_CHOICES = 3
"""Up to so many choices, "not sent" among them, stand side by side where the default is the service's own secret."""


def label(parameter: Parameter[Any]) -> str:
    """What a control is called: the API's spelling, except where the API's page and people call it differently."""
    return parameter.name if "_" not in parameter.name else parameter.column


def word(value: Any) -> str:
    """A value as a person reads it."""
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)


def unset_label(parameter: Parameter[Any]) -> str:
    """What the choice "not sent" is called: with what the service, or nbkit, then does, where that is known."""
    added = _added_by_a_send().get(parameter.wire[0]) if len(parameter.wire) == 1 else None
    if added is not None:
        return f"nbkit sends: {word(added)}"
    return NOT_SENT if parameter.default is None else f"{NOT_SENT} ({word(parameter.default)})"


@cache
def _added_by_a_send() -> dict[str, Any]:
    bare = ImageRequest("a prompt and nothing else")
    return {name: value for name, value in bare.to_send().items() if name not in (*bare.to_task(), "width", "height")}


class Control(ABC):
    """What a person sees and moves for one parameter, or for a few that belong together.

    Attributes:
        names: the Python names of the parameters that it holds.
        box: the widget to put into a form.
        field: the widget that carries the accessible name.
    """

    field: Any

    def __init__(self, *parameters: Parameter[Any]) -> None:
        self.names = tuple(parameter.name for parameter in parameters)
        self._message = plain(widgets.HTML, layout={})
        self._message.add_class("nbkit-message")
        self.box = widgets.VBox()
        self.box.add_class("nbkit-control")
        self.complain("")

    @abstractmethod
    def read(self) -> dict[str, Any]:
        """What is set, by Python name and unchecked; what is not to be sent is left out."""

    @abstractmethod
    def write(self, values: Mapping[str, Any]) -> None:
        """Set what is named, with values that have been checked; ``None`` sets to "not sent"."""

    @abstractmethod
    def on_change(self, changed: Changed) -> None:
        """Have ``changed`` called after every change, a person's or a program's."""

    def complain(self, text: str, *, gently: bool = False) -> None:
        """Say what is wrong, under the control; an empty text takes it away.

        Args:
            text: the sentence; escaped here.
            gently: for what is merely not done yet.
        """
        kind = "hint" if gently else "error"
        mark = "" if gently else "✗ "  # a sign, so that colour is never the only mark
        role = "note" if gently else "alert"
        self._message.value = f'<span class="nbkit-{kind}" role="{role}">{mark}{escape(text)}</span>' if text else ""
        self._message.layout.display = "" if text else "none"

    def enable(self, enabled: bool) -> None:
        """Whether it may be moved; what it holds stays."""
        for widget in self.box.children[0].children:
            if widget.has_trait("disabled"):
                widget.disabled = not enabled

    def vary(self, names: Collection[str]) -> None:
        """Be seen, unless what it holds is among these, which take several values elsewhere."""
        self.box.layout.display = "none" if set(self.names) & set(names) else ""

    @property
    def complaint(self) -> str:
        """The HTML of what is said to be wrong; empty when nothing is."""
        return str(self._message.value)

    def _place(self, *row: widgets.Widget) -> None:
        line = plain(widgets.HBox, row)
        line.add_class("nbkit-row")
        self.box.children = (line, self._message)


class _Single(Control):
    """A control for one parameter."""

    def __init__(self, parameter: Parameter[Any]) -> None:
        super().__init__(parameter)
        self.parameter = parameter
        self.name = parameter.name

    @property
    def _look(self) -> dict[str, Any]:
        return {"description": label(self.parameter), "tooltip": self.parameter.help}


class Words(_Single):
    """Text of any length; empty is not sent."""

    def __init__(self, parameter: Parameter[Any]) -> None:
        super().__init__(parameter)
        # At each key, so that the price and the button are right before the mouse leaves for the button.
        self.field = plain(widgets.Textarea, placeholder=parameter.help, rows=3, continuous_update=True, **self._look)
        self.box.add_class("nbkit-wide")
        self._place(self.field)

    def read(self) -> dict[str, Any]:
        return {self.name: self.field.value} if self.field.value else {}

    def write(self, values: Mapping[str, Any]) -> None:
        self.field.value = values[self.name] or ""

    def on_change(self, changed: Changed) -> None:
        self.field.observe(lambda _: changed(), "value")


class Number(_Single):
    """A whole number in a text box, exact to the last of its 63 bits; empty is not sent.

    A number box of the page would hold a double, and round whatever lies beyond 2**53.
    """

    def __init__(self, parameter: Parameter[Any]) -> None:
        super().__init__(parameter)
        self.field = plain(widgets.Text, placeholder=NOT_SENT, continuous_update=True, **self._look)
        self._place(self.field)

    def read(self) -> dict[str, Any]:
        text = self.field.value.strip()
        if not text:
            return {}
        try:
            return {self.name: int(text)}
        except ValueError:
            return {self.name: text}  # the declaration's check says what is wrong with it

    def write(self, values: Mapping[str, Any]) -> None:
        value = values[self.name]
        self.field.value = "" if value is None else str(value)

    def on_change(self, changed: Changed) -> None:
        self.field.observe(lambda _: changed(), "value")


class Slider(_Single):
    """A number on a slider that is sent only when "send" is ticked; moving the slider ticks it."""

    def __init__(self, parameter: Parameter[Any]) -> None:
        super().__init__(parameter)
        kind = parameter.kind
        assert isinstance(kind, (Integer, Decimal2))
        assert kind.maximum is not None
        step, make, look = (
            (1, widgets.IntSlider, "d") if isinstance(kind, Integer) else (kind.step, widgets.FloatSlider, ".2f")
        )
        bounds = {"min": kind.minimum, "max": kind.maximum, "step": step}
        middle = (kind.minimum + kind.maximum) / 2
        self._rest = middle if parameter.default is None else parameter.default
        self._known = parameter.default is not None
        self.field = plain(make, value=self._rest, readout_format=look, **bounds, **self._look)
        self.send = plain(
            widgets.Checkbox,
            value=False,
            indent=False,
            description_allow_html=True,  # what the eye sees beside the slider, a screen reader hears with its name
            description=f'<span class="nbkit-unseen">{escape(label(parameter))}: </span>send',
            tooltip=f"{label(parameter)}: whether it is sent",
        )
        self.send.add_class("nbkit-send")
        self._place(self.field, self.send)
        self.field.observe(lambda _: setattr(self.send, "value", True), "value")
        self.send.observe(lambda _: self._dim(), "value")
        self._dim()

    def _dim(self) -> None:
        (self.field.remove_class if self.send.value else self.field.add_class)("nbkit-unset")
        if not self._known:  # nobody knows what the service takes then: no number stands there
            (self.field.remove_class if self.send.value else self.field.add_class)("nbkit-unknown")

    def read(self) -> dict[str, Any]:
        return {self.name: self.field.value} if self.send.value else {}

    def write(self, values: Mapping[str, Any]) -> None:
        value = values[self.name]
        self.field.value = self._rest if value is None else value
        self.send.value = value is not None

    def on_change(self, changed: Changed) -> None:
        self.field.observe(lambda _: changed(), "value")
        self.send.observe(lambda _: changed(), "value")


class Options(_Single):
    """One of a few words, or "not sent"; a yes or no is one of two."""

    def __init__(self, parameter: Parameter[Any]) -> None:
        super().__init__(parameter)
        kind = parameter.kind
        assert isinstance(kind, (Choice, Boolean))
        choices: tuple[Any, ...] = (True, False) if isinstance(kind, Boolean) else kind.choices
        options = [(unset_label(parameter), UNSET), *((word(choice), choice) for choice in choices)]
        if parameter.default is None and len(options) <= BUTTON_CHOICES:
            self.field = plain(widgets.ToggleButtons, options=options, style={"button_width": "auto"}, **self._look)
        else:
            self.field = plain(widgets.Dropdown, options=options, **self._look)
        self._place(self.field)

    def read(self) -> dict[str, Any]:
        return {} if self.field.value == UNSET else {self.name: self.field.value}

    def write(self, values: Mapping[str, Any]) -> None:
        value = values[self.name]
        self.field.value = UNSET if value is None else value

    def on_change(self, changed: Changed) -> None:
        self.field.observe(lambda _: changed(), "value")


class Link(_Single):
    """An address. Its query carries credentials, so it is kept in this kernel, and the page's copy goes without.

    Otherwise a notebook that saves the state of its widgets would save the credentials with it.
    """

    def __init__(self, parameter: Parameter[Any]) -> None:
        super().__init__(parameter)
        self._address = ""
        self.field = plain(widgets.Text, placeholder=NOT_SENT, continuous_update=False, **self._look)
        self._place(self.field)
        self.field.observe(lambda _: self._take(), "value")

    def _take(self) -> None:
        if self.field.value != _without_secret(self._address):
            self._address = self.field.value.strip()
            self.field.value = _without_secret(self._address)

    def read(self) -> dict[str, Any]:
        return {self.name: self._address} if self._address else {}

    def write(self, values: Mapping[str, Any]) -> None:
        self._address = values[self.name] or ""
        self.field.value = _without_secret(self._address)

    def on_change(self, changed: Changed) -> None:
        self.field.observe(lambda _: changed(), "value")


def _without_secret(address: str) -> str:
    whole, is_cut = whole_text(address), isinstance(address, Url) and address.whole is None
    bare = without_credentials(whole) if whole else ""
    return bare if (bare == whole and not is_cut) or HIDDEN in bare else f"{bare}?{HIDDEN}"


def control_for(parameter: Parameter[Any]) -> Control:
    """The control that a parameter's kind asks for.

    Raises:
        TypeError: for a list, which has a control of its own.
    """
    kind: Kind = parameter.kind
    if isinstance(kind, Integer):
        few = kind.maximum is not None and kind.maximum - kind.minimum <= SLIDER_STEPS
        return Slider(parameter) if few else Number(parameter)
    makers: dict[type, type[_Single]] = {
        Text: Words,
        Decimal2: Slider,
        Choice: Options,
        Boolean: Options,
        Address: Link,
    }
    if type(kind) not in makers:
        raise TypeError(f"{parameter.name} needs a control of its own")
    return makers[type(kind)](parameter)
