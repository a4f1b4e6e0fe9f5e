"""The rules of a request that go beyond one parameter, and the words in which a broken rule is told.

Every check here takes ``said``, the spelling in which the person gave each parameter, so that the message
speaks of what stands in their cell.
"""

from __future__ import annotations

import json
import math
import re
import uuid
from collections.abc import Mapping
from typing import Any

from nbkit.errors import RequestError
from nbkit.request import model
from nbkit.request.parameter import (
    Address,
    ListOf,
    Parameter,
    ValueInvalid,
    as_plain_str,
    short_repr,
    without_queries,
    without_query,
)

_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)
FIXED = {"taskType": model.TASK_TYPE, "model": model.MODEL}
"""Keys of a task that have one value only."""
_SHAPE = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)\s*[:x×/]\s*(\d{1,6}(?:\.\d{1,6})?)", re.IGNORECASE)
_PIXELS = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)\s*(k|p|px)?", re.IGNORECASE)


def check_one(
    parameter: Parameter[Any], spelling: str, value: Any, given: Mapping[str, tuple[str, Any]] | None = None
) -> Any:
    """The value in its canonical form; ``RequestError`` if the parameter does not allow it.

    Args:
        parameter: what it is a value of.
        spelling: of the parameter, as the person wrote it.
        value: to be checked.
        given: all that was given, by name: a width is put right together with its height.
    """
    try:
        return parameter.kind.check(value)
    except ValueInvalid as wrong:
        wrong.suggestion = _suggestion(parameter, value, wrong, given or {})
        raise _broken(parameter, spelling, value, wrong) from None
    except Exception as error:  # an object may raise anything at all when it is looked at
        rule = f"{parameter.kind.rule()}, and this {type(value).__name__} fails when it is read"
        raise _broken(parameter, spelling, value, ValueInvalid("type", rule)) from error


def _broken(parameter: Parameter[Any], spelling: str, value: Any, wrong: ValueInvalid) -> RequestError:
    shown = short_repr(value)
    if isinstance(parameter.kind, Address):  # its query is a credential, also inside bytes or a list
        shown = short_repr(without_query(value)) if isinstance(value, str) else f"<{type(value).__name__}>"
    elif isinstance(parameter.kind, ListOf):
        shown = short_repr(without_queries(value))
    hint = "" if wrong.suggestion is None else f". Nearest: {spelling}={wrong.suggestion!r}"
    if isinstance(wrong.suggestion, tuple):
        hint = f". Nearest pair: width={wrong.suggestion[0]}, height={wrong.suggestion[1]}"
    return RequestError(
        f"{spelling}={shown}: must be {wrong}{hint}",
        parameter=spelling,
        value=value,
        reason=wrong.reason,
        suggestion=wrong.suggestion,
    )


def _suggestion(
    parameter: Parameter[Any], value: Any, wrong: ValueInvalid, given: Mapping[str, tuple[str, Any]]
) -> Any:
    """What was most likely meant; of a size's parameters the nearest size, not the nearest spelling."""
    if parameter.name in ("width", "height"):
        # One number alone is no size: 1, or 1000, would be refused again.
        width, height = (_pixels(given.get(name, ("", None))[1]) for name in ("width", "height"))
        return model.nearest_size(width, height) if width and height else None
    if not isinstance(value, (str, int, float)) or len(short := short_repr(value).strip("'\" ")) > 20:
        return wrong.suggestion
    if parameter.name == "aspect_ratio" and (shape := _SHAPE.fullmatch(short)):
        across, down = float(shape[1]), float(shape[2])
        return _nearest_ratio(across / down) if across and down else None
    if parameter.name == "resolution" and (pixels := _PIXELS.fullmatch(short)):
        number, unit = float(pixels[1]), (pixels[2] or "").lower()
        thousands = unit == "k" or (not unit and number < 16)  # 2 is meant as 2K, and 512 as pixels
        side = round(number * 1024 if thousands else number)
        return model.tier_of_pixels(side, side) if side else None
    return wrong.suggestion


