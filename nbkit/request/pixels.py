"""The parts of a JPEG, PNG or WEBP that describe its pixels; all others are left out, by name.

Whatever else a file carries (EXIF, XMP, IPTC, comments, texts, maker's data, further frames, what stands behind the
picture) is not needed to see it, so it does not matter either whether that part is damaged or huge. The pixels are not
encoded again.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection

from nbkit.request.formats import JPEG_MARKER, PNG_SIGNATURE, png_chunks

_PNG_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_PNG_COLOUR = (b"gAMA", b"cHRM", b"sRGB", b"cICP", b"sBIT", b"bKGD", b"pHYs", b"iCCP")
_WEBP_CHUNKS = (b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF")
_WEBP_FLAGS = {b"ICCP": 0x20, b"EXIF": 0x08, b"XMP ": 0x04}
"""The bit of each chunk in the header of a WEBP."""

_ICC = b"ICC_PROFILE\0"

EXIF = frozenset({b"eXIf", b"EXIF", b"Exif\0\0"})
"""What each format calls its EXIF data."""


def pixels_only(data: bytes, *, colours: bool = True, also: Collection[bytes] = ()) -> bytes:
    """A JPEG, PNG or WEBP with nothing but the parts that describe its pixels; the bytes of any other file.

    A file that has nothing else is returned byte for byte. Of a damaged one, as much is kept as can be read.

    Args:
        data: the file.
        colours: whether to keep how the colours are meant, such as a profile; without it, a picture decodes too.
        also: the names of parts to keep as well, such as :data:`EXIF`.
    """

    def kept(name: bytes, known: Collection[bytes]) -> bool:
        return name in also or (colours and name in known)

    if data.startswith(b"\xff\xd8"):
        return _jpeg(data, kept)
    if data.startswith(PNG_SIGNATURE):
        return _png(data, kept)
    return _webp(data, kept) if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else data


_Kept = Callable[[bytes, Collection[bytes]], bool]


def _png(data: bytes, kept: _Kept) -> bytes:
    parts = [PNG_SIGNATURE]
    for name, chunk in png_chunks(data):
        if name in _PNG_CHUNKS or (kept(name, _PNG_COLOUR) and zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:])):
            parts.append(chunk)
    return b"".join(parts)


def _webp(data: bytes, kept: _Kept) -> bytes:
    parts, at = [], 12
    end = min(len(data), int.from_bytes(data[4:8], "little") + 8)
    while at < end:
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        chunk = data[at : at + 8 + size + size % 2]
        if chunk[:4] in _WEBP_CHUNKS or kept(chunk[:4], (b"ICCP",)):
            parts.append(chunk)
        at += len(chunk)
    names = {part[:4] for part in parts}
    if parts and parts[0][:4] == b"VP8X":
        flags = parts[0][8] & ~sum(flag for name, flag in _WEBP_FLAGS.items() if name not in names)
        parts[0] = parts[0][:8] + bytes([flags]) + parts[0][9:]
    body = b"WEBP" + b"".join(parts)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def _jpeg(data: bytes, kept: _Kept) -> bytes:
    parts, at, in_scan = [data[:2]], 2, False
    while found := JPEG_MARKER.search(data, at):
        between = data[at : found.start()]
        if in_scan or not between.strip(b"\xff"):  # a segment may begin with more than one FF
            parts.append(between)
        code, content = found[1][0], found.end()
        if code == 0xD9:  # the end of the picture
            return b"".join([*parts, b"\xff\xd9"])
        at = content + int.from_bytes(data[content : content + 2])
        if not 0xE0 <= code <= 0xFE or _is_kept_segment(code, data[content + 2 : at], kept):
            parts.append(data[found.start() : at])
        in_scan = in_scan or code == 0xDA
    return b"".join([*parts, data[at:]])


def _is_kept_segment(code: int, content: bytes, kept: _Kept) -> bool:
    if code == 0xE0 and len(content) == 14:  # a longer one has a thumbnail
        return kept(content[:5], (b"JFIF\0",))
    if code == 0xE2:
        return kept(content[: len(_ICC)], (_ICC,))
    return kept(content[:5], (b"Adobe",)) if code == 0xEE else kept(content[:6], ())
