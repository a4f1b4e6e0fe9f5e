"""How a picture looks, in numbers: sharpness, contrast, colourfulness, and a fingerprint by which near-copies are found.

They are read from pixels and know nothing of what a picture means. All are taken at one size (:data:`LOOK_SIZE`), so that
pictures of several resolutions can be compared, and without the line of settings in a picture of the offline engine.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from nbkit.measures.content import content_of

LOOK_SIZE = 512
"""Pixels on the long side at which a picture is looked at. A smaller one is not enlarged."""

VERSION = f"1 {LOOK_SIZE}"
"""The first number is raised whenever the same picture would get other numbers."""

NEAR_BITS = 4
"""Of the 64 bits of two fingerprints, so many may differ in near-copies …"""

NEAR_COLOURS = 0.05
"""… if no sixteenth of the pictures differs in red, green or blue by more than this share of the range."""

_LUMINANCE = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
_HASHED, _KEPT = 32, 8
_COLOURS = 4
FloatArray = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Appearance:
    """How a picture looks.

    Attributes:
        sharpness: variance of the Laplacian (4 neighbours) of the luminance, in squared levels of 0 to 255; 0 for a flat
            picture. More is sharper, but also more finely textured: compare pictures of one prompt. (Pech-Pacheco et al.,
            "Diatom autofocusing in brightfield microscopy", ICPR 2000.)
        contrast: standard deviation of the luminance as a share of its range, 0 for a flat picture to 0.5 for one that is
            half black and half white (RMS contrast; Peli, "Contrast in complex images", JOSA A 7, 1990).
        colourfulness: M3 of Hasler and Süsstrunk, "Measuring colourfulness in natural images", SPIE 5007, 2003: 0 for
            greys, about 15 slightly, 45 averagely, 110 extremely colourful.
        hash: 64 bits as 16 hex digits, a perceptual hash: the signs of the lowest frequencies of the luminance.
        colours: mean red, green and blue of each cell of a 4x4 grid, as 96 hex digits.
    """

    sharpness: float
    contrast: float
    colourfulness: float
    hash: str
    colours: str


def look_at(data: bytes) -> Appearance:
    """How a picture looks.

    Args:
        data: the picture's file.

    Raises:
        NoImage: if it cannot be decoded.

    Example:
        >>> import nbkit
        >>> from nbkit.measures.look import look_at
        >>> image = nbkit.Studio(engine="offline").generate("A paper lantern", seed=7, resolution="0.5K").image
        >>> 0 < look_at(image.bytes).contrast < 0.5
        True
    """
    picture = content_of(data, LOOK_SIZE)
    pixels = np.asarray(picture, dtype=np.float64)
    luminance = pixels @ _LUMINANCE
    cells = picture.resize((_COLOURS, _COLOURS), Image.Resampling.BOX)
    return Appearance(
        sharpness=round(sharpness_of(luminance), 4),
        contrast=round(float(luminance.std()) / 255, 6),
        colourfulness=round(colourfulness_of(pixels), 4),
        hash=_hash_of(picture),
        colours=cells.tobytes().hex(),
    )


def sharpness_of(luminance: FloatArray) -> float:
    """The variance of the Laplacian of a luminance, levels of 0 to 255, shape (height, width); its edge is left out."""
    if min(luminance.shape) < 3:
        return 0.0
    middle = luminance[1:-1, 1:-1]
    beside = luminance[:-2, 1:-1] + luminance[2:, 1:-1] + luminance[1:-1, :-2] + luminance[1:-1, 2:]
    return float((beside - 4 * middle).var())


def colourfulness_of(pixels: FloatArray) -> float:
    """Hasler and Süsstrunk's M3 of pixels, levels of 0 to 255, shape (height, width, 3).

    With rg = R - G and yb = (R + G) / 2 - B, it is the root of var(rg) + var(yb), plus 0.3 times the root of
    mean(rg)^2 + mean(yb)^2.
    """
    red, green, blue = (pixels[..., i] for i in range(3))
    rg, yb = red - green, (red + green) / 2 - blue
    return float(np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean()))


def cosines(size: int, kept: int) -> FloatArray:
    """The lowest rows of the orthonormal discrete cosine transform (DCT-II), shape (kept, size)."""
    waves = np.cos(np.pi / size * (np.arange(size) + 0.5) * np.arange(kept)[:, None]) * np.sqrt(2 / size)
    waves[0] /= np.sqrt(2)
    return np.asarray(waves)


def _hash_of(picture: Image.Image) -> str:
    grey = np.asarray(picture.convert("L").resize((_HASHED, _HASHED), Image.Resampling.BOX), dtype=np.float64)
    waves = cosines(_HASHED, _KEPT)
    frequencies = (waves @ grey @ waves.T).ravel()
    frequencies[0] = 0.0  # how light it is, the whole
    frequencies[np.abs(frequencies) < 1e-6] = 0.0  # rounding, in a flat picture
    bits = frequencies > np.median(frequencies[1:])
    return np.packbits(bits).tobytes().hex()


def near_copies(looks: list[Appearance | None]) -> list[int]:
    """For each picture, the first one that it is a near-copy of; its own number for the first of its kind.

    Pictures are near-copies if at most :data:`NEAR_BITS` of the 64 bits of their hashes differ, and their colours nowhere
    by more than :data:`NEAR_COLOURS`: a picture that was scaled or written in another format is one, another seed is none.

    Args:
        looks: of pictures; ``None`` where that is not known, which is like no other.
    """
    hashes = np.array([list(bytes.fromhex(look.hash)) if look else [0] * 8 for look in looks], dtype=np.uint8)
    colours = np.array([list(bytes.fromhex(look.colours)) if look else [0] * 48 for look in looks], dtype=np.int16)
    signs = np.unpackbits(hashes.reshape(-1, 8), axis=1).astype(np.float32) * 2 - 1
    is_near = signs @ signs.T >= 64 - 2 * NEAR_BITS
    firsts = list(range(len(looks)))
    for number, look in enumerate(looks):
        for other in np.flatnonzero(is_near[number, :number]) if look else ():
            apart = np.abs(colours[other] - colours[number]).max() / 255
            if firsts[other] == other and looks[other] and apart <= NEAR_COLOURS:
                firsts[number] = int(other)
                break
    return firsts
