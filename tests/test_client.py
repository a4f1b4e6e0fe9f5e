"""One exchange with the service, over real sockets: tasks, pictures, the account."""

import base64
import hashlib
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote, quote_from_bytes

import httpx
import pytest
import service_faults as fault
from conftest import QUICK
from service import Answer, Service, error, picture
from sweep_tools import until

from nbkit import errors
from nbkit.measures.facts import examine
from nbkit.request.image_request import ImageRequest
from nbkit.service import client as client_module
from nbkit.service import download
from nbkit.service.client import Client, retry_after

UNKNOWN_UUID = "11111111-1111-4111-8111-111111111111"
LONG_KEY = "canary-7f3d9b2a6c1e"


@pytest.fixture
def client(service):
    """A client of the service that hardly pauses between two attempts at a download."""
    client = Client(service.url, api_key="test-key", pace=QUICK)
    yield client
    client.close()


@pytest.fixture
def small_limit(monkeypatch):
    """The limit of a download is one megabyte."""
    monkeypatch.setattr(download, "MAX_PICTURE_BYTES", 1_000_000)


def task(**parameters):
    return ImageRequest("A lantern", width=512, height=512, **parameters).to_send()


@pytest.mark.parametrize("kind", ["URL", "base64Data", "dataURI"])
@pytest.mark.parametrize(("name", "media_type"), [("JPG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp")])
def test_every_output_type_gives_the_bytes_that_the_service_sent(service, client, kind, name, media_type):
    """An address, base64 text and a data URI lead to the same file."""
    response = client.submit(task(output_type=kind, output_format=name))
    data, facts = client.fetch(response.results[0].source, examine)
    assert data == picture(name)
    assert (facts.media_type, facts.width, facts.height) == (media_type, 96, 64)


def test_a_task_is_posted_as_json_with_the_key_as_bearer_token(service, client):
    """The body is an array of one task; the address has no query and no slash at its end."""
    client.submit(task())
    (received,) = service.received
    assert (received.method, received.path) == ("POST", "/v1")
    assert received.headers["content-type"] == "application/json"
    assert received.headers["authorization"] == "Bearer test-key"
    assert received.body.startswith(b"[{")


