"""Reference images: the values that are accepted, the text that is sent for each, and the errors for all others."""

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
from small_requests import URL

from nbkit.errors import RequestError
from nbkit.request.image_request import ImageRequest, redacted
from nbkit.request.reference import MAX_REFERENCE_PIXELS, make_reference

PICTURE = encoded("PNG")
UUID_TEXT = "59a2edc2-45e6-429f-be5f-7ded59b92046"


def request(*references, **parameters):
    return ImageRequest("A lantern", reference_images=list(references), **parameters)


def sent(value):
    """The text that is sent for a reference image."""
    (text,) = request(value).to_send()["inputs"]["referenceImages"]
    return text


def data_uri(data, media_type="image/png"):
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def in_every_form(data, folder):
    """The same bytes as a value of every accepted type."""
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


def test_a_picture_is_sent_as_a_data_uri_of_its_bytes(tmp_path):
    """As a path, bytes or a GeneratedImage; inline text is sent as it is."""
    forms = in_every_form(PICTURE, tmp_path)
    as_text = {name: forms.pop(name) for name in ("data URI", "base64")}
    assert {sent(value) for value in forms.values()} == {data_uri(PICTURE)}
    assert {name: sent(value) for name, value in as_text.items()} == as_text


def test_the_same_picture_in_any_form_makes_equal_requests(tmp_path):
    """Equality, hash and identity compare the content of a reference image."""
    for data in (PICTURE, encoded("JPEG", exif=exif(orientation=6))):
        requests = {request(value) for value in in_every_form(data, tmp_path).values()}
        assert len(requests) == 1
        assert len({request(value).identity for value in in_every_form(data, tmp_path).values()}) == 1


def test_a_pil_image_is_sent_as_a_png_with_the_same_pixels():
    """The image itself is not changed."""
    picture = gradient("RGBA")
    before = picture.copy()
    received = opened(base64.b64decode(sent(picture).partition(",")[2]))
    assert (received.format, received.tobytes()) == ("PNG", before.tobytes())
    assert picture == before


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV", "La"]
)
def test_a_pil_image_of_any_mode_is_accepted(mode):
    """A mode that the file formats do not have is converted; transparency is kept."""
    picture = Image.new(mode, (8, 8))
    received = opened(make_reference(picture).data)
    assert received.size == (8, 8)
    assert received.has_transparency_data == picture.has_transparency_data


def test_a_grey_image_of_16_bits_keeps_its_levels():
    """In 8 bits; it is not clipped to its darkest 256 levels."""
    grey = Image.frombytes("I;16", (2, 1), b"\x00\x10\x00\xf0")
    assert opened(make_reference(grey).data).tobytes() == b"\x10\xef"


def test_a_cmyk_profile_is_dropped_when_the_picture_becomes_rgb():
    """A colour profile is kept only if it describes the colours that are sent."""
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
def test_a_url_a_uuid_a_data_uri_and_base64_are_sent_unchanged(text):
    """Letter for letter, in ``to_task`` and in what is sent."""
    assert request(text).to_task()["inputs"]["referenceImages"] == [text]
    assert sent(text) == text


def test_a_uuid_object_is_sent_as_its_text():
    """``uuid.UUID`` has ``.bytes`` like a picture, and means an uploaded image."""
    assert sent(uuid.UUID(UUID_TEXT)) == UUID_TEXT


def test_a_member_of_a_str_enum_is_sent_as_its_value():
    """Not as the name of the member, which is what ``str()`` returns for it."""

    class Link(str, Enum):  # noqa: UP042  str() of a StrEnum returns the value, so it would prove nothing
        CAT = URL

    assert sent(Link.CAT) == URL


def test_a_single_reference_equals_a_list_of_one():
    """One image needs no brackets."""
    assert ImageRequest("A lantern", reference_images=PICTURE) == request(PICTURE)


@pytest.mark.parametrize("name", ["cat.png", "catphoto", "photos/cat.jpg", "QUJDRA==", "data", "cat"])
def test_a_string_is_never_opened_as_a_file(tmp_path, monkeypatch, name):
    """The name of an existing file raises, with a message that shows the ``pathlib.Path`` to give instead."""
    monkeypatch.chdir(tmp_path)
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_bytes(PICTURE)
    with pytest.raises(RequestError, match=r"never opened as a file") as caught:
        request(name)
    assert (caught.value.parameter, caught.value.reason) == ("reference_images", "format")
    assert f"pathlib.Path({name!r})" in str(caught.value)
    assert request(Path(name)).reference_images[0].data == PICTURE


def test_deleting_a_file_later_does_not_change_the_request(tmp_path):
    """The file is read when the request is made."""
    path = tmp_path / "cat.png"
    path.write_bytes(PICTURE)
    made = request(path)
    path.unlink()
    assert made.to_send()["inputs"]["referenceImages"] == [data_uri(PICTURE)]


def test_any_path_like_object_is_read_as_a_file(tmp_path):
    """Such as the entries of ``os.scandir``, whose paths may be bytes."""
    (tmp_path / "cat.png").write_bytes(PICTURE)
    for folder in (tmp_path, os.fsencode(tmp_path)):
        (entry,) = os.scandir(folder)
        assert request(entry).reference_images[0].data == PICTURE


