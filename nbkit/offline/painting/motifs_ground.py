"""Plants and buildings. Each stands on its origin and is one unit high."""

from __future__ import annotations

from nbkit.offline.painting.brush import Colour, Pen, fade, mix, ripple, smooth
from nbkit.offline.painting.palettes import Palette, is_dark
from nbkit.offline.painting.stable_random import StableRandom

__all__ = ["cactus", "flower", "house", "lighthouse", "mushroom", "pine", "tower", "tree"]


def shadow(pen: Pen, inks: Palette, detail: int, half: float) -> None:
    """Adds the shadow of a motif; a longer one at the highest detail."""
    if detail >= 1:
        pen.oval(0.03, 0.005, half, half * 0.14, fade(inks.dark, 0.35))
    if detail >= 2:
        pen.oval(half * 0.5, 0.02, half * 1.3, half * 0.13, fade(inks.dark, 0.22))


def window(inks: Palette, random: StableRandom) -> Colour:
    """Returns the colour of a window: mostly lit at night, mostly dark by day."""
    lit = random.chance(0.8 if is_dark(inks) else 0.35)
    return inks.light if lit else mix(inks.dark, inks.middle, 0.35)


def tree(pen: Pen, inks: Palette, detail: int, random: StableRandom) -> None:
    """A round-crowned tree."""
    crown = random.pick((mix(inks.mid, inks.main, 0.15), mix(inks.far, inks.second, 0.35), inks.main))
    shadow(pen, inks, detail, 0.26)
    pen.poly([(-0.045, 0), (-0.025, -0.5), (0.025, -0.5), (0.045, 0)], inks.dark)
    pen.oval(0, -0.64, 0.31, 0.36, crown)
    if detail >= 1:
        pen.pie(0, -0.64, 0.31, 0.36, 270, 450, mix(crown, inks.dark, 0.25))
        pen.oval(-0.12, -0.78, 0.09, 0.1, fade(mix(crown, inks.pale, 0.6), 0.8))
    pen.stroke([(0, -0.1), (0, -0.82)], 0.022, inks.dark)
    pen.stroke([(0, -0.42), (-0.14, -0.58)], 0.018, inks.dark)
    pen.stroke([(0, -0.52), (0.13, -0.68)], 0.018, inks.dark)
    if detail >= 2:
        for _ in range(9):
            x, y = random.between(-0.2, 0.2), random.between(-0.86, -0.44)
            pen.oval(x, y, 0.024, 0.024, inks.second if crown != inks.second else inks.pale)
        pen.stroke([(0, -0.66), (-0.09, -0.76)], 0.014, inks.dark)


def pine(pen: Pen, inks: Palette, detail: int, random: StableRandom) -> None:
    """A pine in three tiers."""
    needles = mix(inks.mid, inks.dark, random.between(0.1, 0.5))
    shadow(pen, inks, detail, 0.24)
    pen.box(-0.035, -0.2, 0.035, 0, mix(inks.dark, inks.second, 0.25))
    for top, low, half in ((-0.62, -0.12, 0.28), (-0.82, -0.38, 0.22), (-1.0, -0.62, 0.16)):
        pen.poly(
            [
                (0, top),
                (half, low),
                (half * 0.5, low - 0.03),
                (0, low + 0.015),
                (-half * 0.5, low - 0.03),
                (-half, low),
            ],
            needles,
        )
        if detail >= 1:
            pen.poly([(0, top), (half, low), (half * 0.5, low - 0.03), (0, low + 0.015)], mix(needles, inks.dark, 0.45))
        if detail >= 2:
            pen.poly(
                [(0, top), (-half * 0.42, top + (low - top) * 0.5), (-half * 0.14, top + (low - top) * 0.42)],
                fade(inks.pale, 0.75),
            )
            pen.stroke([(-half * 0.7, low - 0.06), (-half * 0.3, low - 0.14)], 0.014, fade(inks.far, 0.7))


def flower(pen: Pen, inks: Palette, detail: int, random: StableRandom) -> None:
    """A tall blossom with two leaves."""
    petal, heart = (inks.main, inks.second) if random.chance(0.6) else (inks.second, inks.main)
    green = mix(inks.near, inks.dark, 0.45)
    shadow(pen, inks, detail, 0.14)
    pen.stroke([(0, 0), (0.02, -0.3), (0, -0.66)], 0.03, inks.dark)
    for side, y in ((-1, -0.12), (1, -0.24)):
        blade = smooth([(0, y), (side * 0.12, y - 0.18), (side * 0.27, y - 0.22), (side * 0.16, y - 0.02)])
        pen.poly(blade, green)
        if detail >= 2:
            pen.stroke([(0, y), (side * 0.22, y - 0.17)], 0.012, inks.dark)
    for x, y in ripple(0, -0.72, 0.17, 0.17, 0, 315, 7):
        pen.oval(x, y, 0.105, 0.105, petal)
        if detail >= 1:
            pen.oval(x * 1.15, -0.72 + (y + 0.72) * 1.15, 0.055, 0.055, mix(petal, inks.pale, 0.45))
    if detail >= 2:
        for x, y in ripple(0, -0.72, 0.13, 0.13, 22, 337, 7):
            pen.stroke([(0, -0.72), (x, y)], 0.012, fade(inks.dark, 0.6))
    pen.oval(0, -0.72, 0.1, 0.1, heart)
    if detail >= 1:
        pen.oval(-0.02, -0.74, 0.05, 0.05, mix(heart, inks.pale, 0.5))
    if detail >= 2:
        for x, y in ripple(0, -0.72, 0.07, 0.07, 0, 300, 5):
            pen.oval(x, y, 0.012, 0.012, inks.dark)


