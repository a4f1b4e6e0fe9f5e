"""Motifs that hang, fly or shine. Each is about one unit across, around its origin."""

from __future__ import annotations

import math

from nbkit.offline.painting.brush import Pen, Point, fade, mix, ripple, smooth
from nbkit.offline.painting.palettes import Palette, is_dark
from nbkit.offline.painting.stable_random import StableRandom

__all__ = [
    "balloon",
    "bird",
    "butterfly",
    "cloud",
    "heart",
    "lantern",
    "moon",
    "planet",
    "rocket",
    "star",
    "sun",
]


def spikes(count: int, outer: float, inner: float, turn: float = -90) -> list[Point]:
    """Returns the outline of a star."""
    return [
        (math.cos(angle) * radius, math.sin(angle) * radius)
        for i in range(count * 2)
        for angle, radius in [(math.radians(turn + i * 180 / count), inner if i % 2 else outer)]
    ]


def lantern(pen: Pen, inks: Palette, detail: int, random: StableRandom) -> None:
    """A paper lantern on a cord; its origin is the middle of the paper."""
    paper = inks.main if random.chance(0.7) else mix(inks.main, inks.second, 0.75)
    cap = inks.dark
    glow = inks.second if sum(inks.second) > sum(paper) else inks.light
    pen.halo(0, 0, 0.72, inks.second, 0.42 if is_dark(inks) else 0.22)
    pen.stroke([(0, -12), (0, -0.4)], 0.018, fade(cap, 0.8))
    pen.oval(0, 0, 0.42, 0.38, paper)
    if detail >= 1:
        pen.oval(0, 0.02, 0.29, 0.375, mix(paper, glow, 0.42))
        pen.oval(0, 0.03, 0.15, 0.37, mix(paper, glow, 0.78))
    if detail >= 2:
        for reach in (0.42, 0.29, 0.15):
            pen.ring(0, 0.005, reach, 0.377, 0.012, fade(inks.dark, 0.35))
        for y in (-0.2, -0.07, 0.07, 0.2):
            half = 0.42 * math.sqrt(1 - (y / 0.38) ** 2)
            pen.stroke([(-half, y - 0.012), (0, y + 0.02), (half, y - 0.012)], 0.011, fade(inks.dark, 0.28))
    if detail >= 1:
        pen.poly(smooth([(-0.31, -0.13), (-0.24, -0.22), (-0.22, -0.05), (-0.28, 0.08)]), fade(inks.pale, 0.5))
    pen.box(-0.17, -0.44, 0.17, -0.345, cap, 0.03)
    pen.box(-0.14, 0.345, 0.14, 0.42, cap, 0.03)
    pen.box(-0.145, -0.365, 0.145, -0.345, inks.second)
    pen.box(-0.115, 0.345, 0.115, 0.362, inks.second)
    pen.stroke([(0, 0.42), (0, 0.5)], 0.02, inks.second)
    pen.poly([(-0.035, 0.5), (0.035, 0.5), (0.05, 0.68), (-0.05, 0.68)], inks.second)
    if detail >= 2:
        pen.oval(0, 0.49, 0.04, 0.035, paper)
        for x in (-0.02, 0.012):
            pen.stroke([(x, 0.53), (x * 1.4, 0.68)], 0.01, fade(inks.dark, 0.5))


def moon(pen: Pen, inks: Palette, detail: int, _random: StableRandom) -> None:
    """A crescent on the dim disc of the moon."""
    pen.halo(0, 0, 0.74, inks.light, 0.32)
    pen.oval(0, 0, 0.5, 0.5, mix(inks.light, inks.middle, 0.78))
    rim = ripple(0, 0, 0.5, 0.5, 60, 300, 40)
    cut = ripple(0.2, 0, 0.526, 0.435, 276, 84, 40)
    pen.poly(rim + cut, inks.light)
    if detail >= 1:
        for x, y, r in ((-0.37, -0.1, 0.045), (-0.36, 0.14, 0.065), (-0.22, -0.34, 0.035)):
            pen.oval(x, y, r, r, mix(inks.light, inks.second, 0.35))
    if detail >= 2:
        for x, y, r in ((-0.4, 0.02, 0.02), (-0.2, 0.34, 0.04), (-0.3, -0.24, 0.022)):
            pen.oval(x, y, r, r, mix(inks.light, inks.second, 0.5))
        for x, y, r in ((0.12, -0.08, 0.07), (0.25, 0.14, 0.045)):
            pen.ring(x, y, r, r, 0.012, fade(inks.light, 0.3))


