"""Animals, machines and utensils. Each stands on its origin unless its docstring says otherwise."""

from __future__ import annotations

import math

from nbkit.offline.painting.brush import Pen, fade, mix, ripple, smooth
from nbkit.offline.painting.motifs_ground import shadow
from nbkit.offline.painting.palettes import Palette, is_dark
from nbkit.offline.painting.stable_random import StableRandom

__all__ = ["boat", "car", "cat", "cup", "fish", "robot", "umbrella"]


def cat(pen: Pen, inks: Palette, detail: int, random: StableRandom) -> None:
    """A sitting cat that looks at you."""
    fur = random.pick((inks.dark, inks.main, inks.pale)) if not is_dark(inks) else random.pick((inks.main, inks.pale))
    eye = inks.second if fur != inks.second else inks.pale
    line = inks.pale if fur == inks.dark else inks.dark
    shadow(pen, inks, detail, 0.34)
    tail = [(0.2, -0.06), (0.4, -0.04), (0.46, -0.2), (0.36, -0.36), (0.44, -0.5)]
    pen.stroke(smooth([*tail, *tail[-2:0:-1]])[: len(tail) * 6 - 6], 0.075, fur)
    pen.poly(
        smooth([(0, -0.66), (-0.2, -0.46), (-0.28, -0.12), (-0.22, 0), (0.22, 0), (0.28, -0.12), (0.2, -0.46)]), fur
    )
    pen.oval(0, -0.72, 0.235, 0.2, fur)
    for side in (-1, 1):
        pen.poly([(side * 0.22, -0.74), (side * 0.22, -1.0), (side * 0.05, -0.88)], fur)
        if detail >= 1:
            pen.poly(
                [(side * 0.19, -0.84), (side * 0.195, -0.94), (side * 0.11, -0.89)], mix(inks.main, inks.pale, 0.5)
            )
        pen.oval(side * 0.095, -0.73, 0.048, 0.052, eye)
        pen.oval(side * 0.095, -0.73, 0.018, 0.046, inks.dark)
        if detail >= 2:
            pen.oval(side * 0.095 - 0.014, -0.75, 0.012, 0.012, inks.pale)
            for y in (-0.67, -0.635, -0.6):
                pen.stroke([(side * 0.09, -0.645), (side * 0.34, y - 0.02)], 0.009, fade(line, 0.8))
    pen.poly(
        [(-0.03, -0.665), (0.03, -0.665), (0, -0.63)], mix(inks.main, inks.pale, 0.3) if fur != inks.main else line
    )
    if detail >= 1:
        pen.poly(
            smooth([(0, -0.5), (-0.1, -0.36), (-0.07, -0.14), (0.07, -0.14), (0.1, -0.36)]), mix(fur, inks.pale, 0.3)
        )
        pen.stroke([(-0.065, -0.16), (-0.065, 0)], 0.014, fade(line, 0.6))
        pen.stroke([(0.065, -0.16), (0.065, 0)], 0.014, fade(line, 0.6))
        pen.stroke([(-0.15, -0.54), (0, -0.51), (0.15, -0.54)], 0.035, inks.second)
    if detail >= 2:
        pen.oval(0, -0.475, 0.035, 0.035, inks.light)
        for y in (-0.34, -0.26, -0.18):
            pen.stroke([(0.25, y + 0.05), (0.17, y)], 0.02, fade(line, 0.5))
            pen.stroke([(-0.25, y + 0.05), (-0.17, y)], 0.02, fade(line, 0.5))


