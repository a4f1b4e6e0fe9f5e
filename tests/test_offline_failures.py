"""The offline engine: simulated faults, and what they cost."""

import json
import re

import pytest
from offline_tasks import PRICE, ManualClock, picture_of, query, refusal, send, task

import nbkit
from nbkit.offline import Offline, failures
from nbkit.offline.failures import FAULTS


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("busy", 429, "rateLimitExceeded"),
        ("capacity", 503, "serviceUnavailable"),
        ("server", 500, "internalServerError"),
    ],
)
def test_a_refusal_accepts_no_task(fault, status, code):
    """Nothing is charged, and the same taskUUID can be sent again; only ``busy`` has a ``Retry-After``."""
    engine, given = Offline(failures={fault: 1}), task()
    answer = engine.answer(json.dumps([given]).encode(), {})
    assert (answer.status, json.loads(answer.body)["errors"][0]["code"]) == (status, code)
    assert ("Retry-After" in answer.headers) is (fault == "busy")
    assert engine.charges == {}
    engine.failures = None
    assert send(engine, given)[0] == 200


@pytest.mark.parametrize(
    ("fault", "status", "code"), [("blocked", 400, "invalidProviderContent"), ("failed", 200, "inferenceError")]
)
def test_a_task_that_is_blocked_or_fails_costs_nothing(fault, status, code):
    """It was accepted, so its details have its one error."""
    engine, given = Offline(failures={fault: 1}), task(numberResults=3)
    answered, error = refusal(engine, given)
    assert (answered, error["code"], error["taskUUID"]) == (status, code, given["taskUUID"])
    assert engine.charges == {}
    (details,) = query(engine, "getTaskDetails", given["taskUUID"])[1]["data"]
    assert details["response"] == {"data": [], "errors": [error]}


def test_a_blocked_async_task_is_acknowledged():
    """The error, with a status, comes with ``getResponse``."""
    engine, given = Offline(failures={"blocked": 1}), task(deliveryMethod="async")
    assert send(engine, given)[0] == 200
    status, body = query(engine, "getResponse", given["taskUUID"])
    assert (status, body["data"]) == (200, [])
    assert (body["errors"][0]["code"], body["errors"][0]["status"]) == ("invalidProviderContent", "error")


def test_only_the_results_of_a_partial_task_are_charged():
    """Its results and its errors have the same taskUUID."""
    engine, given = Offline(failures={"partial": 1}), task(numberResults=3)
    status, body = send(engine, given)
    assert (status, len(body["data"]), len(body["errors"])) == (200, 2, 1)
    assert {item["taskUUID"] for item in body["data"] + body["errors"]} == {given["taskUUID"]}
    assert engine.charges == {given["taskUUID"]: 2 * PRICE}


@pytest.mark.parametrize(
    ("fault", "words"),
    [("cancelled", {"status": "cancelled"}), ("unsafe", {"NSFWContent": True, "imageURL": None, "status": "success"})],
)
@pytest.mark.parametrize("delivery", ["sync", "async"])
def test_a_result_ends_in_data_without_a_picture(fault, words, delivery):
    """The last one of a task, which is not charged; a studio has the others, and its sentence."""
    engine, given = Offline(failures={fault: 1}), task(numberResults=3, deliveryMethod=delivery)
    body = send(engine, given)[1]
    if delivery == "async":
        body = query(engine, "getResponse", given["taskUUID"])[1]
    *pictures, last = body["data"]
    assert ["imageURL" in item for item in pictures] == [True, True]
    assert words.items() - last.items() <= ({("status", "success")} if delivery == "sync" else set())
    assert engine.charges == {given["taskUUID"]: 2 * PRICE}
    run = nbkit.Studio(engine=engine).generate("A teapot", seed=1, number_results=2, delivery_method=delivery)
    assert (run.status, len(run), len(run.failures)) == ("done", 1, 1)
    assert last["message"] in run.failures[0].message


def test_a_timed_out_task_continues_for_one_latency():
    """Until then it has no details and its taskUUID is a conflict; it is charged once."""
    clock = ManualClock()
    engine, given = Offline(10, {"timeout": 1}, clock=clock.time, sleep=clock.sleep), task()
    status, error = refusal(engine, given)
    assert (status, error["code"]) == (504, "timeoutProvider")
    assert query(engine, "getTaskDetails", given["taskUUID"])[1]["data"] == []
    assert refusal(engine, given)[1]["code"] == "conflictTaskUUID"
    clock.now += 10
    (details,) = query(engine, "getTaskDetails", given["taskUUID"])[1]["data"]
    assert picture_of(engine, details["response"]["data"][0]).status == 200
    assert engine.charges == {given["taskUUID"]: PRICE}


def test_faults_repeat_for_the_same_seed_and_tasks():
    """They differ for another seed, and are about as frequent as their probability."""
    tasks = [task() for _ in range(200)]

    def statuses(seed):
        engine = Offline(failures={"busy": 0.2, "server": 0.1}, seed=seed)
        return [send(engine, given)[0] for given in tasks]

    first = statuses(1)
    assert first == statuses(1) != statuses(2)
    assert 90 < first.count(200) < 180


def test_a_refused_task_may_be_accepted_when_it_is_sent_again():
    """A new fault is drawn for each attempt, so a task is not refused forever."""
    engine, given = Offline(failures={"busy": 0.9}, seed=1), task()
    assert 200 in [send(engine, given)[0] for _ in range(300)]


@pytest.mark.parametrize(
    "failures", [{"flood": 1}, {"busy": 1.5}, {"busy": -0.1}, {"busy": True}, {"busy": 0.6, "lost": 0.6}]
)
def test_unknown_faults_and_invalid_probabilities_are_an_error(failures):
    """It is raised when the engine is made."""
    with pytest.raises(ValueError):
        Offline(failures=failures)


def test_the_docstring_lists_every_fault():
    """Its table has the same names in the same order."""
    table = failures.__doc__.split("\nfault ")[1]
    assert re.findall(r"^([a-z]+)  ", table, re.MULTILINE) == list(FAULTS)