def house(pen: Pen, inks: Palette, detail: int, random: StableRandom) -> None:
    """A gabled house."""
    wall = inks.pale if random.chance(0.6) else mix(inks.second, inks.pale, 0.35)
    shadow(pen, inks, detail, 0.46)
    pen.box(0.14, -0.98, 0.26, -0.6, inks.dark)
    pen.box(-0.38, -0.56, 0.38, 0, wall)
    if detail >= 1:
        pen.poly([(0.06, -0.56), (0.38, -0.56), (0.38, 0), (0.06, 0)], mix(wall, inks.middle, 0.3))
    pen.poly([(-0.46, -0.54), (0, -0.94), (0.46, -0.54)], inks.main)
    if detail >= 1:
        pen.poly([(0, -0.94), (0.46, -0.54), (0.06, -0.54)], mix(inks.main, inks.dark, 0.3))
        pen.oval(-0.1, -0.67, 0.055, 0.055, inks.light)
    pen.box(-0.06, -0.3, 0.08, 0, inks.dark, 0.02)
    for x in (-0.29, 0.16):
        pen.box(x, -0.44, x + 0.14, -0.26, window(inks, random))
        if detail >= 2:
            pen.stroke([(x + 0.07, -0.44), (x + 0.07, -0.26)], 0.014, inks.dark)
            pen.stroke([(x, -0.35), (x + 0.14, -0.35)], 0.014, inks.dark)
            pen.box(x - 0.01, -0.26, x + 0.15, -0.235, inks.main)
    if detail >= 2:
        for i in range(1, 5):
            y = -0.94 + i * 0.08
            pen.stroke([(-0.46 * i / 5, y), (0.46 * i / 5, y)], 0.01, fade(inks.dark, 0.45))
        pen.oval(0.05, -0.14, 0.014, 0.014, inks.second)
        for i in range(3):
            pen.oval(0.2 + i * 0.05, -1.06 - i * 0.1, 0.04 + i * 0.018, 0.035 + i * 0.015, fade(inks.pale, 0.45))


def tower(pen: Pen, inks: Palette, detail: int, random: StableRandom) -> None:
    """A pagoda of four roofs."""
    shadow(pen, inks, detail, 0.36)
    pen.stroke([(0, -1.0), (0, -0.8)], 0.02, inks.second)
    pen.box(-0.34, -0.045, 0.34, 0, inks.dark)
    for i, (y, half) in enumerate(((-0.045, 0.25), (-0.26, 0.21), (-0.46, 0.17), (-0.65, 0.13))):
        pen.box(-half, y - 0.17, half, y, mix(inks.pale, inks.second, 0.3))
        if detail >= 1:
            pen.box(half * 0.2, y - 0.17, half, y, mix(inks.second, inks.dark, 0.3))
        for x in (-0.5, 0, 0.5) if detail >= 1 else (0,):
            pen.box(half * x - 0.025, y - 0.12, half * x + 0.025, y - 0.02 if i else y, window(inks, random))
        eave = half + 0.14
        roof = [
            (-eave - 0.03, y - 0.2),
            (-eave, y - 0.14),
            (eave, y - 0.14),
            (eave + 0.03, y - 0.2),
            (half * 0.8, y - 0.225),
            (half * 0.55, y - 0.27),
            (-half * 0.55, y - 0.27),
            (-half * 0.8, y - 0.225),
        ]
        pen.poly(roof, inks.main)
        if detail >= 1:
            pen.box(-eave, y - 0.155, eave, y - 0.138, inks.dark)
        if detail >= 2:
            for k in range(-3, 4):
                pen.stroke([(half * 0.16 * k, y - 0.265), (eave * 0.28 * k, y - 0.16)], 0.01, fade(inks.dark, 0.5))
            for side in (-1, 1):
                pen.oval(side * (eave + 0.01), y - 0.12, 0.018, 0.022, inks.second)


