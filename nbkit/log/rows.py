"""A request and a picture as the columns of their rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbkit.log.schema import PARAMETER_COLUMNS
from nbkit.measures.facts import PictureFacts
from nbkit.request.image_request import PARAMETERS, ImageRequest, redacted
from nbkit.request.parameter import Text


def parameter_values(request: ImageRequest, task: Mapping[str, Any]) -> dict[str, Any]:
    """Every parameter's column, as it was sent: the size that nbkit chose is in the task and not in the request."""
    values: dict[str, Any] = {}
    safe, given = redacted(task), set_values(request)
    for name, parameter in PARAMETERS.items():
        found: Any = safe
        for key in parameter.wire or ("",):
            found = found.get(key) if isinstance(found, dict) else None
        if found is None and name != "reference_images":  # set, and sent as something else: a resolution as its size
            found = given.get(name)
        values[PARAMETER_COLUMNS[name]] = _storable(parameter, found)
    return values


def picture_values(facts: PictureFacts | None, file: str | None) -> dict[str, Any]:
    """The columns of a picture on disk; all empty for one that is not there."""
    names = {
        "sha256": "sha256",
        "mediaType": "media_type",
        "width": "width",
        "height": "height",
        "fingerprint": "fingerprint",
    }
    return {"file": file, **{column: getattr(facts, name, None) for column, name in names.items()}}


def _storable(parameter: Any, value: Any) -> Any:
    # extra= is unchecked and may put anything in a parameter's place; the column takes only what checks.
    if (
        value is None
        or parameter.name == "reference_images"
        or (isinstance(value, str) and isinstance(parameter.kind, Text))
    ):
        return value
    try:
        return parameter.kind.check(value)
    except Exception:  # noqa: BLE001  a value of any type may fail in any way; `task` keeps it as it was sent
        return None


def set_values(request: ImageRequest) -> dict[str, Any]:
    """What was set, by Python name, as it may be logged: no credentials, pictures by their hash."""
    values = request.parameters
    if request.reference_images:
        values["reference_images"] = [str(r) if r.data else r.text for r in request.reference_images]
    for name in ("webhook_url", "upload_endpoint"):
        if name in values:
            values[name] = redacted({PARAMETERS[name].wire[-1]: values[name]})[PARAMETERS[name].wire[-1]]
    return values
