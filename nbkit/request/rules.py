"""The rules between the parameters of a request, and the error messages for all of its rules.

The checks get the spelling that the user wrote for each parameter, so that a message names what is in their cell.
"""

from __future__ import annotations

import json
import math
import re
import uuid
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from nbkit.errors import RequestError
from nbkit.request.address import without_credentials
from nbkit.request.keywords import sealed
from nbkit.request.naming import profile_in
from nbkit.request.parameter import (
    Address,
    ListOf,
    Parameter,
    ValueInvalid,
    as_plain_str,
    nearest,
    short_repr,
    type_in_words,
)
from nbkit.request.profile import LACKING, PROFILES, REMOVED, TAKEN, Profile, names_of
from nbkit.request.profiles import DEFAULT, TASK_TYPE

UUID4_PATTERN = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)
_FIXED_KEYS = {"taskType": TASK_TYPE}
"""Keys of a task that have only one valid value."""
SIZE_NAMES = ("width", "height", "resolution", "aspect_ratio")
_RATIO_PATTERN = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)\s*[:x×/]\s*(\d{1,6}(?:\.\d{1,6})?)", re.IGNORECASE)
_PIXELS_PATTERN = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)\s*(k|p|px)?", re.IGNORECASE)


def check_value(
    parameter: Parameter[Any],
    spelling: str,
    value: Any,
    given: Mapping[str, tuple[str, Any]] | None = None,
    profile: Profile = DEFAULT,
) -> Any:
    """Check the value of one parameter, and return it in its canonical form.

    Args:
        parameter: the parameter.
        spelling: its name as the user wrote it.
        value: the value to check.
        given: all spellings and values of the request, by Python name: a suggested width depends on the height. A sweep,
            which takes several values, gives none.
        profile: of the model.

    Raises:
        RequestError: if the model does not allow the value, or lacks the parameter.
    """
    own = profile.parameters[parameter.name]
    if parameter.name == "model" and isinstance(value, Profile):
        value = value.identifier
    if own.state == LACKING:
        raise _lacking(parameter, spelling, value, profile)
    try:
        return own.kind.check(value)
    except ValueInvalid as invalid:
        invalid.suggestion = _suggestion(parameter, value, invalid, given or {}, profile)
        raise _request_error(parameter, spelling, value, invalid, profile, is_one=given is not None) from None
    except Exception as error:  # the methods of a foreign object may raise anything
        rule = f"{own.kind.rule()}, and this {type(value).__name__} fails when it is read"
        raise _request_error(parameter, spelling, value, ValueInvalid("type", rule), profile) from error


def check_for_any(parameter: Parameter[Any], spelling: str, value: Any, profiles: Sequence[Profile]) -> Any:
    """Check the value of one parameter of which several models are asked for: one of them must allow it.

    Raises:
        RequestError: if none does; the message is that of the first.
    """
    problem: RequestError | None = None
    for profile in dict.fromkeys(profiles):
        try:
            return check_value(parameter, spelling, value, profile=profile)
        except RequestError as error:
            problem = problem or error
    assert problem is not None
    raise problem


def _lacking(parameter: Parameter[Any], spelling: str, value: Any, profile: Profile) -> RequestError:
    have = [other for other in PROFILES.values() if other.parameters[parameter.name].state == TAKEN]
    message = (
        f"{spelling}={short_repr(value)}: {profile.name} ({profile.identifier}) has no {parameter.name}; leave it out, or "
        f"choose a model that has it: {names_of(have)}"
    )
    return RequestError(message, parameter=spelling, value=value, reason="unsupported")


def check_not_removed(profile: Profile) -> None:
    """Refuse to send to a model that the service does not have any more.

    Raises:
        RequestError: for such a model; the message has its successor.
    """
    if profile.status == REMOVED:
        instead = f"; its successor is model={profile.successor!r}" if profile.successor else ""
        message = f"model={profile.identifier!r}: {profile.name} is no longer on the service{instead}"
        raise RequestError(
            message, parameter="model", value=profile.identifier, reason="unsupported", suggestion=profile.successor
        )


