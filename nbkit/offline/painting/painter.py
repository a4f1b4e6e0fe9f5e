"""The painter of the offline engine: a picture for every request, always the same one.

The picture is a teaching aid: each parameter shows. Words of the prompt choose palette
and motifs, the seed moves the composition, temperature sets how far seeds part, topP
how many motifs take part, thinking how much detail there is.
"""

from __future__ import annotations

import hashlib
from io import BytesIO

from PIL import Image, ImageDraw

from nbkit.offline.painting import labels
from nbkit.offline.painting.backdrop import lay_ground, lay_sky, sky_column
from nbkit.offline.painting.brush import Pen, Shape, fade, press
from nbkit.offline.painting.composition import Composition, compose
from nbkit.offline.painting.framing import draw_insets
from nbkit.offline.painting.layout import Frame
from nbkit.offline.painting.motifs import MOTIFS
from nbkit.offline.painting.scene import Inset, Scene
from nbkit.offline.painting.stable_random import StableRandom

__all__ = ["Inset", "Scene", "encode", "paint"]


def _lay_motifs(shapes: list[Shape], scene: Scene, plan: Composition) -> None:
    inks = plan.palette
    for spot in plan.spots:
        motif = MOTIFS[spot.name]
        if motif.place == "water" and plan.scenery != "sea":
            pond = Pen(shapes, spot.x, spot.y, spot.size)
            pond.oval(0, 0.1, 0.75, 0.14, fade(inks.dark, 0.3))
            pond.oval(0, 0.08, 0.72, 0.12, inks.middle)
        # The dice know the prompt and the place, not the seed: a motif keeps its character
        # while a seed sweep moves it about.
        dice = StableRandom("motif", scene.prompt, spot.rank)
        motif.draw(Pen(shapes, spot.x, spot.y, spot.size, spot.flip), inks, plan.detail, dice)


def _keyline(picture: Image.Image, scene: Scene, plan: Composition, bottom: int) -> None:
    """Draws the inner border that shows a system prompt is at work."""
    if not scene.system_prompt:
        return
    digest = hashlib.sha256(scene.system_prompt.encode("utf-8", "surrogatepass")).digest()
    inks = (plan.palette.pale, plan.palette.main, plan.palette.second, plan.palette.light)
    inset = max(3, round(min(picture.size) * 0.014))
    box = (inset, inset, picture.width - 1 - inset, bottom - 1 - inset)
    ImageDraw.Draw(picture).rectangle(box, outline=inks[digest[0] % 4], width=max(1, inset // 4))


def paint(scene: Scene) -> Image.Image:
    """Draws a scene.

    Args:
        scene: What was asked for.

    Returns:
        An RGB picture of exactly the scene's width and height; the same scene gives the
        same picture.
    """
    strip = labels.footer(scene)
    bottom = max(1, scene.height - strip.height)
    plate = labels.title(scene)
    margin = max(6, round(min(scene.width, scene.height) * 0.035))
    top = margin + plate.height if plate else 0
    frame = Frame(scene.width, scene.height, min(top, bottom // 2), bottom)
    plan = compose(scene, frame)

    shapes: list[Shape] = []
    lay_sky(shapes, scene, plan, frame)
    lay_ground(shapes, scene, plan, frame)
    _lay_motifs(shapes, scene, plan)
    picture = press(sky_column(plan, scene.height), shapes, scene.width, scene.height)

    _keyline(picture, scene, plan, bottom)
    if plate:
        labels.draw_title(picture, plate, plan.palette, margin)
    labels.draw_footer(picture, strip, plan.palette)
    edge = labels.draw_badges(picture, labels.badges(scene), strip.size, plan.palette, bottom)
    draw_insets(picture, scene.insets, plan.palette, top, edge)
    return picture


def encode(picture: Image.Image, output_format: str, quality: int) -> bytes:
    """Encodes a picture.

    Args:
        picture: The picture.
        output_format: "JPG", "PNG" or "WEBP".
        quality: 20..99 for JPG and WEBP; PNG ignores it.

    Returns:
        The encoded bytes.

    Raises:
        ValueError: If the format is none of the three.
    """
    buffer = BytesIO()
    match output_format:
        case "JPG":
            picture.save(buffer, "JPEG", quality=quality)
        case "PNG":
            picture.save(buffer, "PNG", compress_level=1)
        case "WEBP":
            # Method 0 is the quickest; the picture is flat enough to stay small.
            picture.save(buffer, "WEBP", quality=quality, method=0)
        case _:
            raise ValueError(f"Unknown output format {output_format!r}: use JPG, PNG or WEBP.")
    return buffer.getvalue()
