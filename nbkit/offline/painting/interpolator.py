"""Numbers that the prompt sets and the seed moves, as far as temperature lets it."""

from __future__ import annotations

from nbkit.offline.painting.scene import Scene
from nbkit.offline.painting.stable_random import StableRandom

__all__ = ["DEFAULT_TEMPERATURE", "Interpolator"]

DEFAULT_TEMPERATURE = 0.5


class Interpolator:
    """Numbers that move from the prompt's choice towards the seed's choice."""

    def __init__(self, scene: Scene, purpose: str) -> None:
        """Starts two streams for one purpose.

        Args:
            scene: The scene; only prompt, seed and temperature matter here.
            purpose: Keeps the numbers of different uses independent.
        """
        self.heat = DEFAULT_TEMPERATURE if scene.temperature is None else min(1.0, max(0.0, scene.temperature))
        self._base = StableRandom(purpose, scene.prompt)
        self._seeded = StableRandom(purpose, scene.prompt, scene.seed)

    @property
    def weight(self) -> float:
        """The share of the seed's choice in every number."""
        # A trace of the seed stays at 0, as in a real model: nearly alike, not identical.
        return 0.02 + 0.98 * self.heat

    def between(self, low: float, high: float) -> float:
        """Returns a number from low to high."""
        base, seeded = self._base.between(low, high), self._seeded.between(low, high)
        return base + (seeded - base) * self.weight

    def strays(self, share: float) -> bool:
        """Returns whether the seed overrules the prompt: never at 0, in this share of cases at 1."""
        # Squared: numbers drift before choices jump, so a sweep shows the one and then the other.
        return self._seeded.chance(share * self.heat**2)

    def pick(self, options: tuple[str, ...], share: float) -> str:
        """Returns the prompt's choice, or the seed's when it strays."""
        base, seeded = self._base.pick(options), self._seeded.pick(options)
        return seeded if self.strays(share) else base
