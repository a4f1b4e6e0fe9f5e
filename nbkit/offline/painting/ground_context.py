"""What every ground is drawn with: pen, colours, measures and random numbers; and rolling land."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nbkit.offline.painting.brush import Colour, Pen, Point
from nbkit.offline.painting.interpolator import Interpolator
from nbkit.offline.painting.palettes import Palette
from nbkit.offline.painting.stable_random import StableRandom

__all__ = ["GroundContext", "fill_below", "rolling_edge"]


@dataclass(frozen=True)
class GroundContext:
    """What a ground is drawn with. All measures are in pixels.

    Attributes:
        pen: Draws in pixels of the picture.
        inks: The colours.
        width: Width of the picture.
        horizon: The y of the horizon.
        bottom: The y where the ground ends and the footer begins.
        height: Height of the picture.
        unit: The working size; all other sizes are shares of it.
        detail: 0, 1 or 2.
        light: x, y and radius of the sun or moon; None if there is none.
        beach: Whether a sea gets a bank, for motifs that cannot stand on water.
        interpolator: Numbers that follow prompt, seed and temperature.
        random: Numbers that follow the prompt alone.
    """

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
    interpolator: Interpolator
    random: StableRandom

    def level(self, share: float) -> float:
        """Returns a y between the horizon (0) and the lower edge (1)."""
        return self.horizon + (self.bottom - self.horizon) * share


def rolling_edge(ground: GroundContext, level: float, swing: float, waves: float) -> list[Point]:
    """Returns the upper edge of rolling land.

    Args:
        ground: What it is drawn with.
        level: Its mean y in pixels.
        swing: How far it rises and falls, as a share of the working size.
        waves: How many waves it has, for each 2.4 working sizes of width.
    """
    first, second = ground.interpolator.between(0, math.tau), ground.interpolator.between(0, math.tau)
    # The number of waves grows with the width, so a wide picture gets more hills instead of longer ones.
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
    """Fills everything below an edge."""
    ground.pen.poly([*edge, (ground.width, ground.height), (0, ground.height)], colour)