def test_a_port_that_nothing_listens_on_raises_not_connected():
    """The error has the host and the taskUUID; the task was not sent."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        client = Client(f"http://127.0.0.1:{bound.getsockname()[1]}/v1")
        sent = task()
        with pytest.raises(errors.NotConnected, match="no connection to 127") as caught:
            client.submit(sent)
        assert caught.value.task_uuid == sent["taskUUID"]
        client.close()


@pytest.mark.parametrize(
    "submit_fault",
    [
        fault.lost(),
        fault.cut,
        fault.plain(500),
        fault.plain(502),
        fault.plain(200),
        fault.plain(408),
        fault.answers(lambda *_: {"message": "?"}, status=504),
        fault.answers(lambda *_: b"[1, 2"),
    ],
    ids=["closed", "cut", "500 page", "502 page", "200 page", "408 page", "other JSON", "half JSON"],
)
def test_an_unusable_answer_raises_answer_lost(service, client, submit_fault):
    """A closed connection, a cut body, a page of HTML: the outcome is not known."""
    service.faults.append(submit_fault)
    sent = task()
    with pytest.raises(errors.AnswerLost) as caught:
        client.submit(sent)
    assert caught.value.task_uuid == sent["taskUUID"]
    assert caught.value.__context__ is None


def test_a_service_that_does_not_answer_in_time_raises_answer_lost(service):
    """It has accepted the task; after the time-out the outcome is not known."""
    service.free.clear()
    client = Client(service.url, timeout=0.1)
    sent = task()
    with pytest.raises(errors.AnswerLost, match="ReadTimeout") as caught:
        client.submit(sent)
    assert caught.value.task_uuid == sent["taskUUID"]
    client.close()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, "AuthenticationError"),
        (402, "CreditError"),
        (403, "AuthenticationError"),
        (429, "BusyError"),
        (404, "RefusedError"),
        (405, "RefusedError"),
        (307, "RefusedError"),
    ],
)
def test_a_page_of_html_is_read_as_the_error_of_its_status(service, client, status, kind):
    """A gateway refuses with a page instead of JSON; a redirect is an error too, and is not followed."""
    service.faults.append(fault.plain(status, location=f"{service.origin}/v1"))
    (problem,) = client.submit(task()).errors
    assert type(problem).__name__ == kind
    assert len(service.received) == 1


def test_retry_after_is_read_from_answers_without_json(service, client):
    """A refusal and a lost answer both have the seconds."""
    service.faults += [fault.plain(429, retry_after="7"), fault.plain(503, retry_after="8")]
    assert client.submit(task()).errors[0].retry_after == 7
    with pytest.raises(errors.AnswerLost) as caught:
        client.submit(task())
    assert (caught.value.status, caught.value.retry_after) == (503, 8)


def test_retry_after_has_seconds_or_a_date():
    """A date that has passed means no pause, and any other text is ignored."""
    assert retry_after(httpx.Headers({"retry-after": "2.5"})) == 2.5
    assert retry_after(httpx.Headers({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"})) == 0
    assert retry_after(httpx.Headers({"retry-after": "soon"})) is None
    assert retry_after(httpx.Headers()) is None


@pytest.mark.parametrize("unknown_task", ["empty", "notFound"])
def test_only_details_of_a_sync_task_have_its_result(service, client, unknown_task):
    """``getResponse`` does not know sync tasks; for an unknown task there is no result, and no other error."""
    service.unknown_task = unknown_task
    sent = task()
    client.submit(sent)
    assert len(client.details(sent["taskUUID"]).results) == 1
    for response in (client.poll(sent["taskUUID"]), client.poll(UNKNOWN_UUID), client.details(UNKNOWN_UUID)):
        assert not response.results
        assert all(isinstance(e, errors.NotFoundError) for e in response.errors)


@pytest.mark.parametrize(
    ("answer", "balance"),
    [({"data": [{"balance": 3.25}]}, 3.25), ({"data": {"balance": {"amount": "4.5", "currency": "USD"}}}, 4.5)],
)
def test_the_balance_is_read_from_every_shape(service, client, answer, balance):
    """A number or an amount with its currency, in a list or alone."""
    service.handle = lambda _: Answer(body=answer)
    assert client.balance() == balance


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (error("invalidApiKey", status=401), errors.AuthenticationError),
        (Answer(401, {"error": {"code": "invalidApiKey", "message": "no"}}), errors.AuthenticationError),
        (Answer(500, b"<html>"), errors.AnswerLost),
        (Answer(402, b""), errors.CreditError),
        (Answer(200, {"data": []}), errors.EngineError),
        (Answer(200, {"data": ["?"]}), errors.EngineError),
        (Answer(200, {"data": [{"balance": "much"}]}), errors.EngineError),
    ],
)
def test_an_answer_without_a_balance_raises_an_engine_error(service, client, answer, kind):
    """Its class says why: the key, the credit, a lost answer, or an answer of another shape."""
    service.handle = lambda _: answer
    with pytest.raises(kind):
        client.balance()


# -- pictures ----------------------------------------------------------------------------------------------


def fetch(service, client):
    """Submit a task and fetch its picture."""
    return client.fetch(client.submit(task()).results[0].source, examine)


@pytest.mark.parametrize(
    "picture_fault",
    [fault.truncated, fault.half, fault.file(b"", 503), fault.file(b"slow down", 429), fault.file(b""), fault.file(b"<html>"), lambda service, path: Answer(silent=True)],
    ids=["truncated", "half", "503", "429", "empty", "page", "closed"],
)  # fmt: skip
def test_a_failed_download_is_retried(service, client, picture_fault):
    """After three failures of the network or of a busy host, the fourth attempt gives the picture."""
    service.picture_faults += [picture_fault] * 3
    assert fetch(service, client)[0] == picture()
    assert len(service.gets) == 4


@pytest.mark.parametrize(
    ("picture_fault", "reason", "attempts"),
    [
        (fault.file(b"<html>expired</html>"), "not a picture", 4),
        (fault.file(b'{"error": "expired"}'), "not a picture", 4),
        (fault.file(b""), "gave no byte", 4),
        (fault.file(b"gone", 404), "answered 404; its address may have expired", 4),
        (fault.file(b"no", 403), "answered 403; its address may have expired", 1),
        (fault.file(picture() + b"x" * 2_000_000), "larger than 1,000,000 bytes", 1),
    ],
    ids=["page", "JSON", "empty", "404", "403", "gigantic"],
)
@pytest.mark.usefixtures("small_limit")
def test_the_download_error_says_why_a_file_is_refused(service, client, picture_fault, reason, attempts):
    """A file that is too large, or no picture; it is fetched again only if that may help."""
    service.picture_faults += [picture_fault] * 9
    with pytest.raises(errors.DownloadError, match=reason) as caught:
        fetch(service, client)
    assert caught.value.retry == (attempts > 1)
    assert len(service.gets) == attempts


def test_a_download_that_takes_too_long_is_given_up(service, client, monkeypatch):
    """The limit is for one attempt; after the second one the error is not retried."""
    monkeypatch.setattr(download, "DOWNLOAD_SECONDS", 0.2)
    source = client.submit(task()).results[0].source
    service.picture_faults += [lambda service, path: Answer(body=b"late" if service.free.wait(5) else b"")] * 2
    service.free.clear()
    with pytest.raises(errors.DownloadError, match="did not end within") as caught:
        client.fetch(source, examine)
    assert not caught.value.retry
    assert len(service.gets) == 2


@pytest.mark.parametrize(
    ("picture_fault", "problem", "attempts"),
    [
        (fault.truncated, "cut short (the download broke off", 4),
        (fault.half, "JPEG that is cut short (its end is missing)", 4),
        (fault.file(fault.bomb(9_000, 9_000)), "PNG of 9000x9000, more than any size", 1),
        (fault.file(fault.bomb(60_000, 60_000)), "PNG of 60000x60000, more than any size", 1),
        (fault.file(b"GIF89a" + b"\0" * 50), "GIF, which this Pillow cannot show", 1),
        (fault.file(picture()[:300] + b"\0" * 300 + b"\xff\xd9"), "JPEG that is damaged", 4),
        (fault.file(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"), "HEIC, which this Pillow cannot show", 1),
        (fault.file(b"\x93no format that is known\0"), "no picture", 1),
    ],
    ids=["truncated", "half", "bomb", "huge bomb", "GIF", "damaged", "HEIC", "unknown"],
)
def test_bytes_that_may_be_a_picture_are_returned_as_they_came(service, client, picture_fault, problem, attempts):
    """An address is tried again for a file that is cut or damaged; after the last attempt what came is kept."""
    service.picture_faults += [picture_fault] * 9
    data, facts = fetch(service, client)
    assert problem in facts.problem
    assert facts.is_whole == (attempts == 1)
    assert facts.sha256 == hashlib.sha256(data).hexdigest()
    assert len(service.gets) == attempts


def test_of_several_cut_downloads_the_longest_is_kept(service, client):
    """The second one broke off last."""
    whole = picture()
    service.picture_faults += [fault.file(whole[:length]) for length in (100, 400, 200, 300)]
    assert fetch(service, client)[0] == whole[:400]


def test_a_download_without_an_answer_is_retried(service):
    """The host of the picture accepts a GET and does not answer: after a time-out it gets another one."""
    client = Client(service.url, timeout=0.2, pace=QUICK)
    source = client.submit(task()).results[0].source
    service.picture_faults.append(lambda service, path: Answer(body=b"late" if service.free.wait(5) else b""))
    service.free.clear()
    assert client.fetch(source, examine)[0] == picture()
    assert len(service.gets) == 2
    client.close()


def test_a_redirect_of_a_picture_is_followed(service, client):
    """The address of a picture may redirect to another host."""
    with Service() as elsewhere:
        elsewhere.pictures["/p.jpg"] = picture("JPG", "red")
        service.picture_faults.append(fault.file(b"", 302, location=f"{elsewhere.origin}/p.jpg"))
        assert fetch(service, client)[0] == picture("JPG", "red")


@pytest.mark.parametrize("source", ["ftp://h/1.jpg", "", " \n", "data:image/png;base64,", "data:,", "http://"])
def test_a_source_that_names_no_picture_raises_a_download_error(client, source):
    """Nothing, or an address that cannot be fetched."""
    with pytest.raises(errors.DownloadError):
        client.fetch(source, examine)


ODD = b"\xfb\xef\xbe\xff\xfe" * 30
"""Bytes whose base64 text has the characters in which the two alphabets differ, and of a length that needs padding."""


@pytest.mark.parametrize("data", [picture("PNG"), picture("JPG"), picture("WEBP"), ODD, ODD[:-1], ODD[:-2]])
@pytest.mark.parametrize(
    "write",
    [
        lambda data: base64.b64encode(data).decode(),
        lambda data: base64.urlsafe_b64encode(data).decode(),
        lambda data: base64.urlsafe_b64encode(data).decode().rstrip("="),
        lambda data: base64.b64encode(data).decode().rstrip("="),
        lambda data: base64.encodebytes(data).decode(),
        lambda data: base64.encodebytes(data).decode().replace("\n", "\r\n"),
        lambda data: f"data:image/jpeg;base64,{base64.b64encode(data).decode()}",
        lambda data: f"data:;base64,{base64.urlsafe_b64encode(data).decode()}",
        lambda data: f"DATA:application/octet-stream;BASE64,{base64.encodebytes(data).decode()}",
        lambda data: f"data:image/avif;charset=utf-8;base64,{quote(base64.b64encode(data).decode())}",
        lambda data: f"data:image/png,{quote_from_bytes(data)}",
    ],
    ids=[
        "standard", "URL-safe", "URL-safe without padding", "without padding", "lines", "CRLF lines", "data URI",
        "data URI without a type", "data URI in capitals", "data URI with escapes", "data URI without base64",
    ],
)  # fmt: skip
def test_inline_text_of_every_kind_gives_its_bytes(client, data, write):
    """Both alphabets of base64, with and without padding and line breaks; data URIs of any type."""
    assert client.fetch(write(data), examine)[0] == data


@pytest.mark.parametrize("text", ["not base64 at all!", "<html>oops</html>", "abc=def", "data:image/png;base64,????"])
def test_inline_text_that_is_no_base64_is_kept_as_it_is(client, text):
    """It was paid, and somebody may still read it."""
    data, facts = client.fetch(text, examine)
    assert data.decode() == text.rpartition(",")[2]
    assert facts.problem == "kept as it came: no picture"


# -- answers that do not end -------------------------------------------------------------------------------


def dripping(pause, piece=b"x", times=10_000):
    """A transport whose answers come in many pieces, with a pause in seconds before each."""

    def pieces():
        for _ in range(times):
            time.sleep(pause)
            yield piece

    return httpx.MockTransport(lambda _: httpx.Response(200, content=pieces()))


@pytest.fixture
def client_on():
    """Makes clients on a transport; their key is ``LONG_KEY``."""
    clients = []

    def make(transport):
        clients.append(Client("http://service.example/v1", api_key=LONG_KEY, transport=transport, pace=QUICK))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def test_an_answer_that_comes_too_slowly_is_given_up(client_on, monkeypatch):
    """The answers to a task, to a query and to a question about the balance all have a limit of time."""
    monkeypatch.setattr("nbkit.service.client.ANSWER_SECONDS", 0.2)
    monkeypatch.setattr("nbkit.service.client.QUERY_SECONDS", 0.1)
    client = client_on(dripping(0.01))
    for request in (lambda: client.submit(task()), lambda: client.poll(UNKNOWN_UUID), client.balance):
        with pytest.raises(errors.AnswerLost, match="did not end within"):
            request()


@pytest.mark.parametrize(
    ("given", "kilobytes"),
    [
        ({}, 16),
        ({"output_type": "base64Data"}, 16 + 90),
        ({"output_type": "dataURI", "number_results": 4}, 16 + 360),
        ({"output_type": "dataURI", "number_results": 20}, 1024),
    ],
)
def test_an_answer_that_is_too_large_is_given_up(client_on, monkeypatch, given, kilobytes):
    """16 MB without inline pictures, 90 MB more for each of them, 1 GB for any answer; here all are kilobytes."""
    for name in ("ANSWER_BYTES", "INLINE_BYTES", "MAX_ANSWER_BYTES"):
        monkeypatch.setattr(client_module, name, getattr(client_module, name) // 1024)
    client = client_on(dripping(0, b"x" * 1024, kilobytes + 5))
    with pytest.raises(errors.AnswerLost, match=f"larger than {kilobytes * 1024:,} bytes"):
        client.submit(task(**given))
    with pytest.raises(errors.AnswerLost, match="not an answer"):
        client_on(dripping(0, b"x" * 1024, kilobytes)).submit(task(**given))


@pytest.mark.parametrize("depth", [100, 900, 100_000])
def test_an_answer_that_is_nested_too_deeply_is_given_up(client_on, depth):
    """Parsing it does not exceed the recursion limit."""
    body = b'{"data": ' + b"[" * depth + b"]" * depth + b"}"
    with pytest.raises(errors.AnswerLost, match="that are not an answer"):
        client_on(httpx.MockTransport(lambda _: httpx.Response(200, content=body))).submit(task())


# -- the key in an answer ----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [LONG_KEY, LONG_KEY[:11] + "…"])
def test_a_key_that_a_service_repeats_is_in_no_error_and_no_result(client_on, text):
    """Not in a code, a parameter, a name or an address; nor in the error of an answer that cannot be used."""
    sent = task()
    items = [{"taskUUID": sent["taskUUID"], "imageUUID": text, "imageURL": f"http://x.example/{text}.jpg", "cost": 1}]
    problems = [{"code": f"bad-{text}", "message": text, "parameter": [text], "taskUUID": sent["taskUUID"]}]
    answer = httpx.Response(200, json={"data": items, "errors": problems})
    response = client_on(httpx.MockTransport(lambda _: answer)).submit(sent)
    (problem,), (result,) = response.errors, response.results
    shown = f"{problem!r} {vars(problem)} {result!r} {result.source}"
    assert LONG_KEY[:8] not in shown
    assert shown.count("<key>") >= 5
    page = httpx.Response(500, content=b"?", headers={"content-type": f"text/{LONG_KEY}"})
    with pytest.raises(errors.AnswerLost, match="<key>") as caught:
        client_on(httpx.MockTransport(lambda _: page)).balance()
    assert LONG_KEY not in f"{caught.value!r} {vars(caught.value)}"


def test_a_key_in_a_broken_line_of_http_is_redacted(client_on):
    """The error of the transport quotes that line."""

    def fail(_):
        raise httpx.RemoteProtocolError(f"illegal header line: {LONG_KEY}")

    with pytest.raises(errors.AnswerLost, match="<key>") as caught:
        client_on(httpx.MockTransport(fail)).submit(task())
    assert LONG_KEY not in f"{caught.value!r} {vars(caught.value)}"


# -- pictures that come slowly -----------------------------------------------------------------------------


def test_a_download_that_drips_is_given_up_after_two_attempts(client_on, monkeypatch):
    """An attempt ends when too few bytes come in some seconds; the error of the second one is not retried."""
    monkeypatch.setattr(download, "DRIP_SECONDS", 0.05)
    requests = []
    drip = dripping(0.01, times=200).handler
    with pytest.raises(errors.DownloadError, match="too slow") as caught:
        client_on(httpx.MockTransport(lambda request: requests.append(request) or drip(request))).fetch(
            "http://x.example/p.jpg", examine
        )
    assert not caught.value.retry
    assert len(requests) == 2


def test_a_download_without_an_answer_is_given_up_after_two_attempts(client_on):
    """The user is waiting: the error of the second time-out is not retried."""
    requests = []

    def time_out(request):
        requests.append(request)
        raise httpx.ReadTimeout("timed out")

    with pytest.raises(errors.DownloadError, match="sent nothing more") as caught:
        client_on(httpx.MockTransport(time_out)).fetch("http://x.example/p.jpg", examine)
    assert not caught.value.retry
    assert len(requests) == 2


def test_a_404_is_retried_only_while_the_address_is_new(service, client):
    """The file may come a moment after its address; a client without the answer that named it does not retry."""
    service.picture_faults += [fault.file(b"", 404)] * 2
    source = client.submit(task()).results[0].source
    assert client.fetch(source, examine)[0] == picture()
    assert len(service.gets) == 3
    later = Client(service.url, pace=QUICK)
    service.picture_faults.append(fault.file(b"", 404))
    with pytest.raises(errors.DownloadError, match="404") as caught:
        later.fetch(source, examine)
    assert not caught.value.retry
    assert len(service.gets) == 4
    later.close()


def test_a_client_that_is_closed_while_it_waits_gets_its_answer_and_then_closes(service):
    """No connection stays open; what is asked afterwards is an error that says what to type."""
    service.free.clear()
    client = Client(service.url, api_key="test-key")
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(client.submit, task())
        until(lambda: service.received)
        client.close()
        service.free.set()
        assert answer.result(30).results
    with pytest.raises(errors.NbkitError, match=r"nbkit\.Studio"):
        client.balance()
    until(lambda: not service.connections)
