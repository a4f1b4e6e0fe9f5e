"""A reference image: what a person may give as one, and how it travels.

A person gives a :class:`pathlib.Path`, ``bytes``, a PIL image, a :class:`~nbkit.GeneratedImage`, a URL, the
UUID of an uploaded image, a data URI, or base64 text. A ``str`` is never opened as a file.

Whatever has pixels here is read once, when the request is made, so that a request is a value: a file that
changes later changes nothing. Location and device data (EXIF, XMP, IPTC, comments) are taken out before
anything leaves this machine; a picture that holds none keeps its bytes, so doing it twice changes nothing.
The one thing that leaves as it came is inline text that cannot be opened here and shows no mark of such data:
the service judges it.
"""

from __future__ import annotations

import base64
import binascii
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
from urllib.parse import urlsplit

from PIL import Image, ImageOps

from nbkit.errors import StorageError
from nbkit.request.parameter import ValueInvalid, is_utf8, as_plain_str, short_repr, without_addresses, without_query

RULE = "a pathlib.Path, bytes, a PIL image, a GeneratedImage, or text that is a URL, a UUID, a data URI or base64"
MAX_REFERENCE_PIXELS = 100_000_000
"""A reference beyond this is refused before it is decoded: a small file can unpack to a huge picture."""

_LOST = "sha256:"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_DATA_URI = re.compile(r"data:(image/[\w.+-]+)?(?:;[\w=.+-]+)*;base64,", re.IGNORECASE)
_WIRE_FORMATS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
_PRIVATE_KEYS = ("exif", "xmp", "XML:com.adobe.xmp", "photoshop", "comment", "Raw profile type exif")
_PLAIN_SEGMENTS = {"APP0": b"JF", "APP2": b"ICC_PROFILE\0", "APP14": b"Adobe"}
"""How the segments of a JPEG begin that say how its pixels are to be read, and nothing else."""
_MODES = {
    "JPEG": ("RGB", "L", "CMYK"),
    "PNG": ("RGB", "RGBA", "L", "LA", "P", "1", "I;16"),
    "WEBP": ("RGB", "RGBA", "L", "LA", "P", "1"),
}
_PRIVATE_MARKS = re.compile(rb"exif|xmpmeta|ns\.adobe\.com|photoshop|iTXt|tEXt|zTXt", re.IGNORECASE)
"""What stands in the bytes of a picture of any format that says where, with what or by whom it was made."""
_WITH_ALPHA = {"PA": "RGBA", "RGBa": "RGBA", "La": "LA"}
_RGB_PROFILE = ("RGB", "RGBA", "RGBX", "RGBa", "P", "PA")
"""Modes whose colour profile speaks of red, green and blue."""


@dataclass(frozen=True, slots=True, repr=False)
class Reference:
    """One reference image, immutable.

    Attributes:
        text: the URL, UUID, data URI or base64 text as given; ``""`` for what was given as pixels.
        data: the picture's bytes without location and device data; ``b""`` for a URL or a UUID.
        media_type: of ``data``, such as ``image/png``; ``""`` for a URL or a UUID.
        sha256: hash of ``data``, or of the text where there is none: its identity.
    """

    text: str = field(default="", compare=False)  # the same content is the same reference,
    data: bytes = field(default=b"", compare=False)  # however it was handed over
    media_type: str = field(default="", compare=False)
    sha256: str = ""

    @property
    def wire(self) -> str:
        """What a task carries for it: the text as given, or the picture as a data URI."""
        return self.text or self._data_uri()

    def to_send(self) -> str:
        """Like :attr:`wire`; a data URI or base64 text that holds location or device data is sent without."""
        if self.is_lost:
            raise StorageError(f"the reference image {self.text[:19]}… is no longer in the image folder; give it again")
        if not self.data or (self.text and _decode_text(self.text) == self.data):
            return self.wire
        return self._data_uri()

    @property
    def is_lost(self) -> bool:
        """Whether its picture is no longer where it was kept."""
        return self.text.startswith(_LOST)

    def _data_uri(self) -> str:
        return f"data:{self.media_type};base64,{base64.b64encode(self.data).decode()}"

    def __repr__(self) -> str:
        return f"<picture {self.sha256[:8]}>" if self.data else f"<{str(self)[:60]}>"

    def __str__(self) -> str:
        """A short name for captions and the log: an address without its query, a UUID, or a content hash."""
        if self.data:
            return f"sha256:{self.sha256}"
        return without_query(self.text) if "://" in self.text else self.text


