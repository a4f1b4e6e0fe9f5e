"""Where the offline engine's line of settings stands in a picture: the picture's file says so in its metadata."""

from __future__ import annotations

import re
import warnings

from PIL import ExifTags, Image

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
        data: the picture's file; its pixels are not decoded.
    """
    exif = Image.Exif()
    try:
        with warnings.catch_warnings(action="ignore"), opened(data, ("JPEG", "PNG", "WEBP")) as picture:
            exif.load(picture.info.get("exif") or b"")  # getexif() would decode a PNG without metadata
            words, size = exif.get(ExifTags.Base.Software), picture.size
    except Exception:  # noqa: BLE001 - for a damaged file, Pillow raises almost any exception
        return None
    found = _WORDS.fullmatch(words) if isinstance(words, str) else None
    if found is None:
        return None
    left, top, right, bottom = (int(number) for number in found.groups())
    is_inside = left < right <= size[0] and top < bottom <= size[1]
    return (left, top, right, bottom) if is_inside else None
