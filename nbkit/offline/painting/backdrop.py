"""The background of the motifs: sky and ground."""

from __future__ import annotations

import math

from PIL import Image

from nbkit.offline.painting.brush import Pen, Point, Shape, fade, mix, ripple
from nbkit.offline.painting.composition import Composition
from nbkit.offline.painting.ground_context import GroundContext
from nbkit.offline.painting.grounds import GROUNDS
from nbkit.offline.painting.interpolator import Interpolator
from nbkit.offline.painting.layout import Frame
from nbkit.offline.painting.motifs import MOTIFS
from nbkit.offline.painting.palettes import is_dark
from nbkit.offline.painting.scene import Scene
from nbkit.offline.painting.stable_random import StableRandom

__all__ = ["add_ground", "add_sky", "sky_column"]


def sky_column(plan: Composition, height: int) -> Image.Image:
    """Returns the sky's gradient as a column one pixel wide."""
    inks = plan.palette
    reach = max(1.0, plan.horizon if plan.scenery not in ("pattern", "space") else height)
    rows = bytearray()
    for y in range(height):
        share = min(1.0, y / reach)
        if share < 0.55:
            colour = mix(inks.top, inks.middle, share / 0.55)
        else:
            colour = mix(inks.middle, inks.low, (share - 0.55) / 0.45)
        rows += bytes(colour)
    return Image.frombytes("RGB", (1, height), bytes(rows))


def _rays(pen: Pen, plan: Composition, frame: Frame, turn: float) -> None:
    if plan.light is None:
        return
    x, y, radius = plan.light
    longest = math.hypot(frame.width, frame.height)
    floor = plan.horizon + frame.unit * 0.1 - y
    colour = fade(plan.palette.light, 0.07)

    def tip(angle: float) -> Point:
        # Rays end where the ground hides them: transparent shapes are the slowest to render.
        across, down = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        reach = min(longest, max(radius, floor / down)) if down > 0.01 else longest
        return x + across * reach, y + down * reach

    for i in range(14):
        angle = turn + i * 360 / 14
        rim = ripple(x, y, radius, radius, angle, angle + 9, 2)
        pen.poly([*rim, *(tip(angle + lean) for lean in (11, 4.5, -2))], colour)


def _stars(pen: Pen, plan: Composition, frame: Frame, random: StableRandom) -> None:
    if not (is_dark(plan.palette) or plan.scenery == "space"):
        return
    depth = frame.bottom if plan.scenery == "space" else plan.horizon
    for i in range((14, 40, 90)[plan.detail]):
        x, y = random.roll() * frame.width, random.roll() ** 1.4 * depth
        size = frame.unit * random.between(0.0016, 0.0042)
        pen.oval(x, y, size, size, fade(plan.palette.light, random.between(0.35, 0.95)))
        if plan.detail == 2 and i % 9 == 0:
            pen.stroke([(x - size * 4, y), (x + size * 4, y)], size * 0.6, fade(plan.palette.light, 0.7))
            pen.stroke([(x, y - size * 4), (x, y + size * 4)], size * 0.6, fade(plan.palette.light, 0.7))


def add_sky(shapes: list[Shape], scene: Scene, plan: Composition, frame: Frame) -> None:
    """Adds stars, rays and the sun or moon to the shapes."""
    pen = Pen(shapes, 0, 0, 1)
    interpolator = Interpolator(scene, "sky")
    turn = interpolator.between(0, 25)
    _stars(pen, plan, frame, StableRandom("stars", scene.prompt))
    if plan.light is None:
        return
    if plan.detail >= 1:
        _rays(pen, plan, frame, turn)
    x, y, radius = plan.light
    inks = plan.palette
    pen.halo(x, y, radius * 2.2, inks.light, 0.3, 3)
    pen.oval(x, y, radius, radius, inks.light)
    if plan.detail >= 1 and is_dark(inks):
        for dx, dy, r in ((-0.35, -0.2, 0.2), (0.25, 0.3, 0.26), (0.2, -0.4, 0.12), (-0.25, 0.45, 0.1)):
            pen.oval(x + dx * radius, y + dy * radius, r * radius, r * radius, mix(inks.light, inks.second, 0.3))
    elif plan.detail == 2:
        for i in range(4):
            level = y + radius * (0.2 + i * 0.2)
            low = level - y + radius * (0.03 + i * 0.02)
            half = math.sqrt(max(0.0, radius**2 - low**2)) * 0.98
            pen.box(x - half, level, x + half, level + radius * (0.03 + i * 0.02), mix(inks.light, inks.low, 0.85))


def add_ground(shapes: list[Shape], scene: Scene, plan: Composition, frame: Frame) -> None:
    """Adds the ground of the plan's scenery to the shapes."""
    ground = GroundContext(
        pen=Pen(shapes, 0, 0, 1),
        inks=plan.palette,
        width=frame.width,
        horizon=plan.horizon,
        bottom=frame.bottom,
        height=frame.height,
        unit=frame.unit,
        detail=plan.detail,
        light=plan.light,
        beach=any(MOTIFS[spot.name].region == "stand" and spot.name != "lighthouse" for spot in plan.spots),
        interpolator=Interpolator(scene, "ground"),
        random=StableRandom("ground detail", scene.prompt),
    )
    GROUNDS[plan.scenery](ground)