def lost_reference(sha256: str) -> Reference:
    """A reference whose picture is no longer where it was kept: it has a name, and cannot be sent."""
    return Reference(text=f"{_LOST}{sha256}", sha256=sha256)


def make_reference(value: Any) -> Reference:
    """The reference that a value stands for.

    Raises:
        Wrong: if it is none of the accepted things, or a file or bytes that hold no picture.
    """
    if isinstance(value, Reference):
        return value
    if isinstance(value, (str, uuid.UUID)):
        return _from_text(as_plain_str(value) if isinstance(value, str) else str(value))
    if isinstance(value, Image.Image):
        with _reading():
            _check_pixels(value)
            upright = _encode(ImageOps.exif_transpose(value), "PNG")
        return _from_bytes(upright)
    if isinstance(value, os.PathLike):
        return _from_bytes(_read(value))
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _from_bytes(bytes(value))
    inner = getattr(value, "bytes", None)  # a GeneratedImage: further up the imports, so known by its shape
    if isinstance(inner, bytes):
        return _from_bytes(inner)
    raise ValueInvalid("type", f"{RULE}, not {type(value).__name__}")


def name_in_log(text: str) -> str:
    """Inline text by the hash of its content, and any other text as it is."""
    return f"sha256:{hashlib.sha256(_decode_text(text)).hexdigest()}" if _is_inline(text) else text


def clean(data: bytes) -> tuple[bytes, str]:
    """A picture's bytes without location and device data, and its media type.

    A picture that holds no such data, in a format that the service takes, comes back byte for byte. The
    orientation that EXIF asks for is applied to the pixels; a colour profile stays.
    """
    with _reading():
        try:
            picture = Image.open(io.BytesIO(data))
        except Image.DecompressionBombError:
            raise
        except Exception:  # noqa: BLE001 - as for _reading()
            raise _NoPicture("format", "a picture that can be opened, and this is none that is known here") from None
        with picture:
            _check_pixels(picture)
            kind = picture.format or ""
            if kind in _WIRE_FORMATS and not _tells_too_much(picture, data):
                picture.load()
                return data, _WIRE_FORMATS[kind]
            upright = ImageOps.exif_transpose(picture)
            target = kind if kind in _WIRE_FORMATS else "JPEG" if kind == "MPO" else "PNG"
            return _encode(upright, target), _WIRE_FORMATS[target]


class _NoPicture(ValueInvalid):
    """Bytes that begin like no picture; a picture that is broken further on is another matter."""


@contextmanager
def _reading() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of large and of slightly broken files; both are judged here
        try:
            yield
        except ValueInvalid:
            raise
        except Image.DecompressionBombError:
            raise ValueInvalid("format", f"a picture of at most {MAX_REFERENCE_PIXELS:,} pixels") from None
        except Exception as error:  # noqa: BLE001 - what a decoder raises for a broken file is anybody's guess
            why = without_addresses(str(error))
            raise ValueInvalid("format", f"a picture that can be read, and this cannot ({why})") from None


def _check_pixels(picture: Image.Image) -> None:
    pixels = picture.width * picture.height
    if not 0 < pixels <= MAX_REFERENCE_PIXELS:
        raise ValueInvalid("format", f"a picture of at most {MAX_REFERENCE_PIXELS:,} pixels, and this has {pixels:,}")


def _tells_too_much(picture: Image.Image, data: bytes) -> bool:
    # PNG text chunks of any name may hold what a camera or an editor wrote; so may frames after the first (MPO),
    # a segment or chunk that is not for the pixels, and what a phone appends behind the picture, such as a film.
    return (
        any(key in picture.info for key in _PRIVATE_KEYS)
        or bool(getattr(picture, "text", None))
        or bool(picture.getexif())
        or bool(getattr(picture, "private_chunks", None))
        or any(not content.startswith(_PLAIN_SEGMENTS.get(name, b"none")) for name, content in _segments(picture))
        or _goes_on(data, picture.format)
    )