@pytest.mark.parametrize("path", [Path("no-such-file.png"), Path("a\0b"), Path("~no-such-user/cat.png"), Path()])
def test_a_file_that_cannot_be_read_raises_with_the_reason_of_the_system(path):
    """No such file, a null byte in its name, no such user, a folder."""
    with pytest.raises(
        RequestError, match=r"reference_images=.*a file that can be read, and this cannot \(.+\)"
    ) as caught:
        request(path)
    assert (caught.value.parameter, caught.value.reason) == ("reference_images", "format")


@pytest.mark.parametrize(("kind", "part"), [("JPEG", 0.5), ("JPEG", 0.1), ("PNG", 0.5), ("WEBP", 0.5)])
def test_a_truncated_picture_raises_in_every_form(kind, part, tmp_path):
    """Wherever it is cut in its pixels."""
    whole = encoded(kind, gradient(size=(256, 256)), exif=exif())
    cut = whole[: int(len(whole) * part)]
    for form, value in in_every_form(cut, tmp_path).items():
        with pytest.raises(RequestError, match=r"must be a picture that can be (read|opened)") as caught:
            pytest.fail(f"accepted as {form}: {request(value)!r}")
        assert (caught.value.parameter, caught.value.reason) == ("reference_images", "format")


@pytest.mark.parametrize(
    "junk", [b"", b"junk", b"\x89PNG\r\n\x1a\n", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\0" * 999]
)
def test_bytes_that_are_no_picture_raise_without_a_memory_address_in_the_message(junk):
    """Pillow's own message contains one, which differs from one execution to the next."""
    with pytest.raises(RequestError, match="must be a picture that can be opened") as caught:
        request(junk)
    assert (caught.value.parameter, caught.value.reason) == ("reference_images", "format")
    assert "0x" not in str(caught.value).replace(repr(junk), "")


@pytest.mark.parametrize("size", [(10_001, 10_000), (20_000, 20_000), (2**31 - 1, 2**31 - 1)])
def test_a_picture_with_too_many_pixels_raises_before_it_is_decoded(size, tmp_path):
    """In every form: a small file can unpack to a huge picture."""
    assert size[0] * size[1] > MAX_REFERENCE_PIXELS
    for form, value in in_every_form(png_header(*size), tmp_path).items():
        with pytest.raises(RequestError, match=r"a picture of at most 100,000,000 pixels") as caught:
            pytest.fail(f"accepted as {form}: {request(value)!r}")
        assert (caught.value.parameter, caught.value.reason) == ("reference_images", "format")


def test_a_pil_image_whose_file_is_closed_raises_a_request_error():
    """It was never loaded, and cannot be loaded any more."""
    with Image.open(io.BytesIO(PICTURE)) as picture:
        pass
    with pytest.raises(RequestError, match="reference_images=") as caught:
        request(picture)
    assert caught.value.parameter == "reference_images"


@pytest.mark.parametrize(
    "value", [Image.new("RGB", (0, 0)), 5, {}, {"url": "https://a.example"}, [[PICTURE]], [None], "", object()]
)
def test_a_value_of_any_other_type_raises_a_request_error(value):
    """Its message contains no memory address."""
    with pytest.raises(RequestError, match="reference_images=") as caught:
        ImageRequest("A lantern", reference_images=value)
    assert caught.value.parameter == "reference_images"
    assert " at 0x" not in str(caught.value)


def test_other_pictures_another_order_or_another_query_make_another_identity():
    """The identity has the references in their order, and addresses with their query."""
    other = encoded("PNG", gradient("L"))
    pairs = [(PICTURE, other), (other, PICTURE), (PICTURE,), ("https://a.example/?v=1",), ("https://a.example/?v=2",)]
    assert len({request(*references).identity for references in pairs}) == len(pairs)


def test_a_request_with_pictures_equals_its_pickle_and_its_copies():
    """Also its hash and its task."""
    made = request(PICTURE, gradient("RGBA"), "https://a.example/cat.jpg", UUID_TEXT)
    for twin in (pickle.loads(pickle.dumps(made)), copy.copy(made), copy.deepcopy(made)):
        assert (twin, hash(twin), twin.to_task()) == (made, hash(made), made.to_task())


def test_a_repr_shows_hashes_of_pictures_and_addresses_without_query():
    """It is short, however long the addresses are, and contains no credentials."""
    shown = repr(request(PICTURE, "https://user:word@a.example/cat.jpg?sig=abc", UUID_TEXT))
    assert "https://a.example/cat.jpg" in shown
    assert UUID_TEXT in shown
    assert not any(secret in shown for secret in ("sig", "word"))
    long = [f"https://example.com/{i}/{'x' * 500}" for i in range(14)]
    assert len(repr(request(*long))) < 500


def test_the_logged_task_has_the_hash_of_each_picture():
    """The same hash as the request's reference image; an address is logged without its query, which may be a credential."""
    made = request(PICTURE, "https://a.example/cat.jpg?v=1", encoded("JPEG", exif=exif()))
    logged = redacted(made.to_send())["inputs"]["referenceImages"]
    first, second, third = made.reference_images
    assert logged == [f"sha256:{first.sha256}", "https://a.example/cat.jpg", f"sha256:{third.sha256}"]
    assert str(second) == "https://a.example/cat.jpg"
