"""The offline engine: failures on request, and what they cost."""

import json
import re

import pytest
from offline_tasks import PRICE, InFlight, ask, picture_of, refusal, send, task

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
def test_refusing_faults_accept_nothing(fault, status, code):
    """Busy, out of capacity, broken: nothing is accepted, and the same taskUUID works later."""
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
def test_tasks_that_fail_cost_nothing(fault, status, code):
    """A task that the filter refuses or at which the model fails is known, has one error, and costs nothing."""
    engine, given = Offline(failures={fault: 1}), task(numberResults=3)
    answered, error = refusal(engine, given)
    assert (answered, error["code"], error["taskUUID"]) == (status, code, given["taskUUID"])
    assert engine.charges == {}
    (details,) = ask(engine, "getTaskDetails", given["taskUUID"])[1]["data"]
    assert details["response"] == {"data": [], "errors": [error]}


def test_failure_of_an_async_task_comes_with_the_poll():
    """An async task is acknowledged; its failure is an error with a status in ``getResponse``."""
    engine, given = Offline(failures={"blocked": 1}), task(deliveryMethod="async")
    assert send(engine, given)[0] == 200
    status, body = ask(engine, "getResponse", given["taskUUID"])
    assert (status, body["data"]) == (200, [])
    assert (body["errors"][0]["code"], body["errors"][0]["status"]) == ("invalidProviderContent", "error")


def test_partial_results_are_charged_in_part():
    """Some results come and some fail under the same taskUUID; only what came is charged."""
    engine, given = Offline(failures={"partial": 1}), task(numberResults=3)
    status, body = send(engine, given)
    assert (status, len(body["data"]), len(body["errors"])) == (200, 2, 1)
    assert {item["taskUUID"] for item in body["data"] + body["errors"]} == {given["taskUUID"]}
    assert engine.charges == {given["taskUUID"]: 2 * PRICE}


def test_timed_out_task_goes_on_for_a_while():
    """After a 504 the task still runs for one latency, is unknown until then, and is charged once."""
    hands = InFlight()
    engine, given = Offline(10, {"timeout": 1}, clock=hands.clock, sleep=hands.sleep), task()
    status, error = refusal(engine, given)
    assert (status, error["code"]) == (504, "timeoutProvider")
    assert ask(engine, "getTaskDetails", given["taskUUID"])[1]["data"] == []
    assert refusal(engine, given)[1]["code"] == "conflictTaskUUID"
    hands.now += 10
    (details,) = ask(engine, "getTaskDetails", given["taskUUID"])[1]["data"]
    assert picture_of(engine, details["response"]["data"][0]).status == 200
    assert engine.charges == {given["taskUUID"]: PRICE}


def test_failures_are_decided_by_seed_and_task():
    """The same engine seed and the same tasks meet the same faults, about as often as was asked for."""
    tasks = [task() for _ in range(200)]

    def statuses(seed):
        engine = Offline(failures={"busy": 0.2, "server": 0.1}, seed=seed)
        return [send(engine, given)[0] for given in tasks]

    first = statuses(1)
    assert first == statuses(1) != statuses(2)
    assert 90 < first.count(200) < 180


def test_retry_draws_again():
    """A task that was refused by a fault is judged anew when it is sent again."""
    engine, given = Offline(failures={"busy": 0.9}, seed=1), task()
    assert 200 in [send(engine, given)[0] for _ in range(300)]


@pytest.mark.parametrize(
    "failures", [{"flood": 1}, {"busy": 1.5}, {"busy": -0.1}, {"busy": True}, {"busy": 0.6, "lost": 0.6}]
)
def test_impossible_failures(failures):
    """Faults that do not exist and probabilities that cannot be are an error at once."""
    with pytest.raises(ValueError):
        Offline(failures=failures)


def test_every_fault_is_in_the_table():
    """The docstring's table and the faults are the same list."""
    table = failures.__doc__.split("\nfault ")[1]
    assert re.findall(r"^([a-z]+)  ", table, re.MULTILINE) == list(FAULTS)
