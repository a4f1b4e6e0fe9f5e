"""The offline engine: reference images and uploads, which are checked, and never fetched."""

import base64
import hashlib
import io
import uuid

import pytest
from offline_tasks import data_uri, new_uuid, opened, picture_of, query, refusal, send, task
from PIL import Image

from nbkit.offline import Offline, renderer


def picture_hash(engine, *references):
    """A hash of the picture that is drawn for some reference images."""
    (item,) = send(engine, task(seed=1, inputs={"referenceImages": list(references)}))[1]["data"]
    return hashlib.sha256(picture_of(engine, item).body).hexdigest()


def test_the_picture_depends_on_the_pixels_of_a_reference():
    """It is the same for a data URI, base64 text and an upload of one file, and another for another file."""
    engine, given = Offline(), data_uri()
    _, body = send(engine, {"taskType": "imageUpload", "taskUUID": new_uuid(), "image": given})
    (upload,) = body["data"]
    hashes = {picture_hash(engine, r) for r in (given, given.rpartition(",")[2], upload["imageUUID"])}
    assert len(hashes) == 1
    assert hashes != {picture_hash(engine, data_uri(colour="blue"))}


def test_the_image_uuid_of_a_result_is_a_reference_with_its_pixels():
    """A task without a size gets the shape of that picture."""
    engine = Offline()
    (item,) = send(engine, task(width=688, height=384))[1]["data"]
    _, body = send(
        engine, task(width=..., height=..., resolution="0.5K", inputs={"referenceImages": [item["imageUUID"]]})
    )
    assert opened(picture_of(engine, body["data"][0])).size == (688, 384)


def test_urls_are_drawn_as_frames():
    """They are accepted without being fetched, and each gives another picture."""
    engine = Offline()
    pictures = {picture_hash(engine, r) for r in ("https://a.invalid/1", "https://a.invalid/2")}
    assert len(pictures) == 2


def test_the_uuid_of_no_upload_is_refused():
    """So is the one of an upload that was deleted; nothing is charged."""
    engine = Offline()
    status, error = refusal(engine, task(inputs={"referenceImages": [new_uuid()]}))
    assert (status, error["code"], error["parameter"]) == (400, "invalidReferenceImage", "inputs.referenceImages")
    assert engine.charges == {}


@pytest.mark.parametrize("size", [(8_000, 7_000)])
def test_a_reference_with_too_many_pixels_is_refused(size):
    """Its file is small, and is not decoded."""
    out = io.BytesIO()
    Image.new("1", size).save(out, "PNG")
    text = base64.b64encode(out.getvalue()).decode()
    _, error = refusal(Offline(), task(inputs={"referenceImages": [text]}))
    assert error["code"] == "invalidReferenceImage"


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "I;16", "1", "CMYK"])
def test_a_reference_of_any_colour_mode_can_be_drawn(mode):
    """Pillow's modes, as a TIFF has them."""
    out = io.BytesIO()
    Image.new(mode, (40, 30)).save(out, "TIFF")
    assert picture_hash(Offline(), base64.b64encode(out.getvalue()).decode())


def test_a_truncated_reference_is_refused():
    """A PNG without its second half is not a readable picture."""
    out = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(out, "PNG")
    text = base64.b64encode(out.getvalue()[:900]).decode()
    assert refusal(Offline(), task(inputs={"referenceImages": [text]}))[1]["code"] == "invalidReferenceImage"


def test_the_url_of_an_upload_returns_the_uploaded_bytes():
    """They have the media type of the upload."""
    engine, given = Offline(), data_uri()
    (item,) = send(engine, {"taskType": "imageUpload", "taskUUID": new_uuid(), "image": given})[1]["data"]
    answer = picture_of(engine, item)
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.body == base64.b64decode(given.rpartition(",")[2])


def test_media_can_be_uploaded_and_deleted():
    """Deleting it again is refused as not found, and so is an unknown operation, with the allowed ones."""
    engine = Offline()
    head = {"taskType": "mediaStorage", "taskUUID": new_uuid()}
    (stored,) = send(engine, head | {"operation": "upload", "media": data_uri()})[1]["data"]
    assert stored["mediaURL"].endswith(stored["mediaUUID"])
    delete = head | {"operation": "delete", "media": stored["mediaUUID"]}
    assert send(engine, delete)[1]["data"][0]["mediaUUID"] == stored["mediaUUID"]
    status, error = refusal(engine, delete)
    assert (status, error["code"]) == (404, "mediaNotFound")
    assert refusal(engine, head | {"operation": "rename"})[1]["allowedValues"] == ["upload", "delete"]


@pytest.mark.parametrize("image", [..., 5, "nothing", str(uuid.UUID(int=4))])
def test_an_upload_without_a_picture_or_a_url_is_refused(image):
    """The error names ``image``."""
    given = {"taskType": "imageUpload", "taskUUID": new_uuid()} | ({} if image is ... else {"image": image})
    status, error = refusal(Offline(), given)
    assert (status, error["parameter"]) == (400, "image")


def test_an_uploaded_url_is_never_fetched():
    """The upload has a UUID and no pixels: its picture is not found, and a reference to it is drawn like the URL."""
    engine = Offline()
    upload = {"taskType": "imageUpload", "taskUUID": new_uuid(), "image": "https://a.invalid/x.png"}
    (item,) = send(engine, upload)[1]["data"]
    assert picture_of(engine, item).status == 404
    assert picture_hash(engine, item["imageUUID"]) == picture_hash(engine, "https://a.invalid/x.png")


def test_an_evicted_reference_is_replaced_by_its_hash(monkeypatch):
    """The details of its task have the hash in its place, and the picture is drawn with a frame in its place."""
    reference, later = data_uri(), data_uri(colour="blue")
    monkeypatch.setattr(renderer, "MAX_TEXT_BYTES", max(len(reference), len(later)))  # enough for one of them
    monkeypatch.setattr(renderer, "MAX_THUMBNAIL_BYTES", 1000)
    engine, given = Offline(), task(inputs={"referenceImages": [reference]})

    def stored_inputs():
        (details,) = query(engine, "getTaskDetails", given["taskUUID"])[1]["data"]
        return details["request"][0]["inputs"]

    (item,) = send(engine, given)[1]["data"]
    assert stored_inputs() == {"referenceImages": [reference]}
    with_pixels = picture_of(engine, item)
    send(engine, task(inputs={"referenceImages": [later]}))
    digest = hashlib.sha256(reference.encode()).hexdigest()
    assert stored_inputs() == {"referenceImages": [f"sha256:{digest}"]}
    with_frame = picture_of(engine, item)
    assert (with_pixels.status, with_frame.status) == (200, 200)
    assert with_pixels.body != with_frame.body
