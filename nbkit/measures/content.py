"""A picture's own pixels: scaled, in RGB, and without the line of settings that the offline engine writes into it."""

from __future__ import annotations

import io

from PIL import Image

from nbkit.measures.facts import header_size
from nbkit.measures.preview import fitted_size, reduced
from nbkit.request.footer import footer_of

_BLEED = 2
"""Pixels above the footer that take some of its colour when a picture is scaled."""


UNKNOWN_FOOTER = 0.1
"""Share of the height that is cut from an offline picture whose file does not say where the line stands."""

_QUALITY = 85


def content_of(data: bytes, size: int) -> Image.Image:
    """A picture in RGB, at most ``size`` pixels on its long side, never enlarged, with transparency over white.

    What is measured must not depend on the footer of an offline picture, which prints the settings: it is cut off.

    Args:
        data: the picture's file.
        size: pixels on the long side of the whole picture.

    Raises:
        NoImage: if it cannot be decoded.
    """
    width, height = header_size(data)
    small = reduced(data, fitted_size(width, height, size))
    footer = footer_of(data)
    if footer is None or footer[1] < height / 2:  # no footer of nbkit's is half a picture: its metadata is another's
        return small
    scale = small.height / height
    bottom = footer[1] if scale == 1 else max(1, int(footer[1] * scale) - _BLEED)
    return small.crop((0, 0, small.width, bottom))


def content_jpeg(data: bytes, size: int, *, is_offline: bool) -> bytes:
    """A JPEG of a picture's own pixels, without metadata: it tells nothing of how the picture was made.

    Args:
        data: the picture's file.
        size: pixels on the long side of the whole picture.
        is_offline: whether the offline engine made it. An earlier one did not say where its line of settings stands.

    Raises:
        NoImage: if it cannot be decoded.
    """
    picture = content_of(data, size)
    if is_offline and footer_of(data) is None:
        picture = picture.crop((0, 0, picture.width, max(1, int(picture.height * (1 - UNKNOWN_FOOTER)))))
    picture.info.clear()  # Pillow would write a comment of the file into the new one
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()
