"""One exchange with the service, over real sockets: tasks, pictures, the account."""

import base64
import socket

import httpx
import pytest
import service_faults as fault
import stamina
from service import Answer, Service, error, picture

from nbkit import client as client_module
from nbkit import errors
from nbkit.client import Client, retry_after
from nbkit.request import ImageRequest

NOBODY = "11111111-1111-4111-8111-111111111111"


@pytest.fixture
def client(service):
    """A client of the service."""
    one = Client(service.url, api_key="test-key")
    yield one
    one.close()


@pytest.fixture
def at_once():
    """Downloads are tried again without a pause, as often as for a person."""
    with stamina.set_testing(True, attempts=4):
        yield


@pytest.fixture
def small_limit(monkeypatch):
    """A file is gigantic from a megabyte on."""
    monkeypatch.setattr(client_module, "MAX_PICTURE_BYTES", 1_000_000)


def task(**parameters):
    return ImageRequest("A lantern", width=512, height=512, **parameters).to_send()


@pytest.mark.parametrize("kind", ["URL", "base64Data", "dataURI"])
@pytest.mark.parametrize(("name", "media_type"), [("JPG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp")])
def test_every_output_type_gives_the_same_bytes(service, client, kind, name, media_type):
    """A picture arrives with exactly the bytes that the service sent, however it travelled."""
    reply = client.submit(task(output_type=kind, output_format=name))
    data, facts = client.fetch(reply.results[0].source)
    assert data == picture(name)
    assert (facts.media_type, facts.width, facts.height) == (media_type, 96, 64)


def test_what_a_post_looks_like(service, client):
    """The body is an array of one task, its type JSON, the key a bearer token; no query, no slash."""
    client.submit(task())
    (received,) = service.received
    assert (received.method, received.path) == ("POST", "/v1")
    assert received.headers["content-type"] == "application/json"
    assert received.headers["authorization"] == "Bearer test-key"
    assert received.body.startswith(b"[{")


def test_nobody_listens():
    """No connection means that the task never left."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        client = Client(f"http://127.0.0.1:{taken.getsockname()[1]}/v1")
        with pytest.raises(errors.NotConnected, match="no connection to 127"):
            client.submit(task())
        client.close()


@pytest.mark.parametrize(
    "how",
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
def test_an_answer_that_cannot_be_used_is_lost(service, client, how):
    """A closed connection, a cut body, a page of HTML: the outcome is not known."""
    service.faults.append(how)
    with pytest.raises(errors.AnswerLost) as caught:
        client.submit(task())
    assert caught.value.__context__ is None


def test_a_silent_service_is_lost(service):
    """A service that accepts and then says nothing is given up after the time-out: the outcome is not known."""
    service.free.clear()
    client = Client(service.url, timeout=0.1)
    with pytest.raises(errors.AnswerLost, match="ReadTimeout"):
        client.submit(task())
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
def test_a_status_with_a_page_of_html(service, client, status, kind):
    """A refusal is a refusal, also from a gateway that answers with a page; a redirect is not followed."""
    service.faults.append(fault.plain(status, location=f"{service.origin}/v1"))
    (found,) = client.submit(task()).errors
    assert type(found).__name__ == kind
    assert len(service.received) == 1


def test_the_pause_that_a_page_asks_for(service, client):
    """``Retry-After`` is read where no JSON came, for a refusal and for a lost answer."""
    service.faults += [fault.plain(429, retry_after="7"), fault.plain(503, retry_after="8")]
    assert client.submit(task()).errors[0].retry_after == 7
    with pytest.raises(errors.AnswerLost) as caught:
        client.submit(task())
    assert caught.value.retry_after == 8


def test_both_forms_of_retry_after():
    """Seconds and a date; anything else is no pause, and a date that has passed is none either."""
    assert retry_after(httpx.Headers({"retry-after": "2.5"})) == 2.5
    assert retry_after(httpx.Headers({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"})) == 0
    assert retry_after(httpx.Headers({"retry-after": "soon"})) is None
    assert retry_after(httpx.Headers()) is None


@pytest.mark.parametrize("unknown", ["empty", "notFound"])
def test_questions_about_tasks(service, client, unknown):
    """``getTaskDetails`` knows a past task, ``getResponse`` none that was sync; an unknown one is no picture."""
    service.unknown = unknown
    sent = task()
    client.submit(sent)
    assert len(client.details(sent["taskUUID"]).results) == 1
    for reply in (client.ask(sent["taskUUID"]), client.ask(NOBODY), client.details(NOBODY)):
        assert not reply.results
        assert all(isinstance(e, errors.NotFoundError) for e in reply.errors)


@pytest.mark.parametrize(
    ("answer", "held"),
    [({"data": [{"balance": 3.25}]}, 3.25), ({"data": {"balance": {"amount": "4.5", "currency": "USD"}}}, 4.5)],
)
def test_balance(service, client, answer, held):
    """What the account holds, as a number or an amount with its currency, in a list or alone."""
    service.handle = lambda _: Answer(body=answer)
    assert client.balance() == held


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
def test_no_balance(service, client, answer, kind):
    """Where the service does not say what the account holds, an error of nbkit's own tree says why."""
    service.handle = lambda _: answer
    with pytest.raises(kind):
        client.balance()


