"""Pictures side by side, with only what differs between them.

::

    nbkit.compare(run_a, run_b)
    nbkit.compare(run[0], other[2])
    nbkit.compare(studio.df.tail(2))

``subject`` makes one thing of runs, pictures and rows of the log; ``settings`` finds what differs between several;
``words`` does so for two texts, ``likeness`` for two pictures; ``result`` puts it together.
"""

from nbkit.comparison.result import Comparison, compare, differences

__all__ = ["Comparison", "compare", "differences"]