def lighthouse(pen: Pen, inks: Palette, detail: int, _random: StableRandom) -> None:
    """A banded lighthouse and its beam."""
    strength = 0.34 if is_dark(inks) else 0.2
    pen.poly([(0, -0.86), (-3.4, -1.14), (-3.4, -0.66)], fade(inks.light, strength))
    pen.poly([(0, -0.86), (3.4, -1.06), (3.4, -0.7)], fade(inks.light, strength * 0.6))
    shadow(pen, inks, detail, 0.3)
    pen.poly([(-0.36, 0.03), (-0.22, -0.09), (0.2, -0.1), (0.38, 0.03)], inks.dark)

    def half(y: float) -> float:
        return 0.1 + 0.07 * (y + 0.76) / 0.72

    for i in range(4):
        low, top = -0.04 - i * 0.18, -0.22 - i * 0.18
        band = [(-half(low), low), (half(low), low), (half(top), top), (-half(top), top)]
        colour = inks.pale if i % 2 else inks.main
        pen.poly(band, colour)
        if detail >= 1:
            pen.poly([(0.035, low), (half(low), low), (half(top), top), (0.035, top)], mix(colour, inks.dark, 0.28))
    pen.box(-0.15, -0.79, 0.15, -0.755, inks.dark, 0.01)
    pen.box(-0.075, -0.92, 0.075, -0.79, inks.light)
    pen.poly([(-0.11, -0.92), (0, -1.02), (0.11, -0.92)], inks.main)
    pen.box(-0.035, -0.14, 0.035, -0.04, inks.dark, 0.03)
    if detail >= 2:
        for x in (-0.075, -0.025, 0.025, 0.068):
            pen.box(x, -0.92, x + 0.01, -0.79, inks.dark)
        for y in (-0.32, -0.5, -0.66):
            pen.box(-0.025, y, 0.015, y + 0.06, inks.dark, 0.01)
        for i in range(7):
            pen.box(-0.15 + i * 0.048, -0.83, -0.142 + i * 0.048, -0.79, inks.dark)


def mushroom(pen: Pen, inks: Palette, detail: int, _random: StableRandom) -> None:
    """A spotted toadstool."""
    shadow(pen, inks, detail, 0.26)
    pen.poly(smooth([(-0.1, -0.5), (0.1, -0.5), (0.1, -0.2), (0.16, 0), (-0.16, 0), (-0.1, -0.2)]), inks.pale)
    if detail >= 1:
        pen.poly([(0.02, -0.5), (0.1, -0.5), (0.1, -0.2), (0.15, 0), (0.04, 0)], mix(inks.pale, inks.middle, 0.4))
    pen.oval(0, -0.47, 0.38, 0.07, mix(inks.pale, inks.dark, 0.35))
    pen.pie(0, -0.47, 0.42, 0.48, 180, 360, inks.main)
    if detail >= 1:
        pen.pie(0.02, -0.47, 0.4, 0.46, 292, 360, mix(inks.main, inks.dark, 0.25))
    for x, y, r in ((-0.2, -0.66, 0.06), (0.05, -0.76, 0.08), (0.24, -0.6, 0.05), (-0.02, -0.56, 0.035)):
        pen.oval(x, y, r, r * 0.85, inks.pale)
    if detail >= 2:
        for i in range(-4, 5):
            pen.stroke([(i * 0.025, -0.47), (i * 0.085, -0.46)], 0.01, fade(inks.dark, 0.6))
        pen.stroke(ripple(0, -0.47, 0.35, 0.41, 205, 262, 10), 0.025, fade(inks.pale, 0.5))
        for x in (-0.24, 0.22):
            pen.poly([(x - 0.04, 0.01), (x - 0.02, -0.12), (x, 0.0), (x + 0.03, -0.09), (x + 0.05, 0.01)], inks.dark)


def cactus(pen: Pen, inks: Palette, detail: int, _random: StableRandom) -> None:
    """A saguaro with two arms."""
    green = mix(inks.second, inks.dark, 0.25)
    shadow(pen, inks, detail, 0.24)
    for side, y in ((-1, -0.34), (1, -0.46)):
        pen.box(min(0, side * 0.28), y - 0.06, max(0, side * 0.28), y + 0.06, green, 0.06)
        pen.box(side * 0.24 - 0.06, y - 0.28, side * 0.24 + 0.06, y + 0.05, green, 0.06)
    pen.box(-0.11, -0.96, 0.11, 0.01, green, 0.11)
    if detail >= 1:
        pen.box(0.03, -0.9, 0.1, 0, mix(green, inks.dark, 0.3), 0.03)
        pen.oval(0, -0.96, 0.05, 0.04, inks.main)
    if detail >= 2:
        for x in (-0.06, 0.0, 0.06):
            pen.stroke([(x, -0.88), (x, -0.02)], 0.01, fade(inks.pale, 0.4))
        for i in range(7):
            pen.stroke([(-0.1, -0.1 - i * 0.12), (-0.15, -0.13 - i * 0.12)], 0.01, inks.pale)
        pen.oval(-0.24, -0.62, 0.04, 0.035, inks.main)
