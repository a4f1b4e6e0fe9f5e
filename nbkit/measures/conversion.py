"""Writing a picture in another format, without losing what can be seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image

from nbkit.errors import RequestError
from nbkit.measures.facts import SUFFIXES
from nbkit.measures.preview import flatten
from nbkit.request.decoder import eight_bits

_USUAL = {".jpeg": ".jpg", ".jpe": ".jpg", ".jfif": ".jpg", ".tif": ".tiff", ".heif": ".heic"}
"""Other spellings of a suffix."""

_OPTIONS: dict[str, dict[str, Any]] = {
    ".jpg": {"quality": 95, "subsampling": "4:4:4"},
    ".webp": {"quality": 95},
    ".avif": {"quality": 95, "subsampling": "4:4:4"},
}
"""By suffix; the defaults of Pillow are made for small files."""

_OPAQUE = (".jpg", ".bmp", ".pdf", ".ppm")
"""Formats without transparency."""


def usual_suffix(suffix: str) -> str:
    """A suffix in its usual spelling: ``.jpg`` for ``.JPEG``."""
    return _USUAL.get(suffix.lower(), suffix.lower())


def is_picture_suffix(suffix: str) -> bool:
    """Whether files with this suffix are pictures, of whatever format; ``.7`` is none."""
    return usual_suffix(suffix) in SUFFIXES.values() or suffix.lower() in Image.registered_extensions()


def write_converted(picture: Image.Image, target: Path) -> None:
    """Write a picture in the format that the suffix of a file names.

    Raises:
        RequestError: for a format that Pillow cannot write.
        OSError: if the file cannot be written.
    """
    suffix = usual_suffix(target.suffix)
    is_kept = suffix == ".tiff" or (suffix == ".png" and picture.mode.startswith("I;16"))
    if not is_kept:
        picture = flatten(picture) if suffix in _OPAQUE or picture.mode == "CMYK" else eight_bits(picture)
    try:
        picture.save(target, **_OPTIONS.get(suffix, {}))
    except (OSError, ValueError, KeyError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        example = target.with_suffix(".png").name
        message = f"path: a picture cannot be written as {target.suffix} ({error}); image.save({example!r}) can"
        raise RequestError(message, parameter="path", value=str(target), reason="format", suggestion=example) from None
