"""Strengths from judgements of the kind "this one is better": Bradley and Terry's model, and Luce's for more than two.

Pictures and settings are two questions. Without ``settings`` the items themselves are compared. With them the answer
holds for the next picture of a setting too: each picture has an effect of its own, without which an interval of a setting
is too narrow, and gets narrower with more judgements of the same few pictures.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np

from nbkit.errors import RequestError
from nbkit.statistics.distributions import t_probability, t_quantile

Array = np.ndarray[Any, Any]

FEW = 60
"""Up to so many judgements the two standard deviations are not estimated."""
FIXED = 1.5, 1.0
"""Then they are these, in logits: of settings, and of pictures of one setting."""
SETTING_SDS = (0.35, 0.7, 1.2, 2.0)
PICTURE_SDS = (0.35, 0.6, 0.9, 1.3, 1.9)
"""The grid over which they are averaged otherwise, by their evidence."""
MANY_TIES = 0.25
"""With a larger share of ties between two, how near two have to be for a tie is estimated."""
TIE_WIDTHS = (0.1, 0.2, 0.4, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0)
DRAWS = 20_000
EPSILON = 1e-12  # added to a covariance that rounding may have made less than positive


class _Tie:
    def __repr__(self) -> str:
        return "TIE"


TIE = _Tie()
"""Ends a judgement in which all that were shown are equal: ``("A", "B", TIE)``."""


@dataclass(frozen=True, eq=False)
class Strengths:
    """What judgements say of items. All strengths are in logits, and their mean is 0.

    Attributes:
        items: in the order in which they were judged first.
        strength: of each item.
        freedom: degrees of freedom of the intervals; ``inf`` where there are no settings.
        judged: in how many judgements each item was shown.

    Example:
        >>> from nbkit.statistics import bradley_terry
        >>> fit = bradley_terry([("A", "B"), ("A", "B"), ("A", "B"), ("B", "A")])
        >>> round(fit.difference("A", "B"), 5), round(fit.se("A", "B"), 5), round(fit.p_better("A", "B"), 4)
        (0.68362, 0.84767, 0.79)
    """

    items: tuple[Any, ...]
    strength: dict[Any, float]
    freedom: float
    judged: dict[Any, int]
    _covariance: Array = field(repr=False)

    def difference(self, a: Any, b: Any) -> float:
        """How much stronger a is than b; 1.1 is a share of three in four choices between the two."""
        return self.strength[self._known(a)] - self.strength[self._known(b)]

    def se(self, a: Any, b: Any = None) -> float:
        """Standard error of a difference; with one item, of its deviation from the mean of all."""
        contrast = self._contrast(a, b)
        return math.sqrt(max(0.0, float(contrast @ self._covariance @ contrast)))

    def interval(self, a: Any, b: Any = None, level: float = 0.95) -> tuple[float, float]:
        """Lower and upper end of a difference; with one item, of its deviation from the mean of all."""
        middle = self.strength[self._known(a)] if b is None else self.difference(a, b)
        reach = t_quantile((1 + level) / 2, self.freedom) * self.se(a, b)
        return middle - reach, middle + reach

    def p_better(self, a: Any, b: Any) -> float:
        """The probability that a is stronger than b."""
        se = self.se(a, b)
        return 0.5 if se == 0 else t_probability(self.difference(a, b) / se, self.freedom)

    def p_best(self) -> dict[Any, float]:
        """The probability of each item to be the strongest, to about 0.005."""
        drawn = self.draw(DRAWS)
        wins = np.bincount(drawn.argmax(axis=1), minlength=len(self.items)) / len(drawn)
        return dict(zip(self.items, map(float, wins), strict=True))

    def draw(self, count: int, seed: int = 0) -> Array:
        """Strengths as they may be: an array of ``count`` rows, with a column for each item.

        Args:
            count: number of draws.
            seed: of the generator; the same seed draws the same.
        """
        generator = np.random.default_rng(seed)
        # In an order that does not depend on the judgements' order, and with a factor that changes by no more than rounding
        # where they are shuffled: the same judgements give the same draws.
        order = sorted(range(len(self.items)), key=lambda place: repr(self.items[place]))
        covariance = self._covariance[np.ix_(order, order)] + EPSILON * np.eye(len(order))
        spread: Array = generator.standard_normal((count, len(order))) @ np.linalg.cholesky(covariance).T
        if math.isfinite(self.freedom):
            spread *= np.sqrt(self.freedom / generator.chisquare(self.freedom, (count, 1)))
        middle = np.array([self.strength[item] for item in self.items])
        return middle + spread[:, np.argsort(order)]

    def _contrast(self, a: Any, b: Any) -> Array:
        contrast = np.zeros(len(self.items))
        contrast[self.items.index(self._known(a))] = 1
        if b is None:
            return contrast - 1 / len(self.items)
        contrast[self.items.index(self._known(b))] -= 1
        return contrast

    def _known(self, item: Any) -> Any:
        if item not in self.strength:
            raise RequestError(f"{item!r} was not judged", parameter="item", value=item, reason="unknown")
        return item


def bradley_terry(
    judgements: Iterable[Sequence[Hashable]],
    prior_sd: float | None = None,
    *,
    settings: Mapping[Any, Hashable] | None = None,
    picture_sd: float | None = None,
) -> Strengths:
    """Strengths by maximum a posteriori, with intervals by Laplace's approximation.

    A tie counts as a share of a win for each that was shown. Where more than a quarter of the judgements of two are ties,
    it is an ordered choice between "a", "equal" and "b" instead.

    Args:
        judgements: each names the winner and then those it beat; with :data:`TIE` at its end, all are equal. Their order
            does not matter.
        prior_sd: standard deviation of the strengths before any judgement, in logits; 1 if not given. With settings and
            without a number, it is averaged over several by their evidence.
        settings: the setting of each picture; the strengths are then those of the settings.
        picture_sd: standard deviation of pictures of one setting, in logits; averaged likewise if not given.

    Raises:
        RequestError: for a judgement of fewer than two, or one that has an item twice; for a picture without a setting.

    Example:
        >>> from nbkit.statistics import TIE, bradley_terry
        >>> fit = bradley_terry([("A", "B", "C"), ("B", "C"), ("A", "C", TIE)])
        >>> sorted(fit.items, key=fit.strength.get)
        ['C', 'B', 'A']
    """
    shown, shares = _parsed(judgements)
    pictures = tuple(dict.fromkeys(item for one in shown for item in one))
    if settings is None:
        items, groups, sds = pictures, np.arange(len(pictures)), [(1.0 if prior_sd is None else prior_sd, 0.0)]
    else:
        lost = [picture for picture in pictures if picture not in settings]
        if lost:
            message = f"settings: {lost[0]!r} was judged and has no setting"
            raise RequestError(message, parameter="settings", value=lost[0], reason="missing")
        items = tuple(dict.fromkeys(settings[picture] for picture in pictures))
        groups = np.array([items.index(settings[picture]) for picture in pictures], dtype=int)
        few = len(shown) <= FEW
        setting_sds = [prior_sd] if prior_sd is not None else [FIXED[0]] if few else SETTING_SDS
        picture_sds = [picture_sd] if picture_sd is not None else [FIXED[1]] if few else PICTURE_SDS
        sds = list(product(setting_sds, picture_sds))
    data = _Judgements(shown, shares, pictures)
    fits = [_Fit.of(data, groups, len(items), *pair, width) for pair in sds for width in data.widths]
    mean, covariance = _averaged(fits)
    centred = mean - mean.mean() if len(mean) else mean
    judged = dict.fromkeys(items, 0)
    for one in shown:
        for item in dict.fromkeys(items[groups[data.places[picture]]] for picture in one):
            judged[item] += 1
    freedom = math.inf
    if settings is not None:
        seeds = len(pictures) / max(1, len(items))
        freedom = max(1.0, math.floor((len(items) - 1) * (seeds - 1)))
    return Strengths(items, dict(zip(items, map(float, centred), strict=True)), freedom, judged, covariance)


def _parsed(judgements: Iterable[Sequence[Hashable]]) -> tuple[list[tuple[Any, ...]], list[tuple[float, ...]]]:
    """What was shown, and which share of a win each got."""
    shown, shares = [], []
    for judgement in judgements:
        tied = bool(judgement) and judgement[-1] is TIE
        items = tuple(judgement[:-1] if tied else judgement)
        if len(items) < 2 or len(set(items)) < len(items) or TIE in items:
            message = f"judgements: {judgement!r} must name two or more different items, the winner first"
            raise RequestError(message, parameter="judgements", value=judgement)
        shown.append(items)
        shares.append((1 / len(items),) * len(items) if tied else (1.0, *[0.0] * (len(items) - 1)))
    return shown, shares


class _Judgements:
    """All judgements as arrays: who was shown, in ``most`` columns, and who got which share."""

    def __init__(
        self, shown: list[tuple[Any, ...]], shares: list[tuple[float, ...]], pictures: tuple[Any, ...]
    ) -> None:
        self.places = {picture: place for place, picture in enumerate(pictures)}
        most = max(map(len, shown), default=2)
        self.count = len(pictures)
        self.index = np.array([[self.places[i] for i in one] + [0] * (most - len(one)) for one in shown], dtype=int)
        self.share = np.array([[*one, *[0.0] * (most - len(one))] for one in shares], dtype=float)
        self.index, self.share = self.index.reshape(-1, most), self.share.reshape(-1, most)
        sizes = np.array([len(one) for one in shown], dtype=int)
        self.there = np.arange(most) < sizes[:, None]
        of_two = sizes == 2
        ties = of_two & (self.share[:, 0] == 0.5)
        is_ordered = MANY_TIES * of_two.sum() < ties.sum() < of_two.sum()  # ties alone do not tell how near is equal
        self.ordered = of_two & is_ordered
        self.widths: tuple[float, ...] = TIE_WIDTHS if self.ordered.any() else (0.0,)
        self.luce = None
        self.wins = np.zeros(self.count)
        if not self.ordered.all():
            index, share, there = (part[~self.ordered] for part in (self.index, self.share, self.there))
            self.luce = index, share, there, np.nonzero(there)
            np.add.at(self.wins, index, np.where(there, share, 0.0))

    def value(self, score: Array, width: float) -> tuple[float, Array, Array]:
        """Logarithm of the likelihood, its gradient, and its negative second derivative, by picture."""
        gradient, curvature = np.zeros(self.count), np.zeros((self.count, self.count))
        total = 0.0
        if self.luce is not None:
            index, share, there, (rows, columns) = self.luce
            logits = np.where(there, score[index], -np.inf)
            top = logits.max(axis=1, keepdims=True)
            weights = np.exp(logits - top)
            sums = weights.sum(axis=1, keepdims=True)
            total += float((share * np.where(there, logits - top - np.log(sums), 0.0)).sum())
            chance = np.zeros((len(index), self.count))
            chance[rows, index[rows, columns]] = (weights / sums)[rows, columns]
            gradient += self.wins - chance.sum(axis=0)
            curvature += np.diag(chance.sum(axis=0)) - chance.T @ chance
        if self.ordered.any():
            total += self._add_ordered(score, width, gradient, curvature)
        return total, gradient, curvature

    def _add_ordered(self, score: Array, width: float, gradient: Array, curvature: Array) -> float:
        """Of judgements of two with "equal" between them: cumulative logits at plus and minus ``width``."""
        index, share = self.index[self.ordered], self.share[self.ordered]
        gap = score[index[:, 0]] - score[index[:, 1]]
        up, down = _logistic(gap - width), _logistic(gap + width)
        tied = share[:, 0] == 0.5
        likelihood = np.where(tied, np.log(np.maximum(down - up, 1e-300)), np.log(np.maximum(up, 1e-300)))
        slope = np.where(tied, 1 - up - down, 1 - up)
        bend = np.where(tied, up * (1 - up) + down * (1 - down), up * (1 - up))
        for side, sign in ((0, 1.0), (1, -1.0)):
            np.add.at(gradient, index[:, side], sign * slope)
            for other, turn in ((0, 1.0), (1, -1.0)):
                np.add.at(curvature, (index[:, side], index[:, other]), sign * turn * bend)
        return float(likelihood.sum())


@dataclass(frozen=True)
class _Fit:
    """The mode for one pair of standard deviations: strengths, covariance, logarithm of the evidence."""

    mean: Array
    covariance: Array
    evidence: float

    @classmethod
    def of(cls, data: _Judgements, groups: Array, items: int, item_sd: float, own_sd: float, width: float) -> _Fit:
        """Newton's method; without ``own_sd`` each item is its one picture."""
        alone = np.zeros((data.count, items))
        alone[np.arange(data.count), groups] = 1
        design = np.hstack([alone, np.eye(data.count)]) if own_sd else alone
        precision = np.array([item_sd**-2.0] * items + ([own_sd**-2.0] * data.count if own_sd else []))
        at = np.zeros(len(precision))
        value, slope, bend = _posterior(data, design, precision, at, width)
        for _ in range(100):
            step = np.linalg.solve(bend, slope)
            size = 1.0
            while True:  # a full step may go too far where a choice is nearly certain
                new = at + size * step
                found = _posterior(data, design, precision, new, width)
                if found[0] >= value - 1e-12 or size < 1e-6:
                    break
                size /= 2
            at, (value, slope, bend) = new, found
            if float(np.abs(size * step).max(initial=0.0)) < 1e-11:
                break
        covariance = np.linalg.inv(bend)
        half = 0.5 * float(np.log(precision).sum()) - 0.5 * float(np.linalg.slogdet(bend)[1])
        return cls(at[:items], covariance[:items, :items], value + half)


def _posterior(
    data: _Judgements, design: Array, precision: Array, at: Array, width: float
) -> tuple[float, Array, Array]:
    value, gradient, curvature = data.value(design @ at, width)
    slope = design.T @ gradient - precision * at
    bend = design.T @ curvature @ design + np.diag(precision)
    return value - 0.5 * float(precision @ (at * at)), slope, bend


def _averaged(fits: Sequence[_Fit]) -> tuple[Array, Array]:
    """Mean and covariance of the mixture of several fits, each with the weight of its evidence."""
    evidence = np.array([fit.evidence for fit in fits])
    weights = np.exp(evidence - evidence.max())
    weights /= weights.sum()
    mean: Array = sum(weight * fit.mean for weight, fit in zip(weights, fits, strict=True))
    covariance: Array = sum(
        weight * (fit.covariance + np.outer(fit.mean - mean, fit.mean - mean))
        for weight, fit in zip(weights, fits, strict=True)
    )
    return mean, covariance


def _logistic(value: Array) -> Array:
    return 0.5 * (1 + np.tanh(value / 2))
