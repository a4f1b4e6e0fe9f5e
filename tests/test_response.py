"""Answers of the service, in all the shapes in which they may come, are read into one type."""

import json

import pytest
from service import Answer

import nbkit
from nbkit import errors
from nbkit.request.parameter import MAX_INTEGER
from nbkit.service.client import Client
from nbkit.service.failure import error_class, read_error
from nbkit.service.response import micros, read_body, read_details, read_response

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
        {"data": [{**ITEM, "status": "success"}, HEAD, "", None, {}]},
        {"data": [{**ITEM, "status": "failed", "error": "", "errors": [], "imageDataURI": " "}]},
    ],
    ids=["list", "object", "empty errors", "foreign", "upper case", "with status", "beside other words"],
)
def test_a_result_is_read_from_every_shape_of_data(body):
    """A list or an object, results of other tasks and acknowledgements beside it, empty words: one result."""
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


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"imageURL": "http://h/2.jpg"},
        {"imageUUID": None},
        {"imageUUID": None, "imageURL": None, "imageDataURI": "AAAA"},
    ],
)
def test_each_picture_of_one_answer_is_a_result_of_its_own(other):
    """Whatever they have in common: an imageUUID, an address, their bytes."""
    assert len(read({"data": [{**ITEM, **other}, {**ITEM, **other}]}).results) == 2


WORDS = [
    "cancelled",
    "Canceled",
    "failed",
    "FAILED",
    "error",
    "expired",
    "rejected",
    "timed_out",
    "success",
    "done",
    "¿?",
]


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("address", [{}, {"imageURL": None}, {"imageURL": "", "imageUUID": "i2", "seed": 7}])
@pytest.mark.parametrize("reason", ["message", "detail", "reason", "error"])
def test_any_word_that_is_not_known_as_at_work_ends_a_result(word, address, reason):
    """The error has the service's own sentence, and the word where there is none; the picture beside it is read."""
    item = {**HEAD, "status": word, **address}
    response = read({"data": [ITEM, {**item, reason: "no capacity"}]})
    assert (len(response.results), [e.message for e in response.errors]) == (1, ["no capacity"])
    assert response.errors[0].image_uuid == address.get("imageUUID")
    assert not response.processing
    (error,) = read({"data": item}).errors
    assert word in error.message


@pytest.mark.parametrize(
    "word", ["processing", "PENDING", "in_progress", "In Queue", "queued", "started", "post-processing"]
)
@pytest.mark.parametrize("address", [{}, {"imageURL": None, "NSFWContent": True}])
def test_a_result_that_is_at_work_is_open(word, address):
    """Its address may be null until it is there."""
    response = read({"data": [{**HEAD, "status": word, **address}, ITEM]})
    assert (response.processing, len(response.results), response.errors) == (True, 1, ())


@pytest.mark.parametrize(
    "item",
    [
        {"NSFWContent": True, "imageURL": None},
        {"nsfwContent": True},
        {"status": "content_moderated"},
        {"status": "failed", "message": "Flagged by the safety system"},
        {"status": "error", "error": {"code": "imageBlocked", "message": "no"}},
        {"imageURL": None, "error": "NSFW content found"},
    ],
)
def test_a_safety_word_without_a_picture_is_a_block(item):
    """In the status, in the safety check, in the code or in the sentence."""
    assert [type(e) for e in read({"data": [{**HEAD, **item}]}).errors] == [errors.BlockedError]


def test_success_without_a_picture_only_acknowledges_an_async_task():
    """In the answer to a poll it is the end of a result that has no picture."""
    body = {"data": [{**HEAD, "status": "success"}]}
    assert read(body, acknowledges=True).processing
    assert read(body).errors


def test_a_failure_keeps_the_cost_that_the_service_takes_for_it():
    """As micro-dollars; without one, or for nothing, there is none."""
    items = [{**HEAD, "status": "failed", "cost": cost} for cost in (0.06895, 0, None)]
    assert [e.cost for e in read({"data": items}).errors] == [68_950, None, None]


SENTENCE = "the picture is too large for this plan"
REASONS = [
    {"message": SENTENCE},
    {"Message": f" {SENTENCE} "},
    {"detail": SENTENCE},
    {"detail": [{"loc": ["body", 0, "width"], "msg": SENTENCE, "type": "value_error"}]},
    {"title": "Too large", "detail": SENTENCE, "type": "about:blank", "status": 413},
    {"title": SENTENCE, "detail": None},
    {"error": SENTENCE},
    {"error": True, "message": SENTENCE},
    {"error": {"error": {"errors": [{"message": SENTENCE}]}}},
    {"error": {"code": 413, "status": "INVALID_ARGUMENT", "message": SENTENCE}},
    {"error": "too_large", "error_description": SENTENCE},
    {"errors": SENTENCE},
    {"errors": [SENTENCE]},
    {"errors": [[{"msg": SENTENCE}]]},
    {"errors": [{"title": "Too large", "detail": SENTENCE}]},
    {"errors": {"width": [SENTENCE]}},
    {"errors": [], "message": SENTENCE},
    {"data": [], "detail": SENTENCE},
    {"data": None, "error": {"reason": SENTENCE}},
    {"data": [{"error": {"message": SENTENCE}}]},
    {"fault": {"faultstring": SENTENCE}},
    {"message": {"text": SENTENCE}},
    SENTENCE,
    [{"message": SENTENCE}],
]


@pytest.mark.parametrize("body", REASONS, ids=lambda body: json.dumps(body)[:40])
@pytest.mark.parametrize("status", [402, 413])
def test_the_sentence_of_the_service_is_in_the_error_beside_the_status(service, open_studio, body, status):
    """In whatever shape it comes; also when the run is read from the log."""
    service.faults += [lambda *_: Answer(status, body)] * 2
    studio = open_studio(pace=nbkit.Pace(busy_tries=1))
    run = studio.generate("A teapot", seed=7)
    for error in (run.error, studio.log[run.task_uuid].error):
        assert SENTENCE in str(error)
        assert str(status) in str(error)
        assert type(error) is error_class("", status if status != 413 else 400)
    assert service.charges == {}


@pytest.mark.parametrize("body", [SENTENCE, *REASONS[:6]], ids=lambda body: json.dumps(body)[:40])
@pytest.mark.parametrize("status", [200, 500, 502])
def test_an_answer_that_is_none_is_lost_with_its_sentence(service, body, status):
    """The task may have arrived; what the service said is not dropped."""
    service.faults.append(lambda *_: Answer(status, body))
    client = Client(service.url)
    with pytest.raises(errors.AnswerLost, match=SENTENCE):
        client.submit({"taskType": "imageInference", "taskUUID": UUID})
    client.close()


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
        (MAX_INTEGER, MAX_INTEGER),
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
