"""What a file is that Pillow does not open, from its first bytes, and how to make a picture of it."""

from __future__ import annotations

import re

_CONVERT = "save it as JPEG or PNG"
RAW = f"the RAW file of a camera: develop it (rawpy does in Python), and {_CONVERT}"
_KINDS: tuple[tuple[bytes, str], ...] = (
    (rb"\Z", "an empty file"),
    (
        rb"....ftyp(?:hei[cxms]|hev[cxms]|mif1|msf1)",
        f"HEIC, the format of phones: pip install pillow-heif, then pillow_heif.register_heif_opener(), or {_CONVERT}",
    ),
    (rb"....ftypavi[fs]", f"AVIF, which this Pillow does not read: pip install -U pillow, or {_CONVERT}"),
    (rb"....ftypcrx |II\*\0....CR|FUJIFILMCCD-RAW|IIR[OS]|MMOR|IIU\0|FOVb", RAW),
    (rb"....ftyp|\x1aE\xdf\xa3|RIFF....AVI ", "a film: give one frame of it as JPEG or PNG"),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", f"JPEG XL: pip install pillow-jxl-plugin, then import pillow_jxl, or {_CONVERT}"),
    (rb"\s*(?:<\?xml.*?\?>|<!--.*?-->|<!DOCTYPE svg.*?>|\s)*<svg", "SVG, a drawing without pixels: export it as PNG"),
    (rb"%PDF", "PDF: export the page as PNG"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "PostScript: export it as PNG"),
    (rb"(?i)\s*(?:<!doctype html|<html)", "a web page: the address of the picture itself is another one"),
    (rb"\x93NUMPY", "an array of numpy: give numpy.load(path)"),
    (rb".{128}DICM", "DICOM: give the pixel_array that pydicom reads"),
    (rb"v/1\x01|#\?RADIANCE", f"a picture of high dynamic range: map its tones and {_CONVERT}"),
    (
        rb"II[*+]\0|MM\0[*+]",
        "TIFF of a kind that Pillow does not read: give the array that tifffile.imread(path) reads",
    ),
    (rb"version https://git-lfs", "a pointer of Git LFS: git lfs pull fetches the file itself"),
    (rb"PK\x03\x04|\x1f\x8b|7z\xbc\xaf|Rar!", "an archive: give a picture out of it"),
)
"""The beginning of the file, and what it is with the way out."""


def kind_of(data: bytes) -> str:
    """What a file is, in words that go on with what to do."""
    for beginning, kind in _KINDS:
        if re.match(beginning, data[:2000], re.DOTALL):
            return kind
    return f"of no format that is known here (it begins with {data[:8]!r}): {_CONVERT}"
