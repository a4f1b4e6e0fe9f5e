"""Which settings win in judgements: differences of strengths, with intervals that hold for all pairs together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import pandas as pd

from nbkit.comparison.asked import asked_about, choices_of
from nbkit.comparison.ranking import items_of
from nbkit.log.judgements import Judgement
from nbkit.statistics import Strengths, bradley_terry
from nbkit.statistics.distributions import range_quantile, scipy_stats


@dataclass(frozen=True)
class Wins:
    """What judgements say of the values of one column.

    Attributes:
        values: that were judged, in their order.
        strengths: of each value, in logits, with a mean of 0.
        pictures: the value and the strength of each picture, in columns ``setting`` and ``value``.
        pairs: of values: ``a``, ``b``, ``effect`` (the strength of b less that of a), ``low``, ``high``, ``p``, ``n`` (pictures).
        reach: half the width of the bars of a plot that overlap where two values are not told apart.
        judgements: number of those with an answer.
    """

    values: list[Any]
    strengths: dict[Any, float]
    pictures: pd.DataFrame
    pairs: list[dict[str, Any]]
    reach: float
    judgements: int


def wins_of(judgements: Sequence[Judgement], rows: pd.DataFrame, column: str, alpha: float = 0.05) -> Wins:
    """The model of :func:`nbkit.statistics.bradley_terry` with an effect of each picture, and Tukey's range over its pairs.

    Args:
        judgements: of the log.
        rows: of the log, those of the pictures.
        column: whose values are compared.
        alpha: how often some pair may be called different although none is.

    Raises:
        NbkitError: if scipy is not installed.
    """
    items, item_of, places = items_of(rows, column)
    choices = choices_of(asked_about(judgements, places))
    fit = bradley_terry(choices, settings=item_of)
    of_pictures = bradley_terry(choices)
    judged = sorted(fit.items)
    counts = pd.Series([item_of[picture] for picture in of_pictures.items], dtype=int).value_counts()
    pairs = []
    for i, j in combinations(judged, 2):
        low, high, p = _interval(fit, i, j, alpha)
        effect, n = fit.difference(j, i), int(counts[i] + counts[j])
        pairs.append(
            {"a": items[i].value, "b": items[j].value, "effect": effect, "low": low, "high": high, "p": p, "n": n}
        )
    widest = max((pair["high"] - pair["low"] for pair in pairs), default=math.nan)
    pictures = sorted(of_pictures.items)
    return Wins(
        values=[items[i].value for i in judged],
        strengths={items[i].value: fit.strength[i] for i in judged},
        pictures=pd.DataFrame(
            {
                "setting": [items[item_of[picture]].value for picture in pictures],
                "value": [of_pictures.strength[picture] for picture in pictures],
            }
        ),
        pairs=pairs,
        reach=widest / 4,
        judgements=len(choices),
    )


def _interval(fit: Strengths, a: Any, b: Any, alpha: float) -> tuple[float, float, float]:
    """Lower and upper end of how much stronger b is than a, and p, all pairs together."""
    effect, se = fit.difference(b, a), fit.se(a, b)
    reach = range_quantile(alpha, len(fit.items), fit.freedom) / math.sqrt(2) * se
    ranges = scipy_stats("the range of several strengths").studentized_range
    p = float(ranges.sf(abs(effect) / se * math.sqrt(2), len(fit.items), fit.freedom))
    return effect - reach, effect + reach, p
