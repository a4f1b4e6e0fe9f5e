"""Money inside nbkit, and what a request may cost.

Money is an integer number of **micro-dollars** (1 USD = 1,000,000), so that sums are exact. It is converted to USD only for
display.
"""

from __future__ import annotations

from dataclasses import dataclass

MICRO = 1_000_000
"""Micro-dollars in one US dollar."""


@dataclass(frozen=True, slots=True)
class Price:
    """What a request may cost, in micro-dollars.

    Attributes:
        low: the least it may cost.
        high: the most it may cost; equal to ``low`` if the price is certain.
    """

    low: int
    high: int

    def __add__(self, other: Price) -> Price:
        return Price(self.low + other.low, self.high + other.high)

    def __mul__(self, times: int) -> Price:
        return Price(self.low * times, self.high * times)
