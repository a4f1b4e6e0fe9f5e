"""The statistics of comparisons: known answers, invariances, and simulated studies whose truth is known."""

import itertools
import math
import subprocess
import sys

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from nbkit import errors
from nbkit.statistics import (
    TIE,
    bradley_terry,
    fisher_exact,
    krippendorff_alpha,
    power,
    seeds_needed,
    smallest_gap,
    two_way,
)
from nbkit.statistics.distributions import t_probability, t_quantile

TABLE = [[3, 4, 2, 5], [4, 4, 3, 5], [2, 3, 1, 4], [5, 5, 4, 5]]
"""Ratings: rows are settings, columns are seeds."""
RATINGS = [value for row in TABLE for value in row]
SETTINGS = [setting for setting in "abcd" for _ in range(4)]
SEEDS = [1, 2, 3, 4] * 4

judgements = st.lists(
    st.permutations(range(5)).flatmap(lambda p: st.sampled_from([p[:2], p[:3], [*p[:2], TIE]])), max_size=30
)


# -- the t distribution ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 9, 10, 21, 301])
def test_the_t_distribution_is_that_of_scipy(freedom):
    """Probabilities to twelve digits, and quantiles lead back to them."""
    for value in (-40, -3, -0.2, 0, 0.7, 15):
        assert t_probability(value, freedom) == pytest.approx(scipy.stats.t.cdf(value, freedom), abs=1e-12)
    for probability in (0.0001, 0.025, 0.5, 0.975):
        assert t_probability(t_quantile(probability, freedom), freedom) == pytest.approx(probability, abs=1e-12)


# -- strengths ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wins", "losses", "difference"), [(3, 1, 0.68362), (1, 0, 0.67483), (5, 0, 1.63351), (0, 1, -0.67483), (2, 2, 0)]
)
def test_two_items_have_the_known_difference(wins, losses, difference):
    """Prior N(0, 1) for each."""
    fit = bradley_terry([("A", "B")] * wins + [("B", "A")] * losses, prior_sd=1.0)
    assert fit.difference("A", "B") == pytest.approx(difference, abs=5e-6)
    assert fit.difference("B", "A") == pytest.approx(-difference, abs=5e-6)


def test_three_to_one_has_the_known_error_and_probability():
    """Of Laplace's approximation."""
    fit = bradley_terry([("A", "B")] * 3 + [("B", "A")])
    assert fit.se("A", "B") == pytest.approx(0.84767, abs=5e-6)
    assert fit.p_better("A", "B") == pytest.approx(0.7900, abs=5e-5)
    assert fit.interval("A", "B") == pytest.approx(
        (0.68362 - 1.959964 * 0.84767, 0.68362 + 1.959964 * 0.84767), abs=1e-4
    )


def test_a_chain_of_four_has_the_known_strengths():
    """Each pair once; error and interval of one item are those of its deviation from the mean."""
    fit = bradley_terry([(a, b) for a, b in itertools.combinations("ABCD", 2)])
    assert [round(fit.strength[item], 4) for item in "ABCD"] == [0.7962, 0.2610, -0.2610, -0.7962]
    assert (fit.se("A"), fit.se("B")) == pytest.approx((0.6547, 0.6322), abs=5e-5)
    low, high = fit.interval("A")
    assert (low + high) / 2 == pytest.approx(fit.strength["A"])
    assert sum(fit.p_best().values()) == pytest.approx(1)
    assert max(fit.p_best(), key=fit.p_best().get) == "A"


def test_a_cycle_and_ties_leave_all_equal():
    """Ties narrow the interval, as judgements do."""
    assert list(bradley_terry([("A", "B"), ("B", "C"), ("C", "A")]).strength.values()) == pytest.approx([0, 0, 0])
    tied, once = bradley_terry([("A", "B", TIE)] * 6), bradley_terry([("A", "B", TIE)])
    assert tied.strength == {"A": 0, "B": 0}
    assert tied.se("A", "B") < once.se("A", "B") < math.sqrt(2)


