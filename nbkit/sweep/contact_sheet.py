"""A contact sheet: the grid as one picture."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Sequence

from PIL import Image, ImageDraw

from nbkit.display.figure import Figure
from nbkit.display.grid import Page, Tile
from nbkit.display.lettering import drawable, face
from nbkit.display.text import ellipsis

MARGIN, GAP, LINE = 12, 4, 18
GROUND, INK, QUIET = "white", "#1b1b1f", "#5b5b66"


def draw_sheet(pages: Sequence[Page], title: str) -> Image.Image:
    """All pages under one another, with labels on every side."""
    parts = [_draw_page(page) for page in pages]
    width = max([part.width for part in parts] + [320])
    height = sum(part.height for part in parts) + 2 * LINE + MARGIN
    sheet = Image.new("RGB", (width, height), GROUND)
    ImageDraw.Draw(sheet).text((MARGIN, MARGIN), _fit(title, width - 2 * MARGIN), fill=INK, font=face(14))
    top = 2 * LINE + MARGIN
    for part in parts:
        sheet.paste(part, (0, top))
        top += part.height
    return sheet


def _draw_page(page: Page) -> Image.Image:
    slots = [[_slots(here) for here in line] for line in page.tiles]
    beside = max([len(here) for line in slots for here in line] + [1])  # all pictures of a cell stand beside each other
    everything = [picture for line in slots for here in line for _, picture in here if picture is not None]
    one = max([p.width for p in everything] + [160])
    wide, high = beside * one + (beside - 1) * GAP, max([p.height for p in everything] + [90])
    side, head = 150, LINE * (3 if page.title else 2)
    size = (side + len(page.columns) * (wide + MARGIN) + MARGIN, head + len(page.rows) * (high + LINE + MARGIN))
    drawn = Image.new("RGB", size, GROUND)
    pen = ImageDraw.Draw(drawn)
    if page.title:
        pen.text((MARGIN, 2), _fit(page.title, size[0]), fill=INK, font=face(13))
    for number, value in enumerate(page.columns):
        label = f"{page.column_name} {value}".strip()
        pen.text((side + number * (wide + MARGIN), head - LINE), _fit(label, wide), fill=INK, font=face(12))
    for row, value in enumerate(page.rows):
        top = head + row * (high + LINE + MARGIN)
        pen.text((MARGIN, top), _fit(f"{page.row_name} {value}".strip(), side - MARGIN), fill=INK, font=face(12))
        for column, here in enumerate(slots[row]):
            for number, (tile, picture) in enumerate(here):
                left = side + column * (wide + MARGIN) + number * (one + GAP)
                _place(drawn, tile, picture, (left, top), (one, high))
    return drawn


def _place(
    drawn: Image.Image, tile: Tile, picture: Image.Image | None, corner: tuple[int, int], size: tuple[int, int]
) -> None:
    pen = ImageDraw.Draw(drawn)
    left, top = corner
    caption = " · ".join(tile.figures[0].caption) if tile.figures else tile.status
    if picture is None:
        pen.rectangle((left, top, left + size[0] - 1, top + size[1] - 1), outline=QUIET)
        pen.text((left + 8, top + 8), _fit(tile.status, size[0] - 16), fill=QUIET, font=face(12))
    else:
        drawn.paste(picture, corner)
    pen.text((left, top + size[1] + 2), _fit(caption, size[0]), fill=QUIET, font=face(11))


def _slots(here: Sequence[Tile]) -> list[tuple[Tile, Image.Image | None]]:
    """Each picture of a position with a tile of its own; a tile without pictures keeps its status."""
    slots: list[tuple[Tile, Image.Image | None]] = []
    for tile in here or (Tile(status="no such cell"),):
        slots += [(dataclasses.replace(tile, figures=(figure,)), _picture(figure)) for figure in tile.figures]
        slots += [] if tile.figures else [(tile, None)]
    return slots


def _picture(figure: Figure) -> Image.Image | None:
    if figure.preview is None:
        return None
    with Image.open(io.BytesIO(figure.preview)) as picture:
        return picture.convert("RGB")


def _fit(text: str, width: int) -> str:
    return ellipsis(drawable(text)[0], max(8, width // 7))
