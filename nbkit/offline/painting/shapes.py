"""The language of shapes, its interpreter, and the canvas on which everything is drawn.

A drawing is a name, its facts, and one line for each shape or each few that are alike::

    tree stand .52 .36
      pick crown | main | mid:main:15
      crown oval 0 -.64 .31 .36
      dark line:.014 0 -.12 .12 -.26, 0 .06 .12 -.08 * mirror

A line begins with a colour. Then come a kind of shape, for some with a parameter, and x and y of points. After a comma
follows another shape, of the same kind if it names none. Kinds:

- ``poly`` has its corners, ``blob`` is a closed curve through its points, ``line:WIDTH`` and ``curve:WIDTH`` are open;
- ``oval`` has its centre and both radii, ``ring:WIDTH`` is its outline, ``dot:RADIUS`` has the centre of a small disc;
- ``box:ROUNDING`` has its upper left and lower right corner, ``star:POINTS`` its centre, outer and inner radius.

In place of points, ``(x y rx ry from to)`` is an arc of an ellipse, between angles in degrees, clockwise from the right.

A colour is an ink: ``ink:other:40`` has 40 percent of another one, ``ink@70`` an opacity of 70 percent, and ``none`` draws
nothing. Several, with slashes between them, are those of the shapes of the line by turns. ``pick`` names further inks, and one
of its options is chosen for them; the options after a slash are those of a bright sky.

After a star, all shapes of the line are repeated: ``mirror`` from right to left, or ``COUNT shift x y``, ``COUNT turn DEGREES
x y`` and ``COUNT shrink FACTOR x y``, where each copy is made from the one before it, around a point.

Points are complex numbers, x + y·1j, so that a multiplication turns and scales them.
"""

from __future__ import annotations

import cmath
import math
import re
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from nbkit.display.lettering import face
from nbkit.offline.painting.palettes import Colour, Palette, colour_of, is_dark
from nbkit.offline.painting.stable_random import StableRandom

Outline = list[complex]

SCALE = 2
"""Shapes are drawn this many times larger and then reduced: Pillow's polygons have hard edges."""

STRIP_PIXELS = 3_000_000
"""Pixels of the picture that are drawn at once, so that the memory for it does not grow with the picture."""

_PIECE = re.compile(r"\(([^)]*)\)|([^()]+)")


def arc(centre: complex, radii: complex, start: float = 0, stop: float = 360, step: float = 5) -> Outline:
    """Returns points along an ellipse from one angle to another, in degrees, clockwise from the right."""
    count = math.ceil(abs(stop - start) / step)
    turns = [math.radians(start + (stop - start) * i / count) for i in range(count + 1)]
    return [centre + complex(radii.real * math.cos(turn), radii.imag * math.sin(turn)) for turn in turns]


def line(path: Outline, width: float) -> Outline:
    """Returns the outline of a line: one polygon, so that a transparent line is not darker at its bends."""
    across = [after - before for before, after in zip([path[0], *path], [*path[1:], path[-1]], strict=False)]
    sides = [1j * width / 2 * way / (abs(way) or 1) for way in across]
    left = [point - side for point, side in zip(path, sides, strict=True)]
    return left + [point + side for point, side in zip(path, sides, strict=True)][::-1]


def box(corners: Outline, rounding: float = 0) -> Outline:
    """Returns a rectangle between two corners; with ``rounding``, the radius of its corners, a rounded one."""
    middle, half = (corners[0] + corners[1]) / 2, (corners[1] - corners[0]) / 2
    if not rounding:
        return [middle - half, middle + half.conjugate(), middle + half, middle - half.conjugate()]
    radius = min(rounding, half.real, half.imag) * (1 + 1j)
    inner = half - radius
    centres = (middle + inner, middle - inner.conjugate(), middle - inner, middle + inner.conjugate())
    return [p for i, centre in enumerate(centres) for p in arc(centre, radius, i * 90, i * 90 + 90, 15)]