def test_many_ties_beside_choices_are_an_ordered_choice():
    """Three wins, a loss and four ties: nearer to each other than without the ties, and told better."""
    without, mixed = [("A", "B")] * 3 + [("B", "A")], [("A", "B", TIE)] * 4
    alone, both = bradley_terry(without), bradley_terry(without + mixed)
    assert 0 < both.difference("A", "B") < alone.difference("A", "B") + 0.2
    assert both.se("A", "B") < alone.se("A", "B")


@settings(deadline=None)
@given(judgements, st.randoms())
def test_neither_the_order_of_judgements_nor_that_of_the_losers_matters(given, random):
    """The same strengths and errors to 1e-9."""
    others = [
        one[:1] + random.sample(one[1:], len(one) - 1) if TIE not in one else [one[1], one[0], TIE] for one in given
    ]
    random.shuffle(others)
    first, second = bradley_terry(given), bradley_terry(others)
    assert set(first.items) == set(second.items)
    for item in first.items:
        assert first.strength[item] == pytest.approx(second.strength[item], abs=1e-9)
        assert first.se(item) == pytest.approx(second.se(item), abs=1e-9)


@pytest.mark.parametrize("wrong", [("A",), (), ("A", "A"), ("A", TIE), ("A", TIE, "B")])
def test_a_judgement_of_fewer_than_two_is_refused(wrong):
    """The error names it."""
    with pytest.raises(errors.RequestError, match="judgements"):
        bradley_terry([("A", "B"), wrong])


def test_a_picture_without_a_setting_is_refused():
    """The error names the picture."""
    with pytest.raises(errors.RequestError, match="'B'"):
        bradley_terry([("A", "B")], settings={"A": 1})


def study(generator, picture_sd, judgements, shown, sd=1.0):
    """Judgements of a study of 8 settings with 4 pictures each: the true strengths, the judgements, the settings."""
    truth = generator.normal(size=8) * sd
    pictures = list(itertools.product(range(8), range(4)))
    scores = np.array([truth[setting] + picture_sd * generator.normal() for setting, _ in pictures])
    made = []
    for _ in range(judgements):
        seen = generator.choice(len(pictures), shown, replace=False)
        chance = np.exp(scores[seen])
        best = generator.choice(shown, p=chance / chance.sum())
        made.append([pictures[seen[best]], *(pictures[place] for i, place in enumerate(seen) if i != best)])
    return truth, made, {picture: picture[0] for picture in pictures}


@pytest.mark.parametrize(
    ("picture_sd", "judgements"), [(0, 60), (0.7, 60), (0.7, 120), (0.7, 300), (1.2, 60), (1.2, 120), (1.2, 300)]
)
def test_intervals_of_settings_have_the_truth_as_often_as_they_say(picture_sd, judgements):
    """At least 0.9 of simulated studies, also where pictures of a setting differ more than settings do."""
    generator = np.random.default_rng(judgements)
    covered = []
    for _ in range(25):
        truth, made, settings = study(generator, picture_sd, judgements, shown=4)
        fit = bradley_terry(made, settings=settings)
        middle = np.mean([truth[setting] for setting in fit.items])
        covered += [low <= truth[s] - middle <= high for s in fit.items for low, high in [fit.interval(s)]]
    assert np.mean(covered) >= 0.9 - 0.03  # of 200 intervals


def test_more_judgements_of_the_same_pictures_do_not_settle_a_question_of_settings():
    """With one picture a setting that always wins, the interval keeps the width that other pictures may bring."""
    pictures = {"a1": "a", "b1": "b"}
    few, many = (bradley_terry([("a1", "b1")] * number, settings=pictures) for number in (10, 59))
    assert many.se("a", "b") > 0.7 * few.se("a", "b")
    assert many.p_better("a", "b") < 0.95


def test_no_setting_is_named_best_where_all_are_equal():
    """In at most one of twenty studies is one of eight equal settings best with 95 %."""
    generator = np.random.default_rng(8)
    named = []
    for _ in range(40):
        _, made, settings = study(generator, 0.7, 60, shown=4, sd=0)
        named.append(max(bradley_terry(made, settings=settings).p_best().values()) >= 0.95)
    assert sum(named) <= 2


# -- means of settings -----------------------------------------------------------------------------------------------


