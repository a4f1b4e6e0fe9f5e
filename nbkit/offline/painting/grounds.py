"""The ground of each scenery: sea, space and pattern, and the table of all."""

from __future__ import annotations

from collections.abc import Callable

from nbkit.offline.painting.brush import Point, fade, mix, ripple
from nbkit.offline.painting.ground_context import GroundContext, fill_below, rolling_edge
from nbkit.offline.painting.grounds_city import city
from nbkit.offline.painting.grounds_wild import dunes, forest, hills, mountains

__all__ = ["GROUNDS"]


def sea(ground: GroundContext) -> None:
    """A flat horizon and rows of scalloped waves."""
    inks, pen = ground.inks, ground.pen
    pen.box(0, ground.horizon, ground.width, ground.height, inks.far)
    if ground.detail >= 1 and ground.light is not None:
        x, _, radius = ground.light
        for i in range(7):
            y = ground.level(0.03 + i * 0.045)
            half = radius * (1.15 - i * 0.08) * (1 if i % 2 else 0.7)
            pen.box(x - half, y, x + half, y + ground.unit * 0.009, fade(inks.light, 0.75), ground.unit * 0.004)
    rows = 5
    for row in range(rows):
        share = 0.16 + 0.84 * row / rows
        colour = mix(inks.far, inks.near, (row + 1) / rows)
        size = ground.unit * (0.07 + 0.05 * row)
        start = ground.interpolator.between(-1, 0) * size
        y = ground.level(share)
        count = int(ground.width / size) + 3
        edge: list[Point] = []
        for i in range(count):
            x = start + i * size
            edge += ripple(x + size / 2, y, size / 2, size * 0.26, 180, 360, 8)
        pen.poly([*edge, (edge[-1][0], ground.height), (edge[0][0], ground.height)], colour)
        if ground.detail >= 1:
            for i in range(count):
                x = start + i * size
                pen.stroke(
                    ripple(x + size / 2, y + size * 0.02, size * 0.47, size * 0.24, 188, 352, 8),
                    size * 0.04,
                    mix(colour, inks.pale, 0.42),
                )
        if ground.detail >= 2:
            for i in range(count):
                x = start + i * size
                pen.stroke(
                    ripple(x + size / 2, y + size * 0.16, size * 0.34, size * 0.18, 186, 354, 8),
                    size * 0.03,
                    mix(colour, inks.pale, 0.22),
                )
                pen.pie(x + size / 2, y + size * 0.18, size * 0.2, size * 0.1, 180, 360, mix(colour, inks.pale, 0.22))
    if ground.beach:
        _beach(ground)


def _beach(ground: GroundContext) -> None:
    """A sandy bank for the motifs that cannot stand on water."""
    sand = mix(ground.inks.second, ground.inks.pale, 0.45)
    edge = rolling_edge(ground, ground.level(0.78), 0.02, 0.5)
    foam = [(x, y - ground.unit * 0.014) for x, y in edge]
    fill_below(ground, foam, ground.inks.pale)
    fill_below(ground, edge, sand)
    if ground.detail >= 2:
        for _ in range(int(60 * ground.width / ground.unit)):
            x, y = ground.random.roll() * ground.width, ground.level(ground.random.between(0.84, 1))
            ground.pen.oval(x, y, ground.unit * 0.003, ground.unit * 0.002, mix(sand, ground.inks.dark, 0.35))


def space(ground: GroundContext) -> None:
    """The curve of a cratered world."""
    inks, pen = ground.inks, ground.pen
    y = ground.level(0.42)
    for lift, colour in ((0.0, mix(inks.far, inks.mid, 0.4)), (0.05, inks.mid), (0.16, inks.near)):
        edge = rolling_edge(ground, y + ground.unit * lift, 0.018, 0.5)
        fill_below(ground, edge, colour)
    for _ in range((3, 7, 14)[ground.detail]):
        x, level = ground.random.roll() * ground.width, ground.level(ground.random.between(0.62, 0.98))
        wide = ground.unit * ground.random.between(0.02, 0.07)
        pen.oval(x, level, wide, wide * 0.3, mix(inks.near, inks.dark, 0.5))
        if ground.detail >= 1:
            pen.oval(x, level + wide * 0.06, wide * 0.86, wide * 0.2, mix(inks.near, inks.mid, 0.4))


def pattern(ground: GroundContext) -> None:
    """Large fields of colour: panels, quarter discs and a floor."""
    inks, interpolator, pen = ground.inks, ground.interpolator, ground.pen
    count = max(2, round(ground.width / ground.unit * 2.6))
    wide = ground.width / count
    for i in range(count):
        colour = mix(getattr(inks, interpolator.pick(("far", "mid", "main", "near"), 0.8)), inks.middle, 0.25)
        top = ground.bottom * interpolator.between(0.1, 0.7)
        pen.box(wide * i, top, wide * (i + 1), ground.height, colour)
        pen.pie(wide * (i + 0.5), top, wide / 2, wide / 2, 180, 360, colour)
        if ground.detail >= 2:
            for k in range(5):
                pen.stroke(
                    ripple(wide * (i + 0.5), top, wide * (0.42 - 0.07 * k), wide * (0.42 - 0.07 * k), 180, 360, 16),
                    ground.unit * 0.004,
                    fade(inks.pale, 0.4),
                )
    x, y = ground.width * interpolator.between(0.2, 0.8), ground.bottom * interpolator.between(0.25, 0.6)
    radius = ground.unit * interpolator.between(0.26, 0.36)
    pen.oval(x, y, radius, radius, fade(inks.light, 0.9))
    if ground.detail >= 1:
        for k in range(3):
            ring = radius * (1.12 + 0.12 * k)
            pen.ring(x, y, ring, ring, ground.unit * 0.006, fade(inks.light, 0.55))


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
