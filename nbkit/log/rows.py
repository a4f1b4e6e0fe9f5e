"""Converts requests and pictures into the columns of their rows, and requests back."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from nbkit.errors import RequestError
from nbkit.log.schema import PARAMETER_COLUMNS
from nbkit.measures.facts import PictureFacts
from nbkit.request.address import Url
from nbkit.request.image_request import PARAMETERS, ImageRequest, given_values
from nbkit.request.naming import TASK_KEYS, profile_in
from nbkit.request.parameter import Address, Parameter, Text
from nbkit.request.profile import ModelParameter
from nbkit.request.task import redacted

FACTS = {
    "sha256": "sha256", "width": "width", "height": "height", "fingerprint": "fingerprint", "mediaType": "media_type",
    "error": "problem", "whole": "is_whole",
}  # fmt: skip
"""The fields of a picture's facts, by their column."""

UNREADABLE_PROMPT = "(a prompt that this nbkit does not allow; run.task has it)"


def parameter_values(request: ImageRequest, task: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of all parameters, with the values that were sent.

    They are read from the task, because values that nbkit chose, such as the size, are not in the request.

    Args:
        request: as the user made it.
        task: the JSON that is sent.
    """
    values: dict[str, Any] = {}
    safe, given = redacted(task), given_values(request)
    for name, column in PARAMETER_COLUMNS.items():
        parameter, own = PARAMETERS[name], request.profile.parameters[name]
        found: Any = safe
        for key in own.wire or ("",):
            found = found.get(key) if isinstance(found, dict) else None
        found = own.read(found)
        if found is None and name != "reference_images":  # set, but sent in another form: a resolution as its size
            found = given.get(name)
        # extra= is not validated and may replace a parameter by anything; its column stores only valid values.
        is_text = isinstance(found, str) and isinstance(parameter.kind, (Text, Address))
        is_kept = found is None or is_text or name == "reference_images"
        values[column] = found if is_kept else _valid(own, found)
    return values


def picture_values(facts: PictureFacts | None, file: str | None, stamp: str | None) -> dict[str, Any]:
    """The columns of a picture on disk; all ``None`` if there is none."""
    values = {column: getattr(facts, field, None) for column, field in FACTS.items()}
    return {"file": file, "stamp": stamp, **values, "error": values["error"] or None}


def picture_facts(row: Any) -> PictureFacts:
    """What the row of a picture says of its bytes; an earlier version did not keep those that were not whole."""
    values = {field: row[column] for column, field in FACTS.items()}
    values |= {"fingerprint": values["fingerprint"] or "", "problem": values["problem"] or ""}
    return PictureFacts(**values | {"is_whole": values["is_whole"] is not False})


def _valid(parameter: Parameter[Any] | ModelParameter | None, value: Any) -> Any:
    """A value in its canonical form; ``None`` if this version does not allow it, or has no such parameter."""
    try:
        return parameter and parameter.kind.check(value)
    except Exception:  # noqa: BLE001  a value of any type may raise anything; the column `task` has it as it was sent
        return None


def logged_request(
    values: Mapping[str, Any], extra: Mapping[str, Any] | None, task: Mapping[str, Any], *, is_cut: bool = False
) -> ImageRequest:
    """The request of a logged run.

    A newer nbkit may have logged parameters or values that this one does not know. ``extra`` carries them as they are
    in the task, so that the request still sends what was sent.

    Args:
        values: as :func:`~nbkit.request.image_request.given_values` returned them, with the reference images read.
        extra: of the request.
        task: as logged.
        is_cut: the log lacks credentials that were sent; then no address of the request can be sent again.
    """
    if is_cut:
        values = {name: _cut(name, value) for name, value in values.items()}
    try:
        return ImageRequest(**values, extra=extra)
    except RequestError:
        values = {name: _without_nul(value) for name, value in values.items()}
        taken = profile_in(values).parameters
        known = {name: value for name, value in values.items() if _valid(taken.get(name), value) is not None}
    known.setdefault("prompt", UNREADABLE_PROMPT)
    request = _most_of(known)
    return request.replace(extra=_not_in(request.to_send(), task))


def _without_nul(value: Any) -> Any:
    """What a request takes instead of a text with NUL, which earlier versions of nbkit sent, too."""
    return value.replace("\0", "\N{SYMBOL FOR NULL}") if isinstance(value, str) else value


def _cut(name: str, value: Any) -> Any:
    if name == "reference_images":
        return [_cut("", one) if isinstance(one, str) and "://" in one else one for one in value]
    return Url(value, is_cut=True) if isinstance(value, str) and (not name or _is_url(name)) else value


def _is_url(name: str) -> bool:
    return name in PARAMETERS and isinstance(PARAMETERS[name].kind, Address)


def _most_of(values: Mapping[str, Any]) -> ImageRequest:
    """The request with as many of the values as go together in this version."""
    without_size = {name: value for name, value in values.items() if PARAMETERS[name].group != "Size"}
    for some in (values, without_size):
        with contextlib.suppress(RequestError):
            return ImageRequest(**some)
    return ImageRequest(values["prompt"], reference_images=values.get("reference_images"))


def _not_in(sent: Mapping[str, Any], task: Mapping[str, Any]) -> dict[str, Any]:
    """What a task has and a request would not send; the log has other texts for pictures and addresses."""
    rest: dict[str, Any] = {}
    for key, value in task.items():
        same_key = key in sent and (sent[key] == value or key in ("referenceImages", "webhookURL", "uploadEndpoint"))
        if same_key or key in TASK_KEYS:
            continue
        inner = _not_in(sent[key], value) if isinstance(value, dict) and isinstance(sent.get(key), dict) else value
        if inner != {}:
            rest[key] = inner
    return rest
