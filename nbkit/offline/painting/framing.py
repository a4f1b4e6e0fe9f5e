"""The reference images, as numbered and framed insets."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from PIL import Image, ImageDraw

from nbkit.display.lettering import MIN_SIZE_PIXELS, drawable, face, measure, wrap
from nbkit.offline.painting.brush import fade, mix
from nbkit.offline.painting.palettes import Palette
from nbkit.offline.painting.scene import Inset

__all__ = ["draw_insets"]

MAX_INSETS = 14
"""Reference images that are drawn."""


class _InsetGrid(NamedTuple):
    side: int
    columns: int
    pad: int
    gap: int
    caption: int


def _grid(count: int, labelled: bool, width: int, room: int) -> _InsetGrid:
    """Returns the grid with the largest frames that fit into the room, in pixels."""
    side = max(20, round(min(width, room * 3) * 0.17))
    while True:
        pad, gap = max(2, side // 14), max(3, side // 9)
        caption = max(2 * MIN_SIZE_PIXELS + 3, round(side * 0.26)) if labelled else 0
        columns = max(1, (width - gap) // (side + 2 * pad + gap))
        rows = -(-count // columns)
        if rows * (side + 2 * pad + caption + gap) <= room or side <= 14:
            return _InsetGrid(side, columns, pad, gap, caption)
        side -= max(1, side // 16)


def _placeholder(digest: str, side: int, inks: Palette) -> Image.Image:
    """Returns a small mirrored pattern that is made from the digest."""
    seed = hashlib.sha256(digest.encode("utf-8", "surrogatepass")).digest()
    colours = (inks.main, inks.second, inks.mid, inks.near)
    paper, ink = mix(inks.pale, inks.low, 0.5), colours[seed[31] % 4]
    tile = Image.new("RGB", (6, 6), paper[:3])
    for i in range(18):
        if seed[i] % 2:
            colour = ink if seed[i] % 3 else mix(ink, inks.dark, 0.4)
            tile.putpixel((i % 3, i // 3), colour[:3])
            tile.putpixel((5 - i % 3, i // 3), colour[:3])
    return tile.resize((side, side), Image.Resampling.NEAREST)


def _thumbnail(inset: Inset, side: int, inks: Palette) -> Image.Image:
    """Returns a reference, cut square; its placeholder if it cannot be read."""
    picture = inset.picture
    if picture is None or not picture.width or not picture.height:
        return _placeholder(inset.digest, side, inks)
    short = min(picture.size)
    left, top = (picture.width - short) / 2, (picture.height - short) / 2
    box = (left, top, left + short, top + short)
    try:
        # Pictures of other modes are reduced without interpolation first, so that only a small copy is converted.
        plain = picture.mode in ("RGB", "RGBA", "L")
        method = Image.Resampling.BICUBIC if plain else Image.Resampling.NEAREST
        goal = side if plain else min(short, side * 4)
        small = picture.resize((goal, goal), method, box, 1.5 if plain else None)
        small = small.convert("RGBA").resize((side, side), Image.Resampling.BICUBIC)
    except (OSError, ValueError):
        return _placeholder(inset.digest, side, inks)
    paper = Image.new("RGBA", small.size, (*inks.pale[:3], 255))
    return Image.alpha_composite(paper, small).convert("RGB")


def _caption(draw: ImageDraw.ImageDraw, label: str, box: tuple[int, int, int, int], inks: Palette) -> None:
    """Writes a label under its frame; only its first word where there is too little room."""
    x, y, wide, tall = box
    words = drawable(label)[0].split()
    for text in (words, [word.rstrip(",.;:") for word in words[:1]]):
        for size in range(max(MIN_SIZE_PIXELS, min(tall // 2, wide // 6)), MIN_SIZE_PIXELS - 2, -1):
            lines = wrap(text, size, wide)
            if (
                lines
                and len(lines) <= 2
                and len(lines) * size * 1.12 <= tall
                and all(measure(word, size) <= wide for word in text)
            ):
                start = y + (tall - len(lines) * size * 1.12) / 2
                for i, line in enumerate(lines):
                    middle = round(start + (i + 0.5) * size * 1.12)
                    draw.text((x + wide // 2, middle), line, font=face(size), fill=inks.dark, anchor="mm")
                return


def draw_insets(picture: Image.Image, insets: tuple[Inset, ...], inks: Palette, top: int, bottom: int) -> int:
    """Draws the references in rows from the left, numbered from 1.

    Args:
        picture: The picture to draw on.
        insets: The references; only the first fourteen are drawn.
        inks: The palette.
        top: The upper edge of the room for them; very small frames may exceed it.
        bottom: The lower edge of the last row.

    Returns:
        The upper edge of the first row.
    """
    visible = insets[:MAX_INSETS]
    if not visible:
        return bottom
    labelled = any(inset.label for inset in visible)
    grid = _grid(len(visible), labelled, picture.width, min(round(bottom * 0.36), bottom - top))
    draw = ImageDraw.Draw(picture, "RGBA")
    wide, tall = grid.side + 2 * grid.pad, grid.side + 2 * grid.pad + grid.caption
    rows = -(-len(visible) // grid.columns)
    first = bottom - rows * (tall + grid.gap)
    drop = max(1, grid.pad // 2)
    number = face(max(MIN_SIZE_PIXELS, round(grid.side * 0.2)))
    chip = round(number.size * 1.5)
    for i, inset in enumerate(visible):
        x = grid.gap + i % grid.columns * (wide + grid.gap)
        y = first + i // grid.columns * (tall + grid.gap)
        draw.rectangle((x + drop, y + drop, x + wide - 1 + drop, y + tall - 1 + drop), fill=fade(inks.dark, 0.4))
        draw.rectangle((x, y, x + wide - 1, y + tall - 1), fill=inks.pale)
        picture.paste(_thumbnail(inset, grid.side, inks), (x + grid.pad, y + grid.pad))
        draw.rectangle((x, y, x + chip - 1, y + chip - 1), fill=inks.main)
        draw.text((x + chip // 2, y + chip // 2), str(i + 1), font=number, fill=inks.pale, anchor="mm")
        if inset.label:
            box = (x + 1, y + grid.side + 2 * grid.pad - drop, wide - 2, grid.caption)
            _caption(draw, inset.label, box, inks)
    return first
