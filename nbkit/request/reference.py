"""Reference images: the values that users may give, and the text that is sent for each.

A value is a :class:`pathlib.Path`, ``bytes``, a PIL image, a :class:`~nbkit.GeneratedImage`, a URL, the UUID of an
uploaded image, a data URI, or base64 text. A ``str`` is never opened as a file.

Pictures are read once, when the request is made, so that a request is a value: a later change of a file does not
change it. Location and device data (EXIF, XMP, IPTC, comments) are removed before anything is sent. A picture without
such data keeps its bytes, so a second cleaning changes nothing. The only exception is inline text that Pillow cannot
open and that contains no trace of such data: it is sent unchanged, and the service checks it.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import re
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps, UnidentifiedImageError

from nbkit.errors import StorageError
from nbkit.request.decoder import opened, own_settings
from nbkit.request.parameter import (
    ValueInvalid,
    as_plain_str,
    is_address,
    short_repr,
    without_memory_addresses,
    without_query,
)

_RULE = "a pathlib.Path, bytes, a PIL image, a GeneratedImage, or text that is a URL, a UUID, a data URI or base64"
MAX_REFERENCE_PIXELS = 100_000_000
"""A larger reference is rejected before it is decoded: a small file can unpack to a huge picture."""

_MISSING_PREFIX = "sha256:"
"""The text of a reference whose picture is missing begins with this; its hash follows."""
_UUID_PATTERN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_DATA_URI_PATTERN = re.compile(r"data:(image/[\w.+-]+)?(?:;[\w=.+-]+)*;base64,", re.IGNORECASE)
MEDIA_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
_PRIVATE_KEYS = ("exif", "xmp", "XML:com.adobe.xmp", "photoshop", "comment", "Raw profile type exif")
_PIXEL_SEGMENTS = {"APP0": b"JF", "APP2": b"ICC_PROFILE\0", "APP14": b"Adobe"}
"""JPEG segments that only describe how to read the pixels, and the bytes with which each begins."""
_MODES_OF_FORMAT = {
    "JPEG": ("RGB", "L", "CMYK"),
    "PNG": ("RGB", "RGBA", "L", "LA", "P", "1", "I;16"),
    "WEBP": ("RGB", "RGBA", "L", "LA", "P", "1"),
}
_PRIVATE_PATTERN = re.compile(rb"exif|xmpmeta|ns\.adobe\.com|photoshop|iTXt|tEXt|zTXt", re.IGNORECASE)
"""Traces of data about where, with what or by whom a picture was made, in the bytes of any format."""
_MODE_WITH_ALPHA = {"PA": "RGBA", "RGBa": "RGBA", "La": "LA"}
_RGB_MODES = ("RGB", "RGBA", "RGBX", "RGBa", "P", "PA")
"""Modes whose colour profile is one for red, green and blue."""


@dataclass(frozen=True, slots=True, repr=False)
class Reference:
    """One reference image, immutable.

    Attributes:
        text: the URL, UUID, data URI or base64 text as given; ``""`` if it was given as a file, bytes or a picture.
        data: the picture's bytes without location and device data; ``b""`` for a URL or a UUID.
        media_type: of ``data``, such as ``image/png``; ``""`` for a URL or a UUID.
        sha256: hash of ``data``, or of the text if there is no data.
    """

    # Only the hash is compared: the same content is the same reference, in whatever form it was given.
    text: str = field(default="", compare=False)
    data: bytes = field(default=b"", compare=False)
    media_type: str = field(default="", compare=False)
    sha256: str = ""

    @property
    def wire(self) -> str:
        """Its text in a task: the text as given, or the picture as a data URI."""
        return self.text or self._data_uri()

    def to_send(self) -> str:
        """Like :attr:`wire`, but a data URI or base64 text is sent without its location and device data.

        Raises:
            StorageError: if the picture is missing.
        """
        if self.is_missing:
            raise StorageError(f"the reference image {self.text[:19]}… is no longer in the image folder; give it again")
        if not self.data or _inline_content(self.text) == self.data:
            return self.wire
        return self._data_uri()

    @property
    def is_missing(self) -> bool:
        """Whether its picture is no longer in the image folder."""
        return self.text.startswith(_MISSING_PREFIX)

    def _data_uri(self) -> str:
        return f"data:{self.media_type};base64,{base64.b64encode(self.data).decode()}"

    def __repr__(self) -> str:
        return f"<picture {self.sha256[:8]}>" if self.data else f"<{str(self)[:60]}>"

    def __str__(self) -> str:
        """A short name for captions and the log: an address without its query, a UUID, or a content hash."""
        if self.data:
            return f"sha256:{self.sha256}"
        return without_query(self.text) if "://" in self.text else self.text


def missing_reference(sha256: str) -> Reference:
    """A reference whose picture is no longer in the image folder: it has a hash, and cannot be sent."""
    return Reference(text=f"{_MISSING_PREFIX}{sha256}", sha256=sha256)


def make_reference(value: Any) -> Reference:
    """Make a reference from a value, and remove location and device data from its picture.

    Raises:
        ValueInvalid: if the value is of no accepted type, or a file or bytes without a picture that can be read.
    """
    if isinstance(value, Reference):
        return value
    if isinstance(value, (str, uuid.UUID)):
        return _from_text(as_plain_str(value) if isinstance(value, str) else str(value))
    if isinstance(value, Image.Image):
        with _errors_as_invalid(), own_settings():
            _check_pixels(value)
            upright = _encode(ImageOps.exif_transpose(value), "PNG")
        return _from_bytes(upright)
    if isinstance(value, os.PathLike):
        return _from_bytes(_read(value))
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _from_bytes(bytes(value))
    inner = getattr(value, "bytes", None)  # a GeneratedImage, whose class cannot be imported here
    if isinstance(inner, bytes):
        return _from_bytes(inner)
    raise ValueInvalid("type", f"{_RULE}, not {type(value).__name__}")


def name_in_log(text: str) -> str:
    """The text of a reference as it is logged: for inline text the hash of its content, other texts as they are."""
    content = _inline_content(text)
    return text if content is None else f"sha256:{hashlib.sha256(content).hexdigest()}"


def remove_metadata(data: bytes) -> tuple[bytes, str]:
    """A picture's bytes without location and device data, and its media type.

    A picture without such data, in a format that the service takes, is returned byte for byte. The orientation of the
    EXIF data is applied to the pixels; a colour profile is kept.

    Raises:
        ValueInvalid: if it is no picture, a damaged one, or one with too many pixels.
    """
    with _errors_as_invalid(), opened(data) as picture:
        _check_pixels(picture)
        kind = picture.format or ""
        if kind in MEDIA_TYPES and not _has_private_data(picture, data):
            picture.load()
            return data, MEDIA_TYPES[kind]
        upright = ImageOps.exif_transpose(picture)
        target = kind if kind in MEDIA_TYPES else "JPEG" if kind == "MPO" else "PNG"
        return _encode(upright, target), MEDIA_TYPES[target]


class _NotAPicture(ValueInvalid):
    """Pillow recognises no picture in the bytes. A picture that is damaged further on is a plain ``ValueInvalid``."""


@contextmanager
def _errors_as_invalid() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of large and of slightly damaged files; nbkit checks both itself
        try:
            yield
        except ValueInvalid:
            raise
        except UnidentifiedImageError:
            raise _NotAPicture("format", "a picture that can be opened, and this is none that is known here") from None
        except Exception as error:  # noqa: BLE001  for a damaged file, a decoder may raise any error
            why = without_memory_addresses(str(error))
            raise ValueInvalid("format", f"a picture that can be read, and this cannot ({why})") from None


def _check_pixels(picture: Image.Image) -> None:
    pixels = picture.width * picture.height
    if not 0 < pixels <= MAX_REFERENCE_PIXELS:
        raise ValueInvalid("format", f"a picture of at most {MAX_REFERENCE_PIXELS:,} pixels, and this has {pixels:,}")


def _has_private_data(picture: Image.Image, data: bytes) -> bool:
    # Cameras and editors write such data into PNG text chunks of any name, into frames after the first (MPO), and into
    # segments or chunks that do not describe the pixels. Phones append data behind the picture, such as a film.
    segments: list[tuple[str, bytes]] = getattr(picture, "applist", [])
    return (
        any(key in picture.info for key in _PRIVATE_KEYS)
        or bool(getattr(picture, "text", None))
        or bool(picture.getexif())
        or bool(getattr(picture, "private_chunks", None))
        or any(not content.startswith(_PIXEL_SEGMENTS.get(name, b"none")) for name, content in segments)
        or _has_trailing_data(data, picture.format)
    )


def _has_trailing_data(data: bytes, kind: str | None) -> bool:
    if kind == "JPEG":
        return not data.rstrip(b"\0").endswith(b"\xff\xd9")
    if kind == "PNG":
        return not data.endswith(b"IEND\xaeB`\x82")
    return len(data) > int.from_bytes(data[4:8], "little") + 9  # the RIFF header of 8 bytes, and a padding byte


def _encode(picture: Image.Image, kind: str) -> bytes:
    mode = "RGBA" if "transparency" in picture.info else _MODE_WITH_ALPHA.get(picture.mode, picture.mode)
    mode = mode if mode in _MODES_OF_FORMAT[kind] else "RGB"
    copy = picture.copy() if mode == picture.mode else picture.convert(mode)
    copy.info = {}
    out = io.BytesIO()
    options: dict[str, Any] = {"JPEG": {"quality": 95}, "PNG": {"compress_level": 4}, "WEBP": {"quality": 95}}[kind]
    profile = picture.info.get("icc_profile")
    if profile and (mode == picture.mode or (mode in _RGB_MODES and picture.mode in _RGB_MODES)):
        options["icc_profile"] = profile  # a profile for inks or for grey would change the colours of an RGB picture
    copy.save(out, kind, **options)
    return out.getvalue()


def _read(path: os.PathLike[Any]) -> bytes:
    try:
        return Path(os.fsdecode(path)).expanduser().read_bytes()
    except (OSError, ValueError, RuntimeError) as error:  # no such file, a null byte in its name, no such home
        why = getattr(error, "strerror", None) or error
        raise ValueInvalid("format", f"a file that can be read, and this cannot ({why})") from None


def _from_bytes(data: bytes) -> Reference:
    cleaned, media_type = remove_metadata(data)
    return Reference(data=cleaned, media_type=media_type, sha256=hashlib.sha256(cleaned).hexdigest())


def _from_text(text: str) -> Reference:
    content = _inline_content(text)
    if content is None:
        if _UUID_PATTERN.fullmatch(text) or is_address(text):
            return Reference(text=text, sha256=hashlib.sha256(text.encode()).hexdigest())
        hint = f"a text is never opened as a file: for a file, pathlib.Path({short_repr(text)})"
        raise ValueInvalid("format", f"{_RULE}; {'of addresses, http and https ones' if '://' in text else hint}")
    try:
        data, media_type = remove_metadata(content)
    except _NotAPicture:  # perhaps a format that Pillow does not read: the service checks it
        if _PRIVATE_PATTERN.search(content):
            raise
        head = _DATA_URI_PATTERN.match(text)
        data, media_type = content, (head.group(1) if head else None) or "image/png"
    return Reference(text=text, data=data, media_type=media_type, sha256=hashlib.sha256(data).hexdigest())


def _inline_content(text: str) -> bytes | None:
    """What a data URI or base64 text holds; ``None`` for any other text."""
    head = _DATA_URI_PATTERN.match(text)
    if "://" in text[:12] or _UUID_PATTERN.fullmatch(text):
        return None
    try:
        data = base64.b64decode(text[head.end() if head else 0 :], validate=True)
    except ValueError:
        return None
    # "catphoto" is valid base64 too. So text without a "data:" prefix must decode to the first bytes of a picture, or
    # be too long for a file name.
    is_picture = head or len(data) > 180 or data.startswith((b"\x89PNG", b"RIFF", b"GIF8", b"\xff\xd8"))
    return data if data and is_picture else None
