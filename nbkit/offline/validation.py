"""From a task as it came to the request that it stands for, or to the API's error that says what is wrong.

The rules are those of :class:`~nbkit.ImageRequest`; here they are told in the API's codes and names. What is
stricter than there: Python's conveniences (one image for a list of one, a size chosen for you) are no JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from nbkit.errors import RequestError, UnknownParameter
from nbkit.offline.envelope import Problem, Task
from nbkit.request import model
from nbkit.request.image_request import NAMES, PARAMETERS, ImageRequest
from nbkit.request.parameter import Choice, short_repr

CODES = {
    # reason of a RequestError: the API's code
    "missing": "missingParameter",
    "unknown": "unsupportedParameter",
    "type": "invalidType",
    "format": "invalidFormat",
    "choice": "invalidChoice",
    "step": "invalidStep",
    "length": "invalidLength",
    "range": "valueOutOfRange",
    "count": "arrayLengthOutOfRange",
    "dimensions": "invalidDimensions",
    "conflict": "invalidCombination",
}

_STAND_IN = "00000000-0000-4000-8000-000000000000"
_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)


def check_uuid(task: Task) -> str:
    """The task's UUID.

    Raises:
        Problem: if it has none, or one that is not of version 4.
    """
    value = required(task, "taskUUID")
    if not (isinstance(value, str) and _UUID4.fullmatch(value)):
        raise Problem("invalidTaskUUID", "taskUUID must be a UUID of version 4.", parameter=["taskUUID"])
    return value


def required(task: Task, name: str) -> Any:
    """The value of a key that a task must have."""
    if task.get(name) is None:
        raise Problem("missingParameter", f"{name} is required.", parameter=[name])
    return task[name]


def one_of(task: Task, name: str, allowed: tuple[str, ...]) -> str:
    """The value of a key that must be one of a few words."""
    value = required(task, name)
    if value not in allowed:
        raise Problem("invalidChoice", f"{name} must be one of these values.", parameter=[name], allowed=allowed)
    return str(value)


def check_image_task(task: Task) -> ImageRequest:
    """The request of an ``imageInference`` task, with stand-ins for its reference images.

    Their text may come from anybody, so it is not for :mod:`nbkit.request.reference` to open, which trusts its user.

    Raises:
        Problem: whatever is wrong with it; nothing has been done or charged then.
    """
    check_uuid(task)
    required(task, "model")
    _check_references(task)
    try:
        request = ImageRequest.from_task(_bare(task))
    except RequestError as wrong:
        raise _problem(wrong) from None
    except (ValueError, OverflowError) as error:  # a number beyond any float, text that is no Unicode
        raise Problem("invalidType", f"A value of this task cannot be read: {type(error).__name__}.") from None
    if request.size_was_chosen:
        raise Problem(
            "missingDimensionParameters",
            "Without reference images a task needs width and height.",
            parameter=["width", "height"],
        )
    return request


def _check_references(task: Task) -> None:
    inputs = task.get("inputs")
    references = inputs.get("referenceImages", []) if isinstance(inputs, Mapping) else []
    if not (isinstance(references, list) and all(isinstance(text, str) for text in references)):
        where = "inputs.referenceImages"
        raise Problem("invalidType", f"{where} must be an array of strings.", parameter=[where])


def _bare(task: Task) -> dict[str, Any]:
    renamed = dict(task)
    inputs = renamed.get("inputs")
    if isinstance(inputs, Mapping) and "referenceImages" in inputs:
        renamed["inputs"] = {**inputs, "referenceImages": [_STAND_IN] * len(inputs["referenceImages"])}
    safety = renamed.get("safety", {})
    if "checkNSFW" in renamed and isinstance(safety, Mapping):  # the older name of safety.checkContent
        renamed["safety"] = {"checkContent": renamed.pop("checkNSFW"), **safety}
    return renamed


def _problem(wrong: RequestError) -> Problem:
    name = wrong.parameter if wrong.reason == "unknown" else _wire_name(wrong.parameter)
    if wrong.reason == "dimensions":
        code = "missingDimensionParameters" if wrong.value is None else CODES["dimensions"]
        return Problem(code, _sentence(wrong, name), parameter=["width", "height"])
    if name in ("taskUUID", "model"):
        code = {"taskUUID": "invalidTaskUUID", "model": "invalidModel"}[name]
        return Problem(code, _sentence(wrong, name), parameter=[name], allowed=[model.MODEL] if name == "model" else ())
    return Problem(CODES[wrong.reason], _sentence(wrong, name), parameter=[name], allowed=_allowed(wrong))


def _sentence(wrong: RequestError, name: str) -> str:
    if wrong.reason == "missing":
        return f"{name} is required."
    if wrong.reason == "unknown":
        hint = f" Did you mean {wrong.suggestion}?" if wrong.suggestion else ""
        return f"{short_repr(name)} is no parameter of {model.MODEL}.{hint}"
    return str(wrong)


def _allowed(wrong: RequestError) -> tuple[str, ...]:
    kinds = [p.kind for p in PARAMETERS.values() if wrong.parameter in p.spellings]
    return next((kind.choices for kind in kinds if isinstance(kind, Choice)), ())


def _wire_name(name: str) -> str:
    try:
        return ".".join(NAMES.find(name).wire)
    except UnknownParameter:
        return name
