"""The painter of the offline engine: the same request always gives the same picture.

The picture is a teaching aid: each parameter that was sent is visible. Words of the prompt choose palette and motifs, the
seed changes the composition, temperature decides how much seeds differ, topP how much company the motifs of the prompt
have; all others are named in the footer. That is no claim on the real model: what is known of it is in the README.
"""

from __future__ import annotations

import math
from io import BytesIO

from PIL import Image

from nbkit.offline.painting import labels
from nbkit.offline.painting.composition import Composition, Spot, compose
from nbkit.offline.painting.keywords import find_keywords
from nbkit.offline.painting.palettes import colour_of, is_dark
from nbkit.offline.painting.scene import Scene
from nbkit.offline.painting.sceneries import PROPS, SCENERIES
from nbkit.offline.painting.shapes import Canvas
from nbkit.offline.painting.stable_random import Interpolator, StableRandom
from nbkit.request.footer import exif_of

_EDGE_STEPS = 60
_FOOTER = "footer"


def _add_scenery(canvas: Canvas, plan: Composition, name: str) -> None:
    """Adds the lines of a scenery; the docstring of ``sceneries.py`` describes them."""
    for i, (kind, *rest) in enumerate(SCENERIES[name].lines):
        purpose = f"{name} {i}"
        if kind == "land":
            _add_land(canvas, plan, purpose, rest)
        elif kind == "scatter":
            _add_props(canvas, plan, StableRandom(purpose, plan.scene.prompt), rest)
        elif kind == "drift":
            _add_props(canvas, plan, Interpolator(plan.scene, purpose), rest)
        for light in plan.light if kind in ("light", "reflection") else ():
            at = plan.place(light.x, light.y if kind == "light" else plan.horizon)
            canvas.draw(PROPS[rest[0]], at, light.size / 2)


def _add_land(canvas: Canvas, plan: Composition, purpose: str, words: list[str]) -> None:
    level, swing, waves, colour, rim, *row = words
    numbers, inks, width = Interpolator(plan.scene, purpose), canvas.inks, plan.scene.width
    first, second = numbers.between(0, math.tau), numbers.between(0, math.tau)
    # The number of waves grows with the width, so a wide picture gets more hills instead of longer ones.
    turns = float(waves) * width / plan.unit * math.tau / 2.4

    def edge(share: float) -> complex:
        rise = 0.7 * math.sin(first + turns * share) + 0.3 * math.sin(second + turns * 2.3 * share)
        return complex(width * share, plan.level(float(level)) + float(swing) * plan.unit * rise)

    edges, body = [edge(i / _EDGE_STEPS) for i in range(_EDGE_STEPS + 1)], colour_of(colour, inks)
    if body:
        canvas.fill([*edges, complex(width, plan.scene.height), complex(0, plan.scene.height)], body)
    if rim != "none":
        canvas.fill([*edges, *(point + plan.unit * 0.012j for point in edges[::-1])], colour_of(rim, inks))
    if not row:
        return
    prop, (low, high, spacing, *lift) = PROPS[row[0]], (float(number) * plan.unit for number in row[1:])
    start = numbers.between(-1, 0)
    for i in range(int(width / spacing) + 2):
        x = (start + i + (numbers.between(-0.3, 0.3) if low != high else 0)) * spacing
        at = complex(x, edge(x / width).imag - numbers.between(0, sum(lift)))
        # Each prop has a stream of its own: one that is added changes no other.
        canvas.draw(prop, at, numbers.between(low, high), purpose, plan.scene.prompt, i, body=body)


def _add_props(canvas: Canvas, plan: Composition, numbers: StableRandom | Interpolator, words: list[str]) -> None:
    prop, (count, low, high, start, stop) = words[0], (float(word) for word in words[1:])
    top, bottom = max(0, plan.level(start)), plan.level(stop)
    for i in range(int(count)):
        at = complex(numbers.between(0, plan.scene.width), numbers.between(top, bottom))
        canvas.draw(PROPS[prop], at, numbers.between(low, high) * plan.unit, prop, plan.scene.prompt, i)