def robot(pen: Pen, inks: Palette, detail: int, random: StableRandom) -> None:
    """A tin robot."""
    metal, trim = (inks.pale, inks.main) if random.chance(0.5) else (mix(inks.middle, inks.pale, 0.55), inks.second)
    shadow(pen, inks, detail, 0.32)
    for side in (-1, 1):
        pen.box(min(side * 0.05, side * 0.17), -0.22, max(side * 0.05, side * 0.17), -0.03, mix(metal, inks.dark, 0.4))
        pen.box(side * 0.125 - 0.1, -0.07, side * 0.125 + 0.1, 0, trim, 0.04)
        pen.stroke([(side * 0.22, -0.52), (side * 0.34, -0.4), (side * 0.33, -0.26)], 0.06, mix(metal, inks.dark, 0.4))
        pen.oval(side * 0.33, -0.24, 0.055, 0.055, trim)
    pen.box(-0.24, -0.58, 0.24, -0.18, metal, 0.05)
    pen.box(-0.06, -0.64, 0.06, -0.57, inks.dark)
    pen.box(-0.2, -0.9, 0.2, -0.62, metal, 0.07)
    if detail >= 1:
        pen.box(0.1, -0.56, 0.24, -0.2, mix(metal, inks.dark, 0.2), 0.04)
        pen.box(0.1, -0.88, 0.2, -0.64, mix(metal, inks.dark, 0.2), 0.05)
        pen.box(-0.17, -0.52, 0.1, -0.34, inks.dark, 0.03)
    pen.stroke([(0, -0.9), (0, -0.97)], 0.022, inks.dark)
    pen.oval(0, -0.985, 0.035, 0.035, trim)
    pen.box(-0.16, -0.84, 0.16, -0.71, inks.dark, 0.06)
    for side in (-1, 1):
        pen.oval(side * 0.075, -0.775, 0.042, 0.042, inks.light)
        if detail >= 1:
            pen.oval(side * 0.075 + 0.01, -0.775, 0.02, 0.02, inks.main)
    if detail >= 2:
        for i in range(4):
            pen.box(-0.075 + i * 0.042, -0.685, -0.05 + i * 0.042, -0.655, inks.dark)
        pen.stroke(
            [(-0.15, -0.4), (-0.1, -0.4), (-0.07, -0.48), (-0.03, -0.37), (0.0, -0.42), (0.08, -0.42)],
            0.014,
            inks.second,
        )
        for x, colour in ((-0.14, inks.main), (-0.06, inks.second), (0.02, inks.dark)):
            pen.oval(x, -0.26, 0.026, 0.026, colour)
        for x, y in ((-0.21, -0.55), (0.21, -0.55), (-0.21, -0.21), (0.21, -0.21)):
            pen.oval(x, y, 0.012, 0.012, inks.dark)


def car(pen: Pen, inks: Palette, detail: int, random: StableRandom) -> None:
    """A finned saloon of the fifties."""
    paint = inks.main if random.chance(0.65) else inks.second
    shadow(pen, inks, detail, 0.86)
    if is_dark(inks):
        pen.poly([(0.86, -0.27), (1.7, -0.4), (1.7, 0.02)], fade(inks.light, 0.28))
    pen.poly(smooth([(-0.46, -0.38), (-0.34, -0.62), (-0.1, -0.68), (0.16, -0.66), (0.36, -0.42)], 5), inks.pale)
    pen.poly([(-0.38, -0.4), (-0.29, -0.58), (-0.06, -0.61), (-0.06, -0.4)], mix(inks.dark, inks.middle, 0.4))
    pen.poly([(-0.01, -0.4), (-0.01, -0.61), (0.14, -0.59), (0.29, -0.4)], mix(inks.dark, inks.middle, 0.4))
    body = [
        (-0.9, -0.5),
        (-0.72, -0.42),
        (-0.4, -0.4),
        (0.36, -0.4),
        (0.76, -0.36),
        (0.9, -0.27),
        (0.9, -0.13),
        (0.82, -0.09),
        (-0.84, -0.09),
        (-0.9, -0.16),
    ]
    pen.poly(body, paint)
    if detail >= 1:
        pen.poly(
            [(-0.9, -0.22), (0.9, -0.22), (0.9, -0.13), (0.82, -0.09), (-0.84, -0.09), (-0.9, -0.16)],
            mix(paint, inks.dark, 0.28),
        )
        pen.poly([(-0.84, -0.31), (0.66, -0.31), (0.4, -0.26), (-0.84, -0.25)], inks.pale)
    pen.oval(0.85, -0.27, 0.05, 0.055, inks.light)
    pen.box(-0.92, -0.36, -0.86, -0.26, inks.second if paint != inks.second else inks.main, 0.02)
    for x in (-0.52, 0.52):
        pen.oval(x, -0.12, 0.165, 0.165, inks.dark)
        if detail >= 1:
            pen.oval(x, -0.12, 0.105, 0.105, inks.pale)
        pen.oval(x, -0.12, 0.055, 0.055, mix(inks.pale, inks.dark, 0.45))
    pen.box(-0.95, -0.12, -0.76, -0.07, inks.pale, 0.02)
    pen.box(0.76, -0.12, 0.96, -0.07, inks.pale, 0.02)
    if detail >= 2:
        for x in (-0.03, 0.33):
            pen.stroke([(x, -0.4), (x - 0.02, -0.12)], 0.01, fade(inks.dark, 0.7))
        pen.box(0.06, -0.37, 0.14, -0.35, inks.pale, 0.01)
        pen.poly([(-0.33, -0.45), (-0.27, -0.56), (-0.2, -0.57), (-0.27, -0.45)], fade(inks.pale, 0.5))
        pen.poly([(0.05, -0.45), (0.1, -0.57), (0.13, -0.57), (0.1, -0.45)], fade(inks.pale, 0.5))
        for x in (-0.52, 0.52):
            for px, py in ripple(x, -0.12, 0.08, 0.08, 0, 300, 5):
                pen.oval(px, py, 0.012, 0.012, inks.dark)


