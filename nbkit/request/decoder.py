"""Opening a picture the same way everywhere, whatever a notebook has set in Pillow.

Pillow's settings are global to the process: one that accepts cut files would make half a download count as whole, and a
lowered limit of pixels would refuse an ordinary picture. While nbkit decodes, its own settings are in force.
"""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
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
    """A picture of 16 or 32 bits per pixel scaled to 8 (mode ``L``, see :func:`eight_bit_levels`); any other one as it is.

    Pillow's own conversion cuts all values off at 255, so that an ordinary picture becomes white.
    """
    if not picture.mode.startswith("I;16") and picture.mode not in ("I", "F"):
        return picture
    return Image.fromarray(eight_bit_levels(np.asarray(picture)))


def eight_bit_levels(values: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Values of any range as levels from 0 (black) to 255 (white).

    - ``bool`` is black and white; 8 bits stay as they are.
    - 16 bits are scaled from their whole range if a value reaches a sixteenth of it, 4096. Otherwise, as with the 12 bits
      of a camera, and with 32 bits and floats:
    - values from 0 to 1 are scaled from that range, other values from 0 to 255 stay;
    - any other range is stretched: the smallest value is black, the largest one white.

    ``nan`` counts as the smallest value, and an infinite one as the smallest or largest.
    """
    if values.dtype in (np.bool_, np.uint8):
        return np.where(values, np.uint8(255), np.uint8(0)) if values.dtype == np.bool_ else values
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    ends = low, high
    if values.dtype.itemsize == 2 and values.dtype.kind == "u" and (high >= 4096 or low == high):
        low, high = 0.0, 65535.0
    elif low >= 0 and high <= 255:
        low, high = 0.0, 1.0 if high <= 1 else 255.0
    scale = 255 / (high - low) if high > low else 0.0
    numbers = np.nan_to_num(values.astype(np.float64), nan=ends[0], posinf=ends[1], neginf=ends[0])
    levels: np.ndarray[Any, np.dtype[np.uint8]] = np.rint((numbers - low) * scale).astype(np.uint8)
    return levels
