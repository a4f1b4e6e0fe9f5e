"""The metadata of a JPEG: segments between its start and its pixels, none longer than 64 kB."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO

from nbkit.metadata.parts import MAX_BYTES, MetadataInvalid, PartReader, Parts
from nbkit.metadata.xmp import extension_of, is_provenance, name_of_extension

_EXIF = b"Exif\0\0"
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
_APP0, _APP1, _APP11 = 0xE0, 0xE1, 0xEB
_END, _SCAN = 0xD9, 0xDA

MAX_SEGMENT = 65_533
"""Bytes of a segment, without its marker and the two bytes of its length."""

MAX_XMP = MAX_SEGMENT - len(_XMP)
MAX_EXIF = MAX_SEGMENT - len(_EXIF)
_PORTION = 65_000


def read_parts(file: BinaryIO) -> Parts:
    """What a JPEG carries beside its pixels, which are not read.

    Raises:
        MetadataInvalid: if it is cut short, or declares more than is read.
    """
    reader, exif, xmp, is_signed = PartReader(file), b"", b"", False
    portions: list[bytes] = []
    for code, _, place, size in _segments(reader):
        if code == _APP11:
            is_signed |= reader.head(place, min(size, 16)).startswith(b"JP")
        elif code == _APP1:
            content = reader.content(place, size)
            if content.startswith(_EXIF):
                exif = exif or content[len(_EXIF) :]
            elif content.startswith(_XMP):
                xmp = xmp or content[len(_XMP) :]
            elif content.startswith(_EXTENSION):
                portions.append(content[len(_EXTENSION) :])
    extended = _joined(portions, extension_of(xmp)) if portions else b""
    return Parts(xmp, extended, exif, is_signed=is_signed or is_provenance(xmp))


def _segments(reader: PartReader) -> Iterator[tuple[int, int, int, int]]:
    """The segments before the pixels: marker, where it begins, where its content begins, and the content's size."""
    place = 2
    while True:
        start, head = place, reader.head(place, 4)
        while head[:2] == b"\xff\xff":  # more FF may stand before a marker
            place += 1
            head = reader.head(place, 4)
        if len(head) < 4 or head[0] != 0xFF:
            raise MetadataInvalid("it is cut short, or damaged before its pixels")
        code, size = head[1], int.from_bytes(head[2:4], "big")
        if code in (_SCAN, _END):
            return
        if size < 2 or place + 2 + size > reader.size:
            raise MetadataInvalid("it is cut short, or damaged before its pixels")
        yield code, start, place + 4, size - 2
        place += 2 + size


def _joined(portions: list[bytes], name: bytes) -> bytes:
    """An extension of XMP from its portions: each has the extension's name, its whole length, and where it belongs."""
    own = sorted((int.from_bytes(p[36:40], "big"), p[40:]) for p in portions if len(p) > 40 and p[:32] == name)
    total = {int.from_bytes(p[32:36], "big") for p in portions if p[:32] == name}
    joined = b""
    for offset, data in own:
        if offset != len(joined):  # twice, or one is missing
            return b""
        joined += data
    return joined if total == {len(joined)} and len(joined) <= MAX_BYTES else b""


def with_parts(data: bytes, parts: Parts) -> bytes:
    """A JPEG with other EXIF data and another XMP packet; all else stays as it is, byte for byte.

    Raises:
        MetadataInvalid: if its segments cannot be followed, or a part is too long for one.
    """
    first, kept, end = 2, [], 2
    for code, start, place, size in _segments(PartReader(io.BytesIO(data))):
        end = place + size
        is_own = code == _APP1 and data[place : place + 40].startswith((_EXIF, _XMP, _EXTENSION))
        kept += [] if is_own else [data[start:end]]
        first += end - start if code == _APP0 and start == first else 0
    own = [_segment(_EXIF + parts.exif)] if parts.exif else []
    own += [_segment(_XMP + parts.xmp)] if parts.xmp else []
    name, total = name_of_extension(parts.extended).encode(), len(parts.extended).to_bytes(4, "big")
    for offset in range(0, len(parts.extended), _PORTION):
        portion = parts.extended[offset : offset + _PORTION]
        own.append(_segment(_EXTENSION + name + total + offset.to_bytes(4, "big") + portion))
    rest = b"".join(kept)
    return b"".join([data[:2], rest[: first - 2], *own, rest[first - 2 :], data[end:]])


def _segment(content: bytes) -> bytes:
    if len(content) > MAX_SEGMENT:
        raise MetadataInvalid("its metadata is too long for a JPEG")
    return b"\xff\xe1" + (len(content) + 2).to_bytes(2, "big") + content