def cup(pen: Pen, inks: Palette, detail: int, random: StableRandom) -> None:
    """A steaming cup on its saucer."""
    china = inks.main if random.chance(0.6) else inks.pale
    shadow(pen, inks, detail, 0.5)
    pen.oval(0, -0.04, 0.46, 0.065, inks.second)
    if detail >= 1:
        pen.oval(0, -0.055, 0.36, 0.045, mix(inks.second, inks.dark, 0.25))
    pen.ring(0.34, -0.34, 0.15, 0.16, 0.055, china)
    pen.poly([(-0.36, -0.58), (0.36, -0.58), *ripple(0, -0.42, 0.34, 0.36, 20, 160, 20)], china)
    if detail >= 1:
        pen.poly([(0.08, -0.58), (0.36, -0.58), *ripple(0, -0.42, 0.34, 0.36, 20, 80, 12)], mix(china, inks.dark, 0.22))
        pen.poly(smooth([(-0.28, -0.46), (-0.22, -0.46), (-0.19, -0.24), (-0.24, -0.26)]), fade(inks.pale, 0.7))
    pen.oval(0, -0.58, 0.36, 0.06, mix(china, inks.pale, 0.5))
    pen.oval(0, -0.575, 0.31, 0.042, mix(inks.dark, inks.second, 0.3))
    for i, x in enumerate((-0.14, 0.02, 0.18)):
        if detail == 0 and i != 1:
            continue
        steam = [(x + 0.035 * math.sin(k * 0.75), -0.66 - k * (0.036 if i == 1 else 0.028)) for k in range(11)]
        pen.stroke(steam, 0.026, fade(inks.pale, 0.75))
    if detail >= 2:
        for x in (-0.2, -0.07, 0.06, 0.19):
            pen.poly([(x, -0.44), (x + 0.05, -0.38), (x, -0.32), (x - 0.05, -0.38)], inks.second)
        pen.stroke([(-0.3, -0.25), (-0.05, -0.2), (0.3, -0.25)], 0.016, inks.second)


def umbrella(pen: Pen, inks: Palette, detail: int, _random: StableRandom) -> None:
    """An open umbrella on its stick."""
    shadow(pen, inks, detail, 0.2)
    pen.stroke([(0, -0.98), (0, -0.1)], 0.028, inks.dark)
    pen.stroke(ripple(0.06, -0.1, 0.06, 0.08, 180, 20, 10), 0.028, inks.dark)
    pen.pie(0, -0.5, 0.5, 0.44, 180, 360, inks.main)
    if detail >= 1:
        pen.pie(0, -0.5, 0.28, 0.44, 180, 360, inks.pale)
        pen.pie(0, -0.5, 0.1, 0.44, 180, 360, inks.second)
        pen.poly(
            [*ripple(0, -0.5, 0.5, 0.44, 300, 360, 10), (0.28, -0.5), (0.24, -0.66)], mix(inks.main, inks.dark, 0.25)
        )
    for x in (-0.39, -0.19, 0.0, 0.19, 0.39):
        pen.pie(x, -0.49, 0.105, 0.06, 180, 360, mix(inks.dark, inks.main, 0.4))
    if detail >= 2:
        for reach in (0.28, 0.1):
            pen.stroke(ripple(0, -0.5, reach, 0.44, 180, 360, 20), 0.01, fade(inks.dark, 0.6))
        for x, y in ((-0.38, -0.64), (-0.33, -0.74), (0.36, -0.66), (0.3, -0.78)):
            pen.oval(x, y, 0.022, 0.022, inks.second)


