"""The city: two rows of houses and a street."""

from __future__ import annotations

from nbkit.offline.painting.brush import Colour, fade, mix
from nbkit.offline.painting.ground_context import GroundContext
from nbkit.offline.painting.palettes import is_dark
from nbkit.offline.painting.stable_random import StableRandom

__all__ = ["city"]

_NARROWEST, _WIDEST = 0.1, 0.2
_ROLL_COUNT = 127  # A prime, so that equal steps through the rolls do not make stripes of lit windows.


def _windows(
    ground: GroundContext, box: tuple[float, float, float, float], colour: Colour, random: StableRandom
) -> None:
    """Adds the lit windows of a house."""
    left, top, right, base = box
    inks, dark = ground.inks, is_dark(ground.inks)
    cell = ground.unit * (0.034 if ground.detail == 2 else 0.05)
    across, down = int((right - left) * 0.86 / cell), int((base - top) / cell / 1.25)
    pitch = (right - left) * 0.86 / max(1, across)
    # The number for a window depends on its position: a house that is a storey higher has the same windows below.
    rolls = [random.roll() for _ in range(_ROLL_COUNT)]
    for i in range(across):
        for k in range(min(down, 40)):
            roll = rolls[(i * 67 + k * 13) % _ROLL_COUNT]
            if roll > (0.55 if dark else 0.4):
                continue
            x, y = left + (right - left) * 0.07 + (i + 0.22) * pitch, top + (k + 0.5) * cell * 1.25
            lamp = mix(inks.light, inks.second, roll * 1.8) if dark or roll < 0.12 else mix(colour, inks.pale, 0.5)
            ground.pen.box(x, y, x + cell * 0.45, y + cell * 0.6, lamp)


def _block(ground: GroundContext, box: tuple[float, float, float, float], colour: Colour, random: StableRandom) -> None:
    """Adds a house with a flat roof, a gable or a mast."""
    pen, (left, top, right, base) = ground.pen, box
    wide = right - left
    pen.box(left, top, right, base, colour)
    style = int(random.between(0, 4))
    if style == 1:
        pen.poly([(left, top), (left + wide / 2, top - wide * 0.4), (right, top)], colour)
    elif style == 2:
        pen.box(left + wide * 0.25, top - wide * 0.25, left + wide * 0.75, top, colour)
        pen.box(left + wide * 0.47, top - wide * 0.8, left + wide * 0.53, top, colour)
    if ground.detail >= 1:
        pen.box(left + wide * 0.7, top, right, base, mix(colour, ground.inks.dark, 0.25))
        _windows(ground, box, colour, random)


def city(ground: GroundContext) -> None:
    """Two rows of houses and a street."""
    inks, interpolator, pen = ground.inks, ground.interpolator, ground.pen
    key = ground.random.roll()
    # As many houses as fit if all are narrow: how many numbers are drawn must not depend on the seed.
    count = int((ground.width / ground.unit + 0.05) / _NARROWEST) + 1
    for row, (share, colour) in enumerate(((0.3, inks.far), (0.46, inks.mid))):
        x, base = -ground.unit * 0.05, ground.level(share)
        for i in range(count):
            wide = ground.unit * interpolator.between(_NARROWEST, _WIDEST)
            tall = ground.unit * interpolator.between(0.22, 0.6) * (1 - 0.38 * row)
            if x < ground.width:
                _block(ground, (x, base - tall, x + wide, base + 2), colour, StableRandom("house", key, row, i))
            x += wide + (ground.unit * 0.012 if row else 0.0)
        pen.box(0, base, ground.width, ground.height, mix(colour, inks.near, 0.4))
    pen.box(0, ground.level(0.52), ground.width, ground.height, inks.near)
    pen.box(0, ground.level(0.5), ground.width, ground.level(0.54), mix(inks.near, inks.pale, 0.4))
    if ground.detail >= 1:
        dash = ground.unit * 0.12
        for i in range(int(ground.width / dash / 1.7) + 1):
            x = i * dash * 1.7
            pen.box(x, ground.level(0.9), x + dash, ground.level(0.925), fade(inks.pale, 0.55))
