"""Location and device data in reference images: none is sent, and a picture without such data is not changed."""

import base64
from types import SimpleNamespace

import pytest
from effort import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from reference_pictures import GPS, SECRET, WITH_TRACES, WITHOUT_TRACES, encoded, exif, gradient, opened

from nbkit.errors import RequestError
from nbkit.request.image_request import ImageRequest
from nbkit.request.reference import remove_metadata

FORMS = {
    "Path": lambda data, path: (path.write_bytes(data), path)[1],
    "bytes": lambda data, _: data,
    "bytearray": lambda data, _: bytearray(data),
    "PIL": lambda data, _: opened(data),
    "GeneratedImage": lambda data, _: SimpleNamespace(bytes=data),
    "data URI": lambda data, _: f"data:image/jpeg;base64,{base64.b64encode(data).decode()}",
    "base64": lambda data, _: base64.b64encode(data).decode(),
}


def received(value):
    """The bytes that the service gets for a reference."""
    (text,) = ImageRequest("A lantern", reference_images=[value]).to_send()["inputs"]["referenceImages"]
    return base64.b64decode(text.partition(",")[2] or text)


def test_each_test_picture_contains_its_private_data():
    """Otherwise the tests below would pass without removing anything."""
    for name, data in WITH_TRACES.items():
        picture = opened(data)
        written = [*picture.info.values(), *getattr(picture, "text", {}).values(), *picture.getexif().values(), data]
        assert any(SECRET in (w.decode("latin-1") if isinstance(w, bytes) else str(w)) for w in written), name


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("traces", WITH_TRACES)
def test_private_data_is_removed_before_a_picture_is_sent(traces, form, tmp_path):
    """EXIF, XMP, IPTC, comments, texts and appended data, in every form in which a picture can be given."""
    data = received(FORMS[form](WITH_TRACES[traces], tmp_path / "picture"))
    picture = opened(data)
    assert SECRET.encode() not in data
    assert not picture.getexif()
    assert not picture.getexif().get_ifd(GPS)
    assert not getattr(picture, "text", None)
    assert not {"exif", "xmp", "comment", "photoshop"} & picture.info.keys()
    assert picture.size == opened(WITH_TRACES[traces]).size


@pytest.mark.parametrize("form", [form for form in FORMS if form != "PIL"])
@pytest.mark.parametrize("name", WITHOUT_TRACES)
def test_a_picture_without_private_data_is_sent_byte_for_byte(name, form, tmp_path):
    """It is not encoded again."""
    data = WITHOUT_TRACES[name]
    assert received(FORMS[form](data, tmp_path / "picture")) == data


@pytest.mark.parametrize("name", WITH_TRACES)
def test_removing_private_data_a_second_time_changes_nothing(name):
    """The result of the first time contains none."""
    once, media_type = remove_metadata(WITH_TRACES[name])
    assert remove_metadata(once) == (once, media_type)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_in_the_exif_data_is_applied_to_the_pixels(orientation, kind, form, tmp_path):
    """The EXIF data itself is removed."""
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    picture = gradient(size=(64, 32))
    upright = picture.transpose(turns[orientation]) if orientation in turns else picture
    turned = opened(received(FORMS[form](encoded(kind, picture, exif=exif(orientation)), tmp_path / "p"))).convert(
        "RGB"
    )
    assert turned.size == upright.size
    for x, y in ((4, 4), (upright.width - 4, 4), (4, upright.height - 4), (upright.width - 4, upright.height - 4)):
        near = zip(turned.getpixel((x, y)), upright.getpixel((x, y)), strict=True)
        assert all(abs(a - b) < 48 for a, b in near), (x, y)  # JPEG and WEBP lose a little


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_removing_private_data_keeps_transparency(kind, form, tmp_path):
    """The alpha value of each pixel is unchanged."""
    picture = gradient("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    options = {"exact": True, "lossless": True} if kind == "WEBP" else {}
    arrived = opened(received(FORMS[form](encoded(kind, picture, exif=exif(), **options), tmp_path / "p")))
    assert arrived.getchannel("A").tobytes() == picture.getchannel("A").tobytes()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("transparent", [None, 3])
def test_removing_private_data_keeps_the_colours_of_a_palette(transparent, form, tmp_path):
    """Also its transparent colour."""
    options = {} if transparent is None else {"transparency": transparent}
    data = encoded("PNG", gradient("P"), exif=exif(), **options)
    arrived = opened(received(FORMS[form](data, tmp_path / "p")))
    assert arrived.convert("RGBA").tobytes() == opened(data).convert("RGBA").tobytes()


def test_removing_private_data_keeps_the_colour_profile():
    """Without it, the colours would be different."""
    data = encoded("JPEG", exif=exif(), icc_profile=b"profile")
    assert opened(received(data)).info["icc_profile"] == b"profile"


@settings(max_examples=examples(300), deadline=None, derandomize=True, database=None)
@given(
    st.sampled_from([*WITH_TRACES.values(), *WITHOUT_TRACES.values()]),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=12),
    st.sampled_from(["bytes", "data URI", "base64"]),
)
def test_a_damaged_picture_raises_a_request_error_or_is_sent(data, damage, form):
    """Whatever a decoder raises for it, the user gets no other exception."""
    damaged = bytearray(data)
    for fraction, value in damage:
        damaged[int(fraction * len(data))] = value
    try:
        request = ImageRequest("A lantern", reference_images=FORMS[form](bytes(damaged), None))
    except RequestError as error:
        assert "reference_images=" in str(error)  # noqa: PT017  both outcomes are correct
    else:
        assert request.to_send()["inputs"]["referenceImages"]
