"""What every ground is drawn with: the room, the inks, the numbers, and rolling edges."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nbkit.offline.painting.brush import Colour, Pen, Point
from nbkit.offline.painting.interpolator import Interpolator
from nbkit.offline.painting.palettes import Palette
from nbkit.offline.painting.stable_random import StableRandom

__all__ = ["GroundContext", "fill_below", "roll"]


@dataclass(frozen=True)
class GroundContext:
    """What a ground needs: a pen in pixels, the inks, the room, and its numbers."""

    pen: Pen
    inks: Palette
    width: int
    horizon: float
    bottom: float
    height: int
    unit: float
    detail: int
    light: tuple[float, float, float] | None
    beach: bool
    drift: Interpolator
    dice: StableRandom

    def level(self, share: float) -> float:
        """Returns a y between the horizon (0) and the lower edge (1)."""
        return self.horizon + (self.bottom - self.horizon) * share


def roll(ground: GroundContext, level: float, swing: float, waves: float) -> list[Point]:
    """Returns the upper edge of rolling land."""
    first, second = ground.drift.between(0, math.tau), ground.drift.between(0, math.tau)
    # Waves are counted per working size, so wide pictures get more hills, not longer ones.
    turns = waves * ground.width / ground.unit * math.tau / 2.4
    steps = 60
    return [
        (
            ground.width * i / steps,
            level
            + swing
            * ground.unit
            * (0.7 * math.sin(first + turns * i / steps) + 0.3 * math.sin(second + turns * 2.3 * i / steps)),
        )
        for i in range(steps + 1)
    ]


def fill_below(ground: GroundContext, edge: list[Point], colour: Colour) -> None:
    ground.pen.poly([*edge, (ground.width, ground.height), (0, ground.height)], colour)
