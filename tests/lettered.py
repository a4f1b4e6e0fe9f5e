"""Pictures with drawn letters, made with nbkit's own typeface, and with strokes where no typeface has the letter."""

import io
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

import nbkit
from nbkit.measures.facts import examine
from nbkit.request.footer import exif_of

TYPEFACE = Path(nbkit.__file__).parent / "display" / "fonts" / "DejaVuSans-Bold.ttf"

STROKES = {
    "山": ((0.5, 0.05, 0.5, 0.9), (0.1, 0.35, 0.1, 0.9), (0.9, 0.35, 0.9, 0.9), (0.1, 0.9, 0.9, 0.9)),
    "田": (
        (0.1, 0.1, 0.9, 0.1), (0.1, 0.9, 0.9, 0.9), (0.1, 0.1, 0.1, 0.9), (0.9, 0.1, 0.9, 0.9), (0.1, 0.5, 0.9, 0.5),
        (0.5, 0.1, 0.5, 0.9),
    ),
    "中": (
        (0.15, 0.25, 0.85, 0.25), (0.15, 0.65, 0.85, 0.65), (0.15, 0.25, 0.15, 0.65), (0.85, 0.25, 0.85, 0.65),
        (0.5, 0.02, 0.5, 0.98),
    ),
}  # fmt: skip
"""Three Chinese letters as lines, in shares of their square: a machine may have no typeface with them."""


def lettered(*lines, size=40, footer="", form="PNG"):
    """The file of a picture with these lines of text, and at its lower edge, perhaps, a footer as offline pictures have."""
    font, small = ImageFont.truetype(str(TYPEFACE), size), ImageFont.truetype(str(TYPEFACE), 18)
    width = round(max(map(font.getlength, lines), default=0)) + 2 * size
    height = round(size * 1.6 * (len(lines) + 1))
    picture = Image.new("RGB", (max(width, 420), height + 40 * bool(footer)), "#e9e2d0")
    draw = ImageDraw.Draw(picture)
    for number, line in enumerate(lines):
        if set(line) <= set(STROKES):
            for place, letter in enumerate(line):
                x, y = size * (1 + 1.15 * place), size * (0.7 + 1.6 * number)
                for stroke in STROKES[letter]:
                    ends = [x + stroke[0] * size, y + stroke[1] * size, x + stroke[2] * size, y + stroke[3] * size]
                    draw.line(ends, fill="#202830", width=max(3, size // 14))
        else:
            draw.text((size, size * (0.6 + 1.6 * number)), line, font=font, fill="#202830")
    extra = {}
    if footer:
        draw.rectangle((0, height, picture.width, picture.height), fill="#202830")
        draw.text((10, height + 8), footer, font=small, fill="white")
        extra = {"exif": exif_of((0, height, picture.width, picture.height))}
    out = io.BytesIO()
    picture.save(out, form, **extra)
    return out.getvalue()


def image_of(data):
    """A picture with these bytes, as a run has it."""
    return nbkit.GeneratedImage(facts=examine(data), data=data)
