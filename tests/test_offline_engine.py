"""The offline engine: what a task comes to, its size, its price, and whose key it is."""

import base64
import io
import json
import threading
import uuid

import pytest
from offline_tasks import PRICE, data_uri, new_uuid, opened, picture_of, refusal, send, task
from PIL import Image

from nbkit.offline import Offline
from nbkit.offline.renderer import BoundedCache

# -- a successful task ----------------------------------------------------------------------------------------


def test_success_has_every_documented_field_and_no_errors_key():
    """A result carries task, image, seed, address and cost; a success has no ``errors`` key at all."""
    given = task(seed=7)
    status, body = send(Offline(), given)
    assert status == 200
    assert set(body) == {"data"}
    (item,) = body["data"]
    assert item["taskType"] == "imageInference"
    assert item["taskUUID"] == given["taskUUID"]
    assert uuid.UUID(item["imageUUID"]).version == 4
    assert item["seed"] == 7
    assert item["cost"] == 0.04657
    assert item["imageURL"].startswith("https://offline.nbkit.invalid/")
    assert "NSFWContent" not in item


@pytest.mark.parametrize(("asked", "has_cost"), [(..., True), (True, True), (False, False)])
def test_cost_is_left_out_only_when_refused(asked, has_cost):
    """As in the page's examples, the cost comes unless ``includeCost`` is false."""
    _, body = send(Offline(), task(includeCost=asked))
    assert ("cost" in body["data"][0]) is has_cost


@pytest.mark.parametrize("older_name", [True, False])
def test_content_check_is_answered(older_name):
    """A content check, under its older name too, adds ``NSFWContent``."""
    given = {"checkNSFW": True} if older_name else {"safety": {"checkContent": True}}
    _, body = send(Offline(), task(**given))
    assert body["data"][0]["NSFWContent"] is False


def test_older_name_switched_off_is_accepted():
    """One widespread client always sends ``checkNSFW: false``."""
    _, body = send(Offline(), task(checkNSFW=False))
    assert "NSFWContent" not in body["data"][0]


@pytest.mark.parametrize(
    ("output_type", "key"), [("URL", "imageURL"), ("base64Data", "imageBase64Data"), ("dataURI", "imageDataURI")]
)
@pytest.mark.parametrize(("output_format", "kind"), [("JPG", "JPEG"), ("PNG", "PNG"), ("WEBP", "WEBP")])
def test_picture_travels_as_asked(output_type, key, output_format, kind):
    """Each output type carries the file of the format and size that was asked for, the same file each time."""
    engine = Offline()
    given = {"outputFormat": output_format, "seed": 5, "width": 688, "height": 384}
    _, body = send(engine, task(outputType=output_type, **given))
    (item,) = body["data"]
    assert [name for name in item if name.startswith("image")] == ["imageUUID", key]
    inline = base64.b64decode(item[key].rpartition(",")[2]) if key != "imageURL" else None
    content = inline or picture_of(engine, item).body
    picture = Image.open(io.BytesIO(content))
    assert (picture.format, picture.size) == (kind, (688, 384))
    _, again = send(engine, task(outputType="base64Data", **given))
    assert base64.b64decode(again["data"][0]["imageBase64Data"]) == content


def test_several_results_have_own_names_and_following_seeds():
    """``numberResults`` N: N items of one task, each with its imageUUID, its seed and its cost."""
    engine, given = Offline(), task(seed=2**63 - 2, numberResults=3)
    _, body = send(engine, given)
    assert [item["seed"] for item in body["data"]] == [2**63 - 2, 2**63 - 1, 0]
    assert len({item["imageUUID"] for item in body["data"]}) == 3
    assert {item["taskUUID"] for item in body["data"]} == {given["taskUUID"]}
    assert engine.charges == {given["taskUUID"]: 3 * PRICE}


def test_random_seeds_are_unsigned_32_bit():
    """Without a seed each result draws one in the unsigned 32-bit range; the engine's own seed repeats them."""
    given = task(numberResults=20)
    seeds = [[i["seed"] for i in send(Offline(seed=3), given)[1]["data"]] for _ in range(2)]
    assert seeds[0] == seeds[1]
    assert len(set(seeds[0])) == 20
    assert all(0 <= seed < 2**32 for seed in seeds[0])


def test_picture_is_a_function_of_the_request():
    """Same request and seed, another task and another engine: the same bytes. Another seed: another picture."""
    first, second = Offline(), Offline()
    same = [picture_of(e, send(e, task(seed=1))[1]["data"][0]).body for e in (first, second)]
    other = picture_of(first, send(first, task(seed=2))[1]["data"][0]).body
    assert same[0] == same[1] != other


def test_explicit_defaults_change_nothing():
    """A default that is spelled out gives the picture of a request without it."""
    engine = Offline()
    spelled = task(
        seed=1,
        outputQuality=95,
        safety={"checkContent": False, "mode": "none"},
        providerSettings={"google": {"webSearch": False, "imageSearch": False, "safetyTolerance": "none"}},
    )
    pictures = [picture_of(engine, send(engine, t)[1]["data"][0]).body for t in (spelled, task(seed=1))]
    assert pictures[0] == pictures[1]


# -- sizes and prices -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "micro"), [((512, 512), 46_570), ((1264, 848), 68_950), ((2048, 2048), 102_550), ((5504, 3072), 152_950)]
)
def test_list_prices(size, micro):
    """Each tier has its list price; a search adds nothing, as in the page's example."""
    engine = Offline()
    search = {"google": {"webSearch": True, "imageSearch": True}}
    send(engine, task(width=size[0], height=size[1]), task(width=size[0], height=size[1], providerSettings=search))
    assert list(engine.charges.values()) == [micro, micro]
    assert engine.spent == 2 * micro