def _segments(picture: Image.Image) -> list[tuple[str, bytes]]:
    return getattr(picture, "applist", [])


def _goes_on(data: bytes, kind: str | None) -> bool:
    if kind == "JPEG":
        return not data.rstrip(b"\0").endswith(b"\xff\xd9")
    if kind == "PNG":
        return not data.endswith(b"IEND\xaeB`\x82")
    return len(data) > int.from_bytes(data[4:8], "little") + 9  # a RIFF's header of 8, and a byte that makes it even


def _encode(picture: Image.Image, kind: str) -> bytes:
    mode = "RGBA" if "transparency" in picture.info else _WITH_ALPHA.get(picture.mode, picture.mode)
    mode = mode if mode in _MODES[kind] else "RGB"
    bare = picture.copy() if mode == picture.mode else picture.convert(mode)
    bare.info = {}
    out = io.BytesIO()
    options: dict[str, Any] = {"JPEG": {"quality": 95}, "PNG": {"compress_level": 4}, "WEBP": {"quality": 95}}[kind]
    profile = picture.info.get("icc_profile")
    if profile and (mode == picture.mode or (mode in _RGB_PROFILE and picture.mode in _RGB_PROFILE)):
        options["icc_profile"] = profile  # one for inks or for grey would turn the colours of an RGB picture
    bare.save(out, kind, **options)
    return out.getvalue()


def _read(path: os.PathLike[Any]) -> bytes:
    try:
        return Path(os.fsdecode(path)).expanduser().read_bytes()
    except (OSError, ValueError, RuntimeError) as error:  # no such file, a name with a null byte, no such home
        why = getattr(error, "strerror", None) or error
        raise ValueInvalid("format", f"a file that can be read, and this cannot ({why})") from None


def _from_bytes(data: bytes) -> Reference:
    cleaned, media_type = clean(data)
    return Reference(data=cleaned, media_type=media_type, sha256=hashlib.sha256(cleaned).hexdigest())


def _from_text(text: str) -> Reference:
    if not (_UUID.fullmatch(text) or _is_address(text) or _is_inline(text)):
        if "://" in text:
            raise ValueInvalid("format", f"{RULE}; of addresses, http and https ones")
        raise ValueInvalid(
            "format", f"{RULE}; a text is never opened as a file: for a file, pathlib.Path({short_repr(text)})"
        )
    if not _is_inline(text):
        return Reference(text=text, sha256=hashlib.sha256(text.encode()).hexdigest())
    content = _decode_text(text)
    try:
        data, media_type = clean(content)
    except _NoPicture:  # a format that is not known here, so the service is left to judge it
        if _PRIVATE_MARKS.search(content):
            raise
        head = _DATA_URI.match(text)
        data, media_type = content, (head.group(1) if head else None) or "image/png"
    return Reference(text=text, data=data, media_type=media_type, sha256=hashlib.sha256(data).hexdigest())


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and is_utf8(text)
            and not re.search(r"[\s\x00-\x1f]", text)
        )
    except ValueError:
        return False


def _is_inline(text: str) -> bool:
    if not text or "://" in text[:12] or _UUID.fullmatch(text):
        return False
    try:
        data = _decode_text(text)
    except (binascii.Error, ValueError):
        return False
    # "catphoto" is valid base64 too, so bare text has to look like a picture, or be too long for a file's name.
    return (
        bool(_DATA_URI.match(text))
        or len(data) > 180
        or data[:4] in (b"\x89PNG", b"RIFF", b"GIF8")
        or data[:2] == b"\xff\xd8"
    )


def _decode_text(text: str) -> bytes:
    head = _DATA_URI.match(text)
    data = base64.b64decode(text[head.end() if head else 0 :], validate=True)
    if not data:
        raise ValueError("no content")
    return data