def sun(pen: Pen, inks: Palette, detail: int, random: StableRandom) -> None:
    """A sun with alternating rays."""
    pen.halo(0, 0, 0.8, inks.light, 0.35)
    if detail >= 1:
        pen.poly(spikes(16, 0.5, 0.36, random.between(0, 20)), mix(inks.second, inks.light, 0.25))
    pen.poly(spikes(8, 0.58, 0.34, random.between(0, 40)), inks.second)
    pen.oval(0, 0, 0.36, 0.36, inks.light)
    if detail >= 1:
        pen.ring(0, 0, 0.29, 0.29, 0.018, fade(inks.second, 0.9))
    if detail >= 2:
        pen.ring(0, 0, 0.22, 0.22, 0.012, fade(inks.main, 0.55))
        pen.pie(0, 0, 0.2, 0.2, 100, 280, fade(inks.second, 0.45))


def star(pen: Pen, inks: Palette, detail: int, _random: StableRandom) -> None:
    """An atomic-age star: long and short points around a bright centre."""
    colour = inks.light if is_dark(inks) else inks.second
    pen.halo(0, 0, 0.5, colour, 0.22, 3)
    if detail >= 1:
        pen.poly(spikes(4, 0.3, 0.05, -45), mix(colour, inks.main, 0.45))
    pen.poly(spikes(4, 0.5, 0.07), colour)
    if detail >= 2:
        for x, y in ripple(0, 0, 0.4, 0.4, 22.5, 337.5, 7):
            pen.oval(x, y, 0.018, 0.018, inks.main)
    pen.oval(0, 0, 0.06, 0.06, inks.pale)


def cloud(pen: Pen, inks: Palette, detail: int, _random: StableRandom) -> None:
    """A flat-bottomed cloud."""
    body = mix(inks.pale, inks.low, 0.25)
    if detail >= 2:
        pen.box(-0.36, 0.08, 0.52, 0.2, fade(inks.dark, 0.12), 0.06)
    for x, y, r in ((-0.26, 0.0, 0.13), (-0.04, -0.07, 0.2), (0.22, 0.0, 0.14)):
        pen.oval(x, y, r, r, body)
    pen.box(-0.5, -0.01, 0.46, 0.13, body, 0.07)
    if detail >= 1:
        pen.box(-0.4, 0.075, 0.3, 0.13, mix(body, inks.middle, 0.3), 0.03)
    if detail >= 2:
        pen.stroke(ripple(-0.04, -0.07, 0.14, 0.14, 190, 290, 10), 0.018, fade(inks.middle, 0.4))
        pen.stroke(ripple(0.22, 0.0, 0.09, 0.09, 200, 320, 8), 0.015, fade(inks.middle, 0.4))


def bird(pen: Pen, inks: Palette, detail: int, _random: StableRandom) -> None:
    """A crane on the wing."""
    body = inks.pale if is_dark(inks) else inks.dark
    under = mix(body, inks.middle, 0.4)
    pen.poly([(-0.02, 0.02), (0.16, 0.05), (0.06, 0.42), (-0.02, 0.3)], under)
    pen.poly(smooth([(0.52, -0.09), (0.3, -0.07), (0.05, -0.02), (-0.26, 0.08), (-0.08, 0.13), (0.2, 0.08)]), body)
    pen.poly([(-0.08, 0.06), (0.16, 0.02), (0.02, -0.24), (-0.24, -0.46), (-0.2, -0.2)], body)
    pen.poly([(0.5, -0.115), (0.62, -0.09), (0.5, -0.07)], inks.second)
    pen.poly([(-0.2, 0.06), (-0.46, 0.16), (-0.2, 0.13)], inks.main)
    if detail >= 1:
        pen.poly([(-0.17, -0.2), (-0.24, -0.46), (-0.09, -0.29), (-0.02, -0.1)], mix(body, inks.main, 0.55))
        pen.oval(0.46, -0.1, 0.014, 0.014, inks.main)
    if detail >= 2:
        for share in (0.25, 0.5, 0.75):
            pen.stroke([(-0.06 + 0.2 * share, 0.0), (-0.2 + 0.17 * share, -0.34 + 0.15 * share)], 0.012, under)
        pen.stroke([(0.0, 0.08), (0.2, 0.03), (0.36, -0.04)], 0.012, fade(inks.main, 0.7))


