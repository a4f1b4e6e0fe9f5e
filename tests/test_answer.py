"""What the service answered, in all the shapes in which it may come, is read into one."""

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


def read(body, **how):
    return read_response(body, UUID, **how)


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
def test_a_result_in_every_shape(body):
    """Data as a list or an object, foreign tasks beside it, the same picture twice: one result."""
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
def test_an_error_in_every_shape(body):
    """``errors``, a single ``error``, an error inside ``data``: one error, under its kind."""
    (error,) = read(body, status=400).errors
    assert type(error) is errors.RefusedError
    assert (error.code, error.message, error.status) == ("invalidSeed", "no", 400)


def test_results_beside_errors_are_both_kept():
    """An answer may hold two results and the third's error."""
    response = read({"data": [ITEM, {**ITEM, "imageUUID": "i2"}], "errors": [{**PROBLEM, "code": "inferenceError"}]})
    assert [r.image_uuid for r in response.results] == ["i1", "i2"]
    assert [type(e) for e in response.errors] == [errors.ProviderError]


@pytest.mark.parametrize("body", [{"data": [HEAD]}, {"data": [{**HEAD, "status": "processing"}]}, {"data": HEAD}])
def test_an_acknowledgement_is_work_under_way(body):
    """A task's name without a picture says that the service works on it."""
    assert read(body).processing


@pytest.mark.parametrize("body", [{"data": []}, {"data": None}, {"data": [{**ITEM, "taskUUID": OTHER}]}])
def test_silence(body):
    """An answer that says nothing about the task is silent, not finished."""
    assert read(body).is_empty


@pytest.mark.parametrize(
    ("status", "kind"), [(401, "AuthenticationError"), (402, "CreditError"), (429, "BusyError"), (500, "ServerError")]
)
def test_a_status_speaks_where_the_body_says_nothing(status, kind):
    """With neither results nor errors the HTTP status is all that there is to go by."""
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
def test_codes_count_before_statuses(code, status, kind):
    """The code names the kind of an error; the HTTP status only where the code is unknown."""
    assert error_class(code, status).__name__ == kind


def test_parameter_may_be_a_list():
    """The parameters that an error names are told in its message, whether one or several."""
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
def test_seeds(given, seed):
    """A seed is a whole number of the model's range; what a database could not hold, or is rounded, is none."""
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
def test_costs(given, cost):
    """Money becomes whole micro-dollars; anything that is no sensible price is unknown, and never a crash."""
    assert micros(given) == cost


def test_words_of_a_service_are_made_fit_to_be_kept():
    """Half a surrogate pair, which no database takes, is replaced; a message of a megabyte is cut."""
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
def test_details_of_a_past_task(response):
    """``getTaskDetails`` holds the answer one level further in, as an envelope or without one."""
    response = read_details({"data": [{"taskType": "getTaskDetails", "taskUUID": UUID, "response": response}]}, UUID)
    assert [r.image_uuid for r in response.results] == ["i1"]
    assert response.final
    assert read_details({"data": [{"taskUUID": OTHER, "response": response}]}, UUID).is_empty


def test_bodies_that_are_no_answer():
    """HTML, a cut body and JSON of another shape are told apart from an answer; a bare list is taken as data."""
    for body in (b"<html>", b'{"data": [', b"", b"17", b'"text"', b'{"message": "x"}', b"\xff\xfe"):
        with pytest.raises(ValueError):
            read_body(body)
    assert read_body(json.dumps([ITEM]).encode()) == {"data": [ITEM]}
