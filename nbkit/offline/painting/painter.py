"""The painter of the offline engine: the same request always gives the same picture.

The picture is a teaching aid: the effect of each parameter is visible. Words of the prompt choose palette and motifs,
the seed changes the composition, temperature decides how much seeds differ, topP how many motifs there are, and
thinking how detailed they are.
"""

from __future__ import annotations

import math
from io import BytesIO
from typing import NamedTuple

from PIL import Image

from nbkit.offline.painting import labels
from nbkit.offline.painting.composition import Composition, compose
from nbkit.offline.painting.palettes import colour_of, is_dark
from nbkit.offline.painting.scene import Scene
from nbkit.offline.painting.sceneries import PROPS, SCENERIES
from nbkit.offline.painting.shapes import Canvas
from nbkit.offline.painting.stable_random import Interpolator, StableRandom

_EDGE_STEPS = 60


class _Backdrop(NamedTuple):
    """Draws the lines of a scenery; the docstring of ``sceneries.py`` describes them."""

    canvas: Canvas
    scene: Scene
    plan: Composition

    def add(self, name: str) -> None:
        """Adds all lines of a scenery."""
        for i, (kind, *rest) in enumerate(SCENERIES[name].lines):
            purpose = f"{name} {i}"
            if kind == "land":
                self._add_land(purpose, *rest)
            elif kind == "scatter":
                self._add_props(StableRandom(purpose, self.scene.prompt), *rest)
            elif kind == "drift":
                self._add_props(Interpolator(self.scene, purpose), *rest)
            elif self.plan.light:
                x, y, radius = self.plan.light
                at = complex(x, y if kind == "light" else self.plan.horizon)
                self.canvas.draw(PROPS[rest[0]], at, radius)

    def _add_land(self, purpose: str, level: str, swing: str, waves: str, colour: str, rim: str, *row: str) -> None:
        numbers, plan, inks = Interpolator(self.scene, purpose), self.plan, self.canvas.inks
        first, second = numbers.between(0, math.tau), numbers.between(0, math.tau)
        # The number of waves grows with the width, so a wide picture gets more hills instead of longer ones.
        turns = float(waves) * plan.width / plan.unit * math.tau / 2.4

        def edge(share: float) -> complex:
            rise = 0.7 * math.sin(first + turns * share) + 0.3 * math.sin(second + turns * 2.3 * share)
            return complex(plan.width * share, plan.level(float(level)) + float(swing) * plan.unit * rise)

        edges, body = [edge(i / _EDGE_STEPS) for i in range(_EDGE_STEPS + 1)], colour_of(colour, inks)
        if body:
            self.canvas.fill([*edges, complex(plan.width, plan.height), complex(0, plan.height)], body)
        if rim != "none" and plan.detail >= 1:
            self.canvas.fill([*edges, *(point + plan.unit * 0.012j for point in edges[::-1])], colour_of(rim, inks))
        if not row:
            return
        prop, (low, high, spacing, *lift) = PROPS[row[0]], (float(number) * plan.unit for number in row[1:])
        start = numbers.between(-1, 0)
        for i in range(int(plan.width / spacing) + 2):
            x = (start + i + (numbers.between(-0.3, 0.3) if low != high else 0)) * spacing
            at = complex(x, edge(x / plan.width).imag - numbers.between(0, sum(lift)))
            # Each prop has a stream of its own, in which the inks come first: more detail changes no other prop.
            self.canvas.draw(prop, at, numbers.between(low, high), purpose, self.scene.prompt, i, body=body)

    def _add_props(self, numbers: StableRandom | Interpolator, prop: str, *measures: str) -> None:
        count, more, low, high, start, stop = (float(measure) for measure in measures)
        top, bottom = max(0, self.plan.level(start)), self.plan.level(stop)
        for i in range(int(count + more * self.plan.detail)):
            at = complex(numbers.between(0, self.plan.width), numbers.between(top, bottom))
            size = numbers.between(low, high) * self.plan.unit
            self.canvas.draw(PROPS[prop], at, size, prop, self.scene.prompt, i)


def _add_scenery(canvas: Canvas, scene: Scene, plan: Composition) -> None:
    has_stars = is_dark(plan.palette) or plan.scenery == "space"
    standing = {spot.name for spot in plan.spots if spot.motif.region == "stand"}
    has_beach = plan.scenery == "sea" and bool(standing - {"lighthouse"})
    for name in ["stars"] * has_stars + ["light", plan.scenery] + ["beach"] * has_beach:
        _Backdrop(canvas, scene, plan).add(name)


def _add_motifs(canvas: Canvas, scene: Scene, plan: Composition) -> None:
    for spot in plan.spots:
        at, motif = complex(spot.x, spot.y), spot.motif
        if motif.region == "water" and plan.scenery != "sea":
            canvas.draw(PROPS["pond"], at, spot.size)
        if motif.region == "stand":
            canvas.draw(PROPS["shadow"], at, spot.size * motif.reach)
        # Its look depends on prompt and rank only: in a sweep over seeds a motif changes its position.
        canvas.draw(motif.drawing, at, spot.size, "motif", scene.prompt, spot.rank, flip=spot.flip)


def _sky(plan: Composition) -> Image.Image:
    """Returns the sky's gradient as a column one pixel wide."""
    inks, height = plan.palette, plan.height
    reach = height if plan.scenery in ("pattern", "space") else max(1, round(plan.horizon))
    column = Image.new("RGB", (1, height), inks.low)
    stops = Image.frombytes("RGB", (1, 3), bytes(inks.top + inks.middle + inks.low))
    # From the middle of the first pixel to the middle of the last.
    column.paste(stops.resize((1, reach), Image.Resampling.BILINEAR, (0, 0.5, 1, 2.5)))
    return column


def paint(scene: Scene) -> Image.Image:
    """Paints a scene.

    Args:
        scene: The parameters of the picture.

    Returns:
        An RGB picture with the scene's width and height; the same scene gives the same picture.
    """
    strip, plate = labels.footer(scene), labels.title(scene)
    bottom = max(1, scene.height - strip.height)
    margin = max(6, round(min(scene.width, scene.height) * 0.035))
    top = margin + plate.height if plate else 0
    plan = compose(scene, min(top, bottom // 2), bottom)

    canvas = Canvas(plan.palette, plan.detail)
    _add_scenery(canvas, scene, plan)
    _add_motifs(canvas, scene, plan)
    labels.add_keyline(canvas, scene, bottom)
    if plate:
        labels.add_title(canvas, scene, plate, margin)
    labels.add_footer(canvas, scene, strip)
    edge = labels.add_badges(canvas, scene, strip.size, bottom)
    picture = canvas.render(_sky(plan), scene.width, scene.height)
    labels.draw_insets(picture, scene.insets, plan.palette, top, edge)
    return picture


def encode(picture: Image.Image, output_format: str, quality: int) -> bytes:
    """Encodes a picture.

    Args:
        picture: The picture, in mode RGB.
        output_format: "JPG", "PNG" or "WEBP".
        quality: 20..99 for JPG and WEBP; PNG ignores it.

    Returns:
        The encoded bytes.

    Raises:
        ValueError: If the format is none of the three.
    """
    if output_format not in ("JPG", "PNG", "WEBP"):
        raise ValueError(f"Unknown output format {output_format!r}: use JPG, PNG or WEBP.")
    buffer = BytesIO()
    # A format ignores the options of the others. Both others make the file quickly: it stays small, since the pictures
    # have few colours.
    picture.save(buffer, output_format.replace("JPG", "JPEG"), quality=quality, compress_level=1, method=0)
    return buffer.getvalue()
