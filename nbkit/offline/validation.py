"""Turns a task into an :class:`~nbkit.ImageRequest`, or raises the API's error for what is wrong with it.

The rules are those of :class:`~nbkit.ImageRequest`; the errors have the API's codes and names. Stricter than in Python:
one image instead of a list with one image, and a size that nbkit chooses, are not allowed in JSON.
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

CODES_BY_REASON = {
    # reason of a RequestError: error code of the API
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

_PLACEHOLDER_UUID = "00000000-0000-4000-8000-000000000000"
_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)


def check_uuid(task: Task) -> str:
    """The task's UUID.

    Raises:
        Problem: if it is missing, or is not a UUID of version 4.
    """
    value = required(task, "taskUUID")
    if not (isinstance(value, str) and _UUID4.fullmatch(value)):
        raise Problem("invalidTaskUUID", "taskUUID must be a UUID of version 4.", parameter=["taskUUID"])
    return value


def required(task: Task, name: str) -> Any:
    """The value of a key that a task must have.

    Raises:
        Problem: if it is missing or null.
    """
    if task.get(name) is None:
        raise Problem("missingParameter", f"{name} is required.", parameter=[name])
    return task[name]


def one_of(task: Task, name: str, allowed: tuple[str, ...]) -> str:
    """The value of a key that has a few allowed values.

    Raises:
        Problem: if it is missing, or is not one of them.
    """
    value = required(task, name)
    if value not in allowed:
        raise Problem("invalidChoice", f"{name} must be one of these values.", parameter=[name], allowed=allowed)
    return str(value)


def check_image_task(task: Task) -> ImageRequest:
    """The request of an ``imageInference`` task, with placeholders for its reference images.

    Anyone may have sent their text, and :mod:`nbkit.request.reference` trusts its user, so it does not open it.

    Raises:
        Problem: if a value is not allowed; nothing has been done or charged.
    """
    check_uuid(task)
    required(task, "model")
    _check_references(task)
    try:
        request = ImageRequest.from_task(_with_placeholders(task))
    except RequestError as error:
        raise _to_problem(error) from None
    except (ValueError, OverflowError) as error:  # a number too large for a float, text that is not Unicode
        raise Problem("invalidType", f"A value of this task cannot be read: {type(error).__name__}.") from None
    if request.has_default_size:
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
        name = "inputs.referenceImages"
        raise Problem("invalidType", f"{name} must be an array of strings.", parameter=[name])


def _with_placeholders(task: Task) -> dict[str, Any]:
    """The task with a placeholder for each reference image, and without the old name of a parameter."""
    changed = dict(task)
    inputs = changed.get("inputs")
    if isinstance(inputs, Mapping) and "referenceImages" in inputs:
        changed["inputs"] = {**inputs, "referenceImages": [_PLACEHOLDER_UUID] * len(inputs["referenceImages"])}
    safety = changed.get("safety", {})
    if "checkNSFW" in changed and isinstance(safety, Mapping):  # the older name of safety.checkContent
        changed["safety"] = {"checkContent": changed.pop("checkNSFW"), **safety}
    return changed


def _to_problem(error: RequestError) -> Problem:
    name = error.parameter if error.reason == "unknown" else _wire_name(error.parameter)
    if error.reason == "dimensions":
        code = "missingDimensionParameters" if error.value is None else CODES_BY_REASON["dimensions"]
        return Problem(code, _message(error, name), parameter=["width", "height"])
    if name in ("taskUUID", "model"):
        code = {"taskUUID": "invalidTaskUUID", "model": "invalidModel"}[name]
        return Problem(code, _message(error, name), parameter=[name], allowed=[model.MODEL] if name == "model" else ())
    return Problem(CODES_BY_REASON[error.reason], _message(error, name), parameter=[name], allowed=_allowed(error))


def _message(error: RequestError, name: str) -> str:
    if error.reason == "missing":
        return f"{name} is required."
    if error.reason == "unknown":
        hint = f" Did you mean {error.suggestion}?" if error.suggestion else ""
        return f"{short_repr(name)} is no parameter of {model.MODEL}.{hint}"
    return str(error)


def _allowed(error: RequestError) -> tuple[str, ...]:
    kinds = [p.kind for p in PARAMETERS.values() if error.parameter in p.spellings]
    return next((kind.choices for kind in kinds if isinstance(kind, Choice)), ())


def _wire_name(name: str) -> str:
    try:
        return ".".join(NAMES.find(name).wire)
    except UnknownParameter:
        return name
