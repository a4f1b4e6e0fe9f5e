"""Small pictures as bytes, for uploads and for answers of a simulated kernel."""

import io

from PIL import Image


def encode(kind="PNG", colour="teal", size=(64, 48)):
    """A picture of one colour, encoded as ``"PNG"`` or ``"JPEG"``."""
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, kind)
    return out.getvalue()
