"""What a person may give as a reference image, and how it travels."""

import base64
import copy
import io
import os
import pickle
import uuid
from enum import Enum
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image
from reference_pictures import encoded, exif, gradient, opened, png_header

from nbkit.errors import RequestError
from nbkit.request.image_request import ImageRequest, redacted
from nbkit.request.reference import MAX_REFERENCE_PIXELS, make_reference

PICTURE = encoded("PNG")
UUID_TEXT = "59a2edc2-45e6-429f-be5f-7ded59b92046"


def request(*references, **parameters):
    return ImageRequest("A lantern", reference_images=list(references), **parameters)


def sent(value):
    """The one reference of a request, as it leaves this machine."""
    (text,) = request(value).to_send()["inputs"]["referenceImages"]
    return text


def data_uri(data, media_type="image/png"):
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def in_every_form(data, folder):
    path = folder / "picture"
    path.write_bytes(data)
    return {
        "Path": path,
        "bytes": data,
        "bytearray": bytearray(data),
        "memoryview": memoryview(data),
        "GeneratedImage": SimpleNamespace(bytes=data),
        "data URI": data_uri(data),
        "base64": base64.b64encode(data).decode(),
    }


def test_pixels_travel_as_a_data_uri(tmp_path):
    """Whatever holds a picture is sent as a data URI of its bytes."""
    forms = in_every_form(PICTURE, tmp_path)
    as_text = {name: forms.pop(name) for name in ("data URI", "base64")}
    assert {sent(value) for value in forms.values()} == {data_uri(PICTURE)}
    assert {name: sent(value) for name, value in as_text.items()} == as_text


def test_the_form_does_not_matter(tmp_path):
    """The same picture is the same reference, in equality, hash and identity, in whatever form it was given."""
    for data in (PICTURE, encoded("JPEG", exif=exif(orientation=6))):
        requests = {request(value) for value in in_every_form(data, tmp_path).values()}
        assert len(requests) == 1
        assert len({request(value).identity for value in in_every_form(data, tmp_path).values()}) == 1


def test_a_pil_image_travels_without_loss():
    """A PIL image is sent as PNG, pixel for pixel, and is left as it was."""
    picture = gradient("RGBA")
    before = picture.copy()
    received = opened(base64.b64decode(sent(picture).partition(",")[2]))
    assert (received.format, received.tobytes()) == ("PNG", before.tobytes())
    assert picture == before


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV", "La"]
)
def test_a_pil_image_of_any_mode_is_accepted(mode):
    """Modes that no file on the wire knows are converted; transparency is kept where there is one."""
    picture = Image.new(mode, (8, 8))
    received = opened(make_reference(picture).data)
    assert received.size == (8, 8)
    assert received.has_transparency_data == picture.has_transparency_data


def test_sixteen_bits_of_grey_are_kept():
    """A 16-bit picture is not clipped to its darkest 256 levels."""
    grey = Image.frombytes("I;16", (2, 1), b"\x00\x10\x00\xf0")
    assert opened(make_reference(grey).data).tobytes() == b"\x00\x10\x00\xf0"


def test_a_profile_for_inks_does_not_stay_on_an_rgb_picture():
    """A colour profile is kept only where it speaks of the colours that are sent."""
    inks = gradient("CMYK")
    inks.info["icc_profile"] = b"profile of four inks"
    assert "icc_profile" not in opened(make_reference(inks).data).info
    rgb = gradient("RGB")
    rgb.info["icc_profile"] = b"profile of three lights"
    assert opened(make_reference(rgb).data).info["icc_profile"] == b"profile of three lights"


@pytest.mark.parametrize(
    "text",
    [
        "https://example.com/cat.jpg",
        "http://127.0.0.1:8080/cat",
        "https://bucket.example/cat.png?X-Amz-Signature=abc",
        UUID_TEXT,
        UUID_TEXT.upper(),
        data_uri(PICTURE),
        data_uri(b"<svg/>", "image/svg+xml"),  # a format that the service may know
        base64.b64encode(PICTURE).decode(),
    ],
    ids=lambda text: text[:30],
)
def test_text_travels_as_it_is(text):
    """A URL, a UUID, a data URI and base64 are sent letter for letter."""
    assert request(text).to_task()["inputs"]["referenceImages"] == [text]
    assert sent(text) == text


def test_a_uuid_object_is_its_text():
    """``uuid.UUID``, which has ``.bytes`` like a picture, stands for an uploaded image."""
    assert sent(uuid.UUID(UUID_TEXT)) == UUID_TEXT


def test_a_member_of_a_text_enum_is_its_value():
    """Addresses kept in an enum are sent, not the enum's names."""

    class Place(str, Enum):  # noqa: UP042 - StrEnum has no such trap
        CAT = "https://example.com/cat.jpg"

    assert sent(Place.CAT) == "https://example.com/cat.jpg"


def test_a_single_reference_stands_for_a_list_of_one():
    """One image needs no brackets."""
    assert ImageRequest("A lantern", reference_images=PICTURE) == request(PICTURE)


@pytest.mark.parametrize("name", ["cat.png", "catphoto", "photos/cat.jpg", "QUJDRA==", "data", "cat"])
def test_a_string_is_never_opened_as_a_file(tmp_path, monkeypatch, name):
    """A string that names an existing file is refused, and the message says how a file is given."""
    monkeypatch.chdir(tmp_path)
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_bytes(PICTURE)
    with pytest.raises(RequestError, match=r"never opened as a file") as caught:
        request(name)
    assert f"pathlib.Path({name!r})" in str(caught.value)
    assert request(Path(name)).reference_images[0].data == PICTURE


