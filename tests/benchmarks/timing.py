"""Measured times for the benchmarks."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable


def median_seconds(work: Callable[[int], object], count: int) -> float:
    """The median duration of ``work(0)``, ``work(1)`` … in seconds.

    Args:
        work: what is measured; called with its number.
        count: number of calls.
    """
    times = []
    for number in range(count):
        started = time.perf_counter()
        work(number)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def median_of_each(pairs: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """The median of the first numbers and that of the second ones, which were measured in turn."""
    ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
    return ours, theirs