def test_a_table_with_seeds_as_blocks_has_the_known_answers():
    """Residual variance, Tukey's least difference, the half width of one pair, and the means."""
    blocked, unblocked = two_way(RATINGS, SETTINGS, SEEDS), two_way(RATINGS, SETTINGS)
    assert (blocked.residual_variance, unblocked.residual_variance) == pytest.approx((0.229167, 1.0625), abs=5e-7)
    assert blocked.tukey_difference() == pytest.approx(1.05673, abs=5e-6)
    assert unblocked.tukey_difference() == pytest.approx(2.16394, abs=5e-6)
    assert blocked.half_width() == pytest.approx(0.76574, abs=5e-6)
    assert list(blocked.means.values()) == pytest.approx([3.5, 4, 2.5, 4.75])
    assert blocked.block_share == pytest.approx(0.838235, abs=5e-7)


def test_pairs_have_effect_interval_and_p_for_all_pairs_together():
    """Effect is the mean at b less the mean at a; scipy's Tukey test gives the same without blocks."""
    pairs = two_way(RATINGS, SETTINGS).pairs()
    assert pairs.columns.tolist() == ["a", "b", "effect", "low", "high", "p"]
    assert (pairs.a + pairs.b).tolist() == ["ab", "ac", "ad", "bc", "bd", "cd"]
    known = scipy.stats.tukey_hsd(*TABLE)
    for row in pairs.itertuples():
        i, j = "abcd".index(row.a), "abcd".index(row.b)
        assert row.effect == pytest.approx(known.statistic[j, i])
        assert row.p == pytest.approx(known.pvalue[i, j], abs=1e-6)
        assert (row.low, row.high) == pytest.approx(
            (known.confidence_interval().low[j, i], known.confidence_interval().high[j, i]), abs=1e-6
        )


def test_cells_may_be_missing():
    """A block that one setting lacks moves its mean to where it would be with that block."""
    kept = [i for i in range(16) if i != 3]  # the best seed of the first setting
    fit = two_way(*([column[i] for i in kept] for column in (RATINGS, SETTINGS, SEEDS)))
    assert fit.means["a"] > np.mean(TABLE[0][:3]) + 0.3
    assert fit.counts == {"a": 3, "b": 4, "c": 4, "d": 4}
    assert fit.se("a", "b") > fit.se("b", "c")
    assert fit.tukey_difference() > two_way(RATINGS, SETTINGS, SEEDS).tukey_difference()


