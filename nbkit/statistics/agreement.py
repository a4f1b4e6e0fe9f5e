"""How far raters agree, and whether two shares differ: both from counts alone."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence

from nbkit.errors import RequestError


def krippendorff_alpha(units: Iterable[Sequence[Hashable]]) -> float:
    """Krippendorff's alpha for names without an order: 1 is full agreement, 0 what chance gives.

    Source: K. Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), section on nominal data with missing
    values.

    Args:
        units: for each unit, such as a pair of pictures, what its raters said. One that a single rater judged counts for
            nothing.

    Returns:
        The alpha; ``nan`` where no unit has two raters. If all said the same everywhere, 1.

    Example:
        >>> from nbkit.statistics import krippendorff_alpha
        >>> round(krippendorff_alpha(["ab", "aa", "bb", "bb", "db", "cc", "cc", "cc", "ee", "dd", "dd", "ad"]), 3)
        0.692
    """
    coincidences: defaultdict[tuple[Hashable, Hashable], float] = defaultdict(float)
    for said in units:
        if len(said) > 1:
            counts = Counter(said)
            for one, ones in counts.items():
                for other, others in counts.items():
                    coincidences[one, other] += ones * (others - (one == other)) / (len(said) - 1)
    totals: defaultdict[Hashable, float] = defaultdict(float)
    for (one, _), weight in coincidences.items():
        totals[one] += weight
    everything = sum(totals.values())
    if not everything:
        return math.nan
    observed = sum(weight for (one, other), weight in coincidences.items() if one != other)
    expected = (everything**2 - sum(weight**2 for weight in totals.values())) / (everything - 1)
    return 1.0 if not expected else 1 - observed / expected


def fisher_exact(hits: tuple[int, int], totals: tuple[int, int]) -> float:
    """The two-sided p of Fisher's exact test: whether two shares, such as those of refused requests, differ.

    Args:
        hits: in each of two groups.
        totals: sizes of the groups.

    Raises:
        RequestError: for counts that are not between 0 and the size of their group.

    Example:
        >>> from nbkit.statistics import fisher_exact
        >>> round(fisher_exact((4, 0), (8, 8)), 4), round(fisher_exact((5, 0), (8, 8)), 4)
        (0.0769, 0.0256)
    """
    if not all(0 <= hit <= total for hit, total in zip(hits, totals, strict=True)):
        message = f"hits={hits!r}: each must be from 0 to the size of its group, {totals!r}"
        raise RequestError(message, parameter="hits", value=hits)
    every, (first, second) = sum(hits), totals

    def ways(in_first: int) -> int:
        return math.comb(first, in_first) * math.comb(second, every - in_first)

    given = ways(hits[0])
    possible = range(max(0, every - second), min(first, every) + 1)
    return sum(ways(number) for number in possible if ways(number) <= given) / math.comb(first + second, every)
