"""Means of settings with seeds as blocks, and what of their differences is more than noise."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from nbkit.errors import RequestError
from nbkit.statistics.distributions import range_quantile, scipy_stats, t_quantile

EXACT = 1e-12
"""A residual variance below this share of the whole variance is rounding, and the values follow the model exactly."""


@dataclass(frozen=True, eq=False)
class TwoWay:
    """An additive model, value = setting + block + noise, fitted by least squares.

    Attributes:
        settings: in the order in which they came.
        blocks: likewise; empty without blocks.
        means: of each setting, at the mean of all blocks, in the unit of the values.
        residual_variance: of the noise, in the unit squared; ``nan`` where nothing is left to estimate it from.
        block_share: of the variance that the settings leave, the share that the blocks explain; 0 without blocks.
        freedom: degrees of freedom of the residual variance.
        counts: number of values of each setting.

    Example:
        >>> from nbkit.statistics import two_way
        >>> values = [3, 4, 2, 5, 4, 4, 3, 5]
        >>> table = two_way(values, ["a"] * 4 + ["b"] * 4, [1, 2, 3, 4] * 2)
        >>> table.means
        {'a': 3.5, 'b': 4.0}
        >>> round(table.residual_variance, 6), round(table.half_width(), 4)
        (0.166667, 0.9187)
    """

    settings: tuple[Any, ...]
    blocks: tuple[Any, ...]
    means: dict[Any, float]
    residual_variance: float
    block_share: float
    freedom: int
    counts: dict[Any, int]
    _unscaled: np.ndarray[Any, Any] = field(repr=False)

    @property
    def is_exact(self) -> bool:
        """Whether the values follow the model without any noise, as a price does: then differences have no interval."""
        return self.residual_variance == 0

    @property
    def sd(self) -> float:
        """Standard deviation of the noise, in the unit of the values."""
        return math.sqrt(self.residual_variance)

    def tukey_difference(self, alpha: float = 0.05) -> float:
        """The least difference that counts as one when all pairs are looked at (Tukey and Kramer's).

        Where settings have different numbers of values, that of the pair with the fewest.

        Args:
            alpha: how often some pair may be called different although none is.

        Raises:
            NbkitError: if scipy is not installed.
        """
        return self._range_quantile(alpha) * self._widest() / math.sqrt(2)

    def half_width(self, alpha: float = 0.05) -> float:
        """Half the width of the interval of one pair's difference, by Student's t, for a pair that was chosen before."""
        return t_quantile(1 - alpha / 2, self.freedom) * self._widest() if self.freedom else math.nan

    def se(self, a: Any, b: Any) -> float:
        """Standard error of the difference of two settings' means."""
        for name in (a, b):
            if name not in self.means:
                raise RequestError(
                    f"{name!r} is not one of the settings", parameter="setting", value=name, reason="unknown"
                )
        i, j = self.settings.index(a), self.settings.index(b)
        spread = self._unscaled[i, i] + self._unscaled[j, j] - 2 * self._unscaled[i, j]
        return math.sqrt(max(0.0, spread) * self.residual_variance)

    def pairs(self, alpha: float = 0.05) -> pd.DataFrame:
        """Every pair of settings: ``a``, ``b``, ``effect`` (mean at b less mean at a), ``low``, ``high``, ``p``.

        Interval and p hold for all pairs together (Tukey and Kramer). Without noise they are missing, and the effect is
        exact.

        Args:
            alpha: how often some pair may be called different although none is.

        Raises:
            NbkitError: if scipy is not installed.
        """
        rows = []
        for a, b in combinations(self.settings, 2):
            effect, se = self.means[b] - self.means[a], self.se(a, b)
            low = high = p = math.nan
            if se > 0 and self.freedom:
                reach = self._range_quantile(alpha) * se / math.sqrt(2)
                low, high = effect - reach, effect + reach
                studentized = scipy_stats("the range of several means").studentized_range
                p = float(studentized.sf(abs(effect) / se * math.sqrt(2), len(self.settings), self.freedom))
            rows.append((a, b, effect, low, high, p))
        return pd.DataFrame(rows, columns=["a", "b", "effect", "low", "high", "p"])

    def _range_quantile(self, alpha: float) -> float:
        return range_quantile(alpha, len(self.settings), self.freedom) if self.freedom else math.nan

    def _widest(self) -> float:
        return max((self.se(a, b) for a, b in combinations(self.settings, 2)), default=math.nan)


def two_way(
    values: Sequence[float],
    settings: Sequence[Hashable],
    blocks: Sequence[Hashable] | None = None,
    *,
    others: Sequence[Sequence[Hashable]] = (),
) -> TwoWay:
    """Fit the additive model. Cells may be missing, or have several values.

    Args:
        values: numbers, such as ratings.
        settings: of each value.
        blocks: of each value, such as its seed; ``None`` for none.
        others: what else differs, such as further axes: each adds an effect of its own, like the blocks.

    Raises:
        RequestError: for sequences of different length, values that are no numbers, or blocks that have no setting in
            common, so that settings cannot be told from blocks.

    Example:
        >>> from nbkit.statistics import two_way
        >>> two_way([1.0, 2.0, 4.0], ["a", "a", "b"]).means
        {'a': 1.5, 'b': 4.0}
    """
    numbers = np.asarray(values, dtype=float)
    factors = [*([] if blocks is None else [blocks]), *others]
    if any(len(labels) != len(numbers) for labels in (settings, *factors)):
        raise _wrong("values, settings and blocks are of different length")
    if not len(numbers) or not np.isfinite(numbers).all():
        why = "some of them are no numbers; leave out rows without a value" if len(numbers) else "there are none"
        raise _wrong(why)
    if any(_is_missing(label) for labels in (settings, *factors) for label in labels):
        raise _wrong("some settings or blocks are missing; leave out rows without one")
    (names, rows), coded = _coded(settings), [_coded(labels) for labels in factors]
    # each setting has a column, and each level of a factor but the first; a setting's mean is for all levels alike
    levels = [(column == level, 1 / len(found)) for found, column in coded for level in range(1, len(found))]
    design = np.column_stack([rows[:, None] == np.arange(len(names)), *(there for there, _ in levels)]).astype(float)
    contrast = np.hstack([np.eye(len(names)), np.tile([share for _, share in levels], (len(names), 1))])
    rank = int(np.linalg.matrix_rank(design))
    if rank < design.shape[1]:
        raise _wrong("settings and blocks cannot be told apart: too few blocks have two of the settings")
    solution, *_ = np.linalg.lstsq(design, numbers, rcond=None)
    residual = numbers - design @ solution
    freedom = len(numbers) - rank
    squares, alone = float(residual @ residual), float(np.square(numbers - _group_means(numbers, rows)).sum())
    scale = float(np.square(numbers - numbers.mean()).sum()) or float(np.square(numbers).sum())
    squares = 0.0 if squares <= EXACT * scale else squares
    means = contrast @ solution
    unscaled = contrast @ np.linalg.pinv(design.T @ design) @ contrast.T
    return TwoWay(
        settings=names,
        blocks=coded[0][0] if blocks is not None else (),
        means={
            name: float(f"{mean:.12g}") for name, mean in zip(names, means, strict=True)
        },  # what follows is rounding
        residual_variance=squares / freedom if freedom else math.nan,
        block_share=max(0.0, 1 - squares / alone) if levels and alone > EXACT * scale else 0.0,
        freedom=freedom,
        counts=dict(zip(names, map(int, np.bincount(rows)), strict=True)),
        _unscaled=unscaled,
    )


def _is_missing(label: Any) -> bool:
    return label is pd.NA or (isinstance(label, float) and math.isnan(label))


def _coded(labels: Sequence[Hashable]) -> tuple[tuple[Any, ...], np.ndarray[Any, Any]]:
    """The different labels in the order in which they came, and for each value the number of its own."""
    names = {label: number for number, label in enumerate(dict.fromkeys(labels))}
    return tuple(names), np.array([names[label] for label in labels], dtype=int)


def _group_means(numbers: np.ndarray[Any, Any], rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The mean of its setting, for each value."""
    mean: np.ndarray[Any, Any] = (np.bincount(rows, numbers) / np.bincount(rows))[rows]
    return mean


def _wrong(why: str) -> RequestError:
    return RequestError(f"values: {why}", parameter="values", reason="conflict")
