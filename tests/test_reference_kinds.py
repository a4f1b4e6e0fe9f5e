"""Reference images of every kind: depths, colours, frames, damaged metadata, other formats, and what people give."""

import base64
import collections
import io
import tempfile
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageCms, PngImagePlugin
from reference_pictures import chunk, encoded, exif, gradient, opened, with_chunk, with_segment

import nbkit
from nbkit.errors import RequestError
from nbkit.request.image_request import ImageRequest
from nbkit.request.reference import remove_metadata
from nbkit.results.run import Run

RAMP = np.tile(np.linspace(0, 1, 64), (8, 1))
"""Black on the left, white on the right."""


def received(*values):
    """The pictures that the service gets for these reference images."""
    request = ImageRequest("A lantern", reference_images=values[0] if len(values) == 1 else list(values))
    texts = request.to_send()["inputs"]["referenceImages"]
    return [opened(base64.b64decode(text.partition(",")[2])) for text in texts]


def greys(value):
    (picture,) = received(value)
    assert picture.mode in ("L", "RGB", "LA", "RGBA")
    return np.asarray(picture.convert("L"), dtype=float)


def error_of(value):
    with pytest.raises(RequestError, match=r"^reference_images=") as caught:
        ImageRequest("A lantern", reference_images=value)
    assert caught.value.parameter == "reference_images"
    return caught.value


# -- more than 8 bits ------------------------------------------------------------------------------------------


def as_array(values, kind):
    return Image.fromarray(values.astype(kind))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (RAMP * 65535, np.uint16),
        (RAMP * 65535, ">u2"),
        (RAMP * 4095, np.uint16),  # a camera of 12 bits
        (RAMP * 900 + 100, np.uint16),
        (RAMP * 255, np.uint16),
        (RAMP > 0.5, np.uint16),
        (RAMP * 255, np.int32),
        (RAMP * 1000, np.int32),
        (RAMP * 2e9 - 1e9, np.int32),
        (RAMP * 2000 + 1e9, np.int32),
        (RAMP, np.float32),
        (RAMP * 255, np.float32),
        (RAMP * 6 - 3, np.float32),
        (RAMP * 1e30, np.float32),
        (RAMP * 1e-3 - 1e-3, np.float32),
    ],
    ids=lambda part: (
        getattr(part, "__name__", None) or (part if isinstance(part, str) else f"{part.min():g}..{part.max():g}")
    ),
)
@pytest.mark.parametrize("form", ["PIL", "TIFF", "PNG"])
def test_a_picture_of_more_than_8_bits_is_sent_with_its_greys(values, kind, form):
    """In 8 bits, from black to white, whatever its range; the values in between keep their order and distance."""
    picture = as_array(values, kind)
    if form == "PNG" and picture.mode in ("F", "I"):
        form = "TIFF"  # a PNG has at most 16 bits
    expected = np.where(RAMP > 0.5, 255, 0) if values.dtype == bool else RAMP * 255
    found = greys(picture if form == "PIL" else encoded(form, picture))
    assert np.abs(found - expected).max() <= 1.5


@pytest.mark.parametrize(
    ("value", "kind", "grey"),
    [
        (0, np.uint16, 0), (65535, np.uint16, 255), (32768, np.uint16, 128), (257 * 7, np.uint16, 7), (0, np.int32, 0),
        (200, np.int32, 200), (0.5, np.float32, 128), (1.0, np.float32, 255), (255.0, np.float32, 255), (np.nan, np.float32, 0),
    ],
)  # fmt: skip
def test_a_picture_of_one_value_keeps_its_lightness(value, kind, grey):
    """There is nothing to stretch: a black mask stays black, a white one white."""
    assert np.unique(greys(as_array(np.full((4, 4), value), kind))).tolist() == [grey]


def test_values_that_are_no_numbers_are_the_darkest_and_infinite_ones_the_ends():
    """The rest of the picture is scaled as if they were not there."""
    values = (RAMP * 8 - 4).astype(np.float32)
    values[0, :3] = np.nan, np.inf, -np.inf
    found = greys(encoded("TIFF", Image.fromarray(values)))
    assert found[0, :3].tolist() == [0, 255, 0]
    assert np.abs(found[1] - RAMP[0] * 255).max() <= 1.5