def outline_of_box(corners: Outline, width: float) -> Outline:
    """Returns the outline of a rectangle, which becomes ``width`` thick inwards."""
    outer, inner = box(corners), box([corners[0] + width * (1 + 1j), corners[1] - width * (1 + 1j)])
    return [*outer, outer[0], inner[0], *inner[::-1]]


def _smooth(points: Outline) -> Outline:
    """Returns a closed curve through the points (Catmull-Rom)."""
    ring = [points[-1], *points, *points[:2]]
    return [
        (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3) / 2
        for a, b, c, d in zip(ring, ring[1:], ring[2:], ring[3:], strict=False)
        for t in (0, 1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6)
    ]


def _curve(points: Outline, width: float) -> Outline:
    there_and_back = _smooth([*points, *points[-2:0:-1]])
    return line(there_and_back[: len(points) * 6 - 5], width)


def _ring(path: Outline, width: float) -> Outline:
    return arc(path[0], path[1]) + arc(path[0], path[1] - width * (1 + 1j))[::-1]


def _star(path: Outline, points: float) -> Outline:
    centre, radii = path
    turns = [cmath.rect(1, math.radians(i * 180 / points - 90)) for i in range(round(points) * 2)]
    return [centre + turn * (radii.imag if i % 2 else radii.real) for i, turn in enumerate(turns)]


_KINDS: dict[str, Callable[[Outline, float], Outline]] = {
    "poly": lambda path, _: path,
    "blob": lambda path, _: _smooth(path),
    "line": line,
    "curve": _curve,
    "oval": lambda path, _: arc(path[0], path[1]),
    "ring": _ring,
    "dot": lambda path, radius: arc(path[0], radius * (1 + 1j), step=15),
    "box": box,
    "star": _star,
}


Choice = tuple[list[str], list[str], list[str]]
"""A ``pick``: the inks that it names, and their options under a dark and a bright sky."""

Figure = tuple[list[str], list[np.ndarray[Any, Any]]]
"""One line of a drawing: its colours, which take turns, and its shapes."""


class Drawing(NamedTuple):
    """A drawing of this language; the facts are the words of its first line after the name."""

    name: str
    facts: list[str]
    choices: list[Choice]
    figures: list[Figure]


def _path(text: str) -> Outline:
    path: Outline = []
    for curved, straight in _PIECE.findall(text):
        numbers = [float(number) for number in (curved or straight).split()]
        points = [complex(x, y) for x, y in zip(numbers[::2], numbers[1::2], strict=True)]
        path += arc(points[0], points[1], *numbers[4:]) if curved else points
    return path


def _repeated(outlines: list[Outline], rule: str) -> list[Outline]:
    if rule == "mirror":
        return outlines + [[-point.conjugate() for point in outline] for outline in outlines]
    count, verb, *numbers = rule.split()
    *amount, x, y = (float(number) for number in numbers)
    if verb == "shift":
        return [[p + i * complex(x, y) for p in outline] for i in range(int(count)) for outline in outlines]
    factor, centre = amount[0] if verb == "shrink" else cmath.rect(1, math.radians(amount[0])), complex(x, y)
    return [[centre + (p - centre) * factor**i for p in o] for i in range(int(count)) for o in outlines]


def _figure(text: str) -> Figure:
    shapes, *repeats = text.split(" * ")
    colours, parts = shapes.split(maxsplit=1)
    outlines = []
    for part in parts.split(", "):
        if match := re.match(r"([a-z]+):?(\S*) ", part):
            kind, parameter = match.groups()
        path = _path(part[match.end() if match else 0 :])
        outlines.append(_KINDS[kind](path, float(parameter or 0)))
    for rule in repeats:
        outlines = _repeated(outlines, rule)
    return colours.split("/"), [np.array(outline) for outline in outlines]


def _choice(text: str) -> Choice:
    names, _, options = text.removeprefix("pick ").partition("|")
    night, _, day = options.partition("/")
    return names.split(), night.split("|"), (day or night).split("|")


