"""A contact sheet: the grid as one picture, put together from labels and cards as a page is from text."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageOps

from nbkit.display.figure import Figure
from nbkit.display.grid import Page, Tile, corner_of
from nbkit.display.lettering import drawable, face
from nbkit.display.text import ellipsis
from nbkit.request.decoder import opened

MARGIN, GAP, LINE, SIDE = 12, 4, 18, 150
GROUND, INK, QUIET = "white", "#1b1b1f", "#5b5b66"

Slot = tuple[Image.Image | None, str, str]
"""One picture, the status of its cell, and its caption."""


def draw_sheet(pages: Sequence[Page], title: str) -> Image.Image:
    """All pages under one another, with labels on every side."""
    parts = [_draw_page(page) for page in pages]
    width = max([320, *(part.width for part in parts)])
    return ImageOps.expand(_joined([_label(title, width, 14), _label("", width), *parts], down=True), MARGIN, GROUND)


def _draw_page(page: Page) -> Image.Image:
    slots = [[_slots(here) for here in line] for line in page.tiles]
    pictures = [picture for line in slots for here in line for picture, _, _ in here if picture is not None]
    beside = max([1, *(len(here) for line in slots for here in line)])  # all pictures of a cell stand beside each other
    size = max([160, *(picture.width for picture in pictures)]), max([90, *(picture.height for picture in pictures)])
    wide = beside * (size[0] + GAP) + MARGIN
    names = corner_of(page)  # where it names both axes, the headers have the values alone
    row_name, column_name = ("", "") if names else (page.row_name, page.column_name)
    heads = [_label(f"{column_name} {value}".strip(), wide) for value in page.columns]
    lines = [_joined([_label(names, SIDE), *heads])]
    for value, line in zip(page.rows, slots, strict=True):
        cells = [_joined([_card(slot, size) for slot in here], width=wide) for here in line]
        lines.append(_joined([_label(f"{row_name} {value}".strip(), SIDE), *cells]))
    title = [_label(page.title, lines[0].width, 13)] if page.title else []
    return _joined([*title, *lines], down=True)


def _slots(here: Sequence[Tile]) -> list[Slot]:
    """The pictures of a position; a tile without pictures has a slot with its status."""
    slots: list[Slot] = []
    for tile in here or (Tile(status="no such cell"),):
        figures = tile.figures or (Figure(None, "", caption=(tile.status,)),)
        slots += [(_picture(figure), tile.status, " · ".join(figure.caption)) for figure in figures]
    return slots


def _picture(figure: Figure) -> Image.Image | None:
    if figure.preview is None:
        return None
    with opened(figure.preview) as picture:
        return picture.convert("RGB")


def _card(slot: Slot, size: tuple[int, int]) -> Image.Image:
    """A picture, or a box with the reason for none, over its caption."""
    (picture, status, caption), (width, height) = slot, size
    card = Image.new("RGB", (width + GAP, height + LINE + MARGIN), GROUND)
    pen = ImageDraw.Draw(card)
    if picture is None:
        pen.rectangle((0, 0, width - 1, height - 1), outline=QUIET)
        pen.text((8, 8), _fit(status, width - 16), fill=QUIET, font=face(12))
    else:
        card.paste(picture)
    pen.text((0, height + 2), _fit(caption, width), fill=QUIET, font=face(11))
    return card


def _label(text: str, width: int, size: int = 12) -> Image.Image:
    label = Image.new("RGB", (width, LINE), GROUND)
    ImageDraw.Draw(label).text((0, 2), _fit(text, width), fill=INK, font=face(size))
    return label


def _joined(parts: Sequence[Image.Image], *, down: bool = False, width: int = 0) -> Image.Image:
    """Parts one under another, or beside each other and at least so wide."""
    widths, heights = [part.width for part in parts], [part.height for part in parts]
    whole = Image.new("RGB", (max(widths), sum(heights)) if down else (max(width, sum(widths)), max(heights)), GROUND)
    place = 0
    for part in parts:
        whole.paste(part, (0, place) if down else (place, 0))
        place += part.height if down else part.width
    return whole


def _fit(text: str, width: int) -> str:
    return ellipsis(drawable(text)[0], max(8, width // 7))
