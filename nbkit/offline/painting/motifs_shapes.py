"""Abstract motifs for prompts that name no thing, in the style of printed fabrics."""

from __future__ import annotations

from nbkit.offline.painting.brush import Pen, fade, mix, ripple, smooth
from nbkit.offline.painting.motifs_sky import spikes
from nbkit.offline.painting.palettes import Palette
from nbkit.offline.painting.stable_random import StableRandom

__all__ = ["arches", "boomerang", "burst", "diamonds", "halves", "leaf", "rings"]


def halves(pen: Pen, inks: Palette, detail: int, random: StableRandom) -> None:
    """A disc cut in two and shifted along the cut."""
    pair = (inks.main, inks.second) if random.chance(0.5) else (inks.second, inks.pale)
    pen.pie(0, -0.09, 0.45, 0.45, 90, 270, pair[0])
    pen.pie(0, 0.09, 0.45, 0.45, 270, 450, pair[1])
    if detail >= 1:
        pen.pie(0, -0.09, 0.26, 0.26, 90, 270, mix(pair[0], inks.dark, 0.35))
        pen.pie(0, 0.09, 0.26, 0.26, 270, 450, mix(pair[1], inks.pale, 0.5))
    if detail >= 2:
        for i in range(4):
            pen.stroke(ripple(0, 0.09, 0.3 + i * 0.035, 0.3 + i * 0.035, 280, 440, 20), 0.01, fade(inks.dark, 0.5))
        pen.oval(-0.12, -0.09, 0.05, 0.05, inks.pale)


def rings(pen: Pen, inks: Palette, detail: int, random: StableRandom) -> None:
    """Discs within discs."""
    steps = [inks.main, inks.pale, inks.second, inks.dark, inks.light]
    turn = int(random.between(0, 3))
    reach = (0.46, 0.34, 0.23, 0.12) if detail else (0.46, 0.23)
    for i, radius in enumerate(reach):
        pen.oval(0, 0, radius, radius, steps[(i + turn) % len(steps)])
    if detail >= 2:
        for x, y in ripple(0, 0, 0.4, 0.4, 0, 345, 23):
            pen.oval(x, y, 0.014, 0.014, inks.dark)
        pen.ring(0, 0, 0.285, 0.285, 0.012, fade(inks.dark, 0.6))


def burst(pen: Pen, inks: Palette, detail: int, random: StableRandom) -> None:
    """An atomic starburst: spokes ending in beads."""
    turn = random.between(0, 30)
    tips = ripple(0, 0, 0.47, 0.47, turn, turn + 330, 11)
    for i, (x, y) in enumerate(tips):
        reach = 1.0 if i % 2 == 0 else 0.68
        pen.stroke([(0, 0), (x * reach, y * reach)], 0.02, inks.pale)
        if detail >= 1:
            bead = 0.045 if i % 2 == 0 else 0.03
            pen.oval(x * reach, y * reach, bead, bead, inks.main if i % 2 == 0 else inks.second)
        if detail >= 2 and i % 2 == 0:
            pen.oval(x - 0.012, y - 0.012, 0.012, 0.012, inks.pale)
    pen.oval(0, 0, 0.11, 0.11, inks.second)
    if detail >= 2:
        pen.poly(spikes(6, 0.09, 0.04, turn), inks.dark)


def boomerang(pen: Pen, inks: Palette, detail: int, random: StableRandom) -> None:
    """A soft three-cornered palette shape."""
    outline = smooth(
        [
            (-0.44, -0.06),
            (-0.3, -0.32),
            (0.02, -0.3),
            (0.34, -0.38),
            (0.46, -0.12),
            (0.26, 0.1),
            (0.16, 0.36),
            (-0.14, 0.4),
            (-0.3, 0.2),
        ]
    )
    if detail >= 2:
        pen.poly([(x + 0.04, y + 0.05) for x, y in outline], fade(inks.dark, 0.25))
    colour = random.pick((inks.main, inks.second, inks.pale))
    pen.poly(outline, colour)
    if detail >= 1:
        inner = inks.second if colour != inks.second else inks.main
        pen.poly([(x * 0.58 - 0.02, y * 0.58) for x, y in outline], inner)
        pen.oval(-0.08, -0.06, 0.06, 0.06, inks.dark)
    if detail >= 2:
        for x, y in ((0.3, -0.1), (0.22, -0.06), (0.14, -0.02), (-0.1, 0.26), (-0.1, 0.18)):
            pen.oval(x, y, 0.022, 0.022, inks.light)


def arches(pen: Pen, inks: Palette, detail: int, random: StableRandom) -> None:
    """A rainbow of arches on a common floor."""
    steps = [inks.main, inks.second, inks.pale, inks.mid, inks.main]
    turn = int(random.between(0, 3))
    widths = (0.46, 0.36, 0.26, 0.16) if detail else (0.46, 0.26)
    for i, half in enumerate(widths):
        top = 0.06 - half
        pen.poly([*ripple(0, 0.06, half, 0.06 - top, 180, 360), (half, 0.4), (-half, 0.4)], steps[(i + turn) % 5])
    if detail >= 2:
        for x, y in ripple(0, 0.06, 0.41, 0.41, 180, 360, 14):
            pen.oval(x, y, 0.014, 0.014, inks.dark)
        pen.box(-0.5, 0.38, 0.5, 0.42, inks.dark, 0.02)


def leaf(pen: Pen, inks: Palette, detail: int, random: StableRandom) -> None:
    """A split leaf on a stem."""
    colour = random.pick((inks.main, inks.second, inks.mid))
    pen.poly(smooth([(0, -0.5), (-0.2, -0.22), (-0.2, 0.08), (0, 0.34), (0, -0.1)]), colour)
    pen.poly(smooth([(0, -0.5), (0.2, -0.22), (0.2, 0.08), (0, 0.34), (0, -0.1)]), mix(colour, inks.pale, 0.45))
    pen.stroke([(0, -0.4), (0, 0.5)], 0.022, inks.dark)
    if detail >= 1:
        for y in (-0.2, -0.02, 0.16):
            pen.stroke([(0, y + 0.08), (-0.12, y - 0.06)], 0.014, inks.dark)
            pen.stroke([(0, y + 0.08), (0.12, y - 0.06)], 0.014, inks.dark)
    if detail >= 2:
        for y in (-0.27, -0.11, 0.07, 0.22):
            pen.stroke([(0, y + 0.05), (-0.08, y - 0.05)], 0.008, fade(inks.pale, 0.8))
            pen.stroke([(0, y + 0.05), (0.08, y - 0.05)], 0.008, fade(inks.dark, 0.6))


def diamonds(pen: Pen, inks: Palette, detail: int, random: StableRandom) -> None:
    """A column of lozenges."""
    steps = [inks.main, inks.pale, inks.second]
    turn = int(random.between(0, 3))
    for i, y in enumerate((-0.32, 0.0, 0.32)):
        colour = steps[(i + turn) % 3]
        pen.poly([(0, y - 0.24), (0.2, y), (0, y + 0.24), (-0.2, y)], colour)
        if detail >= 1:
            pen.poly([(0, y - 0.24), (0.2, y), (0, y + 0.24)], mix(colour, inks.dark, 0.28))
        if detail >= 2:
            pen.poly([(0, y - 0.1), (0.08, y), (0, y + 0.1), (-0.08, y)], inks.dark)
            pen.oval(0, y, 0.025, 0.025, inks.light)