def test_a_measure_without_noise_is_exact():
    """A price has no interval of width 0."""
    fit = two_way([0.0689, 0.0689, 0.1381, 0.1381], ["1K", "1K", "4K", "4K"], [1, 2, 1, 2])
    assert fit.is_exact
    pairs = fit.pairs()
    assert pairs.effect[0] == pytest.approx(0.0692)
    assert pairs[["low", "high", "p"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("values", "settings", "blocks"),
    [
        ([], [], None),
        ([1.0], ["a", "b"], None),
        ([1.0, float("nan")], ["a", "b"], None),
        ([1.0, 2.0], ["a", "b"], [1, 2]),
    ],
)
def test_what_cannot_be_compared_is_refused(values, settings, blocks):
    """No values, different lengths, gaps, and settings that no block has in common."""
    with pytest.raises(errors.RequestError, match="values"):
        two_way(values, settings, blocks)


def test_studies_without_an_effect_claim_one_in_one_of_twenty():
    """Eight settings, four seeds with an effect of their own, 200 studies."""
    generator = np.random.default_rng(4)
    settings, blocks = [s for s in range(8) for _ in range(4)], [0, 1, 2, 3] * 8
    claims = 0
    for _ in range(200):
        values = generator.normal(size=32) + np.tile(generator.normal(size=4), 8)
        fit = two_way(values, settings, blocks)
        spread = max(fit.means.values()) - min(fit.means.values())
        claims += spread > fit.tukey_difference()
    assert claims <= 200 * 0.05 + 2.6 * math.sqrt(200 * 0.05 * 0.95)


# -- before anything is paid ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("settings", "seeds"), [(8, [31, 14, 9, 5]), (2, [18, 10, 7, 5])])
def test_the_known_numbers_of_seeds_are_needed(settings, seeds):
    """For gaps of 1, 1.5, 2 and 3 standard deviations with 80 %."""
    assert [seeds_needed(settings=settings, gap=gap) for gap in (1, 1.5, 2, 3)] == seeds
    assert all(power(settings, number, gap) >= 0.8 for number, gap in zip(seeds, (1, 1.5, 2, 3), strict=True))
    assert all(power(settings, number - 1, gap) < 0.8 for number, gap in zip(seeds, (1, 1.5, 2, 3), strict=True))


def test_the_smallest_gap_is_seen_with_the_power_that_was_asked_for():
    """It is what the power says of it."""
    gap = smallest_gap(settings=4, seeds=6, power=0.9)
    assert power(4, 6, gap) == pytest.approx(0.9, abs=1e-4)


@pytest.mark.parametrize("call", [lambda: power(1, 5, 1.0), lambda: power(5, 1, 1.0), lambda: seeds_needed(2, 0)])
def test_what_is_no_comparison_has_no_power(call):
    """One setting, one seed, no gap."""
    with pytest.raises(errors.RequestError):
        call()


def test_without_scipy_what_needs_it_says_what_to_install():
    """Strengths, means and intervals of one pair need only numpy."""
    code = """
import sys
sys.modules["scipy"] = sys.modules["scipy.stats"] = None
from nbkit import errors, statistics
assert round(statistics.bradley_terry([("A", "B")]).difference("A", "B"), 5) == 0.67483
table = statistics.two_way([1, 2, 2, 4], ["a", "a", "b", "b"], [1, 2, 1, 2])
table.half_width()
for call in (table.pairs, table.tukey_difference, lambda: statistics.seeds_needed(2, 1.0)):
    try:
        call()
    except errors.NbkitError as error:
        assert "nbkit[science]" in str(error), error
    else:
        raise AssertionError(call)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


# -- agreement and shares ---------------------------------------------------------------------------------------------


def test_alpha_has_the_published_values():
    """Krippendorff's examples: two raters of ten units, two of twelve, four of twelve with gaps."""
    assert krippendorff_alpha(["01", "11", "01", "00", "00", "01", "00", "00", "10", "00"]) == pytest.approx(
        0.095, abs=5e-4
    )
    raters = "123321412...", "1233224125.3", ".3332342251.", "12332441251."
    units = [[said for said in unit if said != "."] for unit in zip(*raters, strict=True)]
    assert krippendorff_alpha(units) == pytest.approx(0.743, abs=5e-4)
    assert krippendorff_alpha(["aa", "aa"]) == 1
    assert math.isnan(krippendorff_alpha(["a", "b"]))


@settings(deadline=None)
@given(st.integers(0, 12), st.integers(0, 12), st.integers(0, 12), st.integers(0, 12))
def test_fishers_test_is_that_of_scipy(hits, misses, other_hits, other_misses):
    """For all small tables."""
    known = scipy.stats.fisher_exact([[hits, misses], [other_hits, other_misses]])[1]
    assert fisher_exact((hits, other_hits), (hits + misses, other_hits + other_misses)) == pytest.approx(known)


@pytest.mark.parametrize(("gap", "share"), [(8, 0.47), (16, 0.79)])
def test_the_power_of_two_seeds_is_known_also_for_large_gaps(gap, share):
    """Two settings with two seeds each: as often as 200,000 simulated studies have it."""
    assert power(settings=2, seeds=2, gap=gap) == pytest.approx(share, abs=0.01)


def test_a_larger_gap_never_needs_more_seeds():
    """Nor has it less power."""
    needed = [seeds_needed(settings=2, gap=gap) for gap in (3, 5, 8, 9.9, 10, 12, 16, 40)]
    assert needed == sorted(needed, reverse=True)
    powers = [power(settings=3, seeds=3, gap=gap) for gap in (0, 1, 5, 10, 20, 50)]
    assert powers == sorted(powers)
    assert powers[0] < 0.03
    assert powers[-1] == pytest.approx(1)


@pytest.mark.parametrize("gap", [math.nan, math.inf, -1, True, "1"])
def test_a_gap_is_a_number_of_standard_deviations(gap):
    """Anything else is refused by name."""
    with pytest.raises(errors.RequestError) as caught:
        power(settings=2, seeds=4, gap=gap)
    assert caught.value.parameter == "gap"
