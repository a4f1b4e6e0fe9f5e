"""Draws the engine's pictures on demand, and caches them together with the reference images that they need.

A picture is a pure function of its scene, so the engine stores none; a bounded cache saves time. Reference images
cannot be drawn anew: a thumbnail of each is stored under the hash of its content. When a thumbnail has been evicted,
the picture has a labelled frame in its place.
"""

from __future__ import annotations

import hashlib
import io
import math
import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import replace

from PIL import Image, ImageOps

from nbkit.offline.envelope import Problem
from nbkit.offline.painting.painter import encode, paint
from nbkit.offline.painting.scene import Inset, Scene
from nbkit.request import model

MEGABYTE = 2**20
MAX_UPLOAD_PIXELS = 50_000_000
"""Of a reference image: a small file can decode to a huge picture."""

THUMBNAIL_PIXELS = 1024
"""Longer side of the thumbnail of a reference image."""

MAX_ENCODED_BYTES = 24 * MEGABYTE
"""Of the encoded pictures that an engine caches."""

MAX_THUMBNAIL_BYTES = 256 * MEGABYTE
"""Of the thumbnails that an engine stores; beyond it, the reference images used least recently are evicted."""

MAX_TEXT_BYTES = 64 * MEGABYTE
"""Of the texts that reference images were sent as; an evicted text is replaced by its hash in the task's details."""

READABLE_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
"""For some other formats, Pillow would start a PostScript interpreter."""

