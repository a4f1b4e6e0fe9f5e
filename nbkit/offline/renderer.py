"""The engine's pictures: drawn when they are asked for, and again when they are asked for again.

A picture is a pure function of its scene, so none has to be remembered; a bounded cache only saves time. What
cannot be made again is what came from outside: of each reference image a small copy is kept by the hash of
its content, and a copy that had to go leaves a frame that says so.
"""

from __future__ import annotations

import hashlib
import io
import math
import threading
from dataclasses import replace

from PIL import Image, ImageOps

from nbkit.offline.envelope import Problem
from nbkit.offline.memory import BoundedCache
from nbkit.offline.painting.painter import encode, paint
from nbkit.offline.painting.scene import Inset, Scene
from nbkit.request import model

MEGABYTE = 2**20
MAX_UPLOAD_PIXELS = 50_000_000
"""Pixels of a reference image; a small file can unpack to a huge picture."""

THUMBNAIL = 1024
"""Pixels of the longer side of what is kept of a reference image."""

READABLE = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
"""Pillow would start a PostScript interpreter for some other formats."""

MEDIA_TYPES = {"JPG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}

_ORIENTATION = 0x0112


class Renderer:
    """Draws pictures, and keeps what drawing them again needs; safe to use from several threads."""

    def __init__(self) -> None:
        self._encoded = BoundedCache(24 * MEGABYTE)
        self._thumbnails = BoundedCache(256 * MEGABYTE)
        self._texts = BoundedCache(64 * MEGABYTE)
        # A class that asks at once for thirty pictures at 4K must not hold them all unpacked.
        self._easels = threading.BoundedSemaphore(4)

    def draw(self, scene: Scene, output_format: str, quality: int) -> bytes:
        """The picture's file.

        Args:
            scene: what to draw; the pixels of its insets are looked up by their digests.
            output_format: ``JPG``, ``PNG`` or ``WEBP``.
            quality: 20..99.
        """
        insets = tuple(self._filled(inset) for inset in scene.insets)
        bare = replace(scene, insets=tuple(replace(inset, picture=None) for inset in insets))
        key = (bare, output_format, quality)
        data = self._encoded.get(key)
        if data is None:
            with self._easels:
                data = encode(paint(replace(scene, insets=insets)), output_format, quality)
            self._encoded.put(key, data)
        return data

    def keep(self, data: bytes, parameter: str = "inputs.referenceImages") -> str:
        """Keeps a small copy of a reference image and returns the hash of its content.

        Args:
            data: the image's file.
            parameter: where it came from, for the error's sake.

        Raises:
            Problem: if the bytes hold no picture that can be read.
        """
        digest = hashlib.sha256(data).hexdigest()
        if self._thumbnails.get(digest) is None:
            self._thumbnails.put(digest, _thumbnail(data, parameter))
        return digest

    def keep_text(self, text: str) -> str:
        """Keeps an inline picture's text as it was sent, while there is room, and returns a short name for it."""
        data = text.encode()
        name = f"sha256:{hashlib.sha256(data).hexdigest()}"
        self._texts.put(name, data)
        return name

    def text(self, name: str) -> str:
        """The text of a short name; the name itself where the text is not kept any more, or was never one."""
        data = self._texts.get(name)
        return name if data is None else data.decode()

    def shape(self, digest: str) -> tuple[int, int] | None:
        """Width and height, up to a factor, of a reference image that is kept; else ``None``."""
        kept = self.thumbnail(digest)
        return None if kept is None else Image.open(io.BytesIO(kept)).size

    def thumbnail(self, digest: str) -> bytes | None:
        """The JPEG that is kept of a reference image."""
        return self._thumbnails.get(digest)

    def _filled(self, inset: Inset) -> Inset:
        if inset.label:
            return inset
        kept = self.thumbnail(inset.digest)
        if kept is None:
            return replace(inset, label="no longer kept here")
        with Image.open(io.BytesIO(kept)) as picture:
            return replace(inset, picture=picture.convert("RGB"))


def picture_size(
    width: int | None, height: int | None, tier: str | None, shape: tuple[int, int] | None
) -> tuple[int, int]:
    """Width and height of a task's pictures in pixels.

    Args:
        width: as requested, with ``height``.
        height: as requested, with ``width``.
        tier: the ``resolution`` as requested.
        shape: of the first reference image, if it is known: without a requested size the picture takes the
            ratio of the table that is nearest to it.
    """
    if width is not None and height is not None:
        return width, height
    ratio = model.DEFAULT_RATIO
    if shape is not None:
        wanted = math.log(shape[0] / shape[1])
        ratio = min(model.RATIOS, key=lambda r: abs(_log_ratio(r) - wanted))
    return model.size_of(ratio, tier or model.DEFAULT_TIER)


def _log_ratio(ratio: str) -> float:
    across, down = ratio.split(":")
    return math.log(int(across) / int(down))


def _thumbnail(data: bytes, parameter: str) -> bytes:
    try:
        with Image.open(io.BytesIO(data), formats=READABLE) as picture:
            _check_pixels(picture, parameter)
            orientation = picture.getexif().get(_ORIENTATION, 1)
            picture.thumbnail((THUMBNAIL, THUMBNAIL))
            small = _opaque(picture)
            small.getexif()[_ORIENTATION] = orientation  # a copy in another mode may have lost it
            out = io.BytesIO()
            ImageOps.exif_transpose(small).save(out, "JPEG", quality=90)
            return out.getvalue()
    except Problem:
        raise
    except Exception as error:  # noqa: BLE001 - a damaged file makes Pillow's decoders raise almost anything
        raise _unreadable(f"cannot be opened ({type(error).__name__})", parameter) from None


def _check_pixels(picture: Image.Image, parameter: str) -> None:
    if picture.width * picture.height > MAX_UPLOAD_PIXELS:
        raise _unreadable(f"has more than {MAX_UPLOAD_PIXELS:,} pixels", parameter)


def _opaque(picture: Image.Image) -> Image.Image:
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    seen = picture.convert("RGBA")
    white = Image.new("RGBA", seen.size, "white")
    return Image.alpha_composite(white, seen).convert("RGB")


def _unreadable(why: str, parameter: str) -> Problem:
    return Problem("invalidReferenceImage", f"An image of {parameter} {why}.", parameter=[parameter])