def test_a_file_that_changes_later_changes_nothing(tmp_path):
    """A request holds the picture as it was when the request was made."""
    path = tmp_path / "cat.png"
    path.write_bytes(PICTURE)
    made = request(path)
    path.unlink()
    assert made.to_send()["inputs"]["referenceImages"] == [data_uri(PICTURE)]


def test_any_path_like_object_is_a_path(tmp_path):
    """Entries of a folder, also of one listed by bytes, are files."""
    (tmp_path / "cat.png").write_bytes(PICTURE)
    for folder in (tmp_path, os.fsencode(tmp_path)):
        (entry,) = os.scandir(folder)
        assert request(entry).reference_images[0].data == PICTURE


@pytest.mark.parametrize("path", [Path("no-such-file.png"), Path("a\0b"), Path("~no-such-user/cat.png"), Path()])
def test_a_file_that_cannot_be_read_is_refused(path):
    """The message names the file and the system's reason."""
    with pytest.raises(RequestError, match=r"reference_images=.*a file that can be read, and this cannot \(.+\)"):
        request(path)


@pytest.mark.parametrize(("kind", "part"), [("JPEG", 0.5), ("JPEG", 0.1), ("PNG", 0.5), ("WEBP", 0.95)])
def test_a_truncated_picture_is_refused(kind, part, tmp_path):
    """Part of a picture is refused in every form: it could not be told what private data it holds."""
    whole = encoded(kind, gradient(size=(256, 256)), exif=exif())
    cut = whole[: int(len(whole) * part)]
    assert b"exif" in cut.lower()
    for form, value in in_every_form(cut, tmp_path).items():
        with pytest.raises(RequestError, match=r"must be a picture that can be (read|opened)") as caught:
            pytest.fail(f"accepted as {form}: {request(value)!r}")
        assert caught.value.reason == "format"


@pytest.mark.parametrize(
    "junk", [b"", b"junk", b"\x89PNG\r\n\x1a\n", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\0" * 999]
)
def test_bytes_that_are_no_picture_are_refused(junk):
    """The message is about the picture, and holds no address in memory."""
    with pytest.raises(RequestError, match="must be a picture that can be opened") as caught:
        request(junk)
    assert "0x" not in str(caught.value).replace(repr(junk), "")


@pytest.mark.parametrize("size", [(10_001, 10_000), (20_000, 20_000), (2**31 - 1, 2**31 - 1)])
def test_a_huge_picture_is_refused_before_it_is_unpacked(size, tmp_path):
    """A small file that promises too many pixels is refused in every form."""
    assert size[0] * size[1] > MAX_REFERENCE_PIXELS
    for form, value in in_every_form(png_header(*size), tmp_path).items():
        with pytest.raises(RequestError, match=r"a picture of at most 100,000,000 pixels"):
            pytest.fail(f"accepted as {form}: {request(value)!r}")


def test_a_pil_image_whose_file_is_closed_is_refused():
    """An image that was never loaded, and cannot be any more, is refused in words."""
    with Image.open(io.BytesIO(PICTURE)) as picture:
        pass
    with pytest.raises(RequestError, match="reference_images="):
        request(picture)


@pytest.mark.parametrize(
    "value", [Image.new("RGB", (0, 0)), 5, {}, {"url": "https://a.example"}, [[PICTURE]], [None], "", object()]
)
def test_anything_else_is_refused(value):
    """What is no image says what may be given; objects are shown without their address in memory."""
    with pytest.raises(RequestError, match="reference_images=") as caught:
        ImageRequest("A lantern", reference_images=value)
    assert " at 0x" not in str(caught.value)


def test_references_count_by_content():
    """Another picture, and another order, is another request; a name in the address's query too."""
    other = encoded("PNG", gradient("L"))
    pairs = [(PICTURE, other), (other, PICTURE), (PICTURE,), ("https://a.example/?v=1",), ("https://a.example/?v=2",)]
    assert len({request(*references).identity for references in pairs}) == len(pairs)


def test_a_request_with_pictures_is_a_value():
    """It can be pickled, copied, hashed and compared."""
    made = request(PICTURE, gradient("RGBA"), "https://a.example/cat.jpg", UUID_TEXT)
    for twin in (pickle.loads(pickle.dumps(made)), copy.copy(made), copy.deepcopy(made)):
        assert (twin, hash(twin), twin.to_task()) == (made, hash(made), made.to_task())


def test_its_repr_is_short_and_tells_no_query():
    """A repr holds hashes for pictures, and addresses without what they carry behind the question mark."""
    shown = repr(request(PICTURE, "https://user:word@a.example/cat.jpg?sig=abc", UUID_TEXT))
    assert "https://a.example/cat.jpg" in shown
    assert UUID_TEXT in shown
    assert not any(secret in shown for secret in ("sig", "word"))
    long = [f"https://example.com/{i}/{'x' * 500}" for i in range(14)]
    assert len(repr(request(*long))) < 500


def test_the_log_holds_hashes_of_inline_pictures():
    """A task as it is logged names a picture by the hash by which the request knows it."""
    made = request(PICTURE, "https://a.example/cat.jpg?v=1", encoded("JPEG", exif=exif()))
    logged = redacted(made.to_send())["inputs"]["referenceImages"]
    first, second, third = made.reference_images
    assert logged == [f"sha256:{first.sha256}", "https://a.example/cat.jpg?v=1", f"sha256:{third.sha256}"]
    assert str(second) == "https://a.example/cat.jpg"
