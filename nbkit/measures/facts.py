"""What can be read from the bytes of a picture: media type, size, hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

from nbkit.errors import DownloadError, NoImage
from nbkit.request.decoder import eight_bits, opened
from nbkit.request.parameter import without_memory_addresses
from nbkit.request.reference import MEDIA_TYPES

MAX_PICTURE_PIXELS = 60_000_000
"""More than three times the largest picture of the size table (12288x1536): a larger one is a decompression bomb."""

SUFFIXES = {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp"}


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """Media type, size in pixels, SHA-256 of the bytes, and the fingerprint of :func:`examine`."""

    media_type: str
    width: int
    height: int
    sha256: str
    fingerprint: str


def examine(data: bytes) -> PictureFacts:
    """Read a picture to its last byte and return its facts.

    A JPEG is decoded at an eighth of its size, which reads the same bytes and takes a third of the time.

    Raises:
        DownloadError: if it is no JPEG, PNG or WEBP, is cut short, or has more than :data:`MAX_PICTURE_PIXELS` pixels.
    """
    try:
        with opened(data, tuple(MEDIA_TYPES)) as picture:
            _refuse_bomb(picture)
            width, height = picture.size
            picture.draft(picture.mode, (max(16, width // 8), max(16, height // 8)))  # only a JPEG knows how
            picture.load()
            return PictureFacts(
                # Pillow calls a JPEG with further frames, such as a gain map, MPO.
                media_type=MEDIA_TYPES["JPEG" if picture.format == "MPO" else picture.format or ""],
                width=width,
                height=height,
                sha256=hashlib.sha256(data).hexdigest(),
                fingerprint=_fingerprint(picture),
            )
    except DownloadError:
        raise
    except Exception as error:  # noqa: BLE001  a decoder may raise anything for damaged data
        beginning = data[:16].decode("ascii", "replace").strip()
        raise DownloadError(
            f"what came is not a whole picture ({len(data):,} bytes, beginning {beginning!r}: {_reason(error)})",
            retry=True,
        ) from None


def _refuse_bomb(picture: Image.Image) -> None:
    if picture.width * picture.height > MAX_PICTURE_PIXELS:
        raise DownloadError(f"a picture of {picture.width}x{picture.height} is more than any size of the model")


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
def decoding() -> Iterator[None]:
    """Turn whatever a decoder raises for a damaged file into ``NoImage`` with the reason."""
    try:
        yield
    except NoImage:
        raise
    except Exception as error:  # noqa: BLE001  a decoder may raise anything for damaged data
        raise NoImage(f"the picture's file is damaged: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    """A decoder's message; for unknown data Pillow's would only name the stream."""
    return "no JPEG, PNG or WEBP" if isinstance(error, UnidentifiedImageError) else without_memory_addresses(str(error))


def header_size(data: bytes) -> tuple[int, int]:
    """Width and height from a picture's header; nothing is decoded.

    Raises:
        NoImage: if it has none.
    """
    with decoding(), opened(data) as picture:
        return picture.size
