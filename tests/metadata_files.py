"""Files for the tests of metadata: pictures with signatures and with the texts of other programs, and hostile ones."""

import io
import json
import struct
import zlib

from PIL import Image, PngImagePlugin
from service import picture

import nbkit
from nbkit.measures.facts import examine

SUFFIX = {"JPG": ".jpg", "PNG": ".png", "WEBP": ".webp"}
XMP = "XML:com.adobe.xmp"


def image_of(data, request=None, **facts):
    """A picture that is in no log."""
    return nbkit.GeneratedImage(facts=examine(data), data=data, request=request, **facts)


def png_chunk(name, content, length=None):
    """A chunk of a PNG, which may declare another length than it has."""
    body = name + content
    return struct.pack(">I", len(content) if length is None else length) + body + struct.pack(">I", zlib.crc32(body))


def png_with(*chunks):
    """A PNG with further chunks behind its header."""
    data = picture("PNG")
    return data[:33] + b"".join(chunks) + data[33:]


def png_text(keyword, text):
    """A PNG with a text."""
    return png_with(png_chunk(b"tEXt", keyword.encode() + b"\0" + text.encode("latin-1")))


def segment(code, content):
    """A segment of a JPEG."""
    return bytes([0xFF, code]) + struct.pack(">H", len(content) + 2) + content


def jpeg_with(*segments):
    """A JPEG with further segments behind its first one."""
    data = picture("JPG")
    return data[:20] + b"".join(segments) + data[20:]


def xmp_segment(packet):
    """The segment of an XMP packet."""
    return segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet)


def webp_chunk(name, content):
    """A chunk of a WEBP."""
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def webp_with(*chunks):
    """A WEBP with further chunks behind its pixels."""
    body = picture("WEBP")[12:] + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def signed(kind):
    """A picture with what stands for a C2PA signature."""
    box = struct.pack(">I", 40) + b"jumb" + b"\0\0\0\x18jumdc2pa" + bytes(16)
    if kind == "JPG":
        return jpeg_with(segment(0xEB, b"JP\0\1\0\0\0\1" + box))
    return png_with(png_chunk(b"caBX", box)) if kind == "PNG" else webp_with(webp_chunk(b"C2PA", box))


def record(**parts):
    """The JSON of a record with some parts; a request and facts by default."""
    whole = {"nbkit": 1, "facts": {"seed": 7}, "request": {"prompt": "A lantern"}, "extra": {}, "cut": False} | parts
    return json.dumps(whole)


A1111 = (
    "a lantern, (night:1.2)\nsecond line\nNegative prompt: blurry, text\n"
    'Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1234567, Size: 1024x1024, Model: dream, Lora: "a: 1, b: 2"'
)


def with_foreign_text(kind, text=A1111):
    """A picture as a program for Stable Diffusion saves it."""
    out, image = io.BytesIO(), Image.new("RGB", (32, 32), "teal")
    if kind == "PNG":
        info = PngImagePlugin.PngInfo()
        info.add_text("parameters", text)
        image.save(out, "PNG", pnginfo=info)
    else:
        exif = Image.Exif()
        exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + text.encode("utf-16-be")
        image.save(out, "JPEG" if kind == "JPG" else "WEBP", exif=exif)
    return out.getvalue()
