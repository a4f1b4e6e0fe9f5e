"""Answers of the service, in all the shapes in which they may come, are read into one type."""

import json

import pytest

from nbkit import errors
from nbkit.request.model import MAX_SEED
from nbkit.service.response import error_class, micros, read_body, read_details, read_error, read_response

UUID = "0d1f9c2e-5b7a-4c3d-8e9f-0a1b2c3d4e5f"
OTHER = "99999999-5b7a-4c3d-8e9f-0a1b2c3d4e5f"
ITEM = {"taskType": "imageInference", "taskUUID": UUID, "imageUUID": "i1", "imageURL": "http://h/1.jpg", "seed": 7}
HEAD = {"taskType": "imageInference", "taskUUID": UUID}
PROBLEM = {"code": "invalidSeed", "message": "no", "taskUUID": UUID}


def read(body, **options):
    return read_response(body, UUID, **options)


@pytest.mark.parametrize(
    "body",
    [
        {"data": [ITEM]},
        {"data": ITEM},
        {"data": [ITEM], "errors": []},
        {"data": [ITEM, {**ITEM, "taskUUID": OTHER, "imageUUID": "i2"}]},
        {"data": [{**ITEM, "taskUUID": UUID.upper(), "somethingNew": {"a": 1}}]},
        {"data": [ITEM, ITEM]},
        {"data": [{**ITEM, "status": "success"}, {**HEAD, "status": "success", **ITEM}]},
    ],
    ids=["list", "object", "empty errors", "foreign", "upper case", "twice", "with status"],
)
def test_a_result_is_read_from_every_shape_of_data(body):
    """A list or an object, results of other tasks beside it, the same picture twice: one result."""
    response = read(body)
    assert [(r.image_uuid, r.seed, r.source) for r in response.results] == [("i1", 7, "http://h/1.jpg")]
    assert not response.errors
    assert not response.processing


@pytest.mark.parametrize(
    "body",
    [
        {"errors": [PROBLEM]},
        {"error": PROBLEM},
        {"errors": PROBLEM},
        {"data": [], "errors": [PROBLEM]},
        {"data": [{**HEAD, "status": "error", "error": PROBLEM}]},
        {"data": {**HEAD, "status": "error", **PROBLEM}},
        {"errors": [{"code": "invalidSeed", "message": "no"}]},
        {"errors": [{"errorCode": "invalidSeed", "errorMessage": "no"}, {**PROBLEM, "taskUUID": OTHER}]},
    ],
    ids=["errors", "error", "object", "beside data", "inside data", "flat inside data", "names no task", "other names"],
)
def test_an_error_is_read_from_every_shape(body):
    """``errors``, a single ``error``, an error inside ``data``: one error, of the class for its code."""
    (error,) = read(body, status=400).errors
    assert type(error) is errors.RefusedError
    assert (error.code, error.message, error.status) == ("invalidSeed", "no", 400)


def test_results_and_errors_of_one_answer_are_both_read():
    """An answer may have two results, and the error of a third."""
    response = read({"data": [ITEM, {**ITEM, "imageUUID": "i2"}], "errors": [{**PROBLEM, "code": "inferenceError"}]})
    assert [r.image_uuid for r in response.results] == ["i1", "i2"]
    assert [type(e) for e in response.errors] == [errors.ProviderError]


@pytest.mark.parametrize("body", [{"data": [HEAD]}, {"data": [{**HEAD, "status": "processing"}]}, {"data": HEAD}])
def test_an_acknowledgement_is_read_as_processing(body):
    """An item that has the taskUUID and no picture means that the service works on the task."""
    assert read(body).processing


@pytest.mark.parametrize("body", [{"data": []}, {"data": None}, {"data": [{**ITEM, "taskUUID": OTHER}]}])
def test_an_answer_without_items_of_the_task_is_empty(body):
    """No data, or only results of other tasks."""
    assert read(body).is_empty


