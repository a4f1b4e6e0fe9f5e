"""The editor of a sweep's axes: variables come with the template, parameters are added and taken away."""

from __future__ import annotations

import itertools
import keyword
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import ipywidgets as widgets

from nbkit.errors import RequestError, UnknownParameter
from nbkit.request import rules
from nbkit.request.image_request import NAMES, PARAMETERS
from nbkit.sweep.grid import REPEAT
from nbkit.sweep.spec import MAX_VALUES, TEMPLATES, is_taken, name_taken
from nbkit.sweep.template import as_text, variables_of
from nbkit.widgets.form.fields import label
from nbkit.widgets.form.form import Changed
from nbkit.widgets.page.guard import guarded
from nbkit.widgets.page.plain import plain
from nbkit.widgets.page.subshell import answer_at_once
from nbkit.widgets.sweep_panel.axis import Axis, axis_for

OFFERED = tuple(
    name
    for name, parameter in PARAMETERS.items()
    if parameter.affects_picture and name not in ("width", "height", "reference_images")
)
"""What may be an axis: what changes the picture and can be typed or ticked. A size is a ratio and a tier here."""


def variables_in(texts: Iterable[str]) -> list[str]:
    """The names in braces that stand for something of their own; a parameter's name stands for the parameter."""
    names = itertools.chain.from_iterable(variables_of(text) for text in texts if isinstance(text, str))
    return [name for name in dict.fromkeys(names) if not _is_parameter(name)]


def listed(name: str, said: str, value: Any) -> list[Any]:
    """The values of an axis out of whatever is list-like, each checked.

    Raises:
        RequestError: for a value that the parameter does not allow, or for what has no order.
    """
    if name in PARAMETERS and name not in OFFERED:
        raise RequestError(
            f"{said} cannot be an axis of a sweep panel; studio.sweep({said}=[…]) takes it", parameter=said, value=value
        )
    if isinstance(value, (set, frozenset)):
        raise RequestError(f"{said}: a set has no order; give a list", parameter=said, value=value)
    items = list(itertools.islice(iter(value), MAX_VALUES))
    if name not in PARAMETERS or name in TEMPLATES:
        return items
    return [item if item is None else rules.check_value(PARAMETERS[name], said, item) for item in items]