def boat(pen: Pen, inks: Palette, detail: int, _random: StableRandom) -> None:
    """A sailing boat on the water."""
    pen.oval(0, 0.0, 0.5, 0.035, fade(inks.dark, 0.3))
    pen.stroke([(0, -0.1), (0, -0.98)], 0.024, inks.dark)
    pen.poly(
        smooth([(0.03, -0.96), (0.2, -0.6), (0.42, -0.2), (0.2, -0.19), (0.03, -0.18), (0.04, -0.5)], 4), inks.pale
    )
    pen.poly([(-0.03, -0.88), (-0.06, -0.2), (-0.36, -0.2), (-0.2, -0.46)], inks.second)
    if detail >= 1:
        pen.poly([(0.03, -0.46), (0.28, -0.46), (0.335, -0.36), (0.03, -0.36)], inks.main)
        pen.poly([(-0.03, -0.88), (-0.06, -0.2), (-0.14, -0.2)], mix(inks.second, inks.dark, 0.25))
    pen.poly([(0, -1.0), (-0.14, -0.96), (0, -0.92)], inks.main)
    pen.poly([(-0.48, -0.15), (0.5, -0.15), (0.36, 0.01), (-0.34, 0.01)], inks.main)
    if detail >= 1:
        pen.poly([(-0.48, -0.15), (0.5, -0.15), (0.47, -0.11), (-0.44, -0.11)], inks.pale)
    if detail >= 2:
        for x in (-0.24, -0.06, 0.12, 0.3):
            pen.oval(x, -0.06, 0.022, 0.022, inks.pale)
        for y, half in ((0.05, 0.34), (0.09, 0.2), (0.13, 0.1)):
            pen.stroke([(-half, y), (half, y)], 0.018, fade(inks.pale, 0.45))
        for y in (-0.62, -0.78, -0.3):
            pen.stroke([(0.04, y), (0.12 - y * 0.02, y + 0.015)], 0.01, fade(inks.dark, 0.5))


def fish(pen: Pen, inks: Palette, detail: int, random: StableRandom) -> None:
    """A carp, leaping; its origin is its middle."""
    scales = inks.main if random.chance(0.6) else inks.second
    fin = inks.second if scales == inks.main else inks.main
    pen.poly(smooth([(-0.34, 0), (-0.56, -0.2), (-0.6, -0.02), (-0.56, 0.2)], 5), fin)
    pen.poly(smooth([(-0.1, -0.16), (0.02, -0.34), (0.2, -0.3), (0.16, -0.14)], 5), fin)
    pen.poly(smooth([(-0.06, 0.14), (-0.1, 0.3), (0.08, 0.24), (0.1, 0.14)], 5), fin)
    pen.poly(smooth([(0.5, 0.02), (0.3, -0.17), (0, -0.2), (-0.38, -0.02), (0, 0.19), (0.3, 0.18)]), scales)
    if detail >= 1:
        pen.poly(
            smooth([(0.46, 0.06), (0.2, 0.1), (-0.34, 0.02), (0, 0.18), (0.3, 0.17)]), mix(scales, inks.pale, 0.65)
        )
        pen.stroke(ripple(0.18, 0, 0.12, 0.17, -75, 75, 12), 0.02, fade(inks.dark, 0.6))
    pen.oval(0.36, -0.05, 0.045, 0.045, inks.pale)
    pen.oval(0.37, -0.05, 0.024, 0.024, inks.dark)
    if detail >= 2:
        for i in range(4):
            for k in range(-1, 2):
                x = 0.14 - i * 0.11
                if abs(k) < 1 or i < 3:
                    pen.stroke(ripple(x, k * 0.075 - 0.02, 0.05, 0.04, -80, 80, 6), 0.012, fade(inks.dark, 0.5))
        for x, y, r in ((0.6, -0.14, 0.035), (0.68, -0.26, 0.025), (0.63, -0.36, 0.018)):
            pen.ring(x, y, r, r, 0.012, fade(inks.pale, 0.8))
