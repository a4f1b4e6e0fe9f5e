"""What bytes are, told by their first bytes, and whether their end is there. Nothing is decoded.

That a file was cut is told by its own structure, where it has one: a decoder may fill up what is missing with grey.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_SIGNATURES = (
    (rb"\xff\xd8\xff", "JPEG", "image/jpeg"),
    (rb"\x89PNG\r\n\x1a\n", "PNG", "image/png"),
    (rb"RIFF....WEBP", "WEBP", "image/webp"),
    (rb"....ftyp(.{4}){0,16}?avi[fs]", "AVIF", "image/avif"),
    (rb"....ftyp(.{4}){0,16}?(hei|hev|mif1)", "HEIC", "image/heic"),
    (rb"GIF8[79]a", "GIF", "image/gif"),
    (rb"BM....\0\0\0\0", "BMP", "image/bmp"),
    (rb"II[*+]\0|MM\0[*+]", "TIFF", "image/tiff"),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", "JPEG XL", "image/jxl"),
    (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "JPEG 2000", "image/jp2"),
    (rb"8BPS", "PSD", "image/vnd.adobe.photoshop"),
    (rb"v/1\x01", "EXR", "image/x-exr"),
    (rb"\0\0\x01\0[^\0]\0", "ICO", "image/x-icon"),
    (rb"%PDF-", "PDF", "application/pdf"),
    (rb"PK\x03\x04", "ZIP", "application/zip"),
    (rb"(\xef\xbb\xbf)?\s*(<\?xml[^>]*>|<!--.*?-->|<!DOCTYPE svg[^>]*>|\s)*<svg[\s>]", "SVG", "image/svg+xml"),
)
"""Pattern of the first bytes, name, media type."""

_PATTERNS = [(re.compile(pattern, re.DOTALL), name, media_type) for pattern, name, media_type in _SIGNATURES]

_HEAD = 4096
"""Bytes in which a format is looked for, and by which text is told from a picture."""

_JPEG_MARKER = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]", re.DOTALL)
"""In the pixels of a JPEG, FF is followed by 00, or by a restart marker."""


@dataclass(frozen=True, slots=True)
class Format:
    """What some bytes are.

    Attributes:
        name: such as ``JPEG``; ``""`` if it is not known.
        media_type: such as ``image/jpeg``; ``text/plain`` for text, and ``application/octet-stream`` for other bytes.
        is_cut: whether their end is missing; ``None`` for a format whose structure does not tell.
    """

    name: str
    media_type: str
    is_cut: bool | None = None


def recognise(data: bytes) -> Format:
    """What some bytes are."""
    head = data[:_HEAD]
    for pattern, name, media_type in _PATTERNS:
        if pattern.match(head):
            return Format(name, media_type, not _IS_WHOLE[name](data) if name in _IS_WHOLE else None)
    try:
        text = head.decode("utf-8", "strict" if len(data) <= _HEAD else "ignore")
    except UnicodeDecodeError:
        text = "\0"
    is_text = not re.search(r"[\0-\x08\x0e-\x1a\x1c-\x1f]", text)
    return Format("", "text/plain" if is_text else "application/octet-stream")


def passes(data: bytes) -> int:
    """How often a decoder passes over all pixels of a picture: a progressive JPEG may ask for thousands of scans."""
    return sum(kind == 0xDA for kind in _jpeg_markers(data)) if data.startswith(b"\xff\xd8") else 1


def _jpeg_markers(data: bytes) -> Iterator[int]:
    """The markers of a JPEG up to its end; programs may append more."""
    kind, place = 0, 2
    while kind != 0xD9 and (marker := _JPEG_MARKER.search(data, place)):
        kind, place = data[marker.end() - 1], marker.end()
        yield kind
        place += int.from_bytes(data[place : place + 2], "big")  # a segment may hold a thumbnail with an end of its own


def _is_whole_jpeg(data: bytes) -> bool:
    return 0xD9 in _jpeg_markers(data)


def _is_whole_png(data: bytes) -> bool:
    place, kind = 8, b""
    while kind != b"IEND" and place + 8 <= len(data):
        kind, place = data[place + 4 : place + 8], place + 12 + int.from_bytes(data[place : place + 4], "big")
    return kind == b"IEND" and place <= len(data)


def _is_whole_riff(data: bytes) -> bool:
    return len(data) >= 8 + int.from_bytes(data[4:8], "little")


def _is_whole_box_file(data: bytes) -> bool:
    place = 0
    while 0 <= place < len(data):
        size = int.from_bytes(data[place : place + 4], "big")
        if size == 1:
            size = int.from_bytes(data[place + 8 : place + 16], "big")
        if size == 0:  # to the end of the file
            return True
        place += max(8, size)
    return place == len(data)


_IS_WHOLE = {
    "JPEG": _is_whole_jpeg,
    "PNG": _is_whole_png,
    "WEBP": _is_whole_riff,
    "AVIF": _is_whole_box_file,
    "HEIC": _is_whole_box_file,
}
"""By format, whether a file has its end."""
