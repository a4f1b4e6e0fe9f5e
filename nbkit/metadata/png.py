"""The metadata of a PNG: chunks of text, before or after its pixels."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from nbkit.metadata.parts import PARAMETERS_TEXT, RECORD, XMP, PartReader, Parts
from nbkit.metadata.xmp import is_provenance
from nbkit.request.formats import PNG_SIGNATURE

_TEXTS = (b"tEXt", b"zTXt", b"iTXt")


def read_parts(file: BinaryIO) -> Parts:
    """What a PNG carries beside its pixels, which are not read.

    Raises:
        MetadataInvalid: if it is cut short, or declares or unpacks to more than is read.
    """
    reader, exif, is_signed = PartReader(file), b"", False
    texts: dict[str, str] = {}
    for name, place, size in _chunks(reader):
        if name in _TEXTS:
            keyword, text = _text(reader, name, reader.content(place + 8, size))
            texts.setdefault(keyword, text)
        elif name == b"eXIf":
            exif = reader.content(place + 8, size)
        is_signed |= name == b"caBX"
    xmp = texts.pop(XMP, "").encode("utf-8", "surrogatepass")
    return Parts(xmp, exif=exif, texts=texts, is_signed=is_signed or is_provenance(xmp))


def _chunks(reader: PartReader) -> Iterator[tuple[bytes, int, int]]:
    """The chunks: name, where it begins, and the size of its content. A file may be cut inside its pixels."""
    place, name = len(PNG_SIGNATURE), b""
    while name != b"IEND" and len(head := reader.head(place, 8)) == 8 and head[4:].isalpha():
        size, name = int.from_bytes(head[:4], "big"), head[4:]
        yield name, place, size
        place += 12 + size


def _text(reader: PartReader, kind: bytes, content: bytes) -> tuple[str, str]:
    name, _, rest = content.partition(b"\0")
    keyword = name[:80].decode("latin-1")
    if kind == b"tEXt":
        return keyword, rest.decode("latin-1")
    if kind == b"zTXt":
        return keyword, reader.unpacked(rest[1:]).decode("latin-1")
    is_packed, (_, _, text) = rest[:1] == b"\1", _split(rest[2:])
    return keyword, (reader.unpacked(text) if is_packed else text).decode("utf-8", "replace")


def _split(rest: bytes) -> tuple[bytes, bytes, bytes]:
    """Language, translated keyword and text of an iTXt chunk."""
    language, _, rest = rest.partition(b"\0")
    translated, _, text = rest.partition(b"\0")
    return language, translated, text


def with_parts(data: bytes, parts: Parts) -> bytes:
    """A PNG with other texts of :data:`RECORD` and :data:`PARAMETERS_TEXT` and another XMP packet; all else stays as it is, byte for byte."""
    own = {**parts.texts, **({XMP: parts.xmp.decode()} if parts.xmp else {})}
    found, end = [], len(PNG_SIGNATURE)
    for name, place, size in _chunks(PartReader(io.BytesIO(data))):
        chunk, end = data[place : place + 12 + size], min(len(data), place + 12 + size)
        is_replaced = name in _TEXTS and chunk[8:].partition(b"\0")[0].decode("latin-1") in (
            RECORD,
            PARAMETERS_TEXT,
            XMP,
        )
        found += [] if is_replaced else [chunk]
    texts = [_chunk(keyword, text) for keyword, text in own.items()]
    return b"".join([PNG_SIGNATURE, *found[:1], *texts, *found[1:], data[end:]])


def _chunk(keyword: str, text: str) -> bytes:
    """A chunk of plain text where Latin-1 has all of its letters, and it is no XMP; other programs do the same."""
    try:
        content = b"" if keyword == XMP else text.encode("latin-1")
    except UnicodeEncodeError:
        content = b""
    name = b"tEXt" if content and b"\0" not in content else b"iTXt"
    head = keyword.encode("latin-1") + b"\0"
    body = name + head + (content if name == b"tEXt" else b"\0\0\0\0" + text.encode("utf-8", "replace"))
    return (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