@pytest.mark.parametrize(
    ("status", "kind"), [(401, "AuthenticationError"), (402, "CreditError"), (429, "BusyError"), (500, "ServerError")]
)
def test_an_empty_answer_becomes_the_error_of_its_status(status, kind):
    """Without results and errors, the HTTP status determines the class of the error."""
    (error,) = read({"data": []}, status=status).errors
    assert type(error).__name__ == kind


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("invalidApiKey", 400, "AuthenticationError"),
        ("insufficientCredits", 400, "CreditError"),
        ("monthlyQuotaReached", 500, "CreditError"),
        ("providerRateLimitExceeded", 500, "BusyError"),
        ("invalidProviderContent", 400, "BlockedError"),
        ("timeoutProvider", 200, "EngineTimeout"),
        ("conflictTaskUUID", 500, "ConflictError"),
        ("taskExpired", 400, "NotFoundError"),
        ("providerUnhappy", 400, "ProviderError"),
        ("maxResultsReached", 503, "RefusedError"),
        ("quiteNew", 200, "EngineError"),
        ("quiteNew", 400, "RefusedError"),
        ("quiteNew", 503, "ServerError"),
        ("", 408, "EngineTimeout"),
        ("", 403, "AuthenticationError"),
    ],
)
def test_the_code_of_an_error_determines_its_class(code, status, kind):
    """The HTTP status does so only if the code is unknown."""
    assert error_class(code, status).__name__ == kind


def test_an_error_names_each_of_its_parameters():
    """They are in its ``parameter`` and in its message, with the allowed values."""
    error = read_error({"message": "together", "parameter": ["width", "height"], "allowedValues": [1, 2]})
    assert error.parameter == ("width", "height")
    assert str(error) == "width, height: together (allowed: 1, 2)"


@pytest.mark.parametrize(
    ("given", "seed"),
    [
        (7, 7),
        ("7", 7),
        (7.0, 7),
        (MAX_SEED, MAX_SEED),
        (2**63, None),
        (9.223372036854776e18, None),
        (-1, None),
        (7.5, None),
        (True, None),
        (None, None),
        ("x", None),
        (float("inf"), None),
        (float("nan"), None),
        ([1], None),
    ],
)
def test_only_a_whole_number_in_the_range_of_the_model_is_read_as_a_seed(given, seed):
    """A number that a database cannot hold, or that was rounded, is left out."""
    assert read({"data": [{**ITEM, "seed": given}]}).results[0].seed == seed


@pytest.mark.parametrize(
    ("given", "cost"),
    [
        (0.06895, 68950),
        ("0.06979", 69790),
        (0, 0),
        (-1, None),
        (True, None),
        (float("nan"), None),
        (float("inf"), None),
        (1e40, None),
        ("free", None),
        (None, None),
        ({}, None),
    ],
)
def test_a_cost_is_read_in_micro_dollars(given, cost):
    """A value that cannot be a price is left out, without an exception."""
    assert micros(given) == cost


def test_texts_of_the_service_can_be_stored():
    """Half of a surrogate pair, which no database accepts, is replaced, and a message of a megabyte is cut."""
    error = read_error({"code": "invalid\ud800", "message": "a\udfff" + "b" * 1_000_000})
    assert error.code == "invalid?"
    assert str(error).startswith("a?bbb")
    assert len(str(error)) < 2_100
    assert read({"data": [{**ITEM, "imageUUID": "\ud800"}]}).results[0].image_uuid == "?"


@pytest.mark.parametrize(
    "response",
    [{"data": [ITEM]}, {"data": ITEM}, [ITEM], ITEM, {"data": [ITEM], "errors": [PROBLEM]}],
    ids=["envelope", "object", "list", "bare", "both"],
)
def test_task_details_contain_the_answer_of_a_past_task(response):
    """It is one level deeper, with or without an envelope, and final; the details of another task are empty."""
    details = read_details({"data": [{"taskType": "getTaskDetails", "taskUUID": UUID, "response": response}]}, UUID)
    assert [r.image_uuid for r in details.results] == ["i1"]
    assert details.final
    assert read_details({"data": [{"taskUUID": OTHER, "response": response}]}, UUID).is_empty


def test_a_body_of_another_shape_raises_a_value_error():
    """HTML, a cut body, JSON that is not an envelope; a list is read as the data of an envelope."""
    for body in (b"<html>", b'{"data": [', b"", b"17", b'"text"', b'{"message": "x"}', b"\xff\xfe"):
        with pytest.raises(ValueError):
            read_body(body)
    assert read_body(json.dumps([ITEM]).encode()) == {"data": [ITEM]}
