"""Grounds by scenery: sea, space and pattern here, the others next door."""

from __future__ import annotations

from collections.abc import Callable

from nbkit.offline.painting.brush import Point, fade, mix, ripple
from nbkit.offline.painting.ground_context import GroundContext, fill, roll
from nbkit.offline.painting.grounds_city import city
from nbkit.offline.painting.grounds_wild import dunes, forest, hills, mountains

__all__ = ["GROUNDS"]


def sea(land: GroundContext) -> None:
    """A flat horizon and rows of scalloped waves."""
    inks, pen = land.inks, land.pen
    pen.box(0, land.horizon, land.width, land.height, inks.far)
    if land.detail >= 1 and land.light is not None:
        x, _, radius = land.light
        for i in range(7):
            y = land.level(0.03 + i * 0.045)
            half = radius * (1.15 - i * 0.08) * (1 if i % 2 else 0.7)
            pen.box(x - half, y, x + half, y + land.unit * 0.009, fade(inks.light, 0.75), land.unit * 0.004)
    rows = 5
    for row in range(rows):
        share = 0.16 + 0.84 * row / rows
        colour = mix(inks.far, inks.near, (row + 1) / rows)
        size = land.unit * (0.07 + 0.05 * row)
        start = land.drift.between(-1, 0) * size
        y = land.level(share)
        count = int(land.width / size) + 3
        edge: list[Point] = []
        for i in range(count):
            x = start + i * size
            edge += ripple(x + size / 2, y, size / 2, size * 0.26, 180, 360, 8)
        pen.poly([*edge, (edge[-1][0], land.height), (edge[0][0], land.height)], colour)
        if land.detail >= 1:
            for i in range(count):
                x = start + i * size
                pen.stroke(
                    ripple(x + size / 2, y + size * 0.02, size * 0.47, size * 0.24, 188, 352, 8),
                    size * 0.04,
                    mix(colour, inks.pale, 0.42),
                )
        if land.detail >= 2:
            for i in range(count):
                x = start + i * size
                pen.stroke(
                    ripple(x + size / 2, y + size * 0.16, size * 0.34, size * 0.18, 186, 354, 8),
                    size * 0.03,
                    mix(colour, inks.pale, 0.22),
                )
                pen.pie(x + size / 2, y + size * 0.18, size * 0.2, size * 0.1, 180, 360, mix(colour, inks.pale, 0.22))
    if land.beach:
        _beach(land)


def _beach(land: GroundContext) -> None:
    """A bank for whatever must not stand on water."""
    sand = mix(land.inks.second, land.inks.pale, 0.45)
    edge = roll(land, land.level(0.78), 0.02, 0.5)
    foam = [(x, y - land.unit * 0.014) for x, y in edge]
    fill(land, foam, land.inks.pale)
    fill(land, edge, sand)
    if land.detail >= 2:
        for _ in range(int(60 * land.width / land.unit)):
            x, y = land.dice.roll() * land.width, land.level(land.dice.between(0.84, 1))
            land.pen.oval(x, y, land.unit * 0.003, land.unit * 0.002, mix(sand, land.inks.dark, 0.35))


def space(land: GroundContext) -> None:
    """The curve of a cratered world."""
    inks, pen = land.inks, land.pen
    y = land.level(0.42)
    for lift, colour in ((0.0, mix(inks.far, inks.mid, 0.4)), (0.05, inks.mid), (0.16, inks.near)):
        edge = roll(land, y + land.unit * lift, 0.018, 0.5)
        fill(land, edge, colour)
    for _ in range((3, 7, 14)[land.detail]):
        x, level = land.dice.roll() * land.width, land.level(land.dice.between(0.62, 0.98))
        wide = land.unit * land.dice.between(0.02, 0.07)
        pen.oval(x, level, wide, wide * 0.3, mix(inks.near, inks.dark, 0.5))
        if land.detail >= 1:
            pen.oval(x, level + wide * 0.06, wide * 0.86, wide * 0.2, mix(inks.near, inks.mid, 0.4))


def pattern(land: GroundContext) -> None:
    """Large fields of colour: panels, quarter discs and a floor."""
    inks, drift, pen = land.inks, land.drift, land.pen
    count = max(2, round(land.width / land.unit * 2.6))
    wide = land.width / count
    for i in range(count):
        colour = mix(getattr(inks, drift.pick(("far", "mid", "main", "near"), 0.8)), inks.middle, 0.25)
        top = land.bottom * drift.between(0.1, 0.7)
        pen.box(wide * i, top, wide * (i + 1), land.height, colour)
        pen.pie(wide * (i + 0.5), top, wide / 2, wide / 2, 180, 360, colour)
        if land.detail >= 2:
            for k in range(5):
                pen.stroke(
                    ripple(wide * (i + 0.5), top, wide * (0.42 - 0.07 * k), wide * (0.42 - 0.07 * k), 180, 360, 16),
                    land.unit * 0.004,
                    fade(inks.pale, 0.4),
                )
    x, y = land.width * drift.between(0.2, 0.8), land.bottom * drift.between(0.25, 0.6)
    radius = land.unit * drift.between(0.26, 0.36)
    pen.oval(x, y, radius, radius, fade(inks.light, 0.9))
    if land.detail >= 1:
        for k in range(3):
            ring = radius * (1.12 + 0.12 * k)
            pen.ring(x, y, ring, ring, land.unit * 0.006, fade(inks.light, 0.55))


GROUNDS: dict[str, Callable[[GroundContext], None]] = {
    "hills": hills,
    "mountains": mountains,
    "sea": sea,
    "forest": forest,
    "city": city,
    "dunes": dunes,
    "space": space,
    "pattern": pattern,
}
