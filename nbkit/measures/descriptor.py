"""How alike pictures look, from their colours and edges: pixels, not meaning.

Two pictures of one cat in two poses are less alike than a cat and a dog that sit in the same place. It is good for
telling how far the pictures of one prompt differ from each other, which is what seeds and temperature change. (For whether
two files are the same picture, see ``likeness.py``.)

Three parts count the same:

- *colours where they are*: the lowest frequencies (discrete cosine transform) of luminance and of both colour differences
  at 32x32, the mean left out, compared by the angle between them;
- *edges where they are*: histograms of oriented gradients, 8 directions in 8x8 cells at 128x128, normalised over 2x2 cells
  (Dalal and Triggs, "Histograms of oriented gradients for human detection", CVPR 2005), compared by the angle;
- *colours wherever they are*: a histogram of hue, saturation and value in 12x4x4 bins, compared by Bhattacharyya's
  coefficient.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image

from nbkit.measures.content import content_of
from nbkit.measures.look import FloatArray, cosines

DESCRIBED_SIZE = 256
"""Pixels on the long side at which a picture is described."""

_SMALL, _LOW = 32, (8, 4, 4)
_EDGES, _CELL, _DIRECTIONS = 128, 16, 8
_BINS = (12, 4, 4)
_FLAT = 1e-9


class Descriptor(NamedTuple):
    """What is compared of a picture: three vectors of length 1, or of zeros where a flat picture has nothing of the kind."""

    layout: FloatArray
    edges: FloatArray
    palette: FloatArray


def describe(data: bytes) -> Descriptor:
    """What is compared of a picture; the line of settings of an offline picture takes no part.

    Args:
        data: the picture's file.

    Raises:
        NoImage: if it cannot be decoded.
    """
    picture = content_of(data, DESCRIBED_SIZE)
    return Descriptor(_layout(picture), _edges(picture), _palette(picture))


def likenesses(descriptors: list[Descriptor]) -> FloatArray:
    """How alike each two of some pictures are, from 0 for nothing in common to 1 for the same, shape (n, n).

    Example:
        >>> import nbkit
        >>> from nbkit.measures.descriptor import describe, likenesses
        >>> studio = nbkit.Studio(engine="offline")
        >>> prompts = ("A red lantern at night", "A red lantern at night", "A lighthouse by the sea at noon")
        >>> images = [studio.generate(prompt, seed=n, resolution="0.5K").image for n, prompt in enumerate(prompts, 1)]
        >>> table = likenesses([describe(image.bytes) for image in images])
        >>> bool(table[0, 1] > table[0, 2]), round(float(table[0, 0]), 6)
        (True, 1.0)
    """
    layout = (1 + _angles([one.layout for one in descriptors])) / 2
    edges, palette = _angles([one.edges for one in descriptors]), _angles([one.palette for one in descriptors])
    return np.clip((layout + edges + palette) / 3, 0.0, 1.0)


def _angles(vectors: list[FloatArray]) -> FloatArray:
    """The cosine of the angle between each two; 1 between two pictures that are flat, 0 between a flat one and another."""
    stacked = np.array(vectors)
    is_flat = ~stacked.any(axis=1)
    return np.asarray(stacked @ stacked.T + np.outer(is_flat, is_flat))


def _unit(vector: FloatArray) -> FloatArray:
    length = float(np.linalg.norm(vector))
    return vector / length if length > _FLAT * len(vector) else np.zeros_like(vector)


def _layout(picture: Image.Image) -> FloatArray:
    small = picture.resize((_SMALL, _SMALL), Image.Resampling.BOX).convert("YCbCr")
    channels = np.asarray(small, dtype=np.float64)
    parts = []
    for i, kept in enumerate(_LOW):
        waves = cosines(_SMALL, kept)
        parts.append((waves @ channels[..., i] @ waves.T).ravel()[1:])
    return _unit(np.concatenate(parts).round(6))


def _edges(picture: Image.Image) -> FloatArray:
    grey = picture.convert("L").resize((_EDGES, _EDGES), Image.Resampling.BILINEAR)
    down, across = np.gradient(np.sqrt(np.asarray(grey, dtype=np.float64)))
    direction = np.floor(np.arctan2(down, across) % np.pi / np.pi * _DIRECTIONS).astype(int) % _DIRECTIONS
    strength, cells = np.hypot(down, across), _EDGES // _CELL
    places = np.arange(_EDGES) // _CELL
    bins = (places[:, None] * cells + places) * _DIRECTIONS + direction
    counts = np.bincount(bins.ravel(), strength.ravel(), cells * cells * _DIRECTIONS)
    table = counts.reshape(cells, cells, _DIRECTIONS)
    blocks = np.concatenate([table[:-1, :-1], table[:-1, 1:], table[1:, :-1], table[1:, 1:]], axis=2)
    lengths = np.sqrt((blocks**2).sum(axis=2, keepdims=True) + 1.0)  # the 1 keeps faint noise faint
    return _unit((blocks / lengths).ravel())


def _palette(picture: Image.Image) -> FloatArray:
    colours = np.asarray(picture.resize((64, 64), Image.Resampling.BOX).convert("HSV"), dtype=np.int64).reshape(-1, 3)
    hue, saturation, value = (colours[:, i] * number // 256 for i, number in enumerate(_BINS))
    bins = (hue * _BINS[1] + saturation) * _BINS[2] + value
    shares = np.bincount(bins, minlength=int(np.prod(_BINS))) / len(bins)
    return np.asarray(np.sqrt(shares))  # the product of two roots, summed, is Bhattacharyya's coefficient
