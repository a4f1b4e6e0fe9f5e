"""Converts requests and pictures into the columns of their rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbkit.log.schema import PARAMETER_COLUMNS
from nbkit.measures.facts import PictureFacts
from nbkit.request.image_request import PARAMETERS, ImageRequest, redacted
from nbkit.request.parameter import Text


def parameter_values(request: ImageRequest, task: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of all parameters, with the values that were sent.

    They are read from the task, because values that nbkit chose, such as the size, are not in the request.

    Args:
        request: as the user made it.
        task: the JSON that is sent.
    """
    values: dict[str, Any] = {}
    safe, given = redacted(task), given_values(request)
    for name, parameter in PARAMETERS.items():
        found: Any = safe
        for key in parameter.wire or ("",):
            found = found.get(key) if isinstance(found, dict) else None
        if found is None and name != "reference_images":  # set, but sent in another form: a resolution as its size
            found = given.get(name)
        values[PARAMETER_COLUMNS[name]] = _column_value(parameter, found)
    return values


def picture_values(facts: PictureFacts | None, file: str | None) -> dict[str, Any]:
    """The columns of a picture on disk; all ``None`` if there is none."""
    names = {
        "sha256": "sha256",
        "mediaType": "media_type",
        "width": "width",
        "height": "height",
        "fingerprint": "fingerprint",
    }
    return {"file": file, **{column: getattr(facts, name, None) for column, name in names.items()}}


def _column_value(parameter: Any, value: Any) -> Any:
    # extra= is not validated and may replace a parameter by anything; its column stores only valid values.
    if (
        value is None
        or parameter.name == "reference_images"
        or (isinstance(value, str) and isinstance(parameter.kind, Text))
    ):
        return value
    try:
        return parameter.kind.check(value)
    except Exception:  # noqa: BLE001  a value of any type may raise anything; the column `task` has it as it was sent
        return None


def given_values(request: ImageRequest) -> dict[str, Any]:
    """The parameters that were set, by Python name, as the log stores them: no credentials, pictures as hashes."""
    values = request.parameters
    if request.reference_images:
        values["reference_images"] = [str(r) if r.data else r.text for r in request.reference_images]
    for name in ("webhook_url", "upload_endpoint"):
        if name in values:
            values[name] = redacted({PARAMETERS[name].wire[-1]: values[name]})[PARAMETERS[name].wire[-1]]
    return values
