"""What a file carries beside its pixels, and how much of it is read."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

MAX_BYTES = 16 * 1024 * 1024
"""Metadata that is read of one file, at most: five times the longest request that nbkit writes."""

MAX_PARTS = 200_000
"""Chunks or segments of one file: a PNG of 30 MB in chunks of 8 kB has four thousand."""


RECORD, PARAMETERS_TEXT, XMP = "nbkit", "parameters", "XML:com.adobe.xmp"
"""The keywords of texts in a PNG: nbkit's record, the text of other programs, the XMP packet."""


class MetadataInvalid(Exception):
    """A file's metadata cannot be used. It never leaves nbkit: users get a :class:`~nbkit.errors.RequestError`."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a file carries beside its pixels.

    Attributes:
        xmp: the XMP packet; ``b""`` without one.
        extended: the rest of a packet that is too long for one segment of a JPEG.
        exif: the EXIF data, from its byte order on; ``b""`` without any.
        texts: texts by keyword, of a PNG.
        is_signed: whether it has a C2PA signature, which any change of the file would break.
    """

    xmp: bytes = b""
    extended: bytes = b""
    exif: bytes = b""
    texts: Mapping[str, str] = field(default_factory=dict)
    is_signed: bool = False


class PartReader:
    """Reads parts of a file, within :data:`MAX_BYTES` in all and :data:`MAX_PARTS`.

    Args:
        file: read and sought; what it declares about its own sizes is not believed.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._left, self._parts = file, MAX_BYTES, MAX_PARTS
        self.size = file.seek(0, 2)

    def head(self, place: int, size: int) -> bytes:
        """A few bytes at a place, fewer at the end of the file. Each call counts as one part."""
        self._parts -= 1
        if self._parts < 0:
            raise MetadataInvalid(f"it has more than {MAX_PARTS:,} parts")
        self._file.seek(place)
        return self._file.read(size)

    def content(self, place: int, size: int) -> bytes:
        """The bytes of one part.

        Raises:
            MetadataInvalid: if the file ends before it does, or if it would be too much.
        """
        if place + size > self.size:
            raise MetadataInvalid("it is cut short")
        self.spend(size)
        self._file.seek(place)
        return self._file.read(size)

    def spend(self, size: int) -> None:
        """Count bytes that were read or unpacked."""
        self._left -= size
        if self._left < 0:
            raise MetadataInvalid(f"its metadata is more than {MAX_BYTES // 1024**2} MB")

    def unpacked(self, data: bytes) -> bytes:
        """What a compressed part holds; a bomb is not unpacked any further than the limit."""
        unpacker = zlib.decompressobj()
        try:
            found = unpacker.decompress(data, self._left + 1)
        except zlib.error:
            raise MetadataInvalid("a compressed text in it is damaged") from None
        self.spend(len(found))
        return found
