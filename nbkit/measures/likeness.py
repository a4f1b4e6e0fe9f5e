"""How far two pictures are apart: the same file, the same pixels, nearly the same, or different.

Equal bytes and equal pixels are decided on the whole of both pictures. Any other difference is measured on both at
:data:`REDUCED` pixels, over red, green and blue, where the noise of an encoder hardly counts. Since a small change in one
place would vanish in an average, the place that differs most is measured too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image, ImageChops

from nbkit.errors import NoImage
from nbkit.measures.preview import fitted_size, reduced
from nbkit.request.decoder import eight_bits

REDUCED = 256
"""Pixels on the long side at which pictures are measured."""

NEARLY_EQUAL = 0.02
"""Mean difference of the colours, as a share of their range, up to which two pictures are nearly equal. A JPEG of quality
20, the lowest that the API makes, differs from its original by at most 0.018 (measured on the offline engine's pictures) …"""

NEARLY_EQUAL_ANYWHERE = 0.05
"""… if the part of the picture that differs most does not exceed this. There are 64 parts."""

SAME_SHAPE = 0.02
"""Two pictures whose ratios of width to height differ by more are not measured."""

_GRID = 8
_DOWN, _ACROSS = ("upper", "middle", "lower"), ("left", "centre", "right")


class Picture(Protocol):
    """What is compared, such as a :class:`~nbkit.GeneratedImage`."""

    @property
    def sha256(self) -> str:
        """Of its bytes."""

    @property
    def width(self) -> int | None:
        """In pixels, if it is known."""

    @property
    def height(self) -> int | None:
        """In pixels, if it is known."""

    @property
    def media_type(self) -> str:
        """Such as ``image/png``."""

    @property
    def bytes(self) -> bytes:
        """Its file."""

    @property
    def pil(self) -> Image.Image:
        """Its pixels."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """How far a picture is from the first one.

    Attributes:
        word: ``same file``, ``equal pixels``, ``nearly equal``, ``different`` or ``not compared``.
        sentence: the details, with numbers.
        mean: mean difference of the colours, 0 to 1; ``None`` where nothing was measured.
        largest: the same for the part of the picture that differs most.
    """

    word: str
    sentence: str = ""
    mean: float | None = None
    largest: float | None = None


def likeness(first: Picture, other: Picture) -> Likeness:
    """How far a picture is from the first one.

    Raises:
        NoImage: if a file cannot be read.
    """
    if first.sha256 == other.sha256:
        return Likeness("same file", "every byte is the same", 0.0, 0.0)
    (width, height), (other_width, other_height) = _size(first), _size(other)
    sizes = _what_differs(f"{other_width}x{other_height}", f"{width}x{height}")
    if abs(width * other_height / (height * other_width) - 1) > SAME_SHAPE:
        return Likeness("different", f"another shape: {sizes}")
    mean, largest, where = _measure(first, other, fitted_size(width, height, REDUCED))
    if not sizes and mean <= NEARLY_EQUAL and _pixels(first) == _pixels(other):
        formats = _what_differs(_format(other), _format(first))
        sentence = "every pixel is the same, in another file" + (f" ({formats})" if formats else "")
        return Likeness("equal pixels", sentence, 0.0, 0.0)
    sentence = f"colours differ by {_percent(mean)} on average, by {_percent(largest)} in the {where}"
    is_near = mean <= NEARLY_EQUAL and largest <= NEARLY_EQUAL_ANYWHERE
    sentence = "; ".join(filter(None, (sizes, sentence)))
    return Likeness("nearly equal" if is_near else "different", sentence, mean, largest)


def _size(image: Picture) -> tuple[int, int]:
    if image.width is None or image.height is None:
        raise NoImage("the size of a picture is not known")
    return image.width, image.height


def _measure(first: Picture, other: Picture, target: tuple[int, int]) -> tuple[float, float, str]:
    """The mean difference at a size, the largest difference of a part, and where that part is."""
    difference = ImageChops.difference(reduced(first.bytes, target), reduced(other.bytes, target))
    across, down = min(_GRID, target[0]), min(_GRID, target[1])
    pixels = np.asarray(difference).mean(axis=2) / 255
    bands = np.array_split(pixels, down)
    parts = np.array([[part.mean() for part in np.array_split(band, across, axis=1)] for band in bands])
    y, x = divmod(int(parts.argmax()), across)
    where = f"{_DOWN[y * 3 // down]} {_ACROSS[x * 3 // across]}"
    return float(pixels.mean()), float(parts.max()), "middle" if where == "middle centre" else where


def _pixels(image: Picture) -> bytes:
    picture = image.pil
    if eight_bits(picture) is not picture:  # a conversion to 8 bits would lose what differs
        return picture.convert("F").tobytes()
    return (picture if picture.mode == "RGBA" else picture.convert("RGBA")).tobytes()


def _percent(share: float) -> str:
    """Two digits at most: a third one would differ between decoders."""
    if share < 0.0005:
        return "less than 0.1 %"
    return f"{share * 100:.1f} %" if share < 0.0195 else f"{share * 100:.0f} %"


def _what_differs(other: str, first: str) -> str:
    return "" if other == first else f"{other}, not {first}"


def _format(image: Picture) -> str:
    return image.media_type.removeprefix("image/").upper()
