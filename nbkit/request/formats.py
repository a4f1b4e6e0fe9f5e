"""What bytes are, told by their first bytes, and whether their end is there. Nothing is decoded.

That a file was cut is told by its own structure, where it has one: a decoder may fill up what is missing with grey.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_CONVERT = "save it as JPEG or PNG"
RAW = f"the RAW file of a camera: develop it (rawpy does in Python), and {_CONVERT}"
_HEIC = f"HEIC, the format of phones: pip install pillow-heif, then pillow_heif.register_heif_opener(), or {_CONVERT}"
_TIFF = "TIFF of a kind that Pillow does not read: give the array that tifffile.imread(path) reads"
_UNKNOWN = "application/octet-stream"

_SIGNATURES = (
    (rb"\xff\xd8\xff", "JPEG", "image/jpeg", ""),
    (rb"\x89PNG\r\n\x1a\n", "PNG", "image/png", ""),
    (rb"RIFF....WEBP", "WEBP", "image/webp", ""),
    (
        rb"....ftyp(.{4}){0,16}?avi[fs]", "AVIF", "image/avif",
        f"AVIF, which this Pillow does not read: pip install -U pillow, or {_CONVERT}",
    ),
    (rb"....ftyp(hei|hev|(.{4}){0,16}?(hei[cxms]|mif1|msf1))", "HEIC", "image/heic", _HEIC),
    (rb"GIF8[79]a", "GIF", "image/gif", ""),
    (rb"BM....\0\0\0\0", "BMP", "image/bmp", ""),
    (rb"....ftypcrx |II\*\0....CR|FUJIFILMCCD-RAW|IIR[OS]|MMOR|IIU\0|FOVb", "RAW", _UNKNOWN, RAW),
    (rb"....ftyp|\x1aE\xdf\xa3|RIFF....AVI ", "", _UNKNOWN, "a film: give one frame of it as JPEG or PNG"),
    (rb"II[*+]\0|MM\0[*+]", "TIFF", "image/tiff", _TIFF),
    (
        rb"\xff\x0a|\0\0\0\x0cJXL ", "JPEG XL", "image/jxl",
        f"JPEG XL: pip install pillow-jxl-plugin, then import pillow_jxl, or {_CONVERT}",
    ),
    (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "JPEG 2000", "image/jp2", ""),
    (rb"8BPS", "PSD", "image/vnd.adobe.photoshop", ""),
    (rb"v/1\x01", "EXR", "image/x-exr", f"a picture of high dynamic range: map its tones and {_CONVERT}"),
    (rb"#\?RADIANCE", "HDR", "image/vnd.radiance", f"a picture of high dynamic range: map its tones and {_CONVERT}"),
    (rb"\0\0\x01\0[^\0]\0", "ICO", "image/x-icon", ""),
    (rb"%PDF", "PDF", "application/pdf", "PDF: export the page as PNG"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "PostScript", "application/postscript", "PostScript: export it as PNG"),
    (
        rb"(\xef\xbb\xbf)?\s*(<\?xml.*?\?>|<!--.*?-->|<!DOCTYPE svg.*?>|\s)*<svg[\s/>]", "SVG", "image/svg+xml",
        "SVG, a drawing without pixels: export it as PNG",
    ),
    (
        rb"(?i)(\xef\xbb\xbf)?\s*(?:<!doctype html|<html)", "", "text/plain",
        "a web page: the address of the picture itself is another one",
    ),
    (rb"\x93NUMPY", "", _UNKNOWN, "an array of numpy: give numpy.load(path)"),
    (rb".{128}DICM", "DICOM", "application/dicom", "DICOM: give the pixel_array that pydicom reads"),
    (
        rb"version https://git-lfs", "", "text/plain",
        "a pointer of Git LFS: git lfs pull fetches the file itself",
    ),
    (rb"PK\x03\x04", "ZIP", "application/zip", "an archive: give a picture out of it"),
    (rb"\x1f\x8b|7z\xbc\xaf|Rar!", "", _UNKNOWN, "an archive: give a picture out of it"),
)  # fmt: skip
"""Pattern of the first bytes; name, which only a picture or a document has; media type; and, where Pillow does not open the
file, what it is with the way out."""

_PATTERNS = [(re.compile(pattern, re.DOTALL), name, media, advice) for pattern, name, media, advice in _SIGNATURES]

_HEAD = 4096
"""Bytes in which a format is looked for, and by which text is told from a picture."""

JPEG_MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])")
"""The start of a segment, before which more FF may stand. In the pixels of a JPEG, FF is followed by 00, or by a restart
marker. A pattern that begins with one fixed byte is searched for twenty times as fast as one that repeats it."""

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


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


def name_of(data: bytes) -> str:
    """The name of a format, from the first bytes alone; ``""`` if it is not known."""
    return next((name for pattern, name, _, _ in _PATTERNS if pattern.match(data[:_HEAD])), "")


def recognise(data: bytes) -> Format:
    """What some bytes are, and whether their end is missing."""
    head = data[:_HEAD]
    for pattern, name, media_type, _ in _PATTERNS:
        if pattern.match(head):
            return Format(name, media_type, not _IS_WHOLE[name](data) if name in _IS_WHOLE else None)
    try:
        text = head.decode("utf-8", "strict" if len(data) <= _HEAD else "ignore")
    except UnicodeDecodeError:
        text = "\0"
    is_text = not re.search(r"[\0-\x08\x0e-\x1a\x1c-\x1f]", text)
    return Format("", "text/plain" if is_text else _UNKNOWN)


def kind_of(data: bytes) -> str:
    """What a file is that Pillow does not open, in words that go on with how to make a picture of it."""
    if not data:
        return "an empty file"
    for pattern, name, _, advice in _PATTERNS:
        if pattern.match(data[:_HEAD]):
            return advice or f"{name} that is damaged, or of a kind that Pillow does not read: {_CONVERT}"
    return f"of no format that is known here (it begins with {data[:8]!r}): {_CONVERT}"


def passes(data: bytes) -> int:
    """How often a decoder passes over all pixels of a picture: a progressive JPEG may ask for thousands of scans."""
    return sum(kind == 0xDA for kind in _jpeg_markers(data)) if data.startswith(b"\xff\xd8") else 1


def _jpeg_markers(data: bytes) -> Iterator[int]:
    """The markers of a JPEG up to its end; programs may append more."""
    kind, place = 0, 2
    while kind != 0xD9 and (marker := JPEG_MARKER.search(data, place)):
        kind, place = marker[1][0], marker.end()
        yield kind
        place += int.from_bytes(data[place : place + 2], "big")  # a segment may hold a thumbnail with an end of its own


def _is_whole_jpeg(data: bytes) -> bool:
    return 0xD9 in _jpeg_markers(data)


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a PNG up to its end, each with its name; the last one may be cut."""
    name, place = b"", len(PNG_SIGNATURE)
    while name != b"IEND" and place < len(data):
        name, end = data[place + 4 : place + 8], place + 12 + int.from_bytes(data[place : place + 4], "big")
        yield name, data[place:end]
        place = end


def _is_whole_png(data: bytes) -> bool:
    name = chunk = b""
    for name, chunk in png_chunks(data):  # noqa: B007  the last ones count
        pass
    return name == b"IEND" and len(chunk) == 12 + int.from_bytes(chunk[:4], "big")


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