def _pixels(value: Any) -> int | None:
    """The whole number that a side was meant to be, if it can be one."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return round(number) if 1 <= number < 1_000_000 else None


def _nearest_ratio(shape: float) -> str:
    def distance(ratio: str) -> float:
        across, _, down = ratio.partition(":")
        return abs(math.log(shape) - math.log(int(across) / int(down)))

    return min(model.RATIOS, key=distance)


def check_together(values: Mapping[str, Any], said: Mapping[str, str]) -> None:
    """The rules that concern more than one parameter."""
    if "prompt" not in values:
        name = said.get("prompt", "prompt")
        raise RequestError(
            f"{name} is missing: a request needs the words of what the picture shall show",
            parameter=name,
            reason="missing",
        )
    _check_size(values, said)
    if "ttl" in values and values.get("output_type", "URL") != "URL":
        raise RequestError(
            f"{said['ttl']}={values['ttl']}: only a URL expires, and {said['output_type']} is {values['output_type']!r}; "
            f"leave {said['ttl']} out, or set {said['output_type']}='URL'",
            parameter=said["ttl"],
            value=values["ttl"],
            reason="conflict",
        )


def _check_size(values: Mapping[str, Any], said: Mapping[str, str]) -> None:
    width, height = values.get("width"), values.get("height")
    if width is None and height is None:
        return
    for name in ("resolution", "aspect_ratio"):
        if name in values:
            raise RequestError(
                f"{said[name]}={values[name]!r} does not go with width and height: give one or the other",
                parameter=said[name],
                value=values[name],
                reason="conflict",
            )
    near = model.nearest_size(width, height)
    near_text = f"width={near[0]}, height={near[1]}"
    if width is None or height is None:
        given, lacking = ("width", "height") if height is None else ("height", "width")
        raise RequestError(
            f"{said[given]}={values[given]} needs {lacking} too. Nearest pair: {near_text}",
            parameter=lacking,
            value=None,
            reason="dimensions",
            suggestion=near,
        )
    if model.ratio_and_tier(width, height) is None:
        ratio, tier = model.ratio_and_tier(*near) or ("", "")
        raise RequestError(
            f"width={width}, height={height}: not a size of {model.MODEL_NAME}. Nearest: {near_text} ({ratio} at {tier})",
            parameter="width",
            value=(width, height),
            reason="dimensions",
            suggestion=near,
        )


def check_head(head: Mapping[str, Any]) -> dict[str, Any]:
    checked = {}
    for name in ("taskType", "taskUUID", "model"):
        if name not in head:
            continue
        value = head[name]
        if name == "taskUUID":
            text = as_plain_str(value) if isinstance(value, str) else str(value) if isinstance(value, uuid.UUID) else ""
            if not _UUID4.fullmatch(text):
                rule = "a UUID of version 4, such as uuid.uuid4() makes"
                raise RequestError(
                    f"{name}={short_repr(value)}: must be {rule}", parameter=name, value=value, reason="format"
                )
            value = text
        elif not isinstance(value, str) or value != FIXED[name]:
            raise RequestError(
                f"{name}={short_repr(value)}: must be {FIXED[name]!r}",
                parameter=name,
                value=value,
                reason="choice",
                suggestion=FIXED[name],
            )
        checked[name] = value
    return checked


def check_extra(extra: Mapping[str, Any] | None) -> str:
    if extra is None:
        return ""
    if not isinstance(extra, Mapping):
        raise RequestError(
            f"extra={short_repr(extra)}: must be a dict, not {type(extra).__name__}", parameter="extra", value=extra
        )
    if not extra:
        return ""
    if "taskUUID" in extra or "taskType" in extra:
        raise RequestError(
            "extra cannot carry taskUUID or taskType: the log is kept by them", parameter="extra", value=extra
        )
    try:
        as_sent = json.loads(json.dumps(extra, allow_nan=False))  # 2 and 100 as keys are sorted as "100" and "2"
        return json.dumps(as_sent, sort_keys=True)
    except (TypeError, ValueError, RecursionError) as error:
        raise RequestError(f"extra must be made of what JSON knows: {error}", parameter="extra", value=extra) from None


def displaced_sizes(given: Mapping[str, tuple[str, Any]]) -> tuple[str, ...]:
    """Which of the old size's parameters a new size puts aside."""
    changed = {
        name for name in ("width", "height", "resolution", "aspect_ratio") if given.get(name, ("", None))[1] is not None
    }
    if changed & {"width", "height"}:
        return tuple({"resolution", "aspect_ratio"} - changed)
    if changed:
        return ("width", "height")
    return ()
