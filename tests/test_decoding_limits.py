"""Pictures of a few kilobytes that would take minutes or gigabytes to decode: kept as they came, and not decoded."""

import io
import struct
import subprocess
import sys
import time
import zlib

import pytest
from PIL import Image

from nbkit import errors
from nbkit.measures.facts import examine, header_size
from nbkit.measures.preview import make_preview


def png(width, height, *, bits=8, colour=2, is_interlaced=False, frames=0):
    """A PNG of zeros; its rows are compressed one by one, so that a large one takes no memory here."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    packer = zlib.compressobj(9, strategy=zlib.Z_RLE)  # twice as fast
    row = bytes(1 + (width * bits * channels + 7) // 8)
    data = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, is_interlaced)
    palette = [(b"PLTE", bytes(768)), (b"tRNS", bytes(256))] if colour == 3 else []
    frame = struct.pack(">IIIIIHHBB", 0, width, height, 0, 0, 1, 1, 0, 0)
    animation = [(b"acTL", struct.pack(">II", frames, 0)), (b"fcTL", frame)] if frames else []
    chunks = [(b"IHDR", header), *animation, *palette, (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def jpeg(width, height, scans, *, is_progressive=True):
    """A JPEG whose last scan comes again and again."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(out, "JPEG", progressive=is_progressive)
    data = out.getvalue()
    scan = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + scan * (scans - data.count(b"\xff\xda")) + b"\xff\xd9"


def animated(kind, size, frames):
    """A picture of many frames, each of one colour."""
    out = io.BytesIO()
    pictures = [Image.new("RGB", size, (number % 256, 0, 0)) for number in range(frames)]
    pictures[0].save(out, kind, save_all=True, append_images=pictures[1:])
    return out.getvalue()


BOMBS = {
    "4,000 scans": (lambda: jpeg(4096, 4096, 4000), "4,000 scans"),
    "4,000 scans, small": (lambda: jpeg(1024, 1024, 4000), "4,000 scans"),
    "16 bits": (lambda: png(9000, 9000, bits=16), "9000x9000"),
    "16 bits, interlaced": (lambda: png(9000, 9000, bits=16, is_interlaced=True), "9000x9000"),
    "grey of 16 bits": (lambda: png(20_000, 20_000, bits=16, colour=0), "20000x20000"),
    "a palette": (lambda: png(9000, 9000, colour=3), "9000x9000"),
    "grey of 16 bits, smaller": (lambda: png(5000, 5000, bits=16, colour=0), "5000x5000"),
    "one bit": (lambda: png(30_000, 30_000, bits=1, colour=0), "30000x30000"),
    "a row": (lambda: png(41_000_000, 1, bits=1, colour=0), "41000000x1"),
    "an animation": (lambda: png(9000, 9000, frames=1000), "9000x9000"),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_is_kept_and_not_decoded(kind):
    """Its facts say what it is and why it is not shown, at once; nothing is missing of it."""
    make, reason = BOMBS[kind]
    data = make()
    begun = time.process_time()
    facts = examine(data)
    with pytest.raises(errors.NoImage, match=reason):
        make_preview(data)
    assert time.process_time() - begun < 2
    assert reason in facts.problem
    assert (facts.is_picture, facts.is_whole, facts.fingerprint) == (True, True, "")


@pytest.mark.parametrize(
    "data",
    [
        png(500, 400, bits=16),
        png(500, 400, frames=500),
        jpeg(500, 400, 60),
        jpeg(500, 400, 12, is_progressive=True),
        jpeg(500, 400, 1, is_progressive=False),
        animated("PNG", (500, 400), 100),
        animated("WEBP", (500, 400), 100),
    ],
    ids=["16 bits", "an animation", "60 scans", "12 scans", "baseline", "APNG", "WEBP"],
)  # fmt: skip
def test_an_ordinary_picture_of_the_same_kind_is_decoded(data):
    """Of an animation the first frame counts."""
    facts = examine(data)
    assert (facts.width, facts.height, facts.problem) == (500, 400, "")
    assert header_size(data) == (500, 400)
    assert make_preview(data)


def test_a_jpeg_is_not_taken_for_a_bomb_because_of_what_it_carries():
    """A thumbnail, another picture behind it and random metadata contain the bytes of a marker, and are no scans."""
    data = jpeg(2000, 2000, 10)
    segment = b"\xff\xda" * 30_000
    carried = data[:2] + b"\xff\xe5" + struct.pack(">H", len(segment) + 2) + segment + data[2:] + b"\xff\xda" * 1000
    assert examine(carried).problem == ""


CODE = """
import resource, sys
from nbkit.measures.facts import MAX_PICTURE_PIXELS, examine
from nbkit.measures.preview import make_preview
from test_decoding_limits import png

bits, colour = map(int, sys.argv[1:])
side = int((MAX_PICTURE_PIXELS / (2 if (bits, colour) == (16, 0) else 1)) ** 0.5)
data = png(side, side, bits=bits, colour=colour)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert not examine(data).problem
make_preview(data)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count memory in other units")
@pytest.mark.parametrize(
    ("bits", "colour"), [(8, 2), (16, 0), (16, 6), (8, 3)], ids=["RGB", "grey of 16", "RGBA of 16", "P"]
)
def test_the_largest_picture_takes_less_than_a_gigabyte(bits, colour):
    """In whatever way its pixels are stored, for its facts and for its preview."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(bits), str(colour)],
        capture_output=True,
        text=True,
        check=True,
        cwd=__file__.rpartition("/")[0],
    )
    assert int(done.stdout) < 600 * 1024