def _request_error(
    parameter: Parameter[Any],
    spelling: str,
    value: Any,
    invalid: ValueInvalid,
    profile: Profile,
    *,
    is_one: bool = False,
) -> RequestError:
    text = short_repr(value)
    if isinstance(parameter.kind, Address):  # an address may have credentials, also inside bytes or a list
        text = short_repr(without_credentials(value)) if isinstance(value, str) else f"<{type(value).__name__}>"
    elif isinstance(parameter.kind, ListOf):
        text = short_repr(sealed("reference_images", value))
    near = invalid.suggestion
    hint = "" if near is None else f". Nearest: {spelling}={near!r}"
    if isinstance(near, tuple):
        hint = f". Nearest pair: width={near[0]}, height={near[1]}"
    elif parameter.name == "model" and isinstance(value, str):
        hint += '; one that nbkit does not know goes through extra={"model": …}'
    elif is_one and _is_list_like(value) and not isinstance(parameter.kind, ListOf):
        hint = f"; studio.sweep(…, {spelling}=[…]) makes a picture for each value of a list"
    whose = "" if profile is DEFAULT else f" ({profile.name})"
    message = f"{spelling}={text}: must be {invalid}{hint}{whose}"
    return RequestError(message, parameter=spelling, value=value, reason=invalid.reason, suggestion=near)


def _is_list_like(value: Any) -> bool:
    is_single = isinstance(value, (str, bytes, bytearray, memoryview, Mapping))
    return hasattr(type(value), "__iter__") and not is_single and getattr(value, "ndim", 1) == 1


def _suggestion(
    parameter: Parameter[Any],
    value: Any,
    invalid: ValueInvalid,
    given: Mapping[str, tuple[str, Any]],
    profile: Profile,
) -> Any:
    """The valid value that is nearest in meaning: for a parameter of the size, the one of the nearest size."""
    if parameter.name in ("width", "height"):
        # A suggestion for one side alone would be refused too: both are needed to find a size of the table.
        width, height = (_pixels(_as_typed(given.get(name, ("", None))[1])) for name in ("width", "height"))
        return profile.nearest_size(width, height) if width and height else None
    if parameter.name == "model":
        names = {name: model.identifier for model in PROFILES.values() for name in (model.name, model.identifier)}
        found = nearest(value, names) if isinstance(value, str) else None
        return names[found] if found else invalid.suggestion
    text = _as_typed(value)
    if parameter.name == "aspect_ratio" and (shape := _RATIO_PATTERN.fullmatch(text)):
        horizontal, vertical = float(shape[1]), float(shape[2])
        return nearest_ratio(horizontal / vertical, profile) if horizontal and vertical else None
    if parameter.name == "resolution" and (side := _pixels(text, thousands_below=16)) is not None:
        return profile.tier_of_pixels(side, side) if side else None
    return invalid.suggestion


def _as_typed(value: Any) -> str:
    """A short value as the user typed it, without quotation marks; ``""`` for any other value."""
    text = short_repr(value).strip("'\" ") if isinstance(value, (str, int, float)) else ""
    return text if len(text) <= 20 else ""


def _pixels(text: str, thousands_below: int = 0) -> int | None:
    """A text as a number of pixels. A number below ``thousands_below`` means thousands: 2 is 2K, and 512 is pixels."""
    found = _PIXELS_PATTERN.fullmatch(text)
    if found is None:
        return None
    number, unit = float(found[1]), (found[2] or "").lower()
    return round(number * 1024 if unit == "k" or (not unit and number < thousands_below) else number)


def nearest_ratio(shape: float, profile: Profile = DEFAULT) -> str:
    """The aspect ratio of a model that is nearest to a width divided by a height."""
    return min(profile.ratios, key=lambda ratio: abs(math.log(shape / Fraction(ratio.replace(":", "/")))))


def check_combination(values: Mapping[str, Any], spellings: Mapping[str, str], profile: Profile = DEFAULT) -> None:
    """Check that a prompt is set and that the values of several parameters go together.

    Args:
        values: that were set, each of them checked, by Python name.
        spellings: the user's, by Python name.
        profile: of the model.

    Raises:
        RequestError: if they do not.
    """
    if "prompt" not in values:
        name = spellings.get("prompt", "prompt")
        message = f"{name} is missing: a request needs a prompt that describes the picture"
        raise RequestError(message, parameter=name, reason="missing")
    _check_size(values, spellings, profile)
    if "ttl" in values and values.get("output_type", "URL") != "URL":
        ttl, output = spellings["ttl"], spellings["output_type"]
        raise RequestError(
            f"{ttl}={values['ttl']}: only a URL expires, and {output} is {values['output_type']!r}; "
            f"leave {ttl} out, or set {output}='URL'",
            parameter=ttl,
            value=values["ttl"],
            reason="conflict",
        )


