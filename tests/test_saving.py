"""image.save: the right suffix, the original bytes where the format stays, and conversions that keep their quality."""

import io

import numpy as np
import pytest
from PIL import Image, features
from service import picture

import nbkit
from nbkit import errors
from nbkit.measures.facts import examine

NOISE = Image.fromarray(np.random.default_rng(7).integers(0, 256, (64, 64, 3), np.uint8))
"""The hardest picture for a lossy format."""


def encoded(image, kind):
    """The bytes of a picture in a format."""
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def image_of(data):
    """A picture that is in no store."""
    return nbkit.GeneratedImage(facts=examine(data), data=data)


@pytest.mark.parametrize("kind", ["JPG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    ("name", "added"),
    [
        ("lantern_t0.7", True), ("lantern", True), ("v1.2.final", True), ("a.b", True), (".hidden", True), ("topP=0.95", True),
        ("lantern.", True), ("x.JPG", False), ("x.jpeg", False), ("x.Png", False), ("x.webp", False),
    ],
)  # fmt: skip
def test_a_name_without_the_suffix_of_a_picture_gets_the_right_one(tmp_path, kind, name, added):
    """A number behind a dot is none; the suffixes that people type are taken as they are."""
    data = picture(kind)
    file = image_of(data).save(tmp_path / name)
    assert file.name == (f"{name}.{kind.lower()}" if added else name)
    if added:
        assert file.read_bytes() == data
    with Image.open(file) as saved:
        assert saved.size == (64, 64) or saved.size


@pytest.mark.parametrize(
    ("kind", "name"),
    [("JPG", "a.jpg"), ("JPG", "a.jpeg"), ("JPG", "a.JPG"), ("JPG", "a.jfif"), ("PNG", "a.PNG"), ("WEBP", "a.webp")],
)
def test_the_same_format_gets_the_original_bytes(tmp_path, kind, name):
    """In every spelling of its suffix."""
    assert image_of(picture(kind)).save(tmp_path / name).read_bytes() == picture(kind)


LOSSY = [".jpg", ".webp"] + ([".avif"] if features.check("avif") else [])


@pytest.mark.parametrize("suffix", LOSSY)
def test_a_lossy_conversion_keeps_its_quality(tmp_path, suffix):
    """Noise differs little, with Pillow's defaults it differs more than twice as much; a WEBP always reduces colours."""
    noise = NOISE.convert("L").convert("RGB") if suffix == ".webp" else NOISE
    file = image_of(encoded(noise, "PNG")).save(tmp_path / f"noise{suffix}")
    with Image.open(file) as saved:
        difference = np.abs(np.asarray(saved.convert("RGB"), int) - np.asarray(noise, int)).mean()
    noise.save(tmp_path / f"default{suffix}")
    with Image.open(tmp_path / f"default{suffix}") as plain:
        default = np.abs(np.asarray(plain.convert("RGB"), int) - np.asarray(noise, int)).mean()
    assert difference < default / 2


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".bmp"])
def test_a_lossless_conversion_keeps_every_pixel(tmp_path, suffix):
    """From a WEBP without loss."""
    out = io.BytesIO()
    NOISE.save(out, "WEBP", lossless=True)
    with Image.open(image_of(out.getvalue()).save(tmp_path / f"x{suffix}")) as saved:
        assert np.array_equal(np.asarray(saved.convert("RGB")), np.asarray(NOISE))


DEEP = Image.fromarray(np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (64, 1)))


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".bmp", ".gif", ".tiff", ".png"])
def test_a_16_bit_picture_is_scaled_where_the_format_has_8_bits(tmp_path, suffix):
    """Neither white nor black; TIFF and PNG keep all bits."""
    source = encoded(DEEP, "TIFF" if suffix == ".png" else "PNG")
    with Image.open(image_of(source).save(tmp_path / f"x{suffix}")) as saved:
        if suffix in (".png", ".tiff"):
            assert np.array_equal(np.asarray(saved), np.asarray(DEEP))
        else:
            assert np.abs(np.asarray(saved.convert("L"), int)[32] - np.linspace(0, 255, 64)).max() < 8


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "1"])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".gif", ".tiff", ".pdf"])
def test_every_mode_of_a_png_can_be_converted(tmp_path, mode, suffix):
    """Transparency becomes white where the format has none."""
    source = Image.new(mode, (8, 8))
    image_of(encoded(source, "WEBP" if suffix == ".png" and mode != "P" else "PNG")).save(tmp_path / f"x{suffix}")
    assert (tmp_path / f"x{suffix}").stat().st_size > 20


def test_a_cmyk_jpeg_can_be_converted(tmp_path):
    """PNG has no inks."""
    with Image.open(image_of(encoded(Image.new("CMYK", (8, 8)), "JPEG")).save(tmp_path / "x.png")) as saved:
        assert saved.mode == "RGB"


@pytest.mark.parametrize("name", ["x.psd", "x.heic", "x.svg", "x.jxl", "x.fits"])
def test_a_format_that_cannot_be_written_is_an_error_that_names_one(tmp_path, name):
    """And nothing is left behind."""
    with pytest.raises(errors.RequestError, match=r"image\.save\('x\.png'\)") as caught:
        image_of(picture("JPG")).save(tmp_path / name)
    assert (caught.value.parameter, caught.value.suggestion) == ("path", "x.png")
    assert not list(tmp_path.glob("x*"))


def test_a_full_disk_is_an_os_error(tmp_path):
    """A folder stands for it: the error of the system is passed on."""
    (tmp_path / "x.png").mkdir()
    (tmp_path / "x.png" / f"{image_of(picture('JPG')).sha256[:16]}.jpg").mkdir()
    with pytest.raises(IsADirectoryError):
        image_of(picture("JPG")).save(tmp_path / "x.png")


@pytest.mark.parametrize(
    ("path", "metadata", "wrong"),
    [(None, False, "path"), (7, True, "path"), ("x.png", "yes", "metadata"), ("x.png", 1, "metadata")],
)
def test_an_argument_of_another_type_is_an_error_that_names_it(tmp_path, monkeypatch, path, metadata, wrong):
    """Nothing is written."""
    monkeypatch.chdir(tmp_path)
    image = nbkit.GeneratedImage(facts=examine(picture("PNG")), data=picture("PNG"))
    with pytest.raises(errors.RequestError) as caught:
        image.save(path, metadata=metadata)
    assert caught.value.parameter == wrong
    assert list(tmp_path.iterdir()) == []
