"""A small JPEG of a picture, light enough for a notebook."""

from __future__ import annotations

import io

from PIL import Image

from nbkit.measures.facts import decoded, header_size
from nbkit.request.decoder import eight_bits

PREVIEW_SIZE = 384
"""Pixels on the long side of a preview."""

PREVIEW_BYTES = 26_000
"""Limit for a preview: a hundred of them, in base64, keep a notebook under 4 MB."""

PREVIEWS_BYTES = 1_900_000
"""Limit for all previews of one output together: with base64 and labels they stay under 3 MB."""

_SIZES = ((16, 256), (64, 192), (150, 160), (600, 96), (1000, 64))
_SMALLEST = 48
"""Pixels on the long side of a preview, up to a number of pictures in one output; and for more of them."""

_QUALITIES = (82, 72, 60, 45, 30, 20, 10)
"""JPEG qualities, tried one after the other until the preview is small enough."""


def make_preview(data: bytes, size: int = PREVIEW_SIZE, max_bytes: int | None = None) -> bytes:
    """A small JPEG of a picture.

    Args:
        data: the picture's file.
        size: pixels on the long side, at most; a small picture is not enlarged.
        max_bytes: of the JPEG; by default :data:`PREVIEW_BYTES`, more for larger sizes.

    Raises:
        NoImage: if the picture cannot be decoded.
    """
    limit = PREVIEW_BYTES * max(1.0, (size / PREVIEW_SIZE) ** 2) if max_bytes is None else max_bytes
    small = reduced(data, fitted_size(*header_size(data), size))
    for quality in _QUALITIES:
        out = io.BytesIO()
        small.save(out, "JPEG", quality=quality, optimize=True)
        if out.tell() <= limit:
            break
    return out.getvalue()


def size_among(pictures: int) -> int:
    """Pixels on the long side of a preview in an output with so many pictures: the more, the smaller."""
    return next((size for limit, size in _SIZES if pictures <= limit), _SMALLEST)


def fitted_size(width: int, height: int, limit: int) -> tuple[int, int]:
    """A size scaled down until its long side has at most ``limit`` pixels; never scaled up."""
    scale = min(1.0, limit / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def reduced(data: bytes, target: tuple[int, int]) -> Image.Image:
    """A picture in RGB, scaled to exactly that size, with transparency over white.

    Raises:
        NoImage: if it cannot be decoded.
    """
    with decoded(data) as picture:
        picture.draft("RGB", target)  # lets the JPEG decoder do most of the scaling
        return flatten(picture).resize(target, Image.Resampling.LANCZOS, reducing_gap=2.0)


def flatten(picture: Image.Image) -> Image.Image:
    """A picture in RGB, with transparency over white."""
    picture = eight_bits(picture)
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        layered = picture.convert("RGBA")
        ground = Image.new("RGB", layered.size, "white")
        ground.paste(layered, mask=layered.getchannel("A"))
        return ground
    return picture.convert("RGB")
