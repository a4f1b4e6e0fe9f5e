"""Type: the typeface, what it can set, fitting and wrapping."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from io import BytesIO

from PIL import ImageFont

__all__ = ["drawable", "face", "fit", "measure", "wrap"]

SMALLEST = 7
_GAUGE = 64  # Widths are estimated at one size and scaled: loading a size costs more than measuring.


@lru_cache(maxsize=1)
def _typeface() -> bytes:
    return resources.files("nbkit.display").joinpath("fonts", "DejaVuSans-Bold.ttf").read_bytes()


@lru_cache(maxsize=24)
def face(size: int) -> ImageFont.FreeTypeFont:
    """Returns the typeface at a size in pixels."""
    # The basic layout is in every Pillow; the complex one is not, and would move letters.
    return ImageFont.truetype(BytesIO(_typeface()), size, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=1)
def _missing() -> bytes:
    return bytes(face(_GAUGE).getmask("\uffff"))


@lru_cache(maxsize=2048)
def _has_glyph(letter: str) -> bool:
    if letter == " ":
        return True
    kind = unicodedata.category(letter)
    if kind[0] in "CZ" or kind == "Mn" or unicodedata.bidirectional(letter) in ("AL", "R"):
        # Right-to-left scripts need reordering and joining that the basic layout lacks:
        # no type is better than wrong type.
        return False
    return bytes(face(_GAUGE).getmask(letter)) != _missing()


def drawable(text: str) -> tuple[str, int]:
    """Keeps what the typeface can set.

    Args:
        text: Any text.

    Returns:
        The text with single spaces for white space, and how many visible characters were
        left out.
    """
    whole = unicodedata.normalize("NFC", " ".join(text.split()))
    kept = "".join(letter for letter in whole if _has_glyph(letter))
    lost = sum(1 for letter in whole if not _has_glyph(letter) and unicodedata.category(letter)[0] not in "CZM")
    return " ".join(kept.split()), lost


def measure(text: str, size: int) -> float:
    """Returns the width of one line in pixels."""
    return face(size).getlength(text)


def _pieces(word: str, size: int, width: float) -> list[str]:
    """Cuts a word that is wider than a line."""
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
    """Sets words, or longer units, in lines.

    Args:
        words: What must stay together on a line where it can.
        size: Size of the type in pixels.
        width: Width of a line in pixels.
        glue: What stands between two units on one line.

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


def fit(text: str, width: float, height: float, largest: int, most_lines: int) -> tuple[int, list[str]]:
    """Finds the largest type that sets a text in a box.

    Args:
        text: Drawable text.
        width: Width of the box.
        height: Height of the box.
        largest: The largest size wanted.
        most_lines: How many lines are welcome; the box may force fewer.

    Returns:
        The size and the lines. Text that fits at no size is cut, with an ellipsis.
    """
    words = text.split()
    size = max(SMALLEST, largest)
    # Skips sizes that cannot work: a text needs about its area, a word about its width.
    widest = max(measure(word, _GAUGE) for word in words)
    size = max(SMALLEST, min(size, int(width / widest * _GAUGE) + 1 if len(words) > 1 else size))
    while True:
        lines = wrap(words, size, width)
        room = max(1, min(most_lines, int(height / (size * 1.2))))
        broken = any(measure(word, size) > width for word in words)
        if len(lines) <= room and not (broken and size > SMALLEST * 2):
            return size, lines
        if size <= SMALLEST:
            return size, _cut(lines[:room], size, width)
        size = max(SMALLEST, min(size - 1, int(size * 0.9)))


def _cut(lines: list[str], size: int, width: float) -> list[str]:
    last = lines[-1]
    while last and measure(last + "\u2026", size) > width:
        last = last[:-1]
    return [*lines[:-1], last + "\u2026"]
