"""The offline engine: asynchronous results, recovery, expiry, webhooks and uploads."""

import io
import json

import pytest
from offline_tasks import InFlight, ask, data_uri, new_uuid, picture_of, refusal, send, task
from PIL import Image

from nbkit.offline import Offline
from nbkit.offline.delivery import Delivery

# -- async, recovery ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("way", "extra"), [("processing", [{"status": "processing"}]), ("plain", [{}]), ("empty", [])])
def test_acknowledgements(way, extra):
    """An async task is acknowledged at once, in each of the documented ways."""
    engine, given = Offline(latency=60), task(deliveryMethod="async")
    engine.acknowledgement = way
    head = {"taskType": "imageInference", "taskUUID": given["taskUUID"]}
    assert send(engine, given) == (200, {"data": [head | more for more in extra]})


def test_results_accumulate_while_polled():
    """``getResponse`` is cumulative: results come one after another, the earlier ones again and unchanged."""
    hands = InFlight()
    engine, given = Offline(10, clock=hands.clock), task(deliveryMethod="async", numberResults=2)
    send(engine, given)
    seen = []
    for moment in (0, 5, 10, 1000):
        hands.now = 1_000 + moment
        status, body = ask(engine, "getResponse", given["taskUUID"])
        assert status == 200
        seen.append(body["data"])
    assert [[item["status"] for item in items] for items in seen] == [
        ["processing"],
        ["success", "processing"],
        ["success", "success"],
        ["success", "success"],
    ]
    assert seen[1][0] == seen[2][0]
    assert seen[2] == seen[3]


def test_picture_is_not_there_before_its_task_is_done():
    """A result's address answers 404 until the clock says that it is ready."""
    hands = InFlight()
    engine, given = Offline(10, clock=hands.clock), task(deliveryMethod="async")
    send(engine, given)
    hands.now += 10
    (item,) = ask(engine, "getResponse", given["taskUUID"])[1]["data"]
    assert picture_of(engine, item).status == 200
    hands.now -= 1
    assert picture_of(engine, item).status == 404


def test_sync_waits_once_for_an_array():
    """Sync tasks of one array run side by side: the latency is waited for once."""
    hands = InFlight()
    engine = Offline(2.5, clock=hands.clock, sleep=hands.sleep)
    send(engine, task(), task(), {"taskType": "ping", "ping": True})
    assert hands.slept == [2.5]


def test_after_a_sync_run_only_the_details_know():
    """``getResponse`` answers nothing after a sync run; ``getTaskDetails`` has the request and the answer."""
    engine, given = Offline(), task(numberResults=2, outputType="base64Data", inputs={"referenceImages": [data_uri()]})
    _, answer = send(engine, given)
    assert ask(engine, "getResponse", given["taskUUID"]) == (200, {"data": []})
    status, body = ask(engine, "getTaskDetails", given["taskUUID"])
    head = {"taskType": "getTaskDetails", "taskUUID": given["taskUUID"]}
    assert (status, body) == (200, {"data": [head | {"request": [given], "response": answer}]})


def test_details_are_of_past_tasks():
    """A task that still runs has no details yet, and its taskUUID is a conflict."""
    hands = InFlight()
    engine, given = Offline(10, clock=hands.clock), task(deliveryMethod="async")
    send(engine, given)
    assert ask(engine, "getTaskDetails", given["taskUUID"]) == (200, {"data": []})
    assert refusal(engine, given)[1]["code"] == "conflictTaskUUID"


@pytest.mark.parametrize("kind", ["getResponse", "getTaskDetails"])
def test_unknown_tasks(kind):
    """A task that was never seen is answered with nothing or with ``taskNotFound``, as the attribute says."""
    engine = Offline()
    assert ask(engine, kind, new_uuid()) == (200, {"data": []})
    engine.unknown_task = "taskNotFound"
    status, error = refusal(engine, {"taskType": kind, "taskUUID": new_uuid()})
    assert (status, error["code"]) == (404, "taskNotFound")


@pytest.mark.parametrize(("ttl", "seconds"), [(60, 60), (..., 7 * 24 * 3600)])
def test_addresses_expire(ttl, seconds):
    """A picture's address works until ``ttl`` has run out, seven days unless given, and is then not found."""
    hands = InFlight()
    engine = Offline(clock=hands.clock)
    (item,) = send(engine, task(ttl=ttl))[1]["data"]
    hands.now += seconds - 1
    assert picture_of(engine, item).status == 200
    hands.now += 1
    gone = picture_of(engine, item)
    assert (gone.status, json.loads(gone.body)["errors"][0]["code"]) == (404, "imageExpired")


# -- webhooks and uploads -------------------------------------------------------------------------------------


def test_finished_results_are_handed_over_once():
    """Each finished result is one webhook call and one upload, at the time it is ready, and only once."""
    sent, hands = [], InFlight()
    engine = Offline(10, clock=hands.clock, deliver=sent.append)
    addresses = {"webhookURL": "https://hook.invalid/?token=t", "uploadEndpoint": "https://put.invalid/"}
    given = task(deliveryMethod="async", numberResults=2, outputFormat="PNG", **addresses)
    send(engine, given, base_url="http://127.0.0.1:8000/")
    assert sent == []
    assert engine.settle() == 5
    hands.now += 10
    assert engine.settle() is None
    assert engine.settle() is None
    assert [delivery.kind for delivery in sent] == ["upload", "webhook"] * 2
    assert (sent[0].url, sent[0].media_type) == ("https://put.invalid/", "image/png")
    assert Image.open(io.BytesIO(sent[0].body)).size == (512, 512)
    item = json.loads(sent[1].body)
    assert item["taskUUID"] == given["taskUUID"]
    assert item["imageURL"].startswith("http://127.0.0.1:8000/pictures/")
    assert "token" not in repr(sent)


def test_outbox_that_fails_costs_no_answer(caplog):
    """A fault of the outbox is logged and the answer is not affected."""

    def deliver(_: Delivery):
        raise OSError("down")

    assert send(Offline(deliver=deliver), task(webhookURL="https://hook.invalid"))[0] == 200
    assert "OSError" in caplog.text
