"""What can be read from the bytes of a picture: media type, size, hashes. Whatever the bytes are, they are judged."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageFile, UnidentifiedImageError

from nbkit.errors import NoImage
from nbkit.request.decoder import eight_bits, opened
from nbkit.request.formats import name_of, passes, recognise
from nbkit.request.parameter import without_memory_addresses

MAX_PICTURE_PIXELS = 40_000_000
"""More than twice the largest picture of the size table (12288x1536), and half a gigabyte while it is decoded: a larger
one is a decompression bomb. A pixel of 16 or 32 bits counts twice."""

MAX_DECODED_PIXELS = 600_000_000
"""Limit for a picture's pixels times the scans of its JPEG: some seconds of work. Ordinary ones have a dozen scans."""

SUFFIXES = {
    "image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp", "image/avif": ".avif", "image/gif": ".gif",
    "image/bmp": ".bmp", "image/tiff": ".tiff", "image/heic": ".heic", "image/jxl": ".jxl", "image/jp2": ".jp2",
    "image/svg+xml": ".svg",
}  # fmt: skip
"""The usual suffix of a file, by media type."""

NEUTRAL = ".bin"
"""The suffix of a file of any other media type."""

FOUND_DAMAGED: set[Path] = set()
"""Files that this kernel has found damaged: a recovery fetches them again."""

_OWN = ("JPEG", "PNG", "WEBP")
"""The formats of the model: one that cannot be decoded is damaged."""

_DECODED = (*_OWN, "AVIF", "GIF", "BMP", "TIFF")
"""The formats that are decoded where Pillow can: for others it would start programs of its own."""

_NOT_SHOWN = "the picture's file cannot be shown: "


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """What is known of a picture's bytes.

    Attributes:
        media_type: such as ``image/jpeg``; ``application/octet-stream`` where it is not known.
        width, height: in pixels; ``None`` where that is not known.
        sha256: of the bytes.
        fingerprint: of :func:`examine`; ``""`` for a picture that cannot be decoded.
        problem: what is wrong with the bytes, as a sentence; ``""`` if nothing is.
        is_whole: whether they are not known to be cut.
    """

    media_type: str
    width: int | None
    height: int | None
    sha256: str
    fingerprint: str
    problem: str = ""
    is_whole: bool = True

    @property
    def is_picture(self) -> bool:
        """Whether they may be a picture: a page of HTML, an error as JSON and nothing at all are none."""
        return not self.media_type.startswith("text/")


def examine(data: bytes, broke_off: str = "") -> PictureFacts:
    """Read a picture to its last byte and return its facts. Bytes that are none get facts as well.

    A JPEG is decoded at an eighth of its size, which reads the same bytes and takes a third of the time.

    Args:
        data: the bytes, as they came.
        broke_off: why there may be more of them, as a sentence.
    """
    form = recognise(data)
    width = height = None
    fingerprint = reason = ""
    is_whole = not (broke_off if form.is_cut is None else form.is_cut)
    try:
        with decoded(data) as picture:
            width, height = picture.size
            picture.draft(picture.mode, (max(16, width // 8), max(16, height // 8)))  # only a JPEG knows how
            picture.load()
            fingerprint = _fingerprint(picture)
    except NoImage as error:
        reason = str(error).removeprefix(_NOT_SHOWN)
        is_whole &= form.name not in _OWN or isinstance(error, _TooLarge)
    if form.is_cut or (broke_off and not is_whole):
        reason = f"{form.name or 'a picture'} that is cut short ({broke_off or 'its end is missing'})"
    return PictureFacts(
        media_type=form.media_type,
        width=width,
        height=height,
        sha256=hashlib.sha256(data).hexdigest(),
        fingerprint=fingerprint,
        problem=reason and f"kept as it came: {reason}",
        is_whole=is_whole,
    )


class _TooLarge(NoImage):
    """A picture that nbkit does not decode, because that would take too much memory or time."""


def _fingerprint(picture: Image.Image) -> str:
    """Sixteen hex digits: the mean lightness of each cell of a 4x4 grid, in sixteen steps. A visual aid, not a hash.

    Decoding the same bytes again gives the same digits. Another encoding of the picture gives mostly the same: a mean
    close to the edge between two steps may change its digit by one. Pictures of similar lightness share their digits,
    whatever their colours and details; ``sha256`` tells them apart.
    """
    picture = eight_bits(picture)
    picture = picture.convert("RGBA") if "transparency" in picture.info else picture  # Pillow warns of the direct way
    picture = picture if picture.mode in ("RGB", "L") else picture.convert("RGB")  # a conversion copies every pixel
    small = picture.resize((4, 4), Image.Resampling.BOX).convert("L")
    return "".join(f"{value >> 4:x}" for value in small.tobytes())


@contextmanager
def decoded(data: bytes) -> Iterator[ImageFile.ImageFile]:
    """A context with a picture of these bytes, to be decoded inside it.

    Raises:
        NoImage: for whatever a decoder raises, and for a picture that would take too much memory or time.
    """
    name = name_of(data)
    try:
        with opened(data, (name if name in _DECODED else "",)) as picture:
            _refuse_bomb(picture, name, data)
            yield picture
    except NoImage:
        raise
    except (UnidentifiedImageError, KeyError):  # the latter for a format that this Pillow does not have
        why = f"{name}, which this Pillow cannot show" if name else "no picture"
        raise NoImage(f"{_NOT_SHOWN}{f'{name} that is damaged' if name in _OWN else why}") from None
    except Exception as error:  # noqa: BLE001  a decoder may raise anything for damaged data
        raise NoImage(f"{_NOT_SHOWN}{name} that is damaged ({without_memory_addresses(str(error))})") from None


def _refuse_bomb(picture: Image.Image, name: str, data: bytes) -> None:
    pixels, size = picture.width * picture.height, f"{picture.width}x{picture.height}"
    if pixels * (2 if picture.mode.startswith(("I", "F")) else 1) > MAX_PICTURE_PIXELS:
        raise _TooLarge(f"{_NOT_SHOWN}{name} of {size}, more than any size of the model")
    if pixels * (scans := passes(data)) > MAX_DECODED_PIXELS:
        raise _TooLarge(f"{_NOT_SHOWN}{name} of {size} in {scans:,} scans, which would take minutes")


def check_hash(data: bytes, sha256: str, file: Path) -> bytes:
    """The bytes of a picture's file, as they are.

    Args:
        data: what the file has now.
        sha256: what its bytes must have.
        file: named in the error, without the folders of this machine.

    Raises:
        NoImage: if the file was damaged, cut or replaced.
    """
    if hashlib.sha256(data).hexdigest() == sha256:
        return data
    FOUND_DAMAGED.add(file)
    raise NoImage(
        f"the picture's file is damaged: {'/'.join(file.parts[-3:])} has other bytes than the picture. studio.recover() "
        "fetches it again where the service still has it; python -m nbkit verify checks the whole log"
    )


def header_size(data: bytes) -> tuple[int, int]:
    """Width and height from a picture's header; nothing is decoded.

    Raises:
        NoImage: if it has none.
    """
    with decoded(data) as picture:
        return picture.size
