"""Shapes, the pen that makes them, and their rendering.

Motifs add shapes to a list. :func:`render_shapes` draws that list strip by strip at twice the size and halves each
strip, so edges are smooth and the memory for it does not grow with the picture.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from PIL import Image, ImageDraw

__all__ = ["Colour", "Pen", "Point", "Shape", "fade", "mix", "render_shapes", "ripple", "smooth"]

Colour = tuple[int, ...]
Point = tuple[float, float]

SCALE = 2
"""Shapes are drawn this many times larger and then reduced: Pillow's polygons have hard edges."""

STRIP_PIXELS = 3_000_000
"""Pixels of the picture that are drawn at once. Each takes 4 x 4 bytes of memory."""


class Shape(NamedTuple):
    """A shape, in whole pixels of the enlarged picture.

    Attributes:
        kind: "poly", "oval" or "ring".
        points: x and y of each corner; left, top, right and bottom of an ellipse.
        fill: Its colour.
        top, bottom: Its smallest and its largest y.
        width: Of the line of a ring.
    """

    kind: str
    points: tuple[int, ...]
    fill: Colour
    top: int
    bottom: int
    width: int = 0


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Returns a colour between two: the first at share 0, the second at share 1."""
    return tuple(round(a + (b - a) * share) for a, b in zip(first[:3], second[:3], strict=True))


def fade(colour: Colour, opacity: float) -> Colour:
    """Returns the colour with an opacity of 0..1."""
    return (*colour[:3], round(255 * opacity))


def smooth(points: Sequence[Point], steps: int = 6) -> list[Point]:
    """Returns a closed curve through the points (Catmull-Rom)."""
    count = len(points)
    curve: list[Point] = []
    for i in range(count):
        a, b, c, d = (points[(i + k) % count] for k in (-1, 0, 1, 2))
        for step in range(steps):
            t = step / steps
            curve.append(
                tuple(  # type: ignore[arg-type]
                    0.5
                    * (
                        2 * b[k]
                        + (c[k] - a[k]) * t
                        + (2 * a[k] - 5 * b[k] + 4 * c[k] - d[k]) * t * t
                        + (3 * b[k] - a[k] - 3 * c[k] + d[k]) * t**3
                    )
                    for k in (0, 1)
                )
            )
    return curve


def ripple(cx: float, cy: float, rx: float, ry: float, start: float, stop: float, steps: int = 24) -> list[Point]:
    """Returns points along an ellipse from one angle to another, in degrees, clockwise from the right."""
    span = math.radians(stop - start)
    first = math.radians(start)
    return [
        (cx + rx * math.cos(first + span * i / steps), cy + ry * math.sin(first + span * i / steps))
        for i in range(steps + 1)
    ]


class Pen:
    """Adds shapes to a list; they are given in a motif's own coordinates."""

    def __init__(self, shapes: list[Shape], x: float, y: float, size: float, flip: bool = False) -> None:
        """Positions the motif.

        Args:
            shapes: The list that gets the shapes.
            x: The x of the motif's origin, in pixels of the picture.
            y: The y of the motif's origin, in pixels of the picture.
            size: Pixels of the picture in one unit of the motif.
            flip: Whether the motif is mirrored left to right.
        """
        self._shapes = shapes
        self._x = x * SCALE
        self._y = y * SCALE
        self._size = size * SCALE
        self._across = -self._size if flip else self._size

    def poly(self, points: Iterable[Point], fill: Colour) -> None:
        """Adds a filled polygon."""
        flat: list[int] = []
        for px, py in points:
            flat.append(round(self._x + px * self._across))
            flat.append(round(self._y + py * self._size))
        self._shapes.append(Shape("poly", tuple(flat), fill, min(flat[1::2]), max(flat[1::2])))

    def oval(self, cx: float, cy: float, rx: float, ry: float, fill: Colour) -> None:
        """Adds a filled ellipse."""
        self._shapes.append(self._round("oval", cx, cy, rx, ry, fill, 0))

    def ring(self, cx: float, cy: float, rx: float, ry: float, width: float, fill: Colour) -> None:
        """Adds the outline of an ellipse."""
        self._shapes.append(self._round("ring", cx, cy, rx, ry, fill, max(1, round(width * self._size))))

    def _round(self, kind: str, cx: float, cy: float, rx: float, ry: float, fill: Colour, width: int) -> Shape:
        x = self._x + cx * self._across
        y = self._y + cy * self._size
        half = abs(rx) * self._size
        tall = abs(ry) * self._size
        box = (round(x - half), round(y - tall), round(x + half), round(y + tall))
        return Shape(kind, box, fill, box[1], box[3], width)

    def box(self, left: float, top: float, right: float, bottom: float, fill: Colour, corner: float = 0) -> None:
        """Adds a rectangle; with ``corner``, the radius of its corners, a rounded one."""
        if corner <= 0:
            self.poly([(left, top), (right, top), (right, bottom), (left, bottom)], fill)
            return
        c = min(corner, (right - left) / 2, (bottom - top) / 2)
        self.poly(
            [
                *ripple(left + c, top + c, c, c, 180, 270, 6),
                *ripple(right - c, top + c, c, c, 270, 360, 6),
                *ripple(right - c, bottom - c, c, c, 0, 90, 6),
                *ripple(left + c, bottom - c, c, c, 90, 180, 6),
            ],
            fill,
        )

    def stroke(self, points: Sequence[Point], width: float, fill: Colour) -> None:
        """Adds a line as one polygon, so that a transparent line is not darker at its bends."""
        left: list[Point] = []
        right: list[Point] = []
        last = len(points) - 1
        for i, (px, py) in enumerate(points):
            ax, ay = points[max(0, i - 1)]
            bx, by = points[min(last, i + 1)]
            length = math.hypot(bx - ax, by - ay) or 1.0
            nx, ny = (ay - by) / length * width / 2, (bx - ax) / length * width / 2
            left.append((px + nx, py + ny))
            right.append((px - nx, py - ny))
        self.poly(left + right[::-1], fill)

    def pie(self, cx: float, cy: float, rx: float, ry: float, start: float, stop: float, fill: Colour) -> None:
        """Adds the part of an ellipse between two angles, closed by a straight edge."""
        self.poly(ripple(cx, cy, rx, ry, start, stop), fill)

    def halo(self, cx: float, cy: float, radius: float, fill: Colour, strength: float = 0.5, rings: int = 3) -> None:
        """Adds a glow, as a few transparent discs inside each other."""
        for i in range(rings):
            share = 1 - i / rings
            self.oval(cx, cy, radius * share, radius * share, fade(fill, strength / rings * (1 + i * 0.25)))


