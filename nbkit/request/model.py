"""The sizes, limits and prices of ``google:4@3`` (Nano Banana 2), as data.

Sources: sizes, limits and choices are those of the model's page in Runware's API reference. The prices are those of
its published price list, checked against the four example answers of that page (0.06895 USD for a 1K picture; 0.06979
USD for one with three reference images).

Inside nbkit, money is an integer number of **micro-dollars** (1 USD = 1,000,000), so that sums are exact. It is
converted to USD only for display.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

MODEL = "google:4@3"
MODEL_NAME = "Nano Banana 2"
TASK_TYPE = "imageInference"

TIERS = ("0.5K", "1K", "2K", "4K")
DEFAULT_TIER = "1K"
DEFAULT_RATIO = "1:1"

MICRO = 1_000_000
"""Micro-dollars in one US dollar."""

SIZES: dict[str, tuple[tuple[int, int], ...]] = {
    # ratio: (width, height) in pixels for each tier of TIERS, in that order
    "1:1": ((512, 512), (1024, 1024), (2048, 2048), (4096, 4096)),
    "3:2": ((632, 424), (1264, 848), (2528, 1696), (5056, 3392)),
    "2:3": ((424, 632), (848, 1264), (1696, 2528), (3392, 5056)),
    "4:3": ((600, 448), (1200, 896), (2400, 1792), (4800, 3584)),
    "3:4": ((448, 600), (896, 1200), (1792, 2400), (3584, 4800)),
    "4:5": ((464, 576), (928, 1152), (1856, 2304), (3712, 4608)),
    "5:4": ((576, 464), (1152, 928), (2304, 1856), (4608, 3712)),
    "9:16": ((384, 688), (768, 1376), (1536, 2752), (3072, 5504)),
    "16:9": ((688, 384), (1376, 768), (2752, 1536), (5504, 3072)),
    # For 0.5K, 792x168 is the published size, although its ratio is not 21:9.
    "21:9": ((792, 168), (1584, 672), (3168, 1344), (6336, 2688)),
    "4:1": ((1024, 256), (2048, 512), (4096, 1024), (8192, 2048)),
    "1:4": ((256, 1024), (512, 2048), (1024, 4096), (2048, 8192)),
    "8:1": ((1536, 192), (3072, 384), (6144, 768), (12288, 1536)),
    "1:8": ((192, 1536), (384, 3072), (768, 6144), (1536, 12288)),
}

RATIOS = tuple(SIZES)

_RATIO_AND_TIER_OF_SIZE = {size: (ratio, TIERS[i]) for ratio, sizes in SIZES.items() for i, size in enumerate(sizes)}

PRICE_PER_IMAGE = {"0.5K": 46_570, "1K": 68_950, "2K": 102_550, "4K": 152_950}
"""Micro-dollars for one image, by tier."""

PRICE_PER_REFERENCE = 280
"""Micro-dollars that each reference image adds to the price of each result."""

PRICE_PER_SEARCH = 140_000
"""List price of a grounded search, in micro-dollars. In the API reference, the example with a web search cost no more
than one without, so the price of a request with a search is a range."""

MAX_SEED = 2**63 - 1
"""The API reference prints 9223372036854776000, which is this number rounded to a JavaScript double."""

RANDOM_SEED_BITS = 31
"""The seeds that nbkit draws itself, in a panel and in the offline engine, have so many bits: the API references of the
family's other models allow seeds up to 2**31 - 1. The service draws unsigned integers of 32 bits for requests without a seed (API reference)."""

MAX_RESULTS = 20
MAX_REFERENCES = 14


@dataclass(frozen=True, slots=True)
class Price:
    """What a request may cost, in micro-dollars.

    Attributes:
        low: the least it may cost.
        high: the most it may cost; equal to ``low`` if the price is certain.
    """

    low: int
    high: int

    def __add__(self, other: Price) -> Price:
        return Price(self.low + other.low, self.high + other.high)


def size_of(ratio: str, tier: str) -> tuple[int, int]:
    """Width and height in pixels of an aspect ratio at a tier.

    Raises:
        KeyError: if the ratio is not in the table.
        ValueError: if the tier is not.
    """
    return SIZES[ratio][TIERS.index(tier)]


def ratio_and_tier(width: int, height: int) -> tuple[str, str] | None:
    """The ``(ratio, tier)`` of a size of the table, or ``None`` for any other size."""
    return _RATIO_AND_TIER_OF_SIZE.get((width, height))


def nearest_size(width: int | None, height: int | None) -> tuple[int, int]:
    """The size of the table that is closest to a width and a height in pixels.

    With both, shape counts more than area: 1920x1080 means a wide picture first, and about two million pixels second.
    With one of them, it is the size whose width (or height) is closest to it, and of several such sizes the one that is
    nearest to a square.
    """
    sizes = list(_RATIO_AND_TIER_OF_SIZE)
    if width is None or height is None:
        side, axis = (height or 0, 1) if width is None else (width, 0)
        return min(sizes, key=lambda s: (abs(s[axis] - side), abs(math.log(s[0] / s[1])), s))
    w, h = max(width, 1), max(height, 1)

    def distance(size: tuple[int, int]) -> float:
        shape = abs(math.log(size[0] / size[1]) - math.log(w) + math.log(h))
        area = abs(math.log(size[0] * size[1]) - math.log(w * h))
        return 2 * shape + area

    return min(sizes, key=lambda s: (distance(s), s))


def tier_of_pixels(width: int, height: int) -> str:
    """The tier whose square picture is closest to a size in area; it gives the price of a size outside the table."""
    pixels = max(width * height, 1)
    return min(TIERS, key=lambda tier: abs(math.log(math.prod(size_of(DEFAULT_RATIO, tier))) - math.log(pixels)))


def price(*, tiers: tuple[str, ...], results: int, references: int, searches: int) -> Price:
    """The list price of a request.

    Args:
        tiers: the tiers that the picture may have; more than one if the size follows a reference image.
        results: number of images.
        references: number of reference images.
        searches: number of grounded searches that are on (0, 1 or 2).

    Returns:
        The least and the most it may cost, in micro-dollars. The least has no search, the most has all of them.
    """
    per_tier = [PRICE_PER_IMAGE[tier] for tier in tiers]
    extra = PRICE_PER_REFERENCE * references
    return Price(
        low=results * (min(per_tier) + extra),
        high=results * (max(per_tier) + extra + PRICE_PER_SEARCH * searches),
    )
