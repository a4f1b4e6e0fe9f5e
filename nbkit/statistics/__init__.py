"""Statistics of comparisons: functions of plain values, without a log and without a widget.

    >>> from nbkit import statistics
    >>> fit = statistics.bradley_terry([("A", "B"), ("A", "C")])  # strengths from "A is better than B"
    >>> max(fit.strength, key=fit.strength.get)
    'A'
    >>> table = statistics.two_way([3, 4, 4, 6], ["cold", "cold", "warm", "warm"], [1, 2, 1, 2])  # means of settings
    >>> table.means
    {'cold': 3.5, 'warm': 5.0}
    >>> statistics.seeds_needed(settings=8, gap=1.5)  # before any picture is paid for
    14

numpy is all they need, but for ranges of several means and for power: ``pip install "nbkit[science]"``.
"""

from nbkit.statistics.agreement import fisher_exact, krippendorff_alpha
from nbkit.statistics.distributions import t_probability, t_quantile
from nbkit.statistics.pairs import PairwiseMean, pairwise_mean
from nbkit.statistics.power import power, seeds_needed, smallest_gap
from nbkit.statistics.ranking import TIE, Strengths, bradley_terry
from nbkit.statistics.two_way import TwoWay, two_way

__all__ = [
    "TIE", "PairwiseMean", "Strengths", "TwoWay", "bradley_terry", "fisher_exact", "krippendorff_alpha", "pairwise_mean",
    "power", "seeds_needed", "smallest_gap", "t_probability", "t_quantile", "two_way",
]  # fmt: skip
