"""How like two pictures are: the same file, the same pixels, nearly the same, or different.

Exact sameness is judged on the whole of both. What is said beyond it is measured on both at :data:`REDUCED` pixels,
over red, green and blue: a glance's worth, which an encoder's noise hardly moves. A small change in one place would
drown in an average, so the place that differs most has a say of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image, ImageChops, ImageStat

from nbkit.image import GeneratedImage, reduced, shown_size

REDUCED = 256
"""Pixels on the long side at which pictures are measured."""

NEARLY = 0.02
"""Pictures whose colours differ by no more on average, as a share of their range, are nearly equal: as much as a JPEG
of quality 20, the lowest that the API makes, differs from its original (0.018 at most, measured on the offline engine's) …"""

NEARLY_ANYWHERE = 0.05
"""… if no sixty-fourth of the picture differs by more than this."""

SHAPE = 0.02
"""Two pictures whose ratios of width to height differ by more have another shape, and are not measured."""

_GRID = 8
_DOWN, _ACROSS = ("upper", "middle", "lower"), ("left", "centre", "right")


@dataclass(frozen=True, slots=True)
class Likeness:
    """How like the first a picture is.

    Attributes:
        word: ``same file``, ``equal pixels``, ``nearly equal``, ``different`` or ``not compared``.
        sentence: what is meant by it, with its numbers.
        mean: how far the colours differ on average, 0 to 1; ``None`` where nothing was measured.
        most: the same for the sixty-fourth of the picture that differs most.
    """

    word: str
    sentence: str = ""
    mean: float | None = None
    most: float | None = None


def likeness(first: GeneratedImage, other: GeneratedImage) -> Likeness:
    """How like the first another picture is.

    Raises:
        NoImage: if a file cannot be read.
    """
    if first.sha256 == other.sha256:
        return Likeness("same file", "equal byte for byte", 0.0, 0.0)
    sizes = "" if _size(first) == _size(other) else f"{_told(other)}, not {_told(first)}"
    if abs(first.width * other.height / (first.height * other.width) - 1) > SHAPE:
        return Likeness("different", f"another shape: {sizes}")
    mean, most, where = _measured(first, other)
    if not sizes and mean <= NEARLY and _pixels(first) == _pixels(other):
        return Likeness("equal pixels", f"every pixel is equal, in another file{_formats(first, other)}", 0.0, 0.0)
    words = f"colours differ by {_percent(mean)} of their range on average"
    words += f", by {_percent(most)} where most ({where})"
    nearly = mean <= NEARLY and most <= NEARLY_ANYWHERE
    return Likeness("nearly equal" if nearly else "different", "; ".join(filter(None, (sizes, words))), mean, most)


def _measured(first: GeneratedImage, other: GeneratedImage) -> tuple[float, float, str]:
    """Mean difference, the largest in any place, and that place in words."""
    target = shown_size(first.width, first.height, REDUCED)
    difference = ImageChops.difference(reduced(first.bytes, target), reduced(other.bytes, target))
    across, down = min(_GRID, target[0]), min(_GRID, target[1])
    left, top = (
        [round(i * size / cells) for i in range(cells + 1)] for size, cells in zip(target, (across, down), strict=True)
    )
    places = {
        (x, y): _mean(difference.crop((left[x], top[y], left[x + 1], top[y + 1])))
        for y in range(down)
        for x in range(across)
    }
    (x, y), most = max(places.items(), key=lambda place: place[1])
    where = f"{_DOWN[y * 3 // down]} {_ACROSS[x * 3 // across]}"
    return _mean(difference), most, "the middle" if where == "middle centre" else where


def _mean(difference: Image.Image) -> float:
    channels = ImageStat.Stat(difference).mean
    return sum(channels) / len(channels) / 255


def _pixels(image: GeneratedImage) -> bytes:
    picture = image.pil
    return (picture if picture.mode == "RGBA" else picture.convert("RGBA")).tobytes()


def _percent(share: float) -> str:
    """Two digits at most: more would tell one decoder from another and no picture from another."""
    if share < 0.0005:
        return "less than 0.1 %"
    return f"{share * 100:.1f} %" if share < 0.0195 else f"{share * 100:.0f} %"


def _size(image: GeneratedImage) -> tuple[int, int]:
    return image.width, image.height


def _told(image: GeneratedImage) -> str:
    return f"{image.width}x{image.height}"


def _formats(first: GeneratedImage, other: GeneratedImage) -> str:
    kinds = [image.media_type.removeprefix("image/").upper() for image in (first, other)]
    return f" ({kinds[1]}, not {kinds[0]})" if kinds[0] != kinds[1] else ""
