"""Where the offline engine's line of settings stands in a picture: the picture's file says so in its metadata."""

from __future__ import annotations

import re
import warnings

from PIL import ExifTags, Image

from nbkit.request.decoder import opened
from nbkit.request.pixels import EXIF, pixels_only

Box = tuple[int, int, int, int]
"""Left, upper, right and lower edge in pixels, as ``PIL.Image.crop`` takes them."""

_HEAD = b"Exif\x00\x00"
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
    return _read(data)[0]


def has_footer_alone(data: bytes) -> bool:
    """Whether a picture has no metadata but where its footer stands, so that nothing private is in it."""
    box, raw = _read(data)
    plain = b"" if box is None else exif_of(box).tobytes()
    return (
        box is not None
        and raw.removeprefix(_HEAD) == plain.removeprefix(_HEAD)
        and pixels_only(data, also=EXIF) == data
    )


def _read(data: bytes) -> tuple[Box | None, bytes]:
    """Returns the footer's place, and the metadata that it is from."""
    exif, raw = Image.Exif(), b""
    try:
        with warnings.catch_warnings(action="ignore"), opened(data, ("JPEG", "PNG", "WEBP")) as picture:
            raw = picture.info.get("exif") or b""  # getexif() would decode a PNG without metadata
            exif.load(raw)
            words, size = exif.get(ExifTags.Base.Software), picture.size
    except Exception:  # noqa: BLE001 - for a damaged file, Pillow raises almost any exception
        return None, b""
    found = _WORDS.fullmatch(words) if isinstance(words, str) else None
    if found is None:
        return None, b""
    left, top, right, bottom = (int(number) for number in found.groups())
    is_inside = left < right <= size[0] and top < bottom <= size[1]
    return (left, top, right, bottom) if is_inside else None, raw
