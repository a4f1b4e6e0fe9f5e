"""Random choices that are the same on every machine and in every Python version.

Some stand between the prompt's choice and the seed's choice: the higher the temperature, the nearer to the seed's.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from typing import TypeVar

from nbkit.offline.painting.scene import NATURAL_TEMPERATURE, Scene

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


class Interpolator:
    """Random numbers that temperature moves from the prompt's choice towards the seed's choice.

    Each number is drawn twice, from a stream that depends on the prompt alone and from one that depends on prompt and
    seed. The result is between the two. With noise, a third value that nobody chooses is mixed in.

    Attributes:
        temperature: 0..1.
        weight: The share of the seed's choice in every number: 0.02 at temperature 0, 1 at temperature 1.
    """

    def __init__(self, scene: Scene, purpose: str) -> None:
        """Starts the two streams for one purpose.

        Args:
            scene: The scene; only prompt, seed, temperature and noise matter here.
            purpose: Names the streams, so that the numbers of different uses are independent.
        """
        self.temperature = NATURAL_TEMPERATURE if scene.temperature is None else min(1.0, max(0.0, scene.temperature))
        # At temperature 0 the seed keeps a small influence, as in a real model: pictures are nearly identical.
        self.weight = 0.02 + 0.98 * self.temperature
        self._base = StableRandom(purpose, scene.prompt)
        self._seeded = StableRandom(purpose, scene.prompt, scene.seed)
        self._noise = scene.noise
        self._other = StableRandom(purpose, scene.prompt, scene.seed, scene.draw) if scene.noise else self._base

    def between(self, low: float, high: float) -> float:
        """Returns a number from low to high."""
        base, seeded = self._base.between(low, high), self._seeded.between(low, high)
        value = base + (seeded - base) * self.weight
        return value + (self._other.between(low, high) - value) * self._noise if self._noise else value

    def overrules(self, share: float) -> bool:
        """Returns whether the seed's choice replaces the prompt's.

        Args:
            share: In which share of cases it does at temperature 1; at 0 it never does.
        """
        # Squared, so that in a sweep over temperature the numbers change first and the choices later.
        return self._seeded.roll() < share * self.temperature**2

    def pick(self, options: tuple[str, ...], share: float) -> str:
        """Returns the prompt's choice of the options, or the seed's where that overrules it."""
        base, seeded = self._base.pick(options), self._seeded.pick(options)
        return seeded if self.overrules(share) else base
