"""The offline engine: async results, queries for a task, the expiry of picture URLs, webhooks and uploads."""

import io
import json

import pytest
from offline_tasks import ManualClock, data_uri, new_uuid, picture_of, query, refusal, send, task
from PIL import Image

from nbkit.offline import Offline
from nbkit.offline.delivery import Delivery

# -- async tasks and queries ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("way", "extra"), [("processing", [{"status": "processing"}]), ("plain", [{}]), ("empty", [])])
def test_an_async_task_is_acknowledged_in_each_documented_way(way, extra):
    """The acknowledgement comes at once, whatever the latency."""
    engine, given = Offline(latency=60), task(deliveryMethod="async")
    engine.acknowledgement = way
    head = {"taskType": "imageInference", "taskUUID": given["taskUUID"]}
    assert send(engine, given) == (200, {"data": [head | status for status in extra]})


def test_get_response_returns_all_results_so_far():
    """Results get ready one after another, and each answer has the earlier ones unchanged."""
    clock = ManualClock()
    engine, given = Offline(10, clock=clock.time), task(deliveryMethod="async", numberResults=2)
    send(engine, given)
    answers = []
    for seconds in (0, 5, 10, 1000):
        clock.now = 1_000 + seconds
        status, body = query(engine, "getResponse", given["taskUUID"])
        assert status == 200
        answers.append(body["data"])
    assert [[item["status"] for item in items] for items in answers] == [
        ["processing"],
        ["success", "processing"],
        ["success", "success"],
        ["success", "success"],
    ]
    assert answers[1][0] == answers[2][0]
    assert answers[2] == answers[3]


def test_a_picture_url_answers_404_until_its_result_is_ready():
    """The clock decides when that is."""
    clock = ManualClock()
    engine, given = Offline(10, clock=clock.time), task(deliveryMethod="async")
    send(engine, given)
    clock.now += 10
    (item,) = query(engine, "getResponse", given["taskUUID"])[1]["data"]
    assert picture_of(engine, item).status == 200
    clock.now -= 1
    assert picture_of(engine, item).status == 404


def test_the_sync_tasks_of_a_request_share_one_latency():
    """They run in parallel, so the engine sleeps once."""
    clock = ManualClock()
    engine = Offline(2.5, clock=clock.time, sleep=clock.sleep)
    send(engine, task(), task(), {"taskType": "ping", "ping": True})
    assert clock.slept == [2.5]


def test_get_task_details_returns_a_sync_task_with_its_answer():
    """``getResponse`` has no item for a sync task."""
    engine, given = Offline(), task(numberResults=2, outputType="base64Data", inputs={"referenceImages": [data_uri()]})
    _, answer = send(engine, given)
    assert query(engine, "getResponse", given["taskUUID"]) == (200, {"data": []})
    status, body = query(engine, "getTaskDetails", given["taskUUID"])
    head = {"taskType": "getTaskDetails", "taskUUID": given["taskUUID"]}
    assert (status, body) == (200, {"data": [head | {"request": [given], "response": answer}]})


def test_a_running_task_has_no_details():
    """Its taskUUID is a conflict already."""
    clock = ManualClock()
    engine, given = Offline(10, clock=clock.time), task(deliveryMethod="async")
    send(engine, given)
    assert query(engine, "getTaskDetails", given["taskUUID"]) == (200, {"data": []})
    assert refusal(engine, given)[1]["code"] == "conflictTaskUUID"


@pytest.mark.parametrize("kind", ["getResponse", "getTaskDetails"])
def test_a_query_for_an_unknown_task_is_empty_or_not_found(kind):
    """The attribute ``unknown_task`` decides which."""
    engine = Offline()
    assert query(engine, kind, new_uuid()) == (200, {"data": []})
    engine.unknown_task = "taskNotFound"
    status, error = refusal(engine, {"taskType": kind, "taskUUID": new_uuid()})
    assert (status, error["code"]) == (404, "taskNotFound")


@pytest.mark.parametrize(("ttl", "seconds"), [(60, 60), (..., 7 * 24 * 3600)])
def test_a_picture_url_expires_after_its_ttl(ttl, seconds):
    """Without a ``ttl`` it works for seven days; then it answers 404."""
    clock = ManualClock()
    engine = Offline(clock=clock.time)
    (item,) = send(engine, task(ttl=ttl))[1]["data"]
    clock.now += seconds - 1
    assert picture_of(engine, item).status == 200
    clock.now += 1
    gone = picture_of(engine, item)
    assert (gone.status, json.loads(gone.body)["errors"][0]["code"]) == (404, "imageExpired")


# -- webhooks and uploads -------------------------------------------------------------------------------------


def test_each_result_is_delivered_once_when_it_is_ready():
    """It is one upload and one webhook call, and neither has a credential of its URL in its repr."""
    sent, clock = [], ManualClock()
    engine = Offline(10, clock=clock.time, deliver=sent.append)
    addresses = {"webhookURL": "https://hook.invalid/?token=t", "uploadEndpoint": "https://put.invalid/"}
    given = task(deliveryMethod="async", numberResults=2, outputFormat="PNG", **addresses)
    send(engine, given, base_url="http://127.0.0.1:8000/")
    assert sent == []
    assert engine.settle() == 5
    clock.now += 10
    assert engine.settle() is None
    assert engine.settle() is None
    assert [delivery.kind for delivery in sent] == ["upload", "webhook"] * 2
    assert (sent[0].url, sent[0].media_type) == ("https://put.invalid/", "image/png")
    assert Image.open(io.BytesIO(sent[0].body)).size == (512, 512)
    item = json.loads(sent[1].body)
    assert item["taskUUID"] == given["taskUUID"]
    assert item["imageURL"].startswith("http://127.0.0.1:8000/pictures/")
    assert "token" not in repr(sent)


def test_an_error_in_deliver_does_not_affect_the_answer(caplog):
    """It is logged."""

    def deliver(_: Delivery):
        raise OSError("down")

    assert send(Offline(deliver=deliver), task(webhookURL="https://hook.invalid"))[0] == 200
    assert "OSError" in caplog.text
