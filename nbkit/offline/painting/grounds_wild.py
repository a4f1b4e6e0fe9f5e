"""The grounds of nature: hills, mountains, forest, dunes."""

from __future__ import annotations

import math

from nbkit.offline.painting.brush import Colour, fade, mix
from nbkit.offline.painting.ground_context import GroundContext, fill_below, rolling_edge

__all__ = ["dunes", "forest", "hills", "mountains"]


def hills(ground: GroundContext) -> None:
    """Three rolling hills, with furrows at the highest detail."""
    inks = ground.inks
    for share, swing, waves, colour in (
        (-0.02, 0.07, 0.9, inks.far),
        (0.26, 0.06, 0.7, inks.mid),
        (0.62, 0.05, 0.6, inks.near),
    ):
        edge = rolling_edge(ground, ground.level(share), swing, waves)
        fill_below(ground, edge, colour)
        if ground.detail >= 1:
            rim = [(x, y + ground.unit * 0.012) for x, y in edge]
            ground.pen.poly(edge + rim[::-1], mix(colour, inks.low, 0.3))
        if ground.detail >= 2:
            for k in range(1, 5):
                low = [
                    (x, y + ground.unit * (0.012 + 0.034 * k + 0.012 * k * math.sin(x / ground.unit * 2)))
                    for x, y in edge
                ]
                ground.pen.stroke(low, ground.unit * 0.005, mix(colour, inks.dark, 0.22))


def _peak(ground: GroundContext, x: float, base: float, tall: float, *, half: float, colour: Colour) -> None:
    inks, pen = ground.inks, ground.pen
    top = base - tall
    pen.poly([(x, top), (x + half, base), (x - half, base)], colour)
    if ground.detail >= 1:
        shade = [
            (x, top),
            (x + half, base),
            (x + half * 0.2, base),
            (x - half * 0.1, top + tall * 0.62),
            (x + half * 0.14, top + tall * 0.36),
        ]
        pen.poly(shade, mix(colour, inks.dark, 0.3))
    snow = mix(inks.pale, colour, 0.08)
    cap = [
        (x, top),
        (x + half * 0.3, top + tall * 0.3),
        (x + half * 0.16, top + tall * 0.25),
        (x + half * 0.04, top + tall * 0.36),
        (x - half * 0.1, top + tall * 0.24),
        (x - half * 0.28, top + tall * 0.28),
    ]
    pen.poly(cap, snow)
    if ground.detail >= 1:
        pen.poly([cap[0], cap[1], cap[2], (x + half * 0.05, top + tall * 0.22)], mix(snow, colour, 0.45))
    if ground.detail >= 2:
        for k in range(3):
            y = top + tall * (0.45 + 0.15 * k)
            dx = -half * (0.28 + 0.13 * k)
            pen.stroke([(x + dx, y), (x + dx + half * 0.16, y + tall * 0.1)], ground.unit * 0.005, fade(inks.pale, 0.4))


def mountains(ground: GroundContext) -> None:
    """Two mountain ranges with snow, and a meadow in front."""
    inks, interpolator = ground.inks, ground.interpolator
    for row, (share, colour) in enumerate(((0.12, inks.far), (0.3, inks.mid))):
        step = ground.unit * (0.62 - 0.12 * row)
        count = max(2, math.ceil(ground.width / step) + 1)
        for i in range(count):
            x = (i - 0.5 + interpolator.between(-0.28, 0.28)) * ground.width / (count - 1.4)
            tall = ground.unit * interpolator.between(0.3, 0.52) * (1 - 0.42 * row)
            _peak(ground, x, ground.level(share), tall, half=tall * interpolator.between(0.72, 0.95), colour=colour)
        ground.pen.box(0, ground.level(share) - 1, ground.width, ground.height, colour)
    for share, swing, colour in ((0.36, 0.04, mix(inks.mid, inks.near, 0.5)), (0.64, 0.04, inks.near)):
        edge = rolling_edge(ground, ground.level(share), swing, 0.7)
        fill_below(ground, edge, colour)
        if ground.detail >= 2:
            for _ in range(int(24 * ground.width / ground.unit)):
                x, y = ground.random.roll() * ground.width, ground.level(ground.random.between(share + 0.16, 1))
                tuft = ground.unit * 0.01
                ground.pen.poly([(x - tuft, y), (x, y - tuft * 2), (x + tuft, y)], mix(colour, inks.low, 0.3))