def _add_motif(canvas: Canvas, plan: Composition, spot: Spot) -> None:
    at, motif, prompt = plan.place(spot.x, spot.y), spot.motif, plan.scene.prompt
    if motif.region == "water" and plan.scenery != "sea":
        canvas.draw(PROPS["pond"], at, spot.size)
    if motif.region == "stand":
        canvas.draw(PROPS["shadow"], at, spot.size * motif.reach)
    # Its look depends on prompt and rank only: in a sweep over seeds a motif changes its position.
    flip = (StableRandom("flip", prompt, spot.rank).roll() < 0.5) != plan.mirrored
    canvas.draw(motif.drawing, at, spot.size, "motif", prompt, spot.rank, flip=flip)


def _sky(plan: Composition) -> Image.Image:
    """Returns the sky's gradient as a column one pixel wide."""
    inks, height = plan.palette, plan.scene.height
    reach = height if plan.scenery in ("pattern", "space") else max(1, round(plan.horizon))
    column = Image.new("RGB", (1, height), inks["low"])
    stops = Image.frombytes("RGB", (1, 3), bytes(inks["top"] + inks["middle"] + inks["low"]))
    # From the middle of the first pixel to the middle of the last.
    column.paste(stops.resize((1, reach), Image.Resampling.BILINEAR, (0, 0.5, 1, 2.5)))
    return column


def paint(scene: Scene) -> Image.Image:
    """Paints a scene.

    Args:
        scene: The parameters of the picture.

    Returns:
        An RGB picture with the scene's width and height; the same scene gives the same picture. It knows where its
        footer is, and :func:`encode` writes that into the file.
    """
    keywords = find_keywords(scene.prompt)
    plate = labels.title(scene, keywords.quotes)
    strip = labels.footer(scene, keywords, plate)
    # The same for all settings of a prompt, as far as possible, so that what changes is not the room.
    edge = max(1, scene.height - max(strip.height, labels.room_for_footer(scene.width, scene.height)))
    margin = max(6, round(min(scene.width, scene.height) * 0.035))
    top = min(margin + plate.height if plate else 0, edge // 2)
    frames = labels.insets(scene.insets, scene.width, top, edge)
    bottom = edge - frames.height
    plan = compose(scene, keywords, top, bottom)

    canvas = Canvas(plan.palette)
    if (is_dark(plan.palette) or plan.scenery == "space") and "star" not in keywords.unwanted:
        _add_scenery(canvas, plan, "stars")
    _add_scenery(canvas, plan, "light")
    _add_scenery(canvas, plan, plan.scenery)
    standing = {spot.name for spot in plan.spots if spot.motif.region == "stand"}
    if plan.scenery == "sea" and (keywords.beach or standing - {"lighthouse"}):
        _add_scenery(canvas, plan, "beach")
    for spot in plan.spots:
        _add_motif(canvas, plan, spot)
    if keywords.rain:
        _add_scenery(canvas, plan, "rain")
    labels.add_keyline(canvas, scene, edge)
    if plate and plate.lines:
        labels.add_title(canvas, scene, plate, margin)
    labels.add_footer(canvas, scene, strip)
    picture = canvas.render(_sky(plan), scene.width, scene.height)
    labels.draw_insets(picture, scene.insets, plan.palette, frames, edge)
    picture.info[_FOOTER] = (0, scene.height - strip.height, scene.width, scene.height)
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
    about = {"exif": exif_of(picture.info[_FOOTER])} if _FOOTER in picture.info else {}
    # A format ignores the options of the others. Both others make the file quickly: it stays small, since the pictures
    # have few colours.
    picture.save(buffer, output_format.replace("JPG", "JPEG"), quality=quality, compress_level=1, method=0, **about)
    return buffer.getvalue()
