"""Reads the reference images of a task: UUIDs, URLs (which are never fetched), data URIs or base64 text."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable

from nbkit.offline.envelope import Problem
from nbkit.offline.painting.scene import Inset
from nbkit.offline.renderer import Renderer
from nbkit.request.parameter import Address, ValueInvalid

NOT_FETCHED = "URL, not fetched"
UNKNOWN_UUID = "UUID, not known here"
"""Labels under the frame of a reference image without pixels."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_DATA_URI = re.compile(r"data:[\w/.+-]*(?:;[\w=.+-]+)*;base64,", re.IGNORECASE)


FindImage = Callable[[str], Inset | None]
"""Returns the inset for the UUID of an uploaded or generated image, or ``None``."""


def is_uuid(text: str) -> bool:
    """Whether a text has the form of an image UUID."""
    return bool(_UUID.fullmatch(text))


def read_reference(text: str, parameter: str, renderer: Renderer, find: FindImage) -> tuple[Inset, str]:
    """The inset that is drawn for a reference image, and the text that the stored task has in its place.

    Args:
        text: a URL, a UUID, a data URI or base64 text.
        parameter: name of the parameter, for the error.
        renderer: stores images that come as data.
        find: finds uploaded and generated images.

    Raises:
        Problem: if the text is none of these, or its data is not a readable picture.
    """
    if is_uuid(text):
        return find(text.lower()) or Inset(_digest(text), UNKNOWN_UUID, None), text
    try:
        if text[:8].lower().startswith(("http://", "https://")):
            return Inset(_digest(Address().check(text)), NOT_FETCHED, None), text
        data = decode(text)
    except (ValueInvalid, ValueError):  # the latter also for text that is not ASCII, and for half a surrogate pair
        rule = f"An image of {parameter} must be a UUID, a URL, a data URI or base64 text."
        raise Problem("invalidReferenceImage", rule, parameter=parameter) from None
    return Inset(renderer.store_thumbnail(data, parameter), "", None), renderer.store_text(text)


def decode(text: str) -> bytes:
    """The bytes in a data URI or in base64 text.

    Raises:
        ValueError: if the text is neither.
    """
    head = _DATA_URI.match(text)
    return base64.b64decode(text[head.end() if head else 0 :], validate=True)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
