"""Which pictures to show next, so that judging teaches most: of plain values, without a log and without a widget.

Settings are chosen by top-two Thompson sampling: strengths are drawn as they may be, and the strongest of a draw is shown
beside the strongest of the next draws that name another one. What is surely worse is hardly shown any more, and what may
be the best is. Of a setting the picture is shown that was shown least. Where each stands on the screen is balanced, so that
a person who likes the left side makes nobody better.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from nbkit.comparison.asked import Asked, choices_of
from nbkit.statistics import bradley_terry
from nbkit.statistics.ranking import FIXED

DRAWS = 60
"""Draws from which what is shown next is taken; then the order of the last one counts."""

AGAIN_FROM, AGAIN_EVERY = 10, 20
"""From the tenth question on, at least one in twenty is an earlier one of the same person again."""

APART = 4
"""Questions between one and its repetition, at least."""


def next_question(
    asked: Sequence[Asked], items: Sequence[Sequence[int]], show: int, rng: np.random.Generator, *, rater: str = ""
) -> tuple[int, ...]:
    """The pictures to show next, in their order on the screen.

    Args:
        asked: what was answered so far.
        items: the pictures of each setting; of one each where pictures are compared.
        show: number of pictures.
        rng: for what is left to chance.
        rater: who is asked.
    """
    item_of = {picture: i for i, own in enumerate(items) for picture in own}
    repeated = _repetition(asked, item_of.keys(), show, rng, rater)
    pictures = repeated or _informative(asked, items, show, rng)
    return _balanced(asked, pictures, item_of, rng)


def pairs_for_all(items: Sequence[Sequence[int]], number: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Pairs of pictures of different settings, for many people who judge the same ones.

    No pair comes twice; settings meet about equally often, and so do the pictures of one.

    Args:
        items: the pictures of each setting, none for one without any; of one each where pictures are compared.
        number: of pairs; fewer if there are no more.
        rng: for what is left to chance.
    """
    # More than two settings for each pair cannot all be asked about.
    some = rng.permutation([i for i, own in enumerate(items) if own]).astype(int)[: 2 * number]
    first, second = some[np.array(list(itertools.combinations(range(len(some)), 2)), dtype=int).reshape(-1, 2)].T
    met, of_item = np.zeros(len(first)), np.zeros(len(items))
    of_picture: Counter[int] = Counter()
    found: dict[tuple[int, int], None] = {}
    while len(found) < number and np.isfinite(met).any():
        busier, idler = np.maximum(of_item[first], of_item[second]), np.minimum(of_item[first], of_item[second])
        place = np.lexsort((rng.random(len(met)), idler, busier, met))[0]
        a, b = sorted((int(first[place]), int(second[place])))
        left = [pair for pair in itertools.product(items[a], items[b]) if pair not in found]
        if not left:
            met[place] = np.inf
            continue
        pair = min(left, key=lambda pair: (of_picture[pair[0]] + of_picture[pair[1]], rng.random()))
        met[place] += 1
        of_item[[a, b]] += 1
        of_picture.update(pair)
        found[pair] = None
    return list(found)


def _repetition(
    asked: Sequence[Asked], there: Collection[int], show: int, rng: np.random.Generator, rater: str
) -> tuple[int, ...]:
    """An earlier question of this person, if it is time for one."""
    own = [frozenset(one.shown) for one in asked if one.rater == rater and not one.skipped]
    repeats = len(own) - len(set(own))
    due = -(-(len(own) + 1) // AGAIN_EVERY)
    if len(own) + 1 < AGAIN_FROM or repeats >= due:
        return ()
    times = Counter(own)
    fit = [one for one in dict.fromkeys(own[:-APART]) if times[one] == 1 and len(one) == show and one <= set(there)]
    return tuple(sorted(fit[int(rng.integers(len(fit)))])) if fit else ()


def _informative(
    asked: Sequence[Asked], items: Sequence[Sequence[int]], show: int, rng: np.random.Generator
) -> tuple[int, ...]:
    shown = Counter(picture for one in asked for picture in one.shown)
    used: list[int] = []
    draws = _draws(asked, items, rng)
    while len(used) < show:
        # each setting once, and a second time only when every setting that has a picture left is there
        room = [i for i, own in enumerate(items) if used.count(i) < len(own)]
        fewest = min(used.count(i) for i in room)
        open_ = [i for i in room if used.count(i) == fewest]
        named = next((best for best in map(int, draws.argmax(axis=1)) if best in open_), None)
        used.append(max(open_, key=lambda i: float(draws[-1, i])) if named is None else named)
        draws = np.roll(draws, -1, axis=0)  # the next place goes to the next draw
    chosen: list[int] = []
    for i in used:
        own = [picture for picture in items[i] if picture not in chosen]
        least = min(shown[picture] for picture in own)
        seldom = [picture for picture in own if shown[picture] == least]
        chosen.append(seldom[int(rng.integers(len(seldom)))])
    return tuple(chosen)


def _draws(asked: Sequence[Asked], items: Sequence[Sequence[int]], rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """Strengths of all settings as they may be, one row for each draw; what was never judged may be anything."""
    alone = all(len(own) == 1 for own in items)
    drawn: np.ndarray[Any, Any] = rng.standard_normal((DRAWS, len(items))) * (1.0 if alone else FIXED[0])
    choices = choices_of(asked)
    if choices:
        item_of = {picture: i for i, own in enumerate(items) for picture in own}
        fit = bradley_terry(choices, settings=None if alone else item_of)
        columns = [item_of[item] for item in fit.items] if alone else list(fit.items)
        drawn[:, columns] = fit.draw(DRAWS, seed=int(rng.integers(2**32)))
    return drawn


def _balanced(
    asked: Sequence[Asked], pictures: Sequence[int], item_of: Mapping[int, int], rng: np.random.Generator
) -> tuple[int, ...]:
    """The order in which each setting stood least often where it would stand, and left of whom it stands."""
    at: defaultdict[tuple[int, int], float] = defaultdict(float)
    before: Counter[tuple[int, int]] = Counter()
    for one in asked:
        for place, picture in enumerate(one.shown):
            item = item_of.get(picture, -1)
            at[item, place] += 1
            at[item, -1] += 1 / len(one.shown)  # how often it stands at each place if chance decides
            for other in one.shown[place + 1 :]:
                before[item, item_of.get(other, -1)] += 1
                before[-1 - picture, -1 - other] += 1  # pictures have negative names here, settings positive ones

    def excess(order: Sequence[int]) -> float:
        names = [item_of.get(picture, -1) for picture in order]
        by_place = sum(at[name, place] - at[name, -1] for place, name in enumerate(names))
        by_pair = sum(
            before[a, b] - before[b, a] + 0.5 * (before[-1 - p, -1 - q] - before[-1 - q, -1 - p])
            for (a, p), (b, q) in itertools.combinations(zip(names, order, strict=True), 2)
        )
        return by_place + by_pair

    orders = list(itertools.permutations(pictures))
    costs = np.array([excess(order) for order in orders])
    best = np.flatnonzero(costs <= costs.min() + 1e-9)
    return orders[int(best[int(rng.integers(len(best)))])]
