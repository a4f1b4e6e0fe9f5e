"""The Python code that makes a sweep again."""

from __future__ import annotations

import math
from typing import Any

from nbkit.display.text import call
from nbkit.request.image_request import PARAMETERS
from nbkit.request.reference import Reference
from nbkit.request.task import redacted
from nbkit.sweep.grid import REPEAT, CellSequence, name_of_spec
from nbkit.sweep.spec import TEMPLATES

_ELSEWHERE = {name for name, parameter in PARAMETERS.items() if parameter.group == "Delivery"}
"""Parameters that say where a picture goes, and nothing of the picture; some carry credentials."""


def sweep_code(cells: CellSequence) -> str:
    """The ``studio.sweep(…)`` call that makes the same requests, under the same name in the log.

    Cells that were drawn or chosen are listed value by value, with their prompts filled. Reference images are taken from the
    log, by the hash of their content. Where a picture is delivered takes no part.

    Args:
        cells: of the sweep.
    """
    is_whole = bool(cells.spec.axes) and math.prod(map(len, cells.axes)) == len(cells)
    values, options = _as_declared(cells) if is_whole else _as_listed(cells)
    if cells.key != name_of_spec(cells.spec):
        options["name"] = repr(cells.key)
    prompt = values.pop("prompt", None)
    arguments = [] if prompt is None else [prompt]
    arguments += [f"{name}={value}" for name, value in {**values, **options}.items() if name not in _ELSEWHERE]
    return f"sweep = {call('studio.sweep', arguments)}"


def _as_declared(cells: CellSequence) -> tuple[dict[str, str], dict[str, str]]:
    """The arguments by name as they were given, and the options."""
    spec = cells.spec
    fixed = {**spec.fixed, **{name: value for name, value in spec.variables.items() if value is not None}}
    values = {name: _value(name, value) for name, value in fixed.items()}
    for axis in spec.axes:
        for name, steps in zip(axis.names, zip(*axis.steps, strict=True), strict=True):
            values[name] = _listed(name, steps)
    is_zipped = any(len(axis.names) > 1 and {*axis.names} != {"width", "height"} for axis in spec.axes)
    options = {"combine": repr("zip")} if is_zipped else {}
    repeats = [len(axis) for axis in cells.axes if axis.names == (REPEAT,)]
    return values, options | ({"repeats": str(repeats[0])} if repeats else {})


def _as_listed(cells: CellSequence) -> tuple[dict[str, str], dict[str, str]]:
    """The arguments and options that list the requests of all cells one by one."""
    requests = [
        {**cell.request.parameters, **({"extra": cell.request.extra} if cell.request.extra else {})} for cell in cells
    ]
    values, options = {}, {}
    for name in dict.fromkeys(name for request in requests for name in request):
        own = [_in_template(name, request.get(name)) for request in requests]
        if all(value == own[0] for value in own):
            values[name] = _value(name, own[0])
        else:
            values[name] = _listed(name, own)
            options["combine"] = repr("zip")
    return values, options


def _in_template(name: str, value: Any) -> Any:
    """A text as a template that is filled with nothing."""
    return value.replace("{", "{{").replace("}", "}}") if name in TEMPLATES and isinstance(value, str) else value


def _listed(name: str, values: Any) -> str:
    return f"[{', '.join(_value(name, value) for value in values)}]"


def _value(name: str, value: Any) -> str:
    """One value as an expression."""
    if name == "extra" and isinstance(value, dict):
        return repr(redacted(value))
    if isinstance(value, (list, tuple)):
        return _listed(name, value)
    return _reference(value) if isinstance(value, Reference) else repr(value)


def _reference(value: Reference) -> str:
    text = str(value)  # an address without its credentials, or the hash of what was sent
    return f"studio.log.reference({value.sha256!r})" if text.startswith("sha256:") else repr(text)