def png_of_16_bits(colour_type, channels, values):
    """A PNG as other programs write it; Pillow writes none of 16 bits with colours."""
    height, width = values.shape
    head = np.array([width, height], ">u4").tobytes() + bytes([16, colour_type, 0, 0, 0])
    rows = b"".join(b"\0" + np.repeat(row, channels).astype(">u2").tobytes() for row in values)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("colour_type", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_a_png_of_16_bits_a_channel_is_sent_with_8(colour_type, channels):
    """Grey, colours, and both with transparency."""
    data = png_of_16_bits(colour_type, channels, np.maximum(RAMP * 65535, 1))
    found = greys(data)
    assert np.abs(found - RAMP * 255).max() <= 1.5
    (picture,) = received(data)
    assert encoded("PNG", picture)[24] == 8


# -- colours --------------------------------------------------------------------------------------------------


def corners(picture):
    rgb = picture.convert("RGBA").convert("RGB")
    return [
        rgb.getpixel(at) for at in ((1, 1), (rgb.width - 2, 1), (1, rgb.height - 2), (rgb.width - 2, rgb.height - 2))
    ]


def in_lab(picture):
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    return ImageCms.profileToProfile(picture, *profiles, outputMode="LAB")


def with_alpha(mode):
    return lambda: gradient("RGBA" if mode == "RGBa" else "LA").convert(mode)


MODES = {
    mode: (lambda mode=mode: gradient(mode))
    for mode in ("1", "L", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "I", "F")
}
MODES |= {"RGBa": with_alpha("RGBa"), "La": with_alpha("La"), "LAB": lambda: in_lab(gradient())}
MODES["PA"] = lambda: gradient("P").convert("PA")


@pytest.mark.parametrize("form", ["PIL", "TIFF", "PNG", "WEBP", "JPEG", "GIF", "BMP"])
@pytest.mark.parametrize("mode", MODES)
def test_a_picture_of_any_mode_is_sent_in_its_colours(mode, form):
    """Also inks, and what no browser shows."""
    picture = MODES[mode]()
    try:
        value = picture if form == "PIL" else encoded(form, picture)
        if form != "PIL":
            Image.open(io.BytesIO(value)).load()
    except (OSError, ValueError, KeyError, DeprecationWarning):
        return  # this Pillow does not write this mode in this format, or does not read what it wrote
    plain = gradient("1" if mode == "1" else "L" if mode in ("L", "I", "F", "La") else "RGB")
    near = 45 if form in ("JPEG", "WEBP", "GIF") or mode in ("P", "PA", "LAB") else 4
    (sent,) = received(value)
    for found, expected in zip(corners(sent), corners(plain), strict=True):
        assert np.abs(np.subtract(found, expected)).max() <= near


@pytest.mark.parametrize("mode", ["P", "L", "RGB", "1"])
def test_a_colour_that_is_transparent_stays_so(mode):
    """Of a PIL image, and of a file that is encoded again."""
    picture = Image.new("RGB", (8, 8), "black").convert(mode)
    picture.paste(picture.getpixel((0, 0)), (0, 0, 8, 8))
    data = encoded("PNG", picture, transparency=picture.getpixel((0, 0)))
    for value in (data, opened(data), with_chunk(data, b"tEXt", b"a\0b")):
        (sent,) = received(value)
        assert sent.convert("RGBA").getpixel((3, 3))[3] == 0


# -- metadata that is damaged or huge -------------------------------------------------------------------------


def png_with_texts(number, size):
    info = PngImagePlugin.PngInfo()
    for i in range(number):
        info.add_text(f"workflow {i}", "{}" * (size // 2), zip=True)
    return encoded("PNG", pnginfo=info)


EXIF = exif().tobytes()
BAD_EXIF = {
    "junk": b"Exif\0\0junk",
    "cut": EXIF[:40],
    "half": EXIF[: len(EXIF) // 2],
    "none": b"Exif\0\0",
    "ff": b"\xff" * 60,
}
PNG, JPEG = encoded("PNG"), encoded("JPEG")


def bad_crc(name, content):
    part = chunk(name, content)
    return PNG[:33] + part[:-4] + b"abcd" + PNG[33:]


DAMAGED = {
    **{
        f"{kind}, EXIF {name}": encoded(kind, exif=data)
        for name, data in BAD_EXIF.items()
        for kind in ("PNG", "JPEG", "WEBP")
    },
    **{f"{kind}, profile": encoded(kind, icc_profile=b"junk") for kind in ("PNG", "JPEG", "WEBP")},
    **{f"{kind}, XMP": encoded(kind, xmp=b"<x:xmpmeta broken \xff") for kind in ("JPEG", "WEBP")},
    **{
        f"PNG, wrong sum of {name.decode()}": bad_crc(name, b"a\0b")
        for name in (b"tEXt", b"eXIf", b"iCCP", b"gAMA", b"tIME")
    },
    **{
        f"PNG, short {name.decode()}": with_chunk(PNG, name, b"a")
        for name in (b"gAMA", b"cHRM", b"pHYs", b"iCCP", b"acTL")
    },
    "PNG, profile that is not compressed": with_chunk(PNG, b"iCCP", b"a\0\0junk"),
    "PNG, profile of 80 MB": with_chunk(PNG, b"iCCP", b"a\0\0" + zlib.compress(b"x" * 80_000_000)),
    "PNG, text that is not compressed": with_chunk(PNG, b"zTXt", b"a\0\0junk"),
    "PNG, XMP": with_chunk(PNG, b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x:xmpmeta broken"),
    "PNG, a text of 3 MB": png_with_texts(1, 3_000_000),
    "PNG, a text of 70 MB": png_with_texts(1, 70_000_000),
    "PNG, ninety texts of 1 MB": png_with_texts(90, 1_000_000),
    "JPEG, Photoshop": with_segment(JPEG, 0xED, b"Photoshop 3.0\0" + b"8BIM\x04\x04\x03"),
    "JPEG, profile without its number": with_segment(JPEG, 0xE2, b"ICC_PROFILE\0"),
    "JPEG, list of frames": with_segment(JPEG, 0xE2, b"MPF\0junk"),
    "JPEG, short colour segment": with_segment(JPEG, 0xEE, b"Adobe"),
    "JPEG, comment that is no text": with_segment(JPEG, 0xFE, b"\xff\xd9\0\xff"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_the_pixels_of_a_picture_count_and_not_its_metadata(name):
    """Damaged or huge metadata is left out, and the pixels are sent as they are in every format."""
    kind = name[:4].strip(",")
    data, media_type = remove_metadata(DAMAGED[name])
    assert media_type == f"image/{kind.lower()}"
    assert opened(data).convert("RGB").tobytes() == opened(encoded(kind)).convert("RGB").tobytes()
    assert remove_metadata(data) == (data, media_type)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_is_turned_upright_also_beside_damaged_metadata(kind):
    """The EXIF data says how; another part of the file is damaged or too large."""
    data = encoded(kind, gradient(size=(64, 32)), exif=exif(orientation=6))
    damage = {
        "PNG": lambda png: with_chunk(png, b"zTXt", b"a\0\0" + zlib.compress(b"x" * 70_000_000)),
        "JPEG": lambda jpeg: with_segment(jpeg, 0xE2, b"MPF\0junk"),
        "WEBP": lambda webp: webp + b"XMP \xff\xff\xff\xff",
    }
    assert opened(remove_metadata(damage[kind](data))[0]).size == (32, 64)


@pytest.mark.parametrize("quality", [30, 95])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_is_not_encoded_again_to_remove_what_it_carries(mode, quality):
    """Its pixels are the very same, and a progressive one stays progressive."""
    for options in ({}, {"progressive": True}, {"restart_marker_rows": 1}):
        whole = encoded(
            "JPEG", gradient(mode, (200, 120)), quality=quality, exif=exif(), comment=b"Secretcam", **options
        )
        bare = encoded("JPEG", gradient(mode, (200, 120)), quality=quality, **options)
        assert remove_metadata(whole + b"a film")[0] == bare


# -- frames ---------------------------------------------------------------------------------------------------


def of_three_frames(kind, **options):
    """Pictures that Pillow has not saved before: it keeps settings of the first format in them."""
    first, *others = [Image.new("RGB", (16, 8), colour) for colour in ("red", "lime", "blue")]
    return encoded(kind, first, save_all=True, append_images=others, **options)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "MPO"])
def test_the_first_frame_of_a_file_is_sent(kind):
    """Of every format alike: an animation, a TIFF of several pages, the second picture of a phone."""
    data = of_three_frames(kind)
    assert opened(data).n_frames == 3
    (sent,) = received(data)
    assert getattr(sent, "n_frames", 1) == 1
    assert np.abs(np.subtract(corners(sent)[0], (255, 0, 0))).max() <= 4


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_a_pil_image_the_frame_that_it_shows_is_sent(kind):
    """After ``seek`` that is not the first one."""
    with Image.open(io.BytesIO(of_three_frames(kind, lossless=True))) as picture:
        picture.seek(2)
        (sent,) = received(picture)
    assert np.abs(np.subtract(corners(sent)[0], (0, 0, 255))).max() <= 4


# -- what is no picture ---------------------------------------------------------------------------------------


def ftyp(brand):
    return b"\0\0\0\x20ftyp" + brand + b"\0" * 40


def tiff_of_a_camera(**tags):
    return encoded("TIFF", tiffinfo={int(number[1:]): value for number, value in tags.items()})


@pytest.mark.parametrize(
    ("data", "words"),
    [
        *((ftyp(brand), ["HEIC", "pillow-heif", "JPEG"]) for brand in (b"heic", b"heix", b"mif1", b"hevc", b"msf1")),
        (ftyp(b"avif"), []), (ftyp(b"crx "), ["RAW", "JPEG"]), (ftyp(b"isom"), ["film", "frame"]), (ftyp(b"qt  "), ["film"]),
        (ftyp(b"isom\0\0\2\0isomhevc"), ["film"]), (ftyp(b"MiHE\0\0\0\0MiPrmif1"), ["HEIC"]),
        (b"\xef\xbb\xbf<svg/>", ["SVG"]), (b"\xef\xbb\xbf<html>", ["web page"]), (b"8BPS\0\1", ["PSD", "JPEG or PNG"]),
        (b"\xff\x0a\xfa\x7f", ["JPEG XL", "pillow"]), (b"\0\0\0\x0cJXL \r\n\x87\n", ["JPEG XL"]),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", ["SVG", "PNG"]),
        (b"<?xml version='1.0'?>\n<!-- by hand -->\n<!DOCTYPE svg PUBLIC ''>\n<svg/>", ["SVG"]),
        (b"%PDF-1.7 ...", ["PDF", "PNG"]), (b"FUJIFILMCCD-RAW 0201", ["RAW"]), (b"II*\0\x10\0\0\0CR\x02\0", ["RAW"]),
        (tiff_of_a_camera(t50706=b"\1\4\0\0"), ["RAW"]), (tiff_of_a_camera(t254=1), ["RAW"]),
        (b"<!DOCTYPE html><html>", ["web page"]), (b"\n <html lang='en'>", ["web page"]),
        (b"\x93NUMPY\1\0v\0", ["numpy.load"]), (b"PK\3\4....", ["archive"]), (b"\x1f\x8b\x08", ["archive"]),
        (b"version https://git-lfs.github.com/spec/v1\n", ["Git LFS", "git lfs pull"]), (b"", ["empty"]),
        (b"\0" * 128 + b"DICM", ["DICOM"]), (b"II*\0\x08\0\0\0\0\0", ["TIFF", "tifffile"]), (b"hello", ["hello", "JPEG or PNG"]),
    ],
    ids=lambda part: repr(part[:12]) if isinstance(part, bytes) else "",
)  # fmt: skip
def test_a_file_that_is_no_picture_is_named_with_the_way_out(data, words, tmp_path):
    """By its first bytes; the name of the file does not count."""
    (tmp_path / "photo.jpg").write_bytes(data)
    for value in (data, tmp_path / "photo.jpg"):
        error = error_of(value)
        assert error.reason == "format"
        assert all(word in str(error) for word in ["picture that can be", *words])


# -- what people type first -----------------------------------------------------------------------------------


def run_with(*images):
    return Run(request=ImageRequest("A lamp"), task_uuid="", status="done" if images else "failed", images=images)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("photos")
    for name, colour in (("a", "red"), ("b", "lime"), ("c", "blue")):
        Image.new("RGB", (16, 8), colour).save(path / f"{name}.png")
    (path / "notes.txt").write_text("no picture")
    return path


@pytest.fixture(scope="module")
def images():
    studio = nbkit.Studio(engine="offline", path=tempfile.mkdtemp())
    return list(studio.generate("A lamp", number_results=2, seed=1, resolution="0.5K"))


def reds(pictures):
    return [picture.convert("RGB").getpixel((8, 4)) for picture in pictures]


RED, LIME, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)

SEVERAL = {
    "list": list,
    "tuple": tuple,
    "generator": lambda paths: (path for path in paths),
    "map": lambda paths: map(Path, paths),
    "list of a generator": lambda paths: [iter(paths)],
    "deque": collections.deque,
    "values of a dict": lambda paths: dict(enumerate(paths)).values(),
    "keys of a dict": lambda paths: dict.fromkeys(paths).keys(),
    "Series": lambda paths: pd.Series(paths, index=[7, 3, 5]),
    "Index": pd.Index,
    "array of paths": lambda paths: np.array(paths, dtype=object),
    "list of files": lambda paths: [io.BytesIO(path.read_bytes()) for path in paths],
    "list of arrays": lambda paths: [np.asarray(Image.open(path)) for path in paths],
    "list of PIL images": lambda paths: [Image.open(io.BytesIO(path.read_bytes())) for path in paths],
}


@pytest.mark.parametrize("form", SEVERAL)
def test_several_pictures_may_be_anything_with_an_order(form, folder):
    """The order is kept, and an iterator is read once."""
    paths = [folder / f"{name}.png" for name in "abc"]
    assert reds(received(SEVERAL[form](paths))) == [RED, LIME, BLUE]


def test_a_glob_is_a_list_of_pictures(folder):
    """``folder.glob("*.png")`` as it is, in a request, an estimate, a sweep and a panel."""
    studio = nbkit.Studio(engine="offline", path=tempfile.mkdtemp())
    expected = ImageRequest("A lamp", reference_images=sorted(folder.glob("*.png")))
    for request in (
        ImageRequest("A lamp", reference_images=sorted(folder.glob("*.png"))),
        ImageRequest("A lamp").replace(reference_images=iter(sorted(folder.glob("*.png")))),
        studio.sweep("A lamp", reference_images=iter(sorted(folder.glob("*.png"))))[0].request,
        studio.panel("A lamp", reference_images=iter(sorted(folder.glob("*.png")))).request,
        ImageRequest.from_task(
            {"positivePrompt": "A lamp", "inputs": {"referenceImages": sorted(folder.glob("*.png"))}}
        ),
    ):
        assert request == expected
    assert len(ImageRequest("A lamp", reference_images=folder.glob("*.png")).reference_images) == 3
    assert studio.estimate("A lamp", reference_images=folder.glob("*.png"), resolution="1K") == studio.estimate(
        expected, resolution="1K"
    )
    assert error_of(folder.glob("*.jpg")).reason == "count"
    assert error_of(iter(int, 1)).reason == "count"


def test_a_folder_or_a_set_is_an_error_that_says_what_to_type(folder):
    """A folder has files that are no pictures, and a set has no order."""
    assert f'pathlib.Path({str(folder)!r}).glob("*.png")' in str(error_of(folder))
    for several in ({folder / "a.png"}, frozenset([folder / "a.png"]), [{folder / "a.png"}]):
        assert "sorted(" in str(error_of(several))


def test_texts_of_a_series_are_no_files(folder):
    """As everywhere: a text is never opened as a file."""
    assert "pathlib.Path(" in str(error_of(pd.Series([str(folder / "a.png")])))
    assert reds(received(pd.Series([str(folder / "a.png")]).map(Path))) == [RED]
    assert error_of(pd.Series([folder / "a.png", None])).reason == "type"


FILES = {
    "BytesIO": io.BytesIO,
    "BytesIO at its end": lambda data: (out := io.BytesIO(), out.write(data))[0],
    "file": lambda data: (file := tempfile.TemporaryFile(), file.write(data))[0],  # noqa: SIM115  the test closes it
    "spooled file": lambda data: (file := tempfile.SpooledTemporaryFile(), file.write(data))[0],  # noqa: SIM115
    "buffered reader": lambda data: io.BufferedReader(io.BytesIO(data)),
    "stream": lambda data: type("Stream", (), {"read": lambda _: data})(),
    "stream that cannot go back": type("Stream", (io.BytesIO,), {"seekable": lambda _: False}),
}


@pytest.mark.parametrize("form", FILES)
def test_an_open_file_is_read_from_its_beginning(form):
    """Also one that was just written; its position stays."""
    file = FILES[form](PNG)
    at = file.tell() if hasattr(file, "tell") else None
    (sent,) = received(file)
    assert sent.tobytes() == opened(PNG).tobytes()
    if at is not None and file.seekable():
        assert file.tell() == at
        assert ImageRequest("A lamp", reference_images=[file]) == ImageRequest("A lamp", reference_images=PNG)
        assert ImageRequest("A lamp", reference_images=file) == ImageRequest("A lamp", reference_images=PNG)
    if hasattr(file, "close"):
        file.close()


def test_a_file_that_is_open_as_text_or_closed_is_an_error(folder):
    """The message says how to open it."""
    with (folder / "notes.txt").open(encoding="utf-8") as text:
        assert 'open(path, "rb")' in str(error_of(text))
    assert 'open(path, "rb")' in str(error_of(io.StringIO("text")))
    closed = io.BytesIO(PNG)
    closed.close()
    assert error_of([closed]).reason == "type"


COLOURS = np.asarray(gradient("RGBA"))


@pytest.mark.parametrize(
    ("array", "mode"),
    [
        (COLOURS, "RGBA"), (COLOURS[:, :, :3], "RGB"), (COLOURS[:, :, 0], "L"), (COLOURS[:, :, :1], "L"),
        (COLOURS[::-1, ::2, :3], "RGB"), (np.asfortranarray(COLOURS), "RGBA"),
        (COLOURS[:, :, :3] / 255, "RGB"), ((COLOURS / 255).astype(np.float32), "RGBA"), ((COLOURS[:, :, 0] / 255).astype(np.float16), "L"),
        (COLOURS[:, :, :3].astype(np.uint16) * 257, "RGB"), (COLOURS[:, :, 0].astype(">u2") * 257, "L"),
        (COLOURS[:, :, :3].astype(float), "RGB"),
    ],
)  # fmt: skip
def test_an_array_is_a_picture(array, mode):
    """Of 8 or 16 bits or floats, with one channel, three, or four; the array itself does not change."""
    before = array.copy()
    (sent,) = received(array)
    expected = COLOURS[: array.shape[0]] if array.shape[1] == COLOURS.shape[1] else COLOURS[::-1, ::2]
    expected = {"L": expected[:, :, 0], "RGB": expected[:, :, :3], "RGBA": expected}[mode]
    assert sent.mode == mode
    assert np.abs(np.asarray(sent).astype(int) - expected).max() <= 1
    assert (array == before).all()


def test_an_array_of_truth_values_is_a_mask():
    """False is black, True is white."""
    (sent,) = received(RAMP > 0.5)
    assert sent.convert("L").getextrema() == (0, 255)
    assert np.asarray(sent.convert("L"))[0, [0, -1]].tolist() == [0, 255]


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((3, 32, 16), np.uint8), "numpy.moveaxis(array, 0, -1)"), (np.zeros((2, 8, 8, 3), np.uint8), "list(array)"),
        (np.zeros((8, 8, 2), np.uint8), "(8, 8, 2)"), (np.zeros((0, 8), np.uint8), "(0, 8)"), (np.uint8(3), "()"),
        (np.zeros((8, 8, 3), np.int64), "int64"), (np.zeros((8, 8), complex), "complex128"),
        (np.zeros((8, 8), "datetime64[s]"), "datetime64[s]"), (pd.DataFrame({"a": ["x"]}), "object"), (np.zeros((8, 8), "U1"), "<U1"),
    ],
)  # fmt: skip
def test_an_array_that_is_no_picture_is_an_error_that_says_what_it_is(array, words):
    """With what to type, where that can be guessed."""
    error = error_of([array])
    assert error.reason in ("type", "dimensions")
    assert words in str(error)


def test_a_figure_is_the_picture_that_it_saves():
    """As matplotlib's ``savefig`` writes it."""
    figure = type(
        "Figure", (), {"savefig": lambda _, file, **kind: file.write(PNG if kind == {"format": "png"} else b"")}
    )()
    assert received(figure)[0].tobytes() == opened(PNG).tobytes()


def test_a_run_is_its_pictures(images):
    """In their order, beside others; each counts."""
    run = run_with(*images)
    for value in (run, [run], iter([run]), (images[0], run_with(images[1])), list(run)):
        assert ImageRequest("A lamp", reference_images=value) == ImageRequest("A lamp", reference_images=images)
    assert len(ImageRequest("A lamp", reference_images=[PNG, run, JPEG]).reference_images) == 4
    assert error_of([run] * 8).reason == "count"
    for value in (run_with(), [images[0], run_with()]):
        error = error_of(value)
        assert error.reason == "count"
        assert "<Run failed" in str(error)


def test_runs_are_the_values_of_an_axis(images):
    """A list of lists is an axis; a list of runs is one value."""
    studio = nbkit.Studio(engine="offline", path=tempfile.mkdtemp())
    first, second = map(run_with, images)
    assert [
        len(c.request.reference_images) for c in studio.sweep("A lamp", reference_images=[[first], [first, second]])
    ] == [1, 2]
    assert [len(c.request.reference_images) for c in studio.sweep("A lamp", reference_images=[first, second])] == [2]
    assert [len(c.request.reference_images) for c in studio.sweep("A lamp", reference_images=io.BytesIO(PNG))] == [1]
