"""Which differences a number of seeds can show, before any picture is paid for."""

from __future__ import annotations

import functools
import math
import numbers
from typing import Any

import numpy as np

from nbkit.errors import RequestError
from nbkit.statistics.distributions import scipy_stats

MOST_SEEDS = 1_000
POINTS = 20_000
"""Values over which the power is averaged; the fourth digit depends on them."""
_WHAT = "the power of a comparison"


def power(settings: int, seeds: int, gap: float, alpha: float = 0.05) -> float:
    """The probability that one given pair of settings is told apart.

    Tukey's range over all pairs, with the seeds as blocks: the difference of two means over its standard error has a
    noncentral t distribution with (settings - 1)(seeds - 1) degrees of freedom.

    Args:
        settings: that are compared, 2 or more.
        seeds: each setting is seen with, 2 or more.
        gap: between the two, in standard deviations of the noise.
        alpha: how often some pair may be called different although none is.

    Raises:
        RequestError: for fewer than two settings or seeds.
        NbkitError: if scipy is not installed.

    Example:
        >>> from nbkit.statistics import power
        >>> round(power(settings=2, seeds=18, gap=1.0), 2)
        0.81
    """
    if not _is_number(gap) or not 0 <= gap < math.inf:
        raise RequestError(f"gap={gap!r}: must be 0 or more, in standard deviations", parameter="gap", value=gap)
    limit = _limit(settings, seeds, alpha)
    freedom, shift = (settings - 1) * (seeds - 1), gap * math.sqrt(seeds / 2)
    # A noncentral t is beyond a limit with the chance that a normal number is beyond the limit times the estimated sd,
    # averaged over what that may be. scipy's own function of it is not a number where the shift is large.
    above = limit * _estimated_sds(freedom)
    normal = scipy_stats(_WHAT).norm.cdf
    return float(np.mean(normal(shift - above) + normal(-shift - above)))


@functools.lru_cache(maxsize=256)
def _estimated_sds(freedom: int) -> np.ndarray[Any, Any]:
    """Equally likely values of a standard deviation that is 1 and is estimated from so many degrees of freedom."""
    chances = (np.arange(POINTS) + 0.5) / POINTS
    values: np.ndarray[Any, Any] = np.sqrt(scipy_stats(_WHAT).chi2.ppf(chances, freedom) / freedom)
    return values


@functools.lru_cache(maxsize=1024)
def _limit(settings: int, seeds: int, alpha: float) -> float:
    """What the t of a pair has to exceed, with all pairs looked at; it takes a tenth of a second."""
    for name, value in (("settings", settings), ("seeds", seeds)):
        if not _is_number(value) or value < 2 or value % 1:
            message = f"{name}={value!r}: must be a whole number from 2 on"
            raise RequestError(message, parameter=name, value=value)
    _check_share("alpha", alpha)
    ranges = scipy_stats(_WHAT).studentized_range
    return float(ranges.ppf(1 - alpha, settings, (settings - 1) * (seeds - 1))) / math.sqrt(2)


def seeds_needed(settings: int, gap: float, power: float = 0.8, alpha: float = 0.05) -> int:
    """How many seeds each setting has to be seen with, so that a gap is told apart.

    Args:
        settings: that are compared, 2 or more.
        gap: between one given pair, in standard deviations of the noise.
        power: the probability with which it is to be seen.
        alpha: how often some pair may be called different although none is.

    Raises:
        RequestError: for a gap that is not above 0, or that more than a thousand seeds do not show.
        NbkitError: if scipy is not installed.

    Example:
        >>> from nbkit.statistics import seeds_needed
        >>> [seeds_needed(settings=8, gap=gap) for gap in (1, 1.5, 2, 3)]
        [31, 14, 9, 5]
    """
    _check_share("power", power)
    if not _is_number(gap) or not 0 < gap < math.inf:
        raise RequestError(f"gap={gap!r}: must be above 0, in standard deviations", parameter="gap", value=gap)
    low, high = 1, 2  # low is too few, high may be enough
    while _power(settings, high, gap, alpha) < power:
        low, high = high, high * 2
        if low > MOST_SEEDS:
            message = f"gap={gap!r}: more than {MOST_SEEDS:,} seeds would be needed"
            raise RequestError(message, parameter="gap", value=gap)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _power(settings, middle, gap, alpha) >= power else (middle, high)
    return high


def smallest_gap(settings: int, seeds: int, power: float = 0.8, alpha: float = 0.05) -> float:
    """The smallest gap between one given pair that is told apart, in standard deviations of the noise.

    Args:
        settings: that are compared, 2 or more.
        seeds: each setting is seen with, 2 or more.
        power: the probability with which it is to be seen.
        alpha: how often some pair may be called different although none is.

    Raises:
        RequestError: for fewer than two settings or seeds.
        NbkitError: if scipy is not installed.

    Example:
        >>> from nbkit.statistics import smallest_gap
        >>> round(smallest_gap(settings=8, seeds=14), 2)
        1.5
    """
    _check_share("power", power)
    low, high = 0.0, 1.0
    while _power(settings, seeds, high, alpha) < power:
        low, high = high, high * 2
    while high - low > 1e-4:
        middle = (low + high) / 2
        low, high = (low, middle) if _power(settings, seeds, middle, alpha) >= power else (middle, high)
    return high


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _check_share(name: str, value: float) -> None:
    if not _is_number(value) or not 0 < value < 1:
        raise RequestError(f"{name}={value!r}: must be between 0 and 1", parameter=name, value=value)


_power = power
