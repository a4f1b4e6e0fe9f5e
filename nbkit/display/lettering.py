"""Text in pictures: the typeface, its glyphs, and how text is measured, wrapped and fitted into a box."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from PIL import ImageFont

MIN_SIZE_PIXELS = 7
"""Smallest size of the typeface in pixels."""

_GAUGE_SIZE = 64
"""Widths are measured at this size and scaled, because loading a size takes longer than measuring."""


_TYPEFACE = Path(__file__).with_name("fonts") / "DejaVuSans-Bold.ttf"


@lru_cache(maxsize=24)
def face(size: int) -> ImageFont.FreeTypeFont:
    """The typeface at a size in pixels."""
    # Every Pillow has the basic layout. Not every one has the complex layout, which places letters differently.
    return ImageFont.truetype(_TYPEFACE, size, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=2048)
def _has_glyph(letter: str) -> bool:
    if letter == " ":
        return True
    category = unicodedata.category(letter)
    if category[0] in "CZ" or category == "Mn" or unicodedata.bidirectional(letter) in ("AL", "R"):
        # The basic layout cannot reorder and join the letters of right-to-left scripts: no text is better than wrong
        # text.
        return False
    glyph = face(_GAUGE_SIZE).getmask
    return bytes(glyph(letter)) != bytes(glyph("\uffff"))  # the second is drawn for what the typeface does not have


def drawable(text: str) -> tuple[str, int]:
    """Reduce a text to the characters that the typeface has.

    Args:
        text: any text.

    Returns:
        The text with white space as single spaces, and the number of visible characters that were left out.
    """
    whole = unicodedata.normalize("NFC", " ".join(text.split()))
    kept = "".join(letter for letter in whole if _has_glyph(letter))
    left_out = sum(1 for letter in whole if not _has_glyph(letter) and unicodedata.category(letter)[0] not in "CZM")
    return " ".join(kept.split()), left_out


def measure(text: str, size: int) -> float:
    """The width of one line in pixels, at a size in pixels."""
    return face(size).getlength(text)


def _pieces(word: str, size: int, width: float) -> list[str]:
    """Cut a word that is wider than a line into pieces that fit; the width is in pixels."""
    if measure(word, size) <= width:
        return [word]
    pieces, piece = [], ""
    for letter in word:
        if piece and measure(piece + letter, size) > width:
            pieces.append(piece)
            piece = ""
        piece += letter
    return [*pieces, piece]


def wrap(words: Sequence[str], size: int, width: float, glue: str = " ") -> list[str]:
    """Break words, or longer units, into lines.

    Args:
        words: units that stay together on a line if the line is wide enough.
        size: of the typeface in pixels.
        width: of a line in pixels.
        glue: the text between two units on one line.

    Returns:
        The lines.
    """
    lines: list[str] = []
    for unit in words:
        joined = f"{lines[-1]}{glue}{unit}" if lines else unit
        if lines and measure(joined, size) <= width:
            lines[-1] = joined
        elif measure(unit, size) <= width:
            lines.append(unit)
        else:
            parts = [part for word in unit.split() for part in _pieces(word, size, width)]
            lines.extend(parts if len(parts) < 2 or parts == [unit] else wrap(parts, size, width))
    return lines


def fit(text: str, width: float, height: float, largest: int, max_lines: int) -> tuple[int, list[str]]:
    """Find the largest size at which a text fits into a box.

    Args:
        text: drawable text, with at least one word.
        width: of the box in pixels.
        height: of the box in pixels.
        largest: upper limit for the size in pixels.
        max_lines: upper limit for the number of lines; a low box has fewer.

    Returns:
        The size and the lines. A text that fits at no size is cut, with an ellipsis.
    """
    words = text.split()
    size = max(MIN_SIZE_PIXELS, largest)
    # Skip sizes at which the widest word does not fit.
    widest = max(measure(word, _GAUGE_SIZE) for word in words)
    size = max(MIN_SIZE_PIXELS, min(size, int(width / widest * _GAUGE_SIZE) + 1 if len(words) > 1 else size))
    while True:
        lines = wrap(words, size, width)
        line_limit = max(1, min(max_lines, int(height / (size * 1.2))))
        breaks_word = any(measure(word, size) > width for word in words)
        if len(lines) <= line_limit and not (breaks_word and size > MIN_SIZE_PIXELS * 2):
            return size, lines
        if size <= MIN_SIZE_PIXELS:
            return size, _cut(lines[:line_limit], size, width)
        size = max(MIN_SIZE_PIXELS, min(size - 1, int(size * 0.9)))


def _cut(lines: list[str], size: int, width: float) -> list[str]:
    last = lines[-1]
    while last and measure(last + "\u2026", size) > width:
        last = last[:-1]
    return [*lines[:-1], last + "\u2026"]