def forest(ground: GroundContext) -> None:
    """Rows of firs, paler with distance."""
    inks = ground.inks
    for share, size, colour in (
        (0.1, 0.3, inks.far),
        (0.3, 0.24, inks.mid),
        (0.46, 0.16, mix(inks.mid, inks.near, 0.6)),
    ):
        edge = rolling_edge(ground, ground.level(share), 0.03, 0.8)
        count = int(ground.width / (ground.unit * size * 0.42)) + 2
        for i in range(count):
            x = (i + ground.interpolator.between(-0.3, 0.3)) * ground.width / (count - 1)
            y = edge[min(60, max(0, round(x / ground.width * 60)))][1] + ground.unit * 0.02
            tall = ground.unit * size * ground.interpolator.between(0.7, 1.2)
            for top, low, half in ((0.62, 0.0, 0.27), (0.82, 0.28, 0.21), (1.0, 0.55, 0.15)):
                ground.pen.poly(
                    [(x, y - tall * top), (x + tall * half, y - tall * low), (x - tall * half, y - tall * low)], colour
                )
                if ground.detail >= 2:
                    ground.pen.poly(
                        [(x, y - tall * top), (x + tall * half, y - tall * low), (x, y - tall * low)],
                        mix(colour, inks.dark, 0.18),
                    )
        fill_below(ground, edge, colour)
    edge = rolling_edge(ground, ground.level(0.6), 0.03, 0.6)
    fill_below(ground, edge, inks.near)
    if ground.detail >= 1:
        rim = [(x, y + ground.unit * 0.012) for x, y in edge]
        ground.pen.poly(edge + rim[::-1], mix(inks.near, inks.low, 0.25))


def dunes(ground: GroundContext) -> None:
    """Dunes with a lit and a shaded side."""
    inks, interpolator = ground.inks, ground.interpolator
    for share, tall, colour in ((0.16, 0.2, inks.far), (0.44, 0.18, inks.mid), (0.8, 0.16, inks.near)):
        base = ground.level(share)
        step = ground.unit * 0.85
        for i in range(-1, int(ground.width / step) + 2):
            x = (i + interpolator.between(0, 0.6)) * step
            top = base - ground.unit * tall * interpolator.between(0.5, 1.1)
            lit = [
                (x - step * 0.8, base),
                *[(x - step * 0.8 * (1 - t) ** 1.0, base + (top - base) * t**1.8) for t in (0.25, 0.5, 0.75, 1.0)],
                (x + step * 0.75, base),
            ]
            ground.pen.poly([*lit, (x + step * 0.75, ground.height), (x - step * 0.8, ground.height)], colour)
            if ground.detail >= 1:
                ground.pen.poly(
                    [
                        (x, top),
                        (x + step * 0.75, base),
                        (x + step * 0.1, base),
                        (x - step * 0.08, base + (top - base) * 0.45),
                    ],
                    mix(colour, inks.dark, 0.28),
                )
            if ground.detail >= 2:
                for k in range(1, 4):
                    ground.pen.stroke(
                        [
                            (x - step * 0.62, base + ground.unit * 0.02 * k),
                            (x - step * 0.3, base + ground.unit * (0.02 * k - 0.014)),
                            (x, base + ground.unit * 0.02 * k),
                        ],
                        ground.unit * 0.004,
                        mix(colour, inks.pale, 0.4),
                    )
        ground.pen.box(0, base, ground.width, ground.height, colour)
