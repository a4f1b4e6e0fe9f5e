"""Reference images: the values that users may give, and the text that is sent for each.

A value is a :class:`pathlib.Path`, an open file, ``bytes``, a PIL image, a :class:`~nbkit.GeneratedImage`, an array, a
figure, a URL, the UUID of an uploaded image, a data URI, or base64 text. A ``str`` is never opened as a file.

Pictures are read once, when the request is made, so that a request is a value: a later change of a file does not
change it. What is sent has 8 bits per channel and one frame: of a file with several, such as an animated GIF or a TIFF
of many pages, the first; a PIL image is sent as the frame that it shows. Everything in a file that does not describe
its pixels (location, device, comments) is removed, whether it is damaged or not. A JPEG, PNG or WEBP without any of
these keeps its bytes, so a second cleaning changes nothing. The only exception is inline text that Pillow cannot open
and that contains no trace of such data: it is sent unchanged, and the service checks it.
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

from PIL import ExifTags, Image, ImageCms, ImageOps, UnidentifiedImageError

from nbkit.errors import StorageError
from nbkit.request.address import HIDDEN, Url, whole_text, without_credentials
from nbkit.request.decoder import eight_bits, opened, own_settings
from nbkit.request.footer import has_footer_alone
from nbkit.request.formats import RAW, kind_of
from nbkit.request.parameter import (
    ValueInvalid,
    is_address,
    short_repr,
    type_in_words,
    without_memory_addresses,
)
from nbkit.request.pixels import EXIF, pixels_only
from nbkit.request.reference_values import file_or_picture

_RULE = (
    "a pathlib.Path, an open file, bytes, a PIL image, a run or its picture (run.image), an array, or text that is a URL, a UUID, "
    "a data URI or base64"
)
MAX_REFERENCE_PIXELS = 100_000_000
"""A larger reference is rejected before it is decoded: a small file can unpack to a huge picture."""

_MISSING_PREFIX = "sha256:"
"""The text of a reference whose picture is missing begins with this; its hash follows."""
_UUID_PATTERN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_DATA_URI_PATTERN = re.compile(r"data:(image/[\w.+-]+)?(?:;[\w=.+-]+)*;base64,", re.IGNORECASE)
MEDIA_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
_MODES_OF_FORMAT = {
    "JPEG": ("RGB", "L", "CMYK"),
    "PNG": ("RGB", "RGBA", "L", "LA", "P", "1"),
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
        return whole_text(self.text) or self._data_uri()

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
        """A short name for captions and the log: an address without its credentials, a UUID, or a content hash."""
        if self.data:
            return f"sha256:{self.sha256}"
        return str.__str__(self.text)

    @property
    def is_cut(self) -> bool:
        """Whether it is an address whose credentials are lost, because it comes from a log or a pickle."""
        return isinstance(self.text, Url) and self.text.whole is None


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
        return _from_text(value if isinstance(value, str) else str(value))
    found = _read(value) if isinstance(value, os.PathLike) else file_or_picture(value)
    if found is None:
        raise ValueInvalid("type", f"{_RULE}, got {type_in_words(value)}")
    return _from_bytes(found) if isinstance(found, bytes) else _from_picture(found)


def name_in_log(text: str) -> str:
    """The text of a reference as it is logged: for inline text the hash of its content, an address without credentials."""
    content = _inline_content(text)
    return (
        without_credentials(text)
        if content is None and "://" in text
        else text
        if content is None
        else f"sha256:{hashlib.sha256(content).hexdigest()}"
    )


def remove_metadata(data: bytes) -> tuple[bytes, str]:
    """A picture's bytes with nothing but its pixels, upright and in 8 bits, and its media type.

    A picture of the offline engine keeps where its footer stands: it is known by the hash of its bytes. A JPEG, PNG or WEBP is
    encoded again only to turn it as its EXIF data says, to take its first frame, or to scale it to
    8 bits; a file of any other format becomes a PNG. A colour profile is kept, unless it is too damaged to be read.

    Raises:
        ValueInvalid: if it is no picture, a damaged one, or one with too many pixels.
    """
    plain = data if has_footer_alone(data) else pixels_only(data)
    try:
        return _upright(plain, _orientation(data))
    except ValueInvalid:
        bare = pixels_only(data, colours=False)
        if bare == plain:
            raise
        return _upright(bare, _orientation(data))


def _upright(data: bytes, orientation: int) -> tuple[bytes, str]:
    with _errors_as_invalid(data), opened(data) as picture:
        _check_pixels(picture)
        if picture.format == "TIFF" and _is_raw(picture.getexif()):
            raise _NotAPicture("format", f"a picture that can be opened, and this is {RAW}")
        kind = picture.format or ""
        is_deep = ";16" in str(picture.tile) or picture.mode in ("I", "F")
        if orientation > 1:
            picture.getexif()[ExifTags.Base.Orientation] = orientation  # pixels alone have none
        elif kind in MEDIA_TYPES and not is_deep and getattr(picture, "n_frames", 1) == 1:
            picture.load()
            return data, MEDIA_TYPES[kind]
        target = kind if kind in MEDIA_TYPES else "PNG"
        return _encode(ImageOps.exif_transpose(picture), target), MEDIA_TYPES[target]


def _is_raw(tags: Image.Exif) -> bool:
    """Whether a TIFF is the RAW file of a camera, of which Pillow would read a small preview."""
    return ExifTags.Base.DNGVersion in tags or tags.get(ExifTags.Base.NewSubfileType, 0) == 1


def _orientation(data: bytes) -> int:
    """How the EXIF data says that the picture is to be turned, 2 to 8; 1 if it is upright or the data is damaged."""
    for file in (data, pixels_only(data, also=EXIF)):
        try:
            with _errors_as_invalid(file), opened(file) as picture:
                found = picture.getexif().get(ExifTags.Base.Orientation, 1)
                return found if found in range(1, 9) else 1
        except ValueInvalid:
            continue
    return 1


class _NotAPicture(ValueInvalid):
    """Pillow recognises no picture in the bytes. A picture that is damaged further on is a plain ``ValueInvalid``."""


@contextmanager
def _errors_as_invalid(data: bytes = b"") -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of large and of slightly damaged files; nbkit checks both itself
        try:
            yield
        except ValueInvalid:
            raise
        except UnidentifiedImageError:
            raise _NotAPicture("format", f"a picture that can be opened, and this is {kind_of(data)}") from None
        except Exception as error:  # noqa: BLE001  for a damaged file, a decoder may raise any error
            why = without_memory_addresses(str(error))
            raise ValueInvalid("format", f"a picture that can be read, and this cannot ({why})") from None


def _check_pixels(picture: Image.Image) -> None:
    pixels = picture.width * picture.height
    if not 0 < pixels <= MAX_REFERENCE_PIXELS:
        raise ValueInvalid("format", f"a picture of at most {MAX_REFERENCE_PIXELS:,} pixels, and this has {pixels:,}")


def _encode(picture: Image.Image, kind: str) -> bytes:
    picture = eight_bits(picture)
    mode = "RGBA" if "transparency" in picture.info else _MODE_WITH_ALPHA.get(picture.mode, picture.mode)
    mode = mode if mode in _MODES_OF_FORMAT[kind] else "RGB"
    copy = picture.copy() if mode == picture.mode else _converted(picture, mode)
    copy.info = {}
    out = io.BytesIO()
    options: dict[str, Any] = {"JPEG": {"quality": 95}, "PNG": {"compress_level": 4}, "WEBP": {"quality": 95}}[kind]
    profile = picture.info.get("icc_profile")
    if profile and (mode == picture.mode or (mode in _RGB_MODES and picture.mode in _RGB_MODES)):
        options["icc_profile"] = profile  # a profile for inks or for grey would change the colours of an RGB picture
    copy.save(out, kind, **options)
    return out.getvalue()


def _converted(picture: Image.Image, mode: str) -> Image.Image:
    """The picture in another mode. Colours of inks are those of the picture's own profile, where it has one."""
    if picture.mode not in ("CMYK", "LAB"):
        return picture.convert(mode)
    profile = picture.info.get("icc_profile")
    try:
        own = io.BytesIO(profile) if profile and picture.mode == "CMYK" else ImageCms.createProfile("LAB")
        in_rgb = ImageCms.profileToProfile(picture, own, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        in_rgb = None  # no profile of inks
    return in_rgb or picture.convert(mode)


def _read(path: os.PathLike[Any]) -> bytes:
    try:
        file = Path(os.fsdecode(path)).expanduser()
        if file.is_dir():
            hint = f'a folder; pathlib.Path({str(path)!r}).glob("*.png") is the pictures in it'
            raise ValueInvalid("format", f"a file that can be read, and this cannot ({hint})")
        return file.read_bytes()
    except (OSError, ValueError, RuntimeError) as error:  # no such file, a null byte in its name, no such home
        why = getattr(error, "strerror", None) or error
        raise ValueInvalid("format", f"a file that can be read, and this cannot ({why})") from None


def _from_picture(picture: Image.Image) -> Reference:
    with _errors_as_invalid(), own_settings():
        _check_pixels(picture)
        upright = _encode(ImageOps.exif_transpose(picture), "PNG")
    return _from_bytes(upright)


def _from_bytes(data: bytes) -> Reference:
    cleaned, media_type = remove_metadata(data)
    return Reference(data=cleaned, media_type=media_type, sha256=hashlib.sha256(cleaned).hexdigest())


def _from_text(given: str) -> Reference:
    text = whole_text(given)
    if isinstance(given, Url) and given.whole is None:  # of a log: it is shown, and not sent
        return Reference(text=given, sha256=hashlib.sha256(text.encode()).hexdigest())
    content = _inline_content(text)
    if content is None:
        if _UUID_PATTERN.fullmatch(text) or is_address(text):
            if HIDDEN in text:
                raise ValueInvalid(
                    "format", f"{_RULE}; a whole address: its credentials are not shown, so type all of it again"
                )
            shown = text if _UUID_PATTERN.fullmatch(text) else Url(text)
            return Reference(text=shown, sha256=hashlib.sha256(text.encode()).hexdigest())
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
