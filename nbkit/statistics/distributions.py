"""Probabilities of the normal and the t distribution, and scipy for what needs more."""

from __future__ import annotations

import functools
import importlib
import math
from statistics import NormalDist
from typing import Any

from nbkit.errors import NbkitError

NORMAL = NormalDist()


def scipy_stats(what: str) -> Any:
    """``scipy.stats``.

    Args:
        what: needs it, for the message.

    Raises:
        NbkitError: if scipy is not installed.
    """
    try:
        return importlib.import_module("scipy.stats")
    except ImportError:
        raise NbkitError(f'{what} needs scipy: pip install "nbkit[science]"') from None


def t_probability(value: float, freedom: float) -> float:
    """The probability that Student's t is below a value.

    For whole degrees of freedom it is a finite sum of powers of a cosine (Abramowitz and Stegun, 26.7.3 and 26.7.4).

    Args:
        value: any number.
        freedom: degrees of freedom, a whole number from 1 on; ``math.inf`` for the normal distribution.

    Example:
        >>> from nbkit.statistics.distributions import t_probability
        >>> round(t_probability(2.262157, 9), 6)
        0.975
    """
    if math.isinf(freedom):
        return NORMAL.cdf(value)
    count = int(freedom)
    angle = math.atan2(value, math.sqrt(count))
    cosine, sine = math.cos(angle), math.sin(angle)
    term = total = cosine if count % 2 else 1.0
    for power in range(2 + count % 2, count - 1, 2):
        term *= cosine * cosine * (power - 1) / power
        total += term
    if count % 2:
        return 0.5 + (angle + (sine * total if count > 1 else 0.0)) / math.pi
    return 0.5 + 0.5 * sine * total


def t_quantile(probability: float, freedom: float) -> float:
    """The value that Student's t is below with a probability.

    Args:
        probability: between 0 and 1.
        freedom: as in :func:`t_probability`.

    Example:
        >>> from nbkit.statistics.distributions import t_quantile
        >>> round(t_quantile(0.975, 9), 6), round(t_quantile(0.975, float("inf")), 6)
        (2.262157, 1.959964)
    """
    if math.isinf(freedom):
        return NORMAL.inv_cdf(probability)
    low, high = -1.0, 1.0
    while t_probability(low, freedom) > probability:
        low *= 2
    while t_probability(high, freedom) < probability:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if t_probability(middle, freedom) < probability else (low, middle)
    return (low + high) / 2


@functools.lru_cache(maxsize=256)
def range_quantile(alpha: float, settings: int, freedom: float) -> float:
    """What the studentized range exceeds with a probability; it takes a tenth of a second, once.

    Args:
        alpha: the probability.
        settings: how many means there are.
        freedom: degrees of freedom of their standard error; ``math.inf`` for a known one.

    Raises:
        NbkitError: if scipy is not installed.
    """
    return float(scipy_stats("the range of several means").studentized_range.ppf(1 - alpha, settings, freedom))
