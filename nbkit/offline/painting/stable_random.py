"""Random choices that come out alike on every machine and Python version."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from typing import TypeVar

__all__ = ["StableRandom"]

T = TypeVar("T")


class StableRandom:
    """A private random stream, named by the facts it may depend on.

    Two streams with the same facts agree; a stream that is not given the seed cannot
    depend on it, which is how each parameter is kept from disturbing the others.
    """

    def __init__(self, *facts: object) -> None:
        """Starts the stream.

        Args:
            *facts: What the stream depends on, e.g. a purpose, the prompt, the seed.
        """
        # Lone surrogates can reach us from a notebook; "surrogatepass" keeps them distinct.
        text = "\x1f".join(str(fact) for fact in facts).encode("utf-8", "surrogatepass")
        self._source = random.Random(int.from_bytes(hashlib.sha256(text).digest(), "big"))

    def roll(self) -> float:
        """Returns a number from 0 up to (not including) 1."""
        # Only .random() is promised to stay the same across Python versions.
        return self._source.random()

    def between(self, low: float, high: float) -> float:
        """Returns a number from low to high."""
        return low + (high - low) * self.roll()

    def pick(self, options: Sequence[T]) -> T:
        """Returns one of the options."""
        return options[min(len(options) - 1, int(self.roll() * len(options)))]

    def chance(self, share: float) -> bool:
        """Returns True in the given share of cases."""
        return self.roll() < share
