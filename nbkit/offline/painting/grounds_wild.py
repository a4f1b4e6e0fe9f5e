"""Grounds without people: hills, mountains, forest, dunes."""

from __future__ import annotations

import math

from nbkit.offline.painting.brush import Colour, fade, mix
from nbkit.offline.painting.ground_context import GroundContext, fill, roll

__all__ = ["dunes", "forest", "hills", "mountains"]


def hills(land: GroundContext) -> None:
    """Three swells of land, ploughed when there is time."""
    inks = land.inks
    for share, swing, waves, colour in (
        (-0.02, 0.07, 0.9, inks.far),
        (0.26, 0.06, 0.7, inks.mid),
        (0.62, 0.05, 0.6, inks.near),
    ):
        edge = roll(land, land.level(share), swing, waves)
        fill(land, edge, colour)
        if land.detail >= 1:
            rim = [(x, y + land.unit * 0.012) for x, y in edge]
            land.pen.poly(edge + rim[::-1], mix(colour, inks.low, 0.3))
        if land.detail >= 2:
            for k in range(1, 5):
                low = [
                    (x, y + land.unit * (0.012 + 0.034 * k + 0.012 * k * math.sin(x / land.unit * 2))) for x, y in edge
                ]
                land.pen.stroke(low, land.unit * 0.005, mix(colour, inks.dark, 0.22))


def _peak(land: GroundContext, x: float, base: float, tall: float, *, half: float, colour: Colour) -> None:
    inks, pen = land.inks, land.pen
    top = base - tall
    pen.poly([(x, top), (x + half, base), (x - half, base)], colour)
    if land.detail >= 1:
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
    if land.detail >= 1:
        pen.poly([cap[0], cap[1], cap[2], (x + half * 0.05, top + tall * 0.22)], mix(snow, colour, 0.45))
    if land.detail >= 2:
        for k in range(3):
            y = top + tall * (0.45 + 0.15 * k)
            dx = -half * (0.28 + 0.13 * k)
            pen.stroke([(x + dx, y), (x + dx + half * 0.16, y + tall * 0.1)], land.unit * 0.005, fade(inks.pale, 0.4))


def mountains(land: GroundContext) -> None:
    """Two ranges with snow, and a meadow before them."""
    inks, drift = land.inks, land.drift
    for row, (share, colour) in enumerate(((0.12, inks.far), (0.3, inks.mid))):
        step = land.unit * (0.62 - 0.12 * row)
        count = max(2, math.ceil(land.width / step) + 1)
        for i in range(count):
            x = (i - 0.5 + drift.between(-0.28, 0.28)) * land.width / (count - 1.4)
            tall = land.unit * drift.between(0.3, 0.52) * (1 - 0.42 * row)
            _peak(land, x, land.level(share), tall, half=tall * drift.between(0.72, 0.95), colour=colour)
        land.pen.box(0, land.level(share) - 1, land.width, land.height, colour)
    for share, swing, colour in ((0.36, 0.04, mix(inks.mid, inks.near, 0.5)), (0.64, 0.04, inks.near)):
        edge = roll(land, land.level(share), swing, 0.7)
        fill(land, edge, colour)
        if land.detail >= 2:
            for _ in range(int(24 * land.width / land.unit)):
                x, y = land.dice.roll() * land.width, land.level(land.dice.between(share + 0.16, 1))
                tuft = land.unit * 0.01
                land.pen.poly([(x - tuft, y), (x, y - tuft * 2), (x + tuft, y)], mix(colour, inks.low, 0.3))


def forest(land: GroundContext) -> None:
    """Rows of firs, paler with distance."""
    inks = land.inks
    for share, size, colour in (
        (0.1, 0.3, inks.far),
        (0.3, 0.24, inks.mid),
        (0.46, 0.16, mix(inks.mid, inks.near, 0.6)),
    ):
        edge = roll(land, land.level(share), 0.03, 0.8)
        count = int(land.width / (land.unit * size * 0.42)) + 2
        for i in range(count):
            x = (i + land.drift.between(-0.3, 0.3)) * land.width / (count - 1)
            y = edge[min(60, max(0, round(x / land.width * 60)))][1] + land.unit * 0.02
            tall = land.unit * size * land.drift.between(0.7, 1.2)
            for top, low, half in ((0.62, 0.0, 0.27), (0.82, 0.28, 0.21), (1.0, 0.55, 0.15)):
                land.pen.poly(
                    [(x, y - tall * top), (x + tall * half, y - tall * low), (x - tall * half, y - tall * low)], colour
                )
                if land.detail >= 2:
                    land.pen.poly(
                        [(x, y - tall * top), (x + tall * half, y - tall * low), (x, y - tall * low)],
                        mix(colour, inks.dark, 0.18),
                    )
        fill(land, edge, colour)
    edge = roll(land, land.level(0.6), 0.03, 0.6)
    fill(land, edge, inks.near)
    if land.detail >= 1:
        rim = [(x, y + land.unit * 0.012) for x, y in edge]
        land.pen.poly(edge + rim[::-1], mix(inks.near, inks.low, 0.25))


def dunes(land: GroundContext) -> None:
    """Wind-cut sand with a lit and a shaded side."""
    inks, drift = land.inks, land.drift
    for share, tall, colour in ((0.16, 0.2, inks.far), (0.44, 0.18, inks.mid), (0.8, 0.16, inks.near)):
        base = land.level(share)
        step = land.unit * 0.85
        for i in range(-1, int(land.width / step) + 2):
            x = (i + drift.between(0, 0.6)) * step
            top = base - land.unit * tall * drift.between(0.5, 1.1)
            lit = [
                (x - step * 0.8, base),
                *[(x - step * 0.8 * (1 - t) ** 1.0, base + (top - base) * t**1.8) for t in (0.25, 0.5, 0.75, 1.0)],
                (x + step * 0.75, base),
            ]
            land.pen.poly([*lit, (x + step * 0.75, land.height), (x - step * 0.8, land.height)], colour)
            if land.detail >= 1:
                land.pen.poly(
                    [
                        (x, top),
                        (x + step * 0.75, base),
                        (x + step * 0.1, base),
                        (x - step * 0.08, base + (top - base) * 0.45),
                    ],
                    mix(colour, inks.dark, 0.28),
                )
            if land.detail >= 2:
                for k in range(1, 4):
                    land.pen.stroke(
                        [
                            (x - step * 0.62, base + land.unit * 0.02 * k),
                            (x - step * 0.3, base + land.unit * (0.02 * k - 0.014)),
                            (x, base + land.unit * 0.02 * k),
                        ],
                        land.unit * 0.004,
                        mix(colour, inks.pale, 0.4),
                    )
        land.pen.box(0, base, land.width, land.height, colour)