def balloon(pen: Pen, inks: Palette, detail: int, random: StableRandom) -> None:
    """A hot-air balloon with gores and a basket."""
    stripes = (inks.main, inks.pale, inks.second) if random.chance(0.5) else (inks.second, inks.main, inks.pale)
    pen.stroke([(-0.16, 0.2), (-0.06, 0.4)], 0.012, inks.dark)
    pen.stroke([(0.16, 0.2), (0.06, 0.4)], 0.012, inks.dark)
    for reach, colour in ((0.4, stripes[0]), (0.28, stripes[1]), (0.14, stripes[2])):
        outline = ripple(0, -0.12, reach, 0.38, 170, 370, 26)
        pen.poly([*outline, (reach * 0.42, 0.25), (-reach * 0.42, 0.25)], colour)
    if detail >= 1:
        band = [*ripple(0, -0.12, 0.4, 0.06, 0, 180, 16), *ripple(0, -0.04, 0.39, 0.06, 180, 0, 16)]
        pen.poly(band, fade(inks.dark, 0.8))
        pen.poly(smooth([(-0.27, -0.3), (-0.18, -0.4), (-0.2, -0.26), (-0.27, -0.18)]), fade(inks.pale, 0.55))
    if detail >= 2:
        for i in range(9):
            x = -0.34 + i * 0.085
            pen.oval(x, -0.08 + 0.06 * math.sqrt(max(0, 1 - (x / 0.4) ** 2)), 0.017, 0.017, inks.second)
        pen.poly([*ripple(0.02, -0.12, 0.38, 0.38, 280, 370, 12), (0.17, 0.25), (0.12, 0.25)], fade(inks.dark, 0.2))
        pen.stroke([(0, 0.25), (0, 0.4)], 0.01, inks.dark)
    pen.box(-0.09, 0.4, 0.09, 0.52, mix(inks.second, inks.dark, 0.55), 0.025)
    pen.box(-0.1, 0.39, 0.1, 0.425, inks.second, 0.015)


def planet(pen: Pen, inks: Palette, detail: int, random: StableRandom) -> None:
    """A ringed planet."""
    body = inks.main if random.chance(0.5) else inks.second
    other = inks.second if body == inks.main else inks.main
    tilt = [(-0.62, 0.2), (0.62, -0.2)]
    pen.stroke([(x, y - 0.03) for x, y in tilt], 0.05, mix(other, inks.dark, 0.35))
    pen.oval(0, 0, 0.36, 0.36, body)
    if detail >= 1:
        pen.pie(0, 0, 0.36, 0.36, 10, 170, mix(body, inks.dark, 0.25))
        pen.pie(0, 0, 0.36, 0.36, 40, 140, mix(body, inks.dark, 0.42))
        pen.oval(-0.13, -0.16, 0.1, 0.07, mix(body, inks.pale, 0.5))
    if detail >= 2:
        for y in (-0.2, -0.08):
            half = 0.36 * math.sqrt(1 - (y / 0.36) ** 2)
            pen.stroke([(-half * 0.4, y), (half * 0.96, y)], 0.022, fade(inks.pale, 0.35))
        for x, y, r in ((0.16, 0.16, 0.035), (-0.1, 0.2, 0.025)):
            pen.oval(x, y, r, r, mix(body, inks.dark, 0.5))
    pen.poly([(-0.62, 0.2), (-0.3, 0.2), (0.1, 0.09), (0.62, -0.2), (0.12, 0.0), (-0.34, 0.12)], other)