def test_price_of_the_pages_example_with_three_references():
    """A 1K picture with three reference images costs 0.06979 USD."""
    _, body = send(Offline(), task(width=1024, height=1024, inputs={"referenceImages": [data_uri()] * 3}))
    assert body["data"][0]["cost"] == 0.06979


@pytest.mark.parametrize(
    ("reference", "resolution", "size"),
    [
        (None, "0.5K", (512, 512)),
        (data_uri(1600, 900), "0.5K", (688, 384)),
        (data_uri(3000, 300), "0.5K", (1536, 192)),
        (data_uri(100, 120), ..., (928, 1152)),
        ("https://example.org/a.png", "0.5K", (512, 512)),
        ("https://example.org/a.png", ..., (1024, 1024)),
    ],
)
def test_size_without_width_and_height(reference, resolution, size):
    """The size follows the first reference's shape where its pixels are known, and is square where not."""
    engine = Offline()
    inputs = {"referenceImages": [reference, data_uri(10, 40)]} if reference else ...
    _, body = send(engine, task(width=..., height=..., resolution=resolution, inputs=inputs))
    assert opened(picture_of(engine, body["data"][0])).size == size


def test_orientation_of_a_reference_counts():
    """A photograph that EXIF turns upright counts by its upright shape."""
    exif = Image.Exif()
    exif[0x0112] = 6
    engine = Offline()
    inputs = {"referenceImages": [data_uri(160, 90, kind="JPEG", exif=exif)]}
    _, body = send(engine, task(width=..., height=..., resolution="0.5K", inputs=inputs))
    assert opened(picture_of(engine, body["data"][0])).size == (384, 688)


def test_dry_run_prices_and_runs_nothing():
    """The dry-run header validates and prices; nothing is charged and the taskUUID stays free."""
    engine, given = Offline(), task(numberResults=2)
    status, body = send(engine, given, headers={"X-Runware-Dry-Run": "1"})
    assert status == 200
    (item,) = body["data"]
    assert (item["cost"], item["dryRun"]) == (0.09314, True)
    assert engine.charges == {}
    assert refusal(engine, task(width=5), headers={"x-runware-dry-run": "1"})[0] == 400
    assert send(engine, given)[0] == 200


# -- keys -----------------------------------------------------------------------------------------------------


def ping(**changes):
    return {"taskType": "ping", "ping": True} | changes


def test_key_in_header_or_first_element():
    """With a key set, either way of sending it works."""
    engine = Offline(key="secret")
    assert send(engine, ping(), headers={"authorization": "Bearer secret"}) == (
        200,
        {"data": [{"taskType": "ping", "pong": True}]},
    )
    status, body = send(engine, {"taskType": "authentication", "apiKey": "secret"}, ping())
    assert (status, body) == (200, {"data": [{"taskType": "ping", "pong": True}]})
    _, body = send(engine, {"taskType": "authentication", "apiKey": "secret"})
    assert body["data"][0]["taskType"] == "authentication"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "missingApiKey"),
        ({"Authorization": "Bearer "}, "missingApiKey"),
        ({"Authorization": "Basic secret"}, "missingApiKey"),
        ({"Authorization": "Bearer wrong"}, "invalidApiKey"),
    ],
)
def test_wrong_keys(headers, code):
    """A missing or wrong key is a 401, and the key is not repeated in the answer or the engine's repr."""
    engine = Offline(key="secret")
    status, error = refusal(engine, task(), headers=headers)
    assert (status, error["code"]) == (401, code)
    assert "secret" not in repr(engine) + json.dumps(error)


def test_key_in_both_places_is_refused():
    """The key comes in the header or in a task, never in both; and its task is the first."""
    first = {"taskType": "authentication", "apiKey": "k"}
    assert refusal(Offline(), first, ping(), headers={"Authorization": "Bearer k"})[0] == 400
    assert refusal(Offline(), ping(), first)[0] == 400


# -- the account ----------------------------------------------------------------------------------------------


def test_account_agrees_with_the_charges():
    """The account's details, the charges and the engine's sum are one truth."""
    engine = Offline(balance=5)
    send(engine, task(), task(numberResults=2), task(width=5))
    details = {"taskType": "accountManagement", "taskUUID": new_uuid(), "operation": "getDetails"}
    (item,) = send(engine, details)[1]["data"]
    assert engine.spent == sum(engine.charges.values()) == 3 * PRICE
    assert item["balance"] == 5 - 0.13971
    assert item["usage"]["total"] == {"credits": 0.13971, "requests": 2}


def test_threads_are_charged_once_each():
    """Many threads that send the same task at once: one is served, the others conflict, one charge."""
    engine, given, codes = Offline(), task(), []

    def post():
        codes.append(send(engine, given)[0])

    threads = [threading.Thread(target=post) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [200] + [400] * 15
    assert engine.charges == {given["taskUUID"]: PRICE}


# -- memory ---------------------------------------------------------------------------------------------------


def test_store_forgets_what_was_used_least_recently():
    """A bounded store holds no more than its limit, and what is too large not at all."""
    store = BoundedCache(10)
    for name in "abc":
        store.put(name, b"1234")
        store.get("a")
    store.put("large", b"x" * 11)
    assert [store.get(name) for name in ("a", "b", "c", "large")] == [b"1234", None, b"1234", None]
    store.put("a", b"1")
    assert store.size_bytes == 5