def _draw_shapes(strip: Image.Image, shapes: Sequence[Shape], offset: int) -> None:
    """Draws the shapes that touch one strip of the enlarged picture."""
    solid = ImageDraw.Draw(strip)
    clear = ImageDraw.Draw(strip, "RGBA")
    bottom = offset + strip.height
    for kind, points, fill, top, low, width in shapes:
        if low < offset or top >= bottom:
            continue
        # Opaque colours are drawn without Pillow's blending, which is several times slower.
        draw = clear if len(fill) == 4 else solid
        shifted = [value - offset if i % 2 else value for i, value in enumerate(points)] if offset else list(points)
        if kind == "poly":
            draw.polygon(shifted, fill=fill)
        elif kind == "oval":
            draw.ellipse(shifted, fill=fill)
        else:
            draw.ellipse(shifted, outline=fill, width=width)


def render_shapes(sky: Image.Image, shapes: Sequence[Shape], width: int, height: int) -> Image.Image:
    """Draws shapes over a sky.

    Args:
        sky: A column one pixel wide, with the colour of each row.
        shapes: The shapes, from back to front.
        width: Width of the picture in pixels.
        height: Height of the picture in pixels.

    Returns:
        An RGB picture of width x height pixels.
    """
    picture = Image.new("RGB", (width, height))
    rows = max(8, STRIP_PIXELS // width)
    for top in range(0, height, rows):
        deep = min(rows, height - top)
        column = sky.crop((0, top, 1, top + deep))
        strip = column.resize((width * SCALE, deep * SCALE), Image.Resampling.NEAREST)
        _draw_shapes(strip, shapes, top * SCALE)
        picture.paste(strip.reduce(SCALE), (0, top))
    return picture
