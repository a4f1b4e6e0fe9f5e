"""Turns a task into an :class:`~nbkit.ImageRequest`, or raises the API's error for what is wrong with it.

The rules are those of :class:`~nbkit.ImageRequest`; the errors have the API's codes and names. Stricter than in Python:
one image instead of a list with one image, and a size that nbkit chooses, are not allowed in JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbkit.display.text import ellipsis
from nbkit.errors import RequestError
from nbkit.offline.envelope import Problem, Task
from nbkit.request.image_request import PARAMETERS, ImageRequest
from nbkit.request.naming import profile_in
from nbkit.request.parameter import Choice
from nbkit.request.profile import LACKING, PROFILES, ModelParameter, Profile
from nbkit.request.rules import UUID4_PATTERN

CODES_BY_REASON = {
    # reason of a RequestError: error code of the API; those of other reasons are invalidType, invalidFormat and so on
    "missing": "missingParameter",
    "range": "valueOutOfRange",
    "count": "arrayLengthOutOfRange",
    "conflict": "invalidCombination",
}

REFERENCES = "inputs.referenceImages"
"""The parameter with the reference images, as errors name it."""

_PLACEHOLDER_UUID = "00000000-0000-4000-8000-000000000000"


def check_uuid(task: Task) -> None:
    """Check the task's UUID.

    Raises:
        Problem: if it is missing, or is not a UUID of version 4.
    """
    value = required(task, "taskUUID")
    if not (isinstance(value, str) and UUID4_PATTERN.fullmatch(value)):
        raise Problem("invalidTaskUUID", "taskUUID must be a UUID of version 4.", parameter="taskUUID")


def required(task: Any, name: str) -> Any:
    """The value of a key that a task must have.

    Raises:
        Problem: if it is missing or null, or if the task is no JSON object.
    """
    if not isinstance(task, Mapping):
        raise Problem("invalidTask", "Each element of the array must be a JSON object.")
    if task.get(name) is None:
        raise Problem("missingParameter", f"{name} is required.", parameter=name)
    return task[name]


def one_of(task: Any, name: str, allowed: tuple[str, ...]) -> str:
    """The value of a key that has a few allowed values.

    Raises:
        Problem: if it is missing, or is not one of them, or if the task is no JSON object.
    """
    value = required(task, name)
    if value not in allowed:
        raise Problem("invalidChoice", f"{name} must be one of these values.", parameter=name, allowed=allowed)
    return str(value)


def _sizes_near(error: RequestError, profile: Profile) -> dict[str, str]:
    """The sizes of the tier that is nearest to the one asked for, as ``WxH`` by aspect ratio."""
    place = profile.ratio_and_tier(*error.suggestion) if isinstance(error.suggestion, tuple) else None
    sizes = profile.sizes[place[1]] if place else {}
    return {ratio: f"{width}x{height}" for ratio, (width, height) in sizes.items()}


def check_image_task(task: Task) -> ImageRequest:
    """The request of an ``imageInference`` task, with placeholders for its reference images.

    Anyone may have sent their text, and :mod:`nbkit.request.reference` trusts its user, so it does not open it.

    Raises:
        Problem: if a value is not allowed; nothing has been done or charged.
    """
    required(task, "model")
    try:
        request = ImageRequest.from_task(_with_placeholders(task))
    except RequestError as error:
        raise _to_problem(error, profile_in(task)) from None
    if request.has_default_size:
        message = "Without reference images a task needs width and height."
        raise Problem("missingDimensionParameters", message, parameter=["width", "height"])
    return request


def _with_placeholders(task: Task) -> dict[str, Any]:
    """The task with a placeholder for each reference image, and without the old name of a parameter."""
    changed = dict(task)
    inputs, safety = changed.get("inputs"), changed.get("safety", {})
    if isinstance(inputs, Mapping) and "referenceImages" in inputs:
        texts = inputs["referenceImages"]
        if not (isinstance(texts, list) and all(isinstance(text, str) for text in texts)):
            raise Problem("invalidType", f"{REFERENCES} must be an array of strings.", parameter=REFERENCES)
        changed["inputs"] = {**inputs, "referenceImages": [_PLACEHOLDER_UUID] * len(texts)}
    if "checkNSFW" in changed and isinstance(safety, Mapping):  # the older name of safety.checkContent
        changed["safety"] = {"checkContent": changed.pop("checkNSFW"), **safety}
    return changed


def _names_of(parameter: ModelParameter) -> tuple[str, ...]:
    return (*PARAMETERS[parameter.name].spellings, *parameter.wire[-1:])


def _to_problem(error: RequestError, profile: Profile) -> Problem:
    """The API's error; nbkit's messages fit it, except where they explain how to type something in Python."""
    declared = next((p for p in profile.parameters.values() if error.parameter in _names_of(p)), None)
    allowed: tuple[str, ...] = ()
    if declared and isinstance(declared.kind, Choice):
        allowed = tuple(declared.spell(choice) for choice in declared.kind.choices)
    if error.reason == "unknown":
        hint = f" Did you mean {error.suggestion}?" if error.suggestion else ""
        message = f'"{ellipsis(str(error.parameter), 60)}" is not a parameter.{hint}'
        return Problem("unsupportedParameter", message, parameter=error.parameter, allowed=allowed)
    if error.reason == "unsupported":
        have = [
            other.identifier
            for other in PROFILES.values()
            if profile is not other and declared and other.parameters[declared.name].state != LACKING
        ]
        message = f"{profile.identifier} does not take this parameter; these models do: {', '.join(have)}."
        return Problem(
            "unsupportedParameter", message, parameter=".".join(declared.wire) if declared else error.parameter
        )
    if error.reason == "dimensions":
        both = ["width", "height"]
        if error.value is None:
            return Problem("missingDimensionParameters", str(error), parameter=both)
        return Problem("unsupportedDimensions", str(error), parameter=both, allowed=_sizes_near(error, profile))
    if error.parameter == "model":
        return Problem("invalidModel", str(error), parameter="model", allowed=list(PROFILES))
    name = ".".join(declared.wire) if declared else error.parameter  # the name of a group has no declaration
    message = f"{name} is required." if error.reason == "missing" else str(error)
    code = CODES_BY_REASON.get(error.reason, f"invalid{error.reason.capitalize()}")
    return Problem(code, message, parameter=name, allowed=allowed)