# -- pictures ----------------------------------------------------------------------------------------------


def fetch(service, client):
    return client.fetch(client.submit(task()).results[0].source)


@pytest.mark.parametrize(
    "how",
    [fault.truncated, fault.half, fault.file(b"", 503), fault.file(b"slow down", 429), fault.file(b""), fault.file(b"<html>"), lambda service, path: Answer(silent=True)],
    ids=["truncated", "half", "503", "429", "empty", "page", "closed"],
)  # fmt: skip
@pytest.mark.usefixtures("at_once")
def test_a_download_that_fails_is_tried_again(service, client, how):
    """What the network or a busy host spoils is fetched again; three failures are no end."""
    service.picture_faults += [how] * 3
    assert fetch(service, client)[0] == picture()
    assert len(service.gets) == 4


@pytest.mark.parametrize(
    ("how", "reason", "tries"),
    [
        (fault.truncated, "broke off", 4),
        (fault.half, "not a whole picture", 4),
        (fault.file(b"<html>expired</html>"), "not a whole picture", 4),
        (fault.file(b"gone", 404), "answered 404; its address may have expired", 1),
        (fault.file(b"no", 403), "answered 403; its address may have expired", 1),
        (fault.file(fault.bomb(9_000, 9_000)), "9000x9000 is more than any size", 1),
        (fault.file(fault.bomb(60_000, 60_000)), "far more pixels", 1),
        (fault.file(picture() + b"x" * 2_000_000), "larger than 1,000,000 bytes", 1),
        (fault.file(b"GIF89a" + b"\0" * 50), "not a whole picture", 4),
    ],
    ids=["truncated", "half", "page", "404", "403", "bomb", "huge bomb", "gigantic", "gif"],
)
@pytest.mark.usefixtures("at_once", "small_limit")
def test_a_download_that_is_refused_says_why(service, client, how, reason, tries):
    """A picture that is cut, is none, is gigantic or is a bomb is refused, and asked for again where that helps."""
    service.picture_faults += [how] * 9
    with pytest.raises(errors.DownloadError, match=reason):
        fetch(service, client)
    assert len(service.gets) == tries


@pytest.mark.usefixtures("at_once")
def test_a_download_that_drips_for_ever_is_given_up(service, client, monkeypatch):
    """A download has an end, however slowly it comes."""
    monkeypatch.setattr(client_module, "DOWNLOAD_SECONDS", 0.0)
    with pytest.raises(errors.DownloadError, match="did not end within"):
        fetch(service, client)


@pytest.mark.usefixtures("at_once")
def test_a_picture_host_that_falls_silent_is_asked_anew(service):
    """A host that accepts a GET and never answers is given up after a while of silence, and asked again."""
    client = Client(service.url, timeout=0.2)
    service.picture_faults.append(lambda service, path: Answer(body=b"late" if service.free.wait(5) else b""))
    service_free, source = service.free, client.submit(task()).results[0].source
    service_free.clear()
    assert client.fetch(source)[0] == picture()
    client.close()


def test_redirects_of_pictures_are_followed(service, client):
    """A picture's address may lead elsewhere."""
    with Service() as elsewhere:
        elsewhere.pictures["/p.jpg"] = picture("JPG", "red")
        service.picture_faults.append(fault.file(b"", 302, location=f"{elsewhere.origin}/p.jpg"))
        assert fetch(service, client)[0] == picture("JPG", "red")


@pytest.mark.parametrize(
    "source", ["data:image/png;base64,????", "not base64 at all", "ftp://h/1.jpg", "data:image/png;base64,", "http://"]
)  # fmt: skip
def test_sources_that_are_no_picture(client, source):
    """Text that decodes to no picture, or an address that cannot be one, is an error of the download."""
    with pytest.raises(errors.DownloadError):
        client.fetch(source)


def test_base64_with_line_breaks(client):
    """Encoders that break lines after 76 characters are understood."""
    data = picture("PNG")
    assert client.fetch(base64.encodebytes(data).decode())[0] == data
