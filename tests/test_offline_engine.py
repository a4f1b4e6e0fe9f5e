"""The offline engine: results, sizes, prices, keys, the account, and the cache."""

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


def test_a_result_has_every_documented_field():
    """It has task, image, seed, URL and cost; the answer of a success has no ``errors`` key."""
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


@pytest.mark.parametrize(("include_cost", "has_cost"), [(..., True), (True, True), (False, False)])
def test_a_result_has_its_cost_unless_include_cost_is_false(include_cost, has_cost):
    """So do the examples of the API's documentation."""
    _, body = send(Offline(), task(includeCost=include_cost))
    assert ("cost" in body["data"][0]) is has_cost


@pytest.mark.parametrize("older_name", [True, False])
def test_a_content_check_adds_nsfw_content_to_the_result(older_name):
    """The parameter works under its older name too."""
    given = {"checkNSFW": True} if older_name else {"safety": {"checkContent": True}}
    _, body = send(Offline(), task(**given))
    assert body["data"][0]["NSFWContent"] is False


def test_the_older_name_of_the_content_check_may_be_false():
    """One widespread client always sends ``checkNSFW: false``."""
    _, body = send(Offline(), task(checkNSFW=False))
    assert "NSFWContent" not in body["data"][0]


@pytest.mark.parametrize(
    ("output_type", "key"), [("URL", "imageURL"), ("base64Data", "imageBase64Data"), ("dataURI", "imageDataURI")]
)
@pytest.mark.parametrize(("output_format", "kind"), [("JPG", "JPEG"), ("PNG", "PNG"), ("WEBP", "WEBP")])
def test_each_output_type_has_the_same_file(output_type, key, output_format, kind):
    """The file has the requested format and size, at a URL, as base64 and as a data URI."""
    engine = Offline()
    given = {"outputFormat": output_format, "seed": 5, "width": 688, "height": 384}
    _, body = send(engine, task(outputType=output_type, **given))
    (item,) = body["data"]
    assert [name for name in item if name.startswith("image")] == ["imageUUID", key]
    inline = base64.b64decode(item[key].rpartition(",")[2]) if key != "imageURL" else None
    content = inline or picture_of(engine, item).body
    picture = Image.open(io.BytesIO(content))
    assert (picture.format, picture.size) == (kind, (688, 384))
    _, body = send(engine, task(outputType="base64Data", **given))
    assert base64.b64decode(body["data"][0]["imageBase64Data"]) == content


def test_several_results_have_consecutive_seeds():
    """Each has an imageUUID of its own, all have the task's UUID, and each is charged."""
    engine, given = Offline(), task(seed=2**63 - 2, numberResults=3)
    _, body = send(engine, given)
    assert [item["seed"] for item in body["data"]] == [2**63 - 2, 2**63 - 1, 0]
    assert len({item["imageUUID"] for item in body["data"]}) == 3
    assert {item["taskUUID"] for item in body["data"]} == {given["taskUUID"]}
    assert engine.charges == {given["taskUUID"]: 3 * PRICE}


def test_random_seeds_are_below_2_31_and_depend_on_the_engines_seed():
    """Without a seed in the task, each result has another one."""
    given = task(numberResults=20)
    seeds = [[i["seed"] for i in send(Offline(seed=3), given)[1]["data"]] for _ in range(2)]
    assert seeds[0] == seeds[1]
    assert len(set(seeds[0])) == 20
    assert all(0 <= seed < 2**31 for seed in seeds[0])


def test_the_picture_depends_only_on_the_request():
    """Another task and another engine give the same bytes; another seed gives another picture."""
    first, second = Offline(), Offline()
    same = [picture_of(e, send(e, task(seed=1))[1]["data"][0]).body for e in (first, second)]
    other = picture_of(first, send(first, task(seed=2))[1]["data"][0]).body
    assert same[0] == same[1] != other


def test_an_explicit_default_gives_the_same_picture():
    """So does a request that omits it."""
    engine = Offline()
    explicit = task(
        seed=1,
        outputQuality=95,
        safety={"checkContent": False, "mode": "none"},
        providerSettings={"google": {"webSearch": False, "imageSearch": False, "safetyTolerance": "none"}},
    )
    pictures = [picture_of(engine, send(engine, t)[1]["data"][0]).body for t in (explicit, task(seed=1))]
    assert pictures[0] == pictures[1]