def rocket(pen: Pen, inks: Palette, detail: int, _random: StableRandom) -> None:
    """A finned rocket, climbing."""

    def lean(points: list[Point]) -> list[Point]:
        return [(x * 0.87 - y * 0.5, y * 0.87 + x * 0.5) for x, y in points]

    pen.poly(lean(smooth([(-0.09, 0.34), (0.09, 0.34), (0.05, 0.55), (0, 0.72), (-0.05, 0.55)])), inks.second)
    if detail >= 1:
        pen.poly(lean(smooth([(-0.05, 0.34), (0.05, 0.34), (0, 0.52)])), inks.pale)
    for side in (-1, 1):
        fin = [(side * 0.12, 0.1), (side * 0.28, 0.26), (side * 0.27, 0.44), (side * 0.1, 0.33)]
        pen.poly(lean(fin), inks.main)
    hull = [(0, -0.56), (0.12, -0.32), (0.165, -0.02), (0.11, 0.34), (-0.11, 0.34), (-0.165, -0.02), (-0.12, -0.32)]
    pen.poly(lean(smooth(hull)), inks.pale)
    if detail >= 1:
        shade = [(0.02, -0.52), (0.12, -0.32), (0.165, -0.02), (0.11, 0.34), (0.06, 0.34), (0.08, 0), (0.06, -0.3)]
        pen.poly(lean(shade), mix(inks.pale, inks.middle, 0.45))
    pen.poly(lean([(0, -0.57), (0.07, -0.45), (0.115, -0.33), (-0.115, -0.33), (-0.07, -0.45)]), inks.main)
    ((cx, cy),) = lean([(0, -0.1)])
    pen.oval(cx, cy, 0.085, 0.085, inks.second)
    pen.oval(cx, cy, 0.06, 0.06, inks.dark)
    if detail >= 2:
        pen.oval(cx - 0.02, cy - 0.02, 0.02, 0.02, inks.pale)
        for y in (0.16, 0.24):
            pen.stroke(lean([(-0.14, y), (0.14, y)]), 0.016, inks.main)
        for x, y, r in ((0.1, 0.75, 0.05), (-0.1, 0.8, 0.035), (0.02, 0.9, 0.03)):
            ((px, py),) = lean([(x, y)])
            pen.oval(px, py, r, r, fade(inks.pale, 0.6))


def butterfly(pen: Pen, inks: Palette, detail: int, _random: StableRandom) -> None:
    """A butterfly, wings open."""
    for side in (-1, 1):
        upper = [(0, -0.02), (0.12, -0.3), (0.4, -0.4), (0.48, -0.2), (0.28, 0.02)]
        lower = [(0, 0.02), (0.26, 0.04), (0.36, 0.2), (0.24, 0.36), (0.08, 0.22)]
        pen.poly([(side * x, y) for x, y in smooth(upper)], inks.main)
        pen.poly([(side * x, y) for x, y in smooth(lower)], inks.second)
        if detail >= 1:
            inner = [(0.08, -0.06), (0.18, -0.26), (0.36, -0.31), (0.36, -0.18), (0.22, -0.02)]
            pen.poly([(side * x, y) for x, y in smooth(inner)], mix(inks.main, inks.pale, 0.45))
            pen.oval(side * 0.22, 0.2, 0.06, 0.06, inks.main)
        if detail >= 2:
            for x, y in ((0.38, -0.33), (0.43, -0.24), (0.3, 0.26), (0.31, 0.17)):
                pen.oval(side * x, y, 0.022, 0.022, inks.pale)
            pen.stroke([(side * 0.03, -0.04), (side * 0.34, -0.28)], 0.012, fade(inks.dark, 0.6))
        pen.stroke([(0, -0.16), (side * 0.06, -0.3), (side * 0.13, -0.36)], 0.014, inks.dark)
    pen.oval(0, 0.02, 0.035, 0.22, inks.dark)


def heart(pen: Pen, inks: Palette, detail: int, _random: StableRandom) -> None:
    """A heart with a shine."""
    outline = [
        (0, 0.44),
        (-0.3, 0.14),
        (-0.44, -0.12),
        (-0.3, -0.36),
        (-0.1, -0.34),
        (0, -0.2),
        (0.1, -0.34),
        (0.3, -0.36),
        (0.44, -0.12),
        (0.3, 0.14),
    ]
    if detail >= 2:
        pen.poly([(x + 0.03, y + 0.04) for x, y in smooth(outline)], fade(inks.dark, 0.25))
    pen.poly(smooth(outline), inks.main)
    if detail >= 1:
        right = [(0, 0.44), (0.3, 0.14), (0.44, -0.12), (0.34, -0.33), (0.3, -0.06), (0.14, 0.2)]
        pen.poly(smooth(right), mix(inks.main, inks.dark, 0.22))
        pen.poly(smooth([(-0.32, -0.14), (-0.26, -0.27), (-0.16, -0.26), (-0.25, -0.12)]), fade(inks.pale, 0.75))
    if detail >= 2:
        for i in range(5):
            pen.oval(-0.24 + i * 0.12, -0.02 + abs(i - 2) * -0.05, 0.022, 0.022, inks.second)
