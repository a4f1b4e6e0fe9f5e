"""The metadata of a WEBP: chunks after its pixels, announced by the bits of a header that a plain file lacks."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO

from nbkit.metadata.parts import MetadataInvalid, PartReader, Parts
from nbkit.metadata.xmp import is_provenance

_HEADER, _EXIF, _XMP, _SIGNATURE = b"VP8X", b"EXIF", b"XMP ", b"C2PA"
_EXIF_BIT, _XMP_BIT, _ALPHA_BIT = 0x08, 0x04, 0x10


def read_parts(file: BinaryIO) -> Parts:
    """What a WEBP carries beside its pixels, which are not read.

    Raises:
        MetadataInvalid: if it is cut short, or declares more than is read.
    """
    reader, found = PartReader(file), dict[bytes, bytes]()
    for name, place, size in _chunks(reader):
        if name in (_EXIF, _XMP) and name not in found:
            found[name] = reader.content(place + 8, size)
        elif name == _SIGNATURE:
            found[name] = b""
    xmp, exif = found.get(_XMP, b""), found.get(_EXIF, b"").removeprefix(b"Exif\0\0")
    return Parts(xmp, exif=exif, is_signed=_SIGNATURE in found or is_provenance(xmp))


def _chunks(reader: PartReader) -> Iterator[tuple[bytes, int, int]]:
    """The chunks: name, where it begins, and the size of its content."""
    place, end = 12, min(reader.size, 8 + int.from_bytes(reader.head(4, 4), "little"))
    while place < end and len(head := reader.head(place, 8)) == 8:
        size = int.from_bytes(head[4:], "little")
        yield head[:4], place, size
        place += 8 + size + size % 2


def with_parts(data: bytes, parts: Parts) -> bytes:
    """A WEBP with other EXIF data and another XMP packet; all else stays as it is, byte for byte.

    Raises:
        MetadataInvalid: if it is cut short, or has no pixels.
    """
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise MetadataInvalid("it is cut short")
    chunks = [(name, data[p : p + 8 + size + size % 2]) for name, p, size in _chunks(PartReader(io.BytesIO(data)))]
    rest = [chunk for name, chunk in chunks if name not in (_HEADER, _EXIF, _XMP)]
    own = [_chunk(name, content) for name, content in ((_EXIF, parts.exif), (_XMP, parts.xmp)) if content]
    header = bytearray(next((chunk for name, chunk in chunks if name == _HEADER), b"") or _header(dict(chunks)))
    if len(header) != 18:
        raise MetadataInvalid("its header is damaged")
    header[8] = header[8] & ~(_EXIF_BIT | _XMP_BIT) | (_EXIF_BIT if parts.exif else 0) | (_XMP_BIT if parts.xmp else 0)
    body = b"".join([b"WEBP", header, *rest, *own])
    return b"RIFF" + len(body).to_bytes(4, "little") + body + data[end:]


def without_header(data: bytes) -> bytes:
    """A WEBP without the header that :func:`with_parts` adds to a plain file."""
    body = data[30:] if data[12:16] == _HEADER else data[12:]
    return b"RIFF" + (len(body) + 4).to_bytes(4, "little") + b"WEBP" + body


def _header(chunks: dict[bytes, bytes]) -> bytes:
    """The header of a plain file, with the size and the transparency that its pixels declare."""
    if len(lossless := chunks.get(b"VP8L", b"")) >= 13:
        bits = int.from_bytes(lossless[9:13], "little")
        width, height, alpha = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bits >> 28 & 1
    elif len(lossy := chunks.get(b"VP8 ", b"")) >= 18:
        width, height = (int.from_bytes(lossy[i : i + 2], "little") & 0x3FFF for i in (14, 16))
        alpha = 0
    else:
        raise MetadataInvalid("it has no pixels")
    sizes = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return _chunk(_HEADER, bytes([_ALPHA_BIT * alpha, 0, 0, 0]) + sizes)


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + len(content).to_bytes(4, "little") + content + b"\0" * (len(content) % 2)