class Axes:
    """The rows, and the list that adds one.

    Attributes:
        rows: by the Python name of the parameter or the name of the variable, the slowest first.
        add: the list of what can be added.
        fault: shows an error in the panel.
        box: all of it.
    """

    def __init__(self, moved: Changed, fault: Callable[[Exception], None]) -> None:
        self.fault = fault
        self.rows: dict[str, Axis] = {}
        self._kept: dict[str, Axis] = {}
        self._text: dict[str, widgets.Button] = {}  # names in braces that stay as they are
        self._moved = moved
        self._changed: list[Changed] = []
        # The page names a choice by its place in the list: a list that changed meanwhile would add another parameter.
        offered = [("choose a parameter…", ""), *((label(PARAMETERS[name]), name) for name in OFFERED)]
        self.add = plain(
            widgets.Dropdown,
            options=offered,
            description="add axis",
            tooltip="A parameter that shall take several values",
        )
        self.add.add_class("nbkit-add")
        self._body = plain(widgets.VBox)
        self._body.add_class("nbkit-axes-rows")
        self._stay = plain(widgets.HBox)
        self._stay.add_class("nbkit-axes-text")
        self.box = plain(widgets.VBox, (self._body, self._stay, self.add))
        self.box.add_class("nbkit-axes")
        self.add.observe(lambda change: self._added(change["new"]), "value")
        self._show()

    def on_change(self, changed: Changed) -> None:
        """Have ``changed`` called after every change of a value."""
        self._changed.append(changed)
        for row in self.rows.values():
            row.on_change(changed)

    def put(self, name: str, values: Sequence[Any]) -> None:
        """Have an axis with these values, a new one as the fastest."""
        row = self.rows.get(name) or self._row(name)
        self.rows[name] = row
        self._text.pop(name, None)
        row.write(values)
        self._show()

    def take(self, name: str) -> None:
        """Take an axis away; when it comes again it has its values."""
        if self.rows.pop(name, None):
            self._show()

    def follow(self, texts: Iterable[str]) -> None:
        """Have a row for each variable of these templates that does not stay as it is, and for no other."""
        named = variables_in(texts)
        if gone := [name for name in self._text if name not in named]:
            for name in gone:
                del self._text[name]
            self._show()
        wanted = [name for name in named if name not in self._text]
        here = [name for name in self.rows if name not in PARAMETERS]
        if set(wanted) == set(here):
            return
        variables = [name for name in here if name in wanted]
        variables += [name for name in wanted if name not in here]
        rest = {name: row for name, row in self.rows.items() if name in PARAMETERS}
        first = {name: self.rows.get(name) or self._row(name) for name in variables}
        self.rows = {**first, **rest} if set(here) - set(wanted) or not here else self._grown(first)
        self._show()

    def texts(self) -> list[str]:
        """The templates among the values."""
        return [text for name in TEMPLATES if name in self.rows for text in self.rows[name].read()]

    def read(self) -> dict[str, list[Any]]:
        """The values, unchecked, by what each axis is called in a sweep's keywords."""
        return {row.said: [self.written(name, value) for value in row.read()] for name, row in self.rows.items()}

    def written(self, name: str, value: Any) -> Any:
        """A value as ``studio.sweep`` takes it: in a template, names that stay as text have their braces doubled."""
        return as_text(value, self._text) if name in TEMPLATES and isinstance(value, str) else value

    def wrong(self) -> dict[str, RequestError]:
        """What is wrong, by Python name."""
        found = {name: _reserved(name) or row.wrong() for name, row in self.rows.items()}
        return {name: error for name, error in found.items() if error}

    def complain(self, problems: Mapping[str, str], *, gently: Iterable[str] = ()) -> None:
        """Let each row that is named say its sentence, and every other one be quiet."""
        for name, row in self.rows.items():
            row.complain(problems.get(name, ""), gently=name in gently)

    def _grown(self, variables: Mapping[str, Axis]) -> dict[str, Axis]:
        """New variables after those that are there, wherever these stand among the parameters."""
        new = {name: row for name, row in variables.items() if name not in self.rows}
        last = max(place for place, name in enumerate(self.rows) if name in variables)
        rows = list(self.rows.items())
        return {**dict(rows[: last + 1]), **new, **dict(rows[last + 1 :])}

    def _row(self, name: str) -> Axis:
        if name not in self._kept:
            row = self._kept[name] = axis_for(name)
            row.remove.on_click(lambda _: self._removed(name))
            answer_at_once(row.box)
            for changed in self._changed:
                row.on_change(changed)
        return self._kept[name]

    @guarded
    def _added(self, name: str) -> None:
        if not name:
            return
        self.add.value = ""
        if name not in self.rows:
            self.rows[name] = self._row(name)
            self._show()
            self._moved()

    @guarded
    def _removed(self, name: str) -> None:
        if name not in PARAMETERS:
            vary = widgets.Button(description=f"vary {{{name}}}", tooltip="It stays as text; let it take values again")
            vary.add_class("nbkit-small")
            vary.on_click(lambda _: self._varied(name))
            answer_at_once(vary)
            self._text[name] = vary
        self.take(name)
        self._moved()

    @guarded
    def _varied(self, name: str) -> None:
        del self._text[name]
        self.rows[name] = self._row(name)
        self._show()
        self._moved()

    def _show(self) -> None:
        """Put the rows there, and forget those that are gone and hold nothing: a name that was typed letter by letter."""
        self._body.children = tuple(row.box for row in self.rows.values())
        before, self._stay.children = self._stay.children, tuple(self._text.values())
        for button in set(before) - set(self._text.values()):
            for part in (button, button.layout, button.style):
                part.close()
        for name, row in list(self._kept.items()):
            if name not in self.rows and not row.read():
                del self._kept[name]
                row.close()


def _is_parameter(name: str) -> bool:
    try:
        NAMES.find(name)
    except UnknownParameter:
        return False
    return True


def _reserved(name: str) -> RequestError | None:
    if name in PARAMETERS:
        return None
    if is_taken(name):
        return name_taken(name)
    if name == REPEAT:
        why = "is what a sweep calls the axis of its repeats"
    elif keyword.iskeyword(name):
        why = "is a word of Python's own"
    else:
        return None
    return RequestError(f"{{{name}}} {why}: give the variable another name", parameter=name, reason="conflict")
