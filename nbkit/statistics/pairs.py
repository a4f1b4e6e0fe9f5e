"""The mean of all pairs of some things, and how far it is known: pairs share their things, so they are not so many facts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from nbkit.errors import RequestError
from nbkit.statistics.distributions import t_quantile


@dataclass(frozen=True, eq=False)
class PairwiseMean:
    """The mean over all pairs of n things, a U-statistic, with its jackknife.

    Of n pictures there are n (n - 1) / 2 pairs, and each picture is in n - 1 of them: an interval that takes pairs for
    independent is far too narrow. The jackknife leaves out one thing at a time, with all its pairs. (Arvesen, "Jackknifing
    U-statistics", Annals of Mathematical Statistics 40, 1969; the pseudo-values are Tukey's, 1958.)

    Attributes:
        mean: over all pairs; ``nan`` for fewer than two things.
        pseudo_values: one for each thing, whose mean is :attr:`mean` and whose differences are its uncertainty: n times the
            mean less n - 1 times the mean without that thing. Empty for fewer than three things.

    Example:
        >>> from nbkit.statistics import pairwise_mean
        >>> found = pairwise_mean([[1.0, 0.8, 0.6], [0.8, 1.0, 0.4], [0.6, 0.4, 1.0]])
        >>> round(found.mean, 6), [round(float(value), 6) for value in found.pseudo_values]
        (0.6, [1.0, 0.6, 0.2])
    """

    mean: float
    pseudo_values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]

    @property
    def se(self) -> float:
        """The standard error of the mean; ``nan`` for fewer than three things."""
        number = len(self.pseudo_values)
        return float(self.pseudo_values.std(ddof=1)) / math.sqrt(number) if number else math.nan

    def interval(self, alpha: float = 0.05) -> tuple[float, float]:
        """The interval of the mean, by Student's t with n - 1 degrees of freedom; ``nan`` for fewer than three things.

        Args:
            alpha: how often it may miss the mean of all pairs that there could be.
        """
        if not len(self.pseudo_values):
            return math.nan, math.nan
        reach = t_quantile(1 - alpha / 2, len(self.pseudo_values) - 1) * self.se
        return self.mean - reach, self.mean + reach


def pairwise_mean(table: ArrayLike) -> PairwiseMean:
    """The mean of all pairs.

    Args:
        table: a value for each two things, shape (n, n), the same both ways; the diagonal takes no part.

    Raises:
        RequestError: for a table of another shape.

    Example:
        >>> from nbkit.statistics import pairwise_mean
        >>> pairwise_mean([[0, 2, 4], [2, 0, 6], [4, 6, 0]]).mean
        4.0
    """
    values = np.array(table, dtype=np.float64)
    if values.ndim != 2 or values.shape[0] != values.shape[1]:
        message = f"table: must have as many rows as columns, got the shape {values.shape}"
        raise RequestError(message, parameter="table", value=table, reason="shape")
    number = len(values)
    np.fill_diagonal(values, 0.0)
    if number < 2:
        return PairwiseMean(math.nan, np.array([]))
    sums = values.sum(axis=1)
    total = sums.sum() / 2
    mean = float(total / (number * (number - 1) / 2))
    if number < 3:
        return PairwiseMean(mean, np.array([]))
    without = (total - sums) / ((number - 1) * (number - 2) / 2)
    return PairwiseMean(mean, number * mean - (number - 1) * without)
