"""The offline engine: refusals, with the API's error codes and at no cost."""

import json
import uuid

import pytest
from offline_tasks import PRICE, refusal, send, task

from nbkit.offline import Offline


@pytest.mark.parametrize(
    ("changes", "code", "parameter"),
    [
        ({"positivePrompt": ...}, "missingParameter", "positivePrompt"),
        ({"positivePrompt": "ab"}, "invalidLength", "positivePrompt"),
        ({"model": ...}, "missingParameter", "model"),
        ({"model": "google:9@9"}, "invalidModel", "model"),
        ({"taskUUID": ...}, "missingParameter", "taskUUID"),
        ({"taskUUID": "no-uuid"}, "invalidTaskUUID", "taskUUID"),
        ({"taskUUID": str(uuid.UUID(int=1))}, "invalidTaskUUID", "taskUUID"),
        ({"taskUUID": 7}, "invalidTaskUUID", "taskUUID"),
        ({"taskType": ...}, "missingParameter", "taskType"),
        ({"taskType": "imageMagic"}, "invalidChoice", "taskType"),
        ({"width": ..., "height": ...}, "missingDimensionParameters", ["width", "height"]),
        ({"height": ...}, "missingDimensionParameters", ["width", "height"]),
        ({"width": 1920, "height": 1080}, "unsupportedDimensions", ["width", "height"]),
        ({"width": "512"}, "invalidType", "width"),
        ({"resolution": "1K"}, "invalidCombination", "resolution"),
        ({"seed": 2**63}, "valueOutOfRange", "seed"),
        ({"seed": -1}, "valueOutOfRange", "seed"),
        ({"seed": None}, "invalidType", "seed"),
        ({"numberResults": 21}, "valueOutOfRange", "numberResults"),
        ({"settings": {"temperature": 1.5}}, "valueOutOfRange", "settings.temperature"),
        ({"settings": {"topP": 0.555}}, "invalidStep", "settings.topP"),
        ({"settings": {"topK": 3}}, "unsupportedParameter", "settings.topK"),
        ({"settings": 5}, "invalidType", "settings"),
        ({"steps": 30}, "unsupportedParameter", "steps"),
        ({"topP": 0.5}, "unsupportedParameter", "topP"),
        ({"outputFormat": "GIF"}, "invalidChoice", "outputFormat"),
        ({"outputQuality": 100}, "valueOutOfRange", "outputQuality"),
        ({"ttl": 30}, "valueOutOfRange", "ttl"),
        ({"ttl": 60, "outputType": "dataURI"}, "invalidCombination", "ttl"),
        ({"webhookURL": "ftp://x"}, "invalidFormat", "webhookURL"),
        ({"checkNSFW": "no"}, "invalidType", "safety.checkContent"),
        ({"inputs": {"referenceImages": []}}, "arrayLengthOutOfRange", "inputs.referenceImages"),
        ({"inputs": {"referenceImages": ["https://a.b/c"] * 15}}, "arrayLengthOutOfRange", "inputs.referenceImages"),
        ({"inputs": {"referenceImages": "https://a.b/c"}}, "invalidType", "inputs.referenceImages"),
        ({"inputs": {"referenceImages": [5]}}, "invalidType", "inputs.referenceImages"),
        ({"inputs": {"referenceImages": None}}, "invalidType", "inputs.referenceImages"),
        ({"inputs": {"referenceImages": ["catphoto"]}}, "invalidReferenceImage", "inputs.referenceImages"),
        ({"inputs": {"referenceImages": ["no picture!"]}}, "invalidReferenceImage", "inputs.referenceImages"),
        ({"inputs": {"referenceImages": ["https://a/\ud800"]}}, "invalidReferenceImage", "inputs.referenceImages"),
        ({"inputs": {"referenceImages": [""]}}, "invalidReferenceImage", "inputs.referenceImages"),
    ],
)
def test_an_invalid_task_is_refused_with_code_and_parameter(changes, code, parameter):
    """It costs nothing, and its taskUUID can be used again."""
    engine, given = Offline(), task(**changes)
    status, error = refusal(engine, given)
    assert (status, error["code"], error["parameter"]) == (400, code, parameter)
    assert error["message"]
    assert error.get("taskUUID") == (given["taskUUID"] if isinstance(given.get("taskUUID"), str) else None)
    assert engine.charges == {}
    if "taskUUID" not in changes:
        assert send(engine, task(taskUUID=given["taskUUID"]))[0] == 200


def test_the_refusal_of_a_choice_lists_the_allowed_values():
    """The list is in ``allowedValues``."""
    _, error = refusal(Offline(), task(settings={"thinking": "LOW"}))
    assert error["allowedValues"] == ["MINIMAL", "HIGH"]


def test_the_refusal_of_a_size_has_the_nearest_sizes_by_aspect_ratio():
    """As an object: those of the tier that is closest to what was asked for."""
    _, error = refusal(Offline(), task(width=1920, height=1080))
    assert error["allowedValues"]["16:9"] == "1376x768"
    assert {"1:1", "8:1"} < set(error["allowedValues"])


def test_an_integer_too_large_for_a_float_is_refused():
    """It does not raise an ``OverflowError``."""
    status, error = refusal(Offline(), task(settings={"temperature": 10**400}))
    assert (status, error["code"][:7]) in [(400, "invalid"), (400, "valueOu")]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalidJSON"),
        (b"\xff\xfe", "invalidJSON"),
        (b'{"taskType": "ping"}', "invalidRequestBody"),
        (b"[]", "invalidRequestBody"),
        (b"[1]", "invalidTask"),
        (b'[{"taskType": "ping", "ping": NaN}]', "invalidJSON"),
        (b"[" * 200_000, "invalidJSON"),
        (b"[" + b"9" * 5_000 + b"]", "invalidJSON"),
    ],
)
def test_a_body_that_is_no_json_array_of_objects_is_refused(body, code):
    """So are one that is nested too deeply and one with a number that Python does not parse."""
    answer = Offline().answer(body, {})
    assert answer.status == 400
    (error,) = json.loads(answer.body)["errors"]
    assert error["code"] == code


def test_a_body_beyond_the_size_limit_is_refused(monkeypatch):
    """It is not parsed before."""
    monkeypatch.setattr("nbkit.offline.envelope.MAX_BODY_BYTES", 100)
    assert refusal(Offline(), task())[1]["code"] == "maxBodySizeExceeded"


def test_a_used_task_uuid_is_a_conflict():
    """So is the same UUID in capital letters; neither is charged."""
    engine, given = Offline(), task()
    send(engine, given)
    for duplicate in (given, task(taskUUID=given["taskUUID"].upper())):
        status, error = refusal(engine, duplicate)
        assert (status, error["code"]) == (400, "conflictTaskUUID")
    assert engine.charges == {given["taskUUID"]: PRICE}


def test_a_refused_task_does_not_affect_the_others_of_its_request():
    """The answer is a 200 with ``data`` and ``errors``, each with its taskUUID."""
    good, bad = task(), task(width=5)
    status, body = send(Offline(), bad, good)
    assert status == 200
    assert [item["taskUUID"] for item in body["data"]] == [good["taskUUID"]]
    assert [item["taskUUID"] for item in body["errors"]] == [bad["taskUUID"]]


def test_a_task_that_costs_more_than_the_balance_is_refused():
    """The status is 402, and a cheaper task still runs."""
    engine = Offline(balance=0.1)
    status, error = refusal(engine, task(numberResults=3))
    assert (status, error["code"]) == (402, "insufficientCredits")
    assert send(engine, task(numberResults=2))[0] == 200
    assert engine.account()["balance"] == 0.00686
