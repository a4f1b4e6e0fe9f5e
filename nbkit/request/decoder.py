"""Opening a picture the same way everywhere, whatever a notebook has set in Pillow.

Pillow's settings are global to the process: one that accepts cut files would make half a download count as whole, and a
lowered limit of pixels would refuse an ordinary picture. While nbkit decodes, its own settings are in force.
"""

from __future__ import annotations

import io
import math
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from PIL import Image, ImageFile, PngImagePlugin

_MIB = 1024 * 1024

_SETTINGS: tuple[tuple[Any, str, Any], ...] = (
    (ImageFile, "LOAD_TRUNCATED_IMAGES", False),
    (Image, "MAX_IMAGE_PIXELS", None),  # every caller has a limit of its own
    (PngImagePlugin, "MAX_TEXT_CHUNK", 16 * _MIB),  # some programs write their whole workflow into a PNG
    (PngImagePlugin, "MAX_TEXT_MEMORY", 64 * _MIB),
)
"""Settings of Pillow that decide what it opens: module, name, and nbkit's value."""

_lock = threading.Lock()
_depth = 0
_saved: list[Any] = []


@contextmanager
def own_settings() -> Iterator[None]:
    """A context with nbkit's settings of Pillow; several threads may be in it at once.

    What the notebook had set is restored by the last one, except where the notebook has set something else meanwhile.
    """
    global _depth  # noqa: PLW0603  the settings belong to the process, and so does the count
    with _lock:
        _depth += 1
        if _depth == 1:
            _saved[:] = [getattr(module, name) for module, name, _ in _SETTINGS]
            for module, name, value in _SETTINGS:
                setattr(module, name, value)
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            if _depth == 0:
                _restore()


def _restore() -> None:
    for (module, name, value), before in zip(_SETTINGS, _saved, strict=True):
        if getattr(module, name) == value:
            setattr(module, name, before)


def _after_fork() -> None:
    global _lock, _depth  # noqa: PLW0603  a thread of the parent may have held the lock, or been decoding
    _lock = threading.Lock()
    if _depth:
        _depth = 0
        _restore()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@contextmanager
def opened(data: bytes, formats: tuple[str, ...] | None = None) -> Iterator[ImageFile.ImageFile]:
    """A context with a picture of these bytes, to be decoded inside it.

    Args:
        data: the picture's file.
        formats: the formats that are tried, as Pillow names them; ``None`` tries all.
    """
    with own_settings(), Image.open(io.BytesIO(data), formats=formats) as picture:
        yield picture


def eight_bits(picture: Image.Image) -> Image.Image:
    """A picture of 16 or 32 bits per pixel scaled to 8 (mode ``L``); any other one as it is.

    16 bits are scaled from their whole range. Integers of 32 bits and floats have no usual range, so they are scaled
    from their smallest to their largest value. Pillow's own conversion cuts all values off at 255, so that an ordinary
    picture becomes white.
    """
    is_16 = picture.mode.startswith("I;16")
    if not is_16 and picture.mode not in ("I", "F"):
        return picture
    values = (picture.convert("I") if is_16 else picture).convert("F")
    low, high = (0.0, 65535.0) if is_16 else cast("tuple[float, float]", values.getextrema())
    scale = 255 / (high - low) if math.isfinite(high - low) and high > low else 0.0
    scaled = values.point(lambda value: value * scale - low * scale).convert("L")
    scaled.info.pop("transparency", None)  # a value of the old range
    return scaled
