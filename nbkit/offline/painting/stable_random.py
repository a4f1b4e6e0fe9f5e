"""Random choices that are the same on every machine and in every Python version."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from typing import TypeVar

__all__ = ["StableRandom"]

T = TypeVar("T")


class StableRandom:
    """A random stream that depends only on the facts it is made from.

    Two streams with the same facts return the same numbers. A stream that is made without the seed does not depend on
    the seed: that keeps the effects of the parameters apart.
    """

    def __init__(self, *facts: object) -> None:
        """Starts the stream.

        Args:
            *facts: What the stream depends on, e.g. a purpose, the prompt, the seed.
        """
        # A prompt from a notebook can hold lone surrogates; "surrogatepass" encodes each one differently.
        text = "\x1f".join(str(fact) for fact in facts).encode("utf-8", "surrogatepass")
        self._source = random.Random(int.from_bytes(hashlib.sha256(text).digest(), "big"))

    def roll(self) -> float:
        """Returns a number from 0 up to (not including) 1."""
        # Of the methods of random.Random, only random() is guaranteed to be the same in all Python versions.
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
