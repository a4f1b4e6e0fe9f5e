"""Where the offline engine's line of settings stands in a picture: the picture's file says so in its metadata."""

from __future__ import annotations

import re

from PIL import ExifTags, Image

from nbkit.errors import NoImage
from nbkit.request.decoder import opened

Box = tuple[int, int, int, int]
"""Left, upper, right and lower edge in pixels, as ``PIL.Image.crop`` takes them."""

_WORDS = re.compile(r"nbkit offline engine; footer (\d{1,6}) (\d{1,6}) (\d{1,6}) (\d{1,6})")


def exif_of(box: Box) -> Image.Exif:
    """The metadata of a picture with such a footer; JPG, PNG and WEBP have a place for it."""
    exif = Image.Exif()
    exif[ExifTags.Base.Software] = f"nbkit offline engine; footer {' '.join(map(str, box))}"
    return exif


def footer_of(data: bytes) -> Box | None:
    """Where the footer stands in a picture of the offline engine; ``None`` for any other picture.

    Args:
        data: the picture's file; only its metadata is read.
    """
    try:
        with opened(data) as picture:
            words, size = picture.getexif().get(ExifTags.Base.Software), picture.size
    except (NoImage, OSError, ValueError, SyntaxError, KeyError, TypeError, EOFError):
        return None
    found = _WORDS.fullmatch(words) if isinstance(words, str) else None
    if found is None:
        return None
    left, top, right, bottom = (int(number) for number in found.groups())
    is_inside = left < right <= size[0] and top < bottom <= size[1]
    return (left, top, right, bottom) if is_inside else None
