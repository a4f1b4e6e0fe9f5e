"""Draws the engine's pictures on demand, and caches them together with the reference images that they need.

A picture is a pure function of its scene, so the engine stores none; a bounded cache saves time. Reference images
cannot be drawn anew: a thumbnail of each is stored under the hash of its content. When a thumbnail has been evicted,
the picture has a labelled frame in its place.
"""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Hashable, Sequence
from dataclasses import replace

from PIL import ImageOps

from nbkit.measures.facts import header_size
from nbkit.measures.preview import flatten
from nbkit.offline.envelope import Problem
from nbkit.offline.painting.painter import encode, paint
from nbkit.offline.painting.scene import Inset, Scene
from nbkit.offline.replay import Match, Recordings
from nbkit.offline.state import EngineState
from nbkit.request.decoder import opened
from nbkit.request.image_request import ImageRequest
from nbkit.request.profile import DEFAULT_RATIO, DEFAULT_TIER, Profile
from nbkit.request.rules import nearest_ratio

MAX_UPLOAD_PIXELS = 50_000_000
"""Of a reference image: a small file can decode to a huge picture."""

THUMBNAIL_PIXELS = 1024
"""Longer side of the thumbnail of a reference image."""

MAX_ENCODED_BYTES = 24 * 2**20
"""Of the encoded pictures that an engine caches."""

MAX_THUMBNAIL_BYTES = 256 * 2**20
"""Of the thumbnails that an engine stores; beyond it, the reference images used least recently are evicted."""

MAX_TEXT_BYTES = 64 * 2**20
"""Of the texts that reference images were sent as; an evicted text is replaced by its hash in the task's details."""

READABLE_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
"""For some other formats, Pillow would start a PostScript interpreter."""

MEDIA_TYPES = {"JPG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}


class BoundedCache:
    """A cache of bytes by key that evicts the least recently used when it exceeds its limit.

    It is safe to use from several threads.

    Args:
        limit: maximum of all values together, in bytes.
        state: has every value as well, so that an evicted one is read again.

    Attributes:
        size_bytes: number of bytes in the cache.
    """

    def __init__(self, limit: int, state: EngineState | None = None) -> None:
        self._limit, self.size_bytes, self._state = limit, 0, state
        self._items: dict[Hashable, bytes] = {}  # what was used least recently comes first
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> bytes | None:
        """The bytes of a key, which then counts as used; ``None`` if they are not here."""
        with self._lock:
            data = self._items.pop(key, None)
            if data is not None:
                self._items[key] = data
        if data is None and self._state is not None and (data := self._state.blob(str(key))) is not None:
            self._remember(key, data)
        return data

    def put(self, key: Hashable, data: bytes) -> None:
        """Store bytes under a key; without a state, unless they alone exceed the limit."""
        if self._state is not None:
            self._state.put_blob(str(key), data)
        self._remember(key, data)

    def _remember(self, key: Hashable, data: bytes) -> None:
        if len(data) > self._limit:
            return
        with self._lock:
            self.size_bytes += len(data) - len(self._items.pop(key, b""))
            self._items[key] = data
            while self.size_bytes > self._limit:
                self.size_bytes -= len(self._items.pop(next(iter(self._items))))


class Renderer:
    """Draws pictures, and caches them and their reference images; safe to use from several threads.

    Args:
        state: where reference images are kept across a restart, or ``None``.
        recordings: has recorded pictures, or ``None``.

    Attributes:
        thumbnails: of the reference images, as JPEGs, by the SHA-256 of the image's file.
    """

    def __init__(self, state: EngineState | None = None, recordings: Recordings | None = None) -> None:
        self._recordings = recordings
        self._encoded = BoundedCache(MAX_ENCODED_BYTES)
        self.thumbnails = BoundedCache(MAX_THUMBNAIL_BYTES, state)
        self._texts = BoundedCache(MAX_TEXT_BYTES, state)
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
        key = (scene, tuple(inset.label for inset in insets), output_format, quality)
        data = self._encoded.get(key)
        if data is None:
            with self._drawing_slots:
                data = encode(paint(replace(scene, insets=insets)), output_format, quality)
            self._encoded.put(key, data)
        return data

    def match(self, request: ImageRequest, insets: Sequence[Inset]) -> Match | None:
        """What the pack answers a request with; ``None`` without a pack.

        Raises:
            Problem: if the pack does not have it, and such requests are refused.
        """
        return None if self._recordings is None else self._recordings.find(request, [inset.digest for inset in insets])

    def recorded_file(self, sha256: str) -> bytes:
        """The file of a recorded picture.

        Raises:
            Problem: if the pack does not have it.
        """
        if self._recordings is None:
            raise Problem("imageNotFound", "The picture was recorded, and this engine has no pack.", status=404)
        return self._recordings.file(sha256)

    def store_thumbnail(self, data: bytes, parameter: str = "inputs.referenceImages") -> str:
        """Store a thumbnail of a reference image, and return the SHA-256 of the image's file in hex digits.

        Args:
            data: the image's file.
            parameter: name of the parameter that the image came in, for the error.

        Raises:
            Problem: if the bytes are not a readable picture.
        """
        digest = hashlib.sha256(data).hexdigest()
        if self.thumbnails.get(digest) is None:
            self.thumbnails.put(digest, _thumbnail(data, parameter))
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

    def size_like(self, digest: str, tier: str | None, profile: Profile) -> tuple[int, int]:
        """Width and height in pixels of a picture that has the shape of a reference image, or the nearest of the table.

        Args:
            digest: of the reference image; one without a thumbnail counts as square.
            tier: the ``resolution`` as requested.
            profile: of the model, whose table it is.
        """
        thumbnail, ratio = self.thumbnails.get(digest), DEFAULT_RATIO
        if thumbnail is not None:
            width, height = header_size(thumbnail)
            ratio = nearest_ratio(width / height, profile)
        return profile.size_of(ratio, tier or DEFAULT_TIER)

    def _with_pixels(self, inset: Inset) -> Inset:
        if inset.label:
            return inset
        thumbnail = self.thumbnails.get(inset.digest)
        if thumbnail is None:
            return replace(inset, label="no longer kept here")
        with opened(thumbnail) as picture:
            return replace(inset, picture=picture.convert("RGB"))


def _thumbnail(data: bytes, parameter: str) -> bytes:
    reason = f"has more than {MAX_UPLOAD_PIXELS:,} pixels"
    try:
        with opened(data, READABLE_FORMATS) as picture:
            if picture.width * picture.height <= MAX_UPLOAD_PIXELS:
                picture.thumbnail((THUMBNAIL_PIXELS, THUMBNAIL_PIXELS))
                out = io.BytesIO()
                flatten(ImageOps.exif_transpose(picture)).save(out, "JPEG", quality=90)
                return out.getvalue()
    except Exception as error:  # noqa: BLE001 - for a damaged file, Pillow's decoders raise almost any exception
        reason = f"cannot be opened ({type(error).__name__})"
    raise Problem("invalidReferenceImage", f"An image of {parameter} {reason}.", parameter=parameter)