def _check_size(values: Mapping[str, Any], spellings: Mapping[str, str], profile: Profile) -> None:
    width, height = values.get("width"), values.get("height")
    if width is None and height is None:
        return
    for name in ("resolution", "aspect_ratio"):
        if name in values:
            spelling, value = spellings[name], values[name]
            message = f"{spelling}={value!r} does not go with width and height: give one or the other"
            raise RequestError(message, parameter=spelling, value=value, reason="conflict")
    if profile.ratio_and_tier(width or 0, height or 0):
        return
    near = profile.nearest_size(width, height)
    near_text = f"width={near[0]}, height={near[1]}"
    if width is None or height is None:
        present, missing = ("width", "height") if height is None else ("height", "width")
        message = f"{spellings[present]}={values[present]} needs {missing} too. Nearest pair: {near_text}"
        raise RequestError(message, parameter=missing, reason="dimensions", suggestion=near)
    ratio, tier = profile.ratio_and_tier(*near) or ("", "")
    shape = f"not a size of {profile.name}. Nearest: {near_text} ({ratio} at {tier})"
    message = f"width={width}, height={height}: {shape}"
    raise RequestError(message, parameter="width", value=(width, height), reason="dimensions", suggestion=near)


def check_head(head: Mapping[str, Any]) -> dict[str, Any]:
    """Check the keys of a task that do not describe the picture: ``taskType``, ``taskUUID``.

    Raises:
        RequestError: for a UUID that is not of version 4, and for another task type.
    """
    checked = {}
    for name, value in head.items():
        fixed = _FIXED_KEYS.get(name)
        text = str(value) if isinstance(value, uuid.UUID) else as_plain_str(value) if isinstance(value, str) else ""
        if not (UUID4_PATTERN.fullmatch(text) if fixed is None else text == fixed):
            rule = repr(fixed) if fixed else "a UUID of version 4, such as uuid.uuid4() makes"
            reason = "choice" if fixed else "format"
            message = f"{name}={short_repr(value)}: must be {rule}"
            raise RequestError(message, parameter=name, value=value, reason=reason, suggestion=fixed)
        checked[name] = text
    return checked


def check_extra(extra: Any) -> str:
    """Check ``extra``, and return it as JSON with sorted keys; ``""`` if there is none.

    Raises:
        RequestError: if it is no dict, is not JSON, or has a ``taskUUID`` or ``taskType``.
    """
    if extra is not None and not isinstance(extra, Mapping):
        text = short_repr(extra)  # what is as long as a secret is not repeated
        text = f"<{type(extra).__name__}>" if re.search(r"[^\W_]{6}", text) else text
        message = f"extra={text}: must be a dict, got {type_in_words(extra)}"
        raise RequestError(message, parameter="extra", value=extra)
    if not extra:
        return ""
    if "taskUUID" in extra or "taskType" in extra:
        message = "extra cannot carry taskUUID or taskType: the log is kept by them"
        raise RequestError(message, parameter="extra", value=extra)
    try:
        as_sent = json.loads(json.dumps(extra, allow_nan=False))  # sorts numbers as keys by the text that is sent
        return json.dumps(as_sent, sort_keys=True)
    except (TypeError, ValueError, RecursionError) as error:
        raise RequestError(f"extra must be made of what JSON knows: {error}", parameter="extra", value=extra) from None


def values_kept(values: Mapping[str, Any], changes: Mapping[str, tuple[str, Any]]) -> dict[str, Any]:
    """The values of a request that its changes keep, by Python name.

    A change of the size replaces the whole size, but a new tier keeps the shape. Where another model has other pixels for
    the same ratio and tier, a width and a height become these.

    Args:
        values: of the request.
        changes: their spellings and values, by Python name.
    """
    resized = {name for name in SIZE_NAMES if name in changes and changes[name][1] is not None}
    unset = set(SIZE_NAMES[2:] if resized & {"width", "height"} else SIZE_NAMES[:2] if resized else ())
    kept = {name: value for name, value in values.items() if name not in changes and name not in unset}
    shape = profile_in(values).ratio_and_tier(values.get("width", 0), values.get("height", 0))
    if shape and "model" in changes and not resized:
        new = profile_in({"model": changes["model"][1]})
        if new.ratio_and_tier(values["width"], values["height"]) != shape and shape[0] in new.sizes.get(shape[1], {}):
            kept |= dict(zip(("width", "height"), new.size_of(*shape), strict=True))
    if shape and "resolution" in resized and not {"width", "height", "aspect_ratio"} & changes.keys():
        kept["aspect_ratio"] = shape[0]
    return kept