MEDIA_TYPES = {"JPG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}

_ORIENTATION = 0x0112


class BoundedCache:
    """A cache of bytes by key that evicts the least recently used when it exceeds its limit.

    It is safe to use from several threads.

    Args:
        limit: maximum of all values together, in bytes.
    """

    def __init__(self, limit: int) -> None:
        self._limit, self._held = limit, 0
        self._items: OrderedDict[Hashable, bytes] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def size_bytes(self) -> int:
        """Number of bytes in the cache."""
        return self._held

    def get(self, key: Hashable) -> bytes | None:
        """The bytes of a key, which then counts as used; ``None`` if it is not in the cache."""
        with self._lock:
            if key in self._items:
                self._items.move_to_end(key)
            return self._items.get(key)

    def put(self, key: Hashable, data: bytes) -> None:
        """Store bytes under a key, unless they alone exceed the limit."""
        if len(data) > self._limit:
            return
        with self._lock:
            self._held += len(data) - len(self._items.pop(key, b""))
            self._items[key] = data
            while self._held > self._limit:
                _, evicted = self._items.popitem(last=False)
                self._held -= len(evicted)


class Renderer:
    """Draws pictures, and caches them and their reference images; safe to use from several threads."""

    def __init__(self) -> None:
        self._encoded = BoundedCache(MAX_ENCODED_BYTES)
        self._thumbnails = BoundedCache(MAX_THUMBNAIL_BYTES)
        self._texts = BoundedCache(MAX_TEXT_BYTES)
        # If a class requests thirty 4K pictures at once, at most four of them are in memory uncompressed.
        self._drawing_slots = threading.BoundedSemaphore(4)

    def draw(self, scene: Scene, output_format: str, quality: int) -> bytes:
        """Draw a picture and return its encoded file.

        Args:
            scene: what to draw; the pixels of its insets are looked up by their digests.
            output_format: ``JPG``, ``PNG`` or ``WEBP``.
            quality: 20 to 99.
        """
        insets = tuple(self._with_pixels(inset) for inset in scene.insets)
        without_pixels = replace(scene, insets=tuple(replace(inset, picture=None) for inset in insets))
        key = (without_pixels, output_format, quality)
        data = self._encoded.get(key)
        if data is None:
            with self._drawing_slots:
                data = encode(paint(replace(scene, insets=insets)), output_format, quality)
            self._encoded.put(key, data)
        return data

    def store_thumbnail(self, data: bytes, parameter: str = "inputs.referenceImages") -> str:
        """Store a thumbnail of a reference image, and return the SHA-256 of the image's file in hex digits.

        Args:
            data: the image's file.
            parameter: name of the parameter that the image came in, for the error.

        Raises:
            Problem: if the bytes are not a readable picture.
        """
        digest = hashlib.sha256(data).hexdigest()
        if self._thumbnails.get(digest) is None:
            self._thumbnails.put(digest, _thumbnail(data, parameter))
        return digest

    def store_text(self, text: str) -> str:
        """Store the text of an inline picture as it was sent, until it is evicted, and return a short name for it."""
        data = text.encode()
        name = f"sha256:{hashlib.sha256(data).hexdigest()}"
        self._texts.put(name, data)
        return name

    def text_of(self, name: str) -> str:
        """The text for a short name; for an evicted text, or any other string, the argument itself."""
        data = self._texts.get(name)
        return name if data is None else data.decode()

    def shape(self, digest: str) -> tuple[int, int] | None:
        """Width and height of a reference image's thumbnail, which has the image's ratio; ``None`` if it is evicted."""
        thumbnail = self.thumbnail(digest)
        return None if thumbnail is None else Image.open(io.BytesIO(thumbnail)).size

    def thumbnail(self, digest: str) -> bytes | None:
        """The thumbnail of a reference image as a JPEG; ``None`` if it is evicted."""
        return self._thumbnails.get(digest)

    def _with_pixels(self, inset: Inset) -> Inset:
        if inset.label:
            return inset
        thumbnail = self.thumbnail(inset.digest)
        if thumbnail is None:
            return replace(inset, label="no longer kept here")
        with Image.open(io.BytesIO(thumbnail)) as picture:
            return replace(inset, picture=picture.convert("RGB"))


def picture_size(
    width: int | None, height: int | None, tier: str | None, shape: tuple[int, int] | None
) -> tuple[int, int]:
    """Width and height of a task's pictures in pixels.

    Args:
        width: as requested, with ``height``.
        height: as requested, with ``width``.
        tier: the ``resolution`` as requested.
        shape: width and height of the first reference image in any unit, or ``None``. If no size is requested, the
            picture gets the nearest ratio of the table.
    """
    if width is not None and height is not None:
        return width, height
    ratio = model.DEFAULT_RATIO
    if shape is not None:
        wanted = math.log(shape[0] / shape[1])
        ratio = min(model.RATIOS, key=lambda r: abs(_log_ratio(r) - wanted))
    return model.size_of(ratio, tier or model.DEFAULT_TIER)


def _log_ratio(ratio: str) -> float:
    width, height = ratio.split(":")
    return math.log(int(width) / int(height))


def _thumbnail(data: bytes, parameter: str) -> bytes:
    try:
        with Image.open(io.BytesIO(data), formats=READABLE_FORMATS) as picture:
            _check_pixels(picture, parameter)
            orientation = picture.getexif().get(_ORIENTATION, 1)
            picture.thumbnail((THUMBNAIL_PIXELS, THUMBNAIL_PIXELS))
            small = _opaque(picture)
            small.getexif()[_ORIENTATION] = orientation  # a copy in another mode may lack it
            out = io.BytesIO()
            ImageOps.exif_transpose(small).save(out, "JPEG", quality=90)
            return out.getvalue()
    except Problem:
        raise
    except Exception as error:  # noqa: BLE001 - for a damaged file, Pillow's decoders raise almost any exception
        raise _unreadable(f"cannot be opened ({type(error).__name__})", parameter) from None


def _check_pixels(picture: Image.Image, parameter: str) -> None:
    if picture.width * picture.height > MAX_UPLOAD_PIXELS:
        raise _unreadable(f"has more than {MAX_UPLOAD_PIXELS:,} pixels", parameter)


def _opaque(picture: Image.Image) -> Image.Image:
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    rgba = picture.convert("RGBA")
    white = Image.new("RGBA", rgba.size, "white")
    return Image.alpha_composite(white, rgba).convert("RGB")


def _unreadable(reason: str, parameter: str) -> Problem:
    return Problem("invalidReferenceImage", f"An image of {parameter} {reason}.", parameter=parameter)