# -- sizes and prices -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "micro"), [((512, 512), 46_570), ((1264, 848), 68_950), ((2048, 2048), 102_550), ((5504, 3072), 152_950)]
)
def test_each_tier_has_its_list_price(size, micro):
    """A web search adds nothing, as in the example of the API's documentation."""
    engine = Offline()
    search = {"google": {"webSearch": True, "imageSearch": True}}
    send(engine, task(width=size[0], height=size[1]), task(width=size[0], height=size[1], providerSettings=search))
    assert list(engine.charges.values()) == [micro, micro]
    assert engine.spent == 2 * micro


def test_reference_images_add_to_the_price():
    """A 1K picture with three of them costs 0.06979 USD, as in the example of the API's documentation."""
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
def test_without_a_size_the_picture_has_the_shape_of_the_first_reference(reference, resolution, size):
    """It is a square if the pixels of the reference are not known, or if there is none."""
    engine = Offline()
    inputs = {"referenceImages": [reference, data_uri(10, 40)]} if reference else ...
    _, body = send(engine, task(width=..., height=..., resolution=resolution, inputs=inputs))
    assert opened(picture_of(engine, body["data"][0])).size == size


def test_the_shape_of_a_reference_is_that_of_its_exif_orientation():
    """A photograph that EXIF turns upright gives an upright picture."""
    exif = Image.Exif()
    exif[0x0112] = 6
    engine = Offline()
    inputs = {"referenceImages": [data_uri(160, 90, kind="JPEG", exif=exif)]}
    _, body = send(engine, task(width=..., height=..., resolution="0.5K", inputs=inputs))
    assert opened(picture_of(engine, body["data"][0])).size == (384, 688)


def test_a_dry_run_checks_and_prices_a_task_without_running_it():
    """Nothing is charged, and the taskUUID can be used afterwards."""
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


def test_the_key_is_accepted_in_the_header_and_in_the_first_task():
    """An ``authentication`` task may also come alone."""
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
def test_a_missing_or_wrong_key_is_refused(headers, code):
    """The status is 401, and the right key is neither in the answer nor in the engine's repr."""
    engine = Offline(key="secret")
    status, error = refusal(engine, task(), headers=headers)
    assert (status, error["code"]) == (401, code)
    assert "secret" not in repr(engine) + json.dumps(error)


def test_a_key_in_two_places_or_not_first_is_refused():
    """The key is in the header or in a task, not in both, and its task is the first."""
    first = {"taskType": "authentication", "apiKey": "k"}
    assert refusal(Offline(), first, ping(), headers={"Authorization": "Bearer k"})[0] == 400
    assert refusal(Offline(), ping(), first)[0] == 400


# -- the account ----------------------------------------------------------------------------------------------


def test_the_account_agrees_with_the_charges():
    """Balance, usage and ``spent`` have the sum of the charges; a refused task is not among them."""
    engine = Offline(balance=5)
    send(engine, task(), task(numberResults=2), task(width=5))
    details = {"taskType": "accountManagement", "taskUUID": new_uuid(), "operation": "getDetails"}
    (item,) = send(engine, details)[1]["data"]
    assert engine.spent == sum(engine.charges.values()) == 3 * PRICE
    assert item["balance"] == 5 - 0.13971
    assert item["usage"]["total"] == {"credits": 0.13971, "requests": 2}


def test_a_task_that_many_threads_send_at_once_is_charged_once():
    """One of them gets the result, the others a conflict."""
    engine, given, statuses = Offline(), task(), []

    def post():
        statuses.append(send(engine, given)[0])

    threads = [threading.Thread(target=post) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [400] * 15
    assert engine.charges == {given["taskUUID"]: PRICE}


# -- the cache ------------------------------------------------------------------------------------------------


def test_a_bounded_cache_evicts_what_was_used_least_recently():
    """It never exceeds its limit, and does not store what is larger than that."""
    cache = BoundedCache(10)
    for name in "abc":
        cache.put(name, b"1234")
        cache.get("a")
    cache.put("large", b"x" * 11)
    assert [cache.get(name) for name in ("a", "b", "c", "large")] == [b"1234", None, b"1234", None]
    cache.put("a", b"1")
    assert cache.size_bytes == 5
