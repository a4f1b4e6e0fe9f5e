"""The painter of the offline engine: the same request always gives the same picture.

The picture is a teaching aid: the effect of each parameter is visible. Words of the prompt choose palette and motifs,
the seed changes the composition, temperature decides how much seeds differ, topP how many motifs there are, and
thinking how detailed they are.
"""

from __future__ import annotations

import hashlib
from io import BytesIO

from PIL import Image, ImageDraw

from nbkit.offline.painting import labels
from nbkit.offline.painting.backdrop import add_ground, add_sky, sky_column
from nbkit.offline.painting.brush import Pen, Shape, fade, render_shapes
from nbkit.offline.painting.composition import Composition, compose
from nbkit.offline.painting.framing import draw_insets
from nbkit.offline.painting.layout import Frame
from nbkit.offline.painting.motifs import MOTIFS
from nbkit.offline.painting.scene import Inset, Scene
from nbkit.offline.painting.stable_random import StableRandom

__all__ = ["Inset", "Scene", "encode", "paint"]


def _add_motifs(shapes: list[Shape], scene: Scene, plan: Composition) -> None:
    inks = plan.palette
    for spot in plan.spots:
        motif = MOTIFS[spot.name]
        if motif.region == "water" and plan.scenery != "sea":
            pond = Pen(shapes, spot.x, spot.y, spot.size)
            pond.oval(0, 0.1, 0.75, 0.14, fade(inks.dark, 0.3))
            pond.oval(0, 0.08, 0.72, 0.12, inks.middle)
        # The stream depends on prompt and rank only: in a sweep over seeds a motif changes its position, not its look.
        random = StableRandom("motif", scene.prompt, spot.rank)
        motif.draw(Pen(shapes, spot.x, spot.y, spot.size, spot.flip), inks, plan.detail, random)


def _keyline(picture: Image.Image, scene: Scene, plan: Composition, bottom: int) -> None:
    """Draws the inner border that indicates a system prompt."""
    if not scene.system_prompt:
        return
    digest = hashlib.sha256(scene.system_prompt.encode("utf-8", "surrogatepass")).digest()
    inks = (plan.palette.pale, plan.palette.main, plan.palette.second, plan.palette.light)
    inset = max(3, round(min(picture.size) * 0.014))
    box = (inset, inset, picture.width - 1 - inset, bottom - 1 - inset)
    ImageDraw.Draw(picture).rectangle(box, outline=inks[digest[0] % 4], width=max(1, inset // 4))


def paint(scene: Scene) -> Image.Image:
    """Paints a scene.

    Args:
        scene: The parameters of the picture.

    Returns:
        An RGB picture with the scene's width and height; the same scene gives the same picture.
    """
    strip = labels.footer(scene)
    bottom = max(1, scene.height - strip.height)
    plate = labels.title(scene)
    margin = max(6, round(min(scene.width, scene.height) * 0.035))
    top = margin + plate.height if plate else 0
    frame = Frame(scene.width, scene.height, min(top, bottom // 2), bottom)
    plan = compose(scene, frame)

    shapes: list[Shape] = []
    add_sky(shapes, scene, plan, frame)
    add_ground(shapes, scene, plan, frame)
    _add_motifs(shapes, scene, plan)
    picture = render_shapes(sky_column(plan, scene.height), shapes, scene.width, scene.height)

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
        picture: The picture, in mode RGB.
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
            # Method 0 is the fastest; the files stay small, since the pictures have few colours.
            picture.save(buffer, "WEBP", quality=quality, method=0)
        case _:
            raise ValueError(f"Unknown output format {output_format!r}: use JPG, PNG or WEBP.")
    return buffer.getvalue()
