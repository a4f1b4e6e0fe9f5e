"""The offline engine: reference images and uploads, decoded with care and never fetched."""

import base64
import hashlib
import io
import uuid

import pytest
from offline_tasks import ask, data_uri, new_uuid, opened, picture_of, refusal, send, task
from PIL import Image

from nbkit.offline import Offline
from nbkit.offline.renderer import BoundedCache


def drawn(engine, *references):
    (item,) = send(engine, task(seed=1, inputs={"referenceImages": list(references)}))[1]["data"]
    return hashlib.sha256(picture_of(engine, item).body).hexdigest()


def test_reference_counts_by_its_content():
    """The same pixels give the same picture as a data URI, as base64 and as an upload; other pixels another."""
    engine, given = Offline(), data_uri()
    _, body = send(engine, {"taskType": "imageUpload", "taskUUID": new_uuid(), "image": given})
    (upload,) = body["data"]
    alike = {drawn(engine, r) for r in (given, given.rpartition(",")[2], upload["imageUUID"])}
    assert len(alike) == 1
    assert alike != {drawn(engine, data_uri(colour="blue"))}


def test_result_can_be_a_reference():
    """A finished result's imageUUID is a reference image with its pixels."""
    engine = Offline()
    (item,) = send(engine, task(width=688, height=384))[1]["data"]
    _, body = send(
        engine, task(width=..., height=..., resolution="0.5K", inputs={"referenceImages": [item["imageUUID"]]})
    )
    assert opened(picture_of(engine, body["data"][0])).size == (688, 384)


def test_addresses_and_unknown_uuids_are_never_fetched():
    """A URL or a UUID that is not known here is accepted and drawn as a frame of its own."""
    engine = Offline()
    pictures = {drawn(engine, r) for r in ("https://a.invalid/1", "https://a.invalid/2", new_uuid())}
    assert len(pictures) == 3


@pytest.mark.parametrize("size", [(8_000, 7_000)])
def test_huge_reference_is_refused(size):
    """A small file that unpacks to more pixels than are read is refused without unpacking it."""
    out = io.BytesIO()
    Image.new("1", size).save(out, "PNG")
    text = base64.b64encode(out.getvalue()).decode()
    _, error = refusal(Offline(), task(inputs={"referenceImages": [text]}))
    assert error["code"] == "invalidReferenceImage"


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "I;16", "1", "CMYK"])
def test_references_of_any_mode(mode):
    """A reference image of any colour mode can be drawn."""
    out = io.BytesIO()
    Image.new(mode, (40, 30)).save(out, "TIFF")
    assert drawn(Offline(), base64.b64encode(out.getvalue()).decode())


def test_truncated_reference_is_refused():
    """A picture that breaks off is no reference."""
    out = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(out, "PNG")
    text = base64.b64encode(out.getvalue()[:900]).decode()
    assert refusal(Offline(), task(inputs={"referenceImages": [text]}))[1]["code"] == "invalidReferenceImage"


def test_upload_can_be_fetched_again():
    """An uploaded picture's address gives the uploaded bytes back."""
    engine, given = Offline(), data_uri()
    (item,) = send(engine, {"taskType": "imageUpload", "taskUUID": new_uuid(), "image": given})[1]["data"]
    answer = picture_of(engine, item)
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.body == base64.b64decode(given.rpartition(",")[2])


def test_media_storage():
    """Media is uploaded and deleted; what is not there cannot be deleted."""
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
def test_bad_uploads(image):
    """What is no picture and no address cannot be uploaded."""
    given = {"taskType": "imageUpload", "taskUUID": new_uuid()} | ({} if image is ... else {"image": image})
    status, error = refusal(Offline(), given)
    assert (status, error["parameter"]) == (400, "image")


def test_uploaded_address_is_never_fetched():
    """An address can be uploaded; it is a name without pixels, and its picture is not found."""
    engine = Offline()
    upload = {"taskType": "imageUpload", "taskUUID": new_uuid(), "image": "https://a.invalid/x.png"}
    (item,) = send(engine, upload)[1]["data"]
    assert picture_of(engine, item).status == 404
    assert drawn(engine, item["imageUUID"]) == drawn(engine, "https://a.invalid/x.png")


def test_what_had_to_go_is_named():
    """A reference that is not kept any more appears by its hash in the details, and its picture is still drawn."""
    engine, reference = Offline(), data_uri()
    given = task(inputs={"referenceImages": [reference]})
    (item,) = send(engine, given)[1]["data"]
    engine._renderer._texts = engine._renderer._thumbnails = BoundedCache(0)
    (details,) = ask(engine, "getTaskDetails", given["taskUUID"])[1]["data"]
    digest = hashlib.sha256(reference.encode()).hexdigest()
    assert details["request"][0]["inputs"] == {"referenceImages": [f"sha256:{digest}"]}
    assert picture_of(engine, item).status == 200
