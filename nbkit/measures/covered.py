"""A picture as it is judged: without the line of settings that the offline engine writes into it."""

from __future__ import annotations

import io

from PIL import Image

from nbkit.measures.facts import header_size
from nbkit.request.footer import footer_of

QUALITY = 85
UNKNOWN_FOOTER = 0.1
"""Share of the height that is cut from an offline picture whose file does not say where the line stands."""


def covered(preview: bytes, original: bytes, *, is_offline: bool) -> bytes:
    """A JPEG of a preview with nothing but the picture: no line of settings and no metadata.

    Args:
        preview: a JPEG of the whole picture.
        original: the picture's file, which says where the line is.
        is_offline: whether the offline engine made it.
    """
    with Image.open(io.BytesIO(preview)) as opened:
        picture = opened.convert("RGB")
    box = footer_of(original)
    if box is not None:
        top = int(box[1] * picture.height / header_size(original)[1])  # the line below is cut whole
        picture = picture.crop((0, 0, picture.width, max(1, top)))
    elif is_offline:
        picture = picture.crop((0, 0, picture.width, max(1, int(picture.height * (1 - UNKNOWN_FOOTER)))))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()