def read_table(text: str) -> Iterator[tuple[list[str], list[str]]]:
    """Yields the words of each line of a text that is not indented, and the indented lines below it."""
    for block in re.split(r"\n(?=\S)", text.strip()):
        head, *rows = block.splitlines()
        yield head.split(), [row.strip() for row in rows]


def read_drawings(text: str) -> list[Drawing]:
    """Returns the drawings of a text in the language of this module."""
    drawings = []
    for (name, *facts), rows in read_table(text):
        choices = [_choice(row) for row in rows if row.startswith("pick")]
        figures = [_figure(row) for row in rows if not row.startswith("pick")]
        drawings.append(Drawing(name, facts, choices, figures))
    return drawings


class Canvas:
    """Collects the shapes of a picture, from back to front, and renders them.

    Args:
        palette: The inks of the picture.

    Attributes:
        inks: As given, with "glow", for what shines in the main accent, and the empty "none".
    """

    def __init__(self, palette: Palette) -> None:
        glow = "second" if sum(palette["second"]) > sum(palette["main"]) else "light"
        self.inks: dict[str, Colour] = {**palette, "glow": palette[glow], "none": ()}
        self._shapes: list[tuple[list[float], Colour]] = []
        self._texts: list[tuple[str, tuple[float, float], int, Colour, str]] = []

    def fill(self, outline: Outline | np.ndarray[Any, Any], colour: Colour) -> None:
        """Adds a polygon in pixels of the picture."""
        # Pillow cuts the digits behind the point off.
        points = np.asarray(outline) * SCALE + (0.5 + 0.5j)
        self._shapes.append((points.view(np.float64).tolist(), colour))

    def write(self, text: str, at: tuple[float, float], size: int, colour: Colour, anchor: str) -> None:
        """Adds text over all shapes; ``anchor`` is Pillow's."""
        self._texts.append((text, at, size, colour, anchor))

    def draw(
        self, drawing: Drawing, at: complex, size: float, *facts: object, flip: bool = False, body: Colour = ()
    ) -> None:
        """Adds the shapes of a drawing.

        Args:
            drawing: What to draw.
            at: Where its origin is, in pixels of the picture.
            size: Pixels of the picture in one unit of the drawing.
            *facts: What the choice between the options of its colours depends on.
            flip: Whether it is mirrored left to right.
            body: The ink of this name, beside those of the palette.
        """
        known = {**self.inks, "body": body}
        random, is_night = StableRandom(*facts), is_dark(self.inks)
        for names, night, day in drawing.choices:
            option = random.pick(night if is_night else day).split()
            known.update(zip(names, [colour_of(text, known) for text in option], strict=True))
        for texts, outlines in drawing.figures:
            colours = cycle([colour_of(text, known) for text in texts])
            for outline, colour in zip(outlines, colours, strict=False):
                if colour:
                    self.fill(at + size * (-outline.conjugate() if flip else outline), colour)

    def render(self, sky: Image.Image, width: int, height: int) -> Image.Image:
        """Returns an RGB picture of the shapes over a sky, a column that is one pixel wide."""
        picture = Image.new("RGB", (width, height))
        rows = max(8, STRIP_PIXELS // width)
        for top in range(0, height, rows):
            column = sky.crop((0, top, 1, min(height, top + rows)))
            strip = column.resize((width * SCALE, column.height * SCALE), Image.Resampling.NEAREST)
            # Opaque colours are drawn without Pillow's blending, which is several times slower.
            solid, clear = ImageDraw.Draw(strip), ImageDraw.Draw(strip, "RGBA")
            offset = top * SCALE
            for flat, colour in self._shapes:
                shifted = [value - offset if i % 2 else value for i, value in enumerate(flat)] if offset else flat
                (clear if len(colour) == 4 else solid).polygon(shifted, fill=colour)
            picture.paste(strip.reduce(SCALE), (0, top))
        pen = ImageDraw.Draw(picture)
        for text, at, size, colour, anchor in self._texts:
            pen.text(at, text, font=face(size), fill=colour, anchor=anchor)
        return picture
