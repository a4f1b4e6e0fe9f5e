"""Small pictures for the tests of reference images: with each kind of private data, and without any of it."""

import io
import struct
import zlib

from PIL import Image, PngImagePlugin

SECRET = "Secretcam"
"""The text of all private data in these pictures; a picture whose private data was removed contains it nowhere."""

GPS = 0x8825
_XMP = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF tool="{SECRET}"/></x:xmpmeta>'.encode()


def gradient(mode="RGB", size=(32, 16)):
    """A picture with four different corners, so that a turned one is noticed."""
    width, height = size
    red = Image.linear_gradient("L").resize(size)
    picture = Image.merge("RGB", (red, red.rotate(90).resize(size), Image.new("L", size, 90)))
    picture.paste((255, 0, 0), (0, 0, width // 4, height // 4))
    return picture.convert(mode)


def encoded(kind="PNG", picture=None, **options):
    out = io.BytesIO()
    (picture or gradient()).save(out, kind, **options)
    return out.getvalue()


def opened(data):
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def exif(orientation=None):
    """The tags that a phone writes: maker, software, and location."""
    tags = Image.Exif()
    tags[0x010F] = SECRET  # Make
    tags[0x0131] = SECRET  # Software
    if orientation:
        tags[0x0112] = orientation
    tags.get_ifd(GPS).update({1: "N", 2: (48.0, 12.0, 30.0), 3: "E", 4: (16.0, 22.0, 5.0), 29: "2024:05:01"})
    return tags


def with_segment(jpeg, marker, content):
    """A JPEG with one more APPn or COM segment right after its start."""
    return jpeg[:2] + struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content + jpeg[2:]


def chunk(name, content):
    body = name + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


def with_chunk(png, name, content, *, last=False):
    """A PNG with one more chunk, after its header or after its pixels."""
    offset = len(png) - 12 if last else 33
    return png[:offset] + chunk(name, content) + png[offset:]


def png_header(width, height):
    """A PNG whose header names a size, with hardly any pixel data."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")


def _png_texts():
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", SECRET)
    info.add_text("parameters", SECRET, zip=True)
    info.add_itxt("XML:com.adobe.xmp", _XMP.decode())
    return info


def _two_frames():
    first, second = gradient(), gradient().rotate(180)
    return encoded("MPO", first, save_all=True, append_images=[second], exif=exif())


WITH_TRACES = {
    "jpeg with exif": encoded("JPEG", exif=exif()),
    "jpeg with xmp": encoded("JPEG", xmp=_XMP),
    "jpeg with a comment": encoded("JPEG", comment=SECRET.encode()),
    "jpeg with iptc": with_segment(
        encoded("JPEG"), 0xED, b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0\0\0\0\x0a" + b"Secretcam."
    ),
    "jpeg with a maker's segment": with_segment(encoded("JPEG"), 0xE5, b"Maker\0" + SECRET.encode()),
    "jpeg with a film behind it": encoded("JPEG") + b"ftypmp42" + SECRET.encode(),
    "jpeg of two frames": _two_frames(),
    "png with texts": encoded("PNG", pnginfo=_png_texts()),
    "png with exif": encoded("PNG", exif=exif()),
    "png with a text behind its pixels": with_chunk(encoded(), b"tEXt", b"Software\0" + SECRET.encode(), last=True),
    "png with a private chunk": with_chunk(encoded(), b"caBX", SECRET.encode()),
    "png with more behind it": encoded() + SECRET.encode(),
    "webp with exif": encoded("WEBP", exif=exif()),
    "webp with xmp": encoded("WEBP", xmp=_XMP),
    "webp with more behind it": encoded("WEBP") + b"  " + SECRET.encode(),
    "tiff": encoded("TIFF", exif=exif()),
    "gif with a comment": encoded("GIF", comment=SECRET.encode()),
}

WITHOUT_TRACES = {
    "jpeg": encoded("JPEG"),
    "grey jpeg": encoded("JPEG", gradient("L")),
    "jpeg in inks": encoded("JPEG", gradient("CMYK")),
    "progressive jpeg": encoded("JPEG", progressive=True, dpi=(300, 300)),
    "png": encoded(),
    "png with transparency": encoded("PNG", gradient("RGBA")),
    "png with a palette": encoded("PNG", gradient("P"), transparency=3),
    "png of one bit": encoded("PNG", gradient("1")),
    "webp": encoded("WEBP"),
    "lossless webp": encoded("WEBP", gradient("RGBA"), lossless=True),
}
