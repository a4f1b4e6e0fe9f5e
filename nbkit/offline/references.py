"""Reference images as they come inside a task: told apart, decoded with care, never fetched."""

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
NOT_KNOWN = "UUID, not known here"

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_DATA_URI = re.compile(r"data:[\w/.+-]*(?:;[\w=.+-]+)*;base64,", re.IGNORECASE)


def is_uuid(text: str) -> bool:
    """Whether the text is the UUID of an image."""
    return bool(_UUID.fullmatch(text))


def read_reference(
    text: str, parameter: str, renderer: Renderer, find: Callable[[str], Inset | None]
) -> tuple[Inset, str]:
    """How a reference image is drawn, and the text by which the task is remembered.

    Args:
        text: a URL, a UUID, a data URI or base64 text.
        parameter: where it stands, for an error's sake.
        pictures: keeps what has pixels.
        find: from the UUID of an image that is known here to its inset.

    Raises:
        Problem: if it is none of these, or holds no picture that can be read.
    """
    if _UUID.fullmatch(text):
        return find(text.lower()) or Inset(_digest(text.encode()), NOT_KNOWN, None), text
    if text[:8].lower().startswith(("http://", "https://")):
        return Inset(_digest(_address(text, parameter)), NOT_FETCHED, None), text
    inset = Inset(renderer.keep(decode(text, parameter), parameter), "", None)
    return inset, renderer.keep_text(text)


def decode(text: str, parameter: str) -> bytes:
    """The bytes of a data URI or of base64 text.

    Raises:
        Problem: if it is neither.
    """
    head = _DATA_URI.match(text)
    try:
        return base64.b64decode(text[head.end() if head else 0 :], validate=True)
    except ValueError:  # also for text beyond ASCII
        raise _no_image(parameter) from None


def _address(text: str, parameter: str) -> bytes:
    try:
        return Address().check(text).encode()
    except (ValueInvalid, ValueError):  # half of a surrogate pair is no text that could be sent
        raise _no_image(parameter) from None


def _no_image(parameter: str) -> Problem:
    rule = f"An image of {parameter} must be a UUID, a URL, a data URI or base64 text."
    return Problem("invalidReferenceImage", rule, parameter=[parameter])


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
