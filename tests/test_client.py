"""One exchange with the service, over real sockets: tasks, pictures, the account."""

import base64
import socket
import time

import httpx
import pytest
import service_faults as fault
import stamina
from service import Answer, Service, error, picture

from nbkit import errors
from nbkit.measures.facts import examine
from nbkit.request.image_request import ImageRequest
from nbkit.service import client as client_module
from nbkit.service import download
from nbkit.service.client import Client, retry_after
from nbkit.service.secret import Secret

NOBODY = "11111111-1111-4111-8111-111111111111"
LONG_KEY = "canary-7f3d9b2a6c1e"


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
    monkeypatch.setattr(download, "MAX_PICTURE_BYTES", 1_000_000)


def task(**parameters):
    return ImageRequest("A lantern", width=512, height=512, **parameters).to_send()


@pytest.mark.parametrize("kind", ["URL", "base64Data", "dataURI"])
@pytest.mark.parametrize(("name", "media_type"), [("JPG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp")])
def test_every_output_type_gives_the_same_bytes(service, client, kind, name, media_type):
    """A picture arrives with exactly the bytes that the service sent, however it travelled."""
    response = client.submit(task(output_type=kind, output_format=name))
    data, facts = client.fetch(response.results[0].source, examine)
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
    for response in (client.poll(sent["taskUUID"]), client.poll(NOBODY), client.details(NOBODY)):
        assert not response.results
        assert all(isinstance(e, errors.NotFoundError) for e in response.errors)


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
    return client.fetch(client.submit(task()).results[0].source, examine)


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
        (fault.file(b"gone", 404), "answered 404; its address may have expired", 4),
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
    monkeypatch.setattr(download, "DOWNLOAD_SECONDS", 0.0)
    with pytest.raises(errors.DownloadError, match="did not end within"):
        fetch(service, client)


@pytest.mark.usefixtures("at_once")
def test_a_picture_host_that_falls_silent_is_asked_anew(service):
    """A host that accepts a GET and never answers is given up after a while of silence, and asked again."""
    client = Client(service.url, timeout=0.2)
    service.picture_faults.append(lambda service, path: Answer(body=b"late" if service.free.wait(5) else b""))
    service_free, source = service.free, client.submit(task()).results[0].source
    service_free.clear()
    assert client.fetch(source, examine)[0] == picture()
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
        client.fetch(source, examine)


def test_base64_with_line_breaks(client):
    """Encoders that break lines after 76 characters are understood."""
    data = picture("PNG")
    assert client.fetch(base64.encodebytes(data).decode(), examine)[0] == data


# -- answers that do not end -------------------------------------------------------------------------------


def dripping(pause, piece=b"x", times=10_000):
    """A transport whose answers come in small pieces, for ever."""

    def pieces():
        for _ in range(times):
            time.sleep(pause)
            yield piece

    return httpx.MockTransport(lambda _: httpx.Response(200, content=pieces()))


@pytest.fixture
def on():
    """Clients on a transport."""
    made = []

    def one(transport):
        made.append(Client("http://service.example/v1", api_key=LONG_KEY, transport=transport))
        return made[-1]

    yield one
    for client in made:
        client.close()


def test_an_answer_that_drips_for_ever_is_given_up(on, monkeypatch):
    """A task and a question have an end each, however slowly the answer comes."""
    monkeypatch.setattr("nbkit.service.client.ANSWER_SECONDS", 0.2)
    monkeypatch.setattr("nbkit.service.client.QUERY_SECONDS", 0.1)
    client = on(dripping(0.01))
    for ask in (lambda: client.submit(task()), lambda: client.poll(NOBODY), client.balance):
        with pytest.raises(errors.AnswerLost, match="so slowly"):
            ask()


@pytest.mark.parametrize(
    ("given", "most"),
    [
        ({}, 16),
        ({"output_type": "base64Data"}, 16 + 90),
        ({"output_type": "dataURI", "number_results": 4}, 16 + 360),
        ({"output_type": "dataURI", "number_results": 20}, 1024),
    ],
)
def test_an_answer_has_a_largest_size(on, monkeypatch, given, most):
    """16 MB without pictures inside, 90 MB more for each, and never more than a gigabyte (here: kilobytes)."""
    for name in ("ANSWER_BYTES", "INLINE_BYTES", "MAX_ANSWER_BYTES"):
        monkeypatch.setattr(client_module, name, getattr(client_module, name) // 1024)
    client = on(dripping(0, b"x" * 1024, most + 5))
    with pytest.raises(errors.AnswerLost, match=f"larger than {most * 1024:,} bytes"):
        client.submit(task(**given))
    with pytest.raises(errors.AnswerLost, match="no answer"):
        on(dripping(0, b"x" * 1024, most)).submit(task(**given))


@pytest.mark.parametrize("depth", [100, 900, 100_000])
def test_an_answer_that_is_nested_without_end_is_none(on, depth):
    """Brackets in brackets exhaust no stack."""
    body = b'{"data": ' + b"[" * depth + b"]" * depth + b"}"
    with pytest.raises(errors.AnswerLost, match="that are no answer"):
        on(httpx.MockTransport(lambda _: httpx.Response(200, content=body))).submit(task())


# -- the key in an answer ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "said", "shown"),
    [
        (LONG_KEY, LONG_KEY, "<key>"),
        (LONG_KEY, f"{LONG_KEY}{LONG_KEY}", "<key><key>"),
        (LONG_KEY, "canary-7f3d****", "<key>****"),
        (LONG_KEY, "a canary-7 and canary-7f3d9b", "a <key> and <key>"),
        (LONG_KEY, "canary- 7f3d9b2a6c1e", "canary- 7f3d9b2a6c1e"),
        ("twelve-chars", "a twelve-chars, twelve-c…", "a <key>, twelve-c…"),
        ("short", "short", "short"),
        (None, "None", "None"),
    ],
)
def test_a_key_that_a_service_repeats(key, said, shown):
    """Anywhere in an answer, names of fields included; of a long key its beginning too; a short one may be a word."""
    assert Secret(key).redact({said: [1, None, {"x": [f"-{said}-"]}]}) == {shown: [1, None, {"x": [f"-{shown}-"]}]}


@pytest.mark.parametrize("said", [LONG_KEY, LONG_KEY[:11] + "…"])
def test_a_key_reaches_nobody_through_an_answer(on, said):
    """Not in a code, a parameter, a name or an address; nor through an answer that cannot be used."""
    sent = task()
    items = [{"taskUUID": sent["taskUUID"], "imageUUID": said, "imageURL": f"http://x.example/{said}.jpg", "cost": 1}]
    wrong = [{"code": f"bad-{said}", "message": said, "parameter": [said], "taskUUID": sent["taskUUID"]}]
    told = httpx.Response(200, json={"data": items, "errors": wrong})
    response = on(httpx.MockTransport(lambda _: told)).submit(sent)
    (found,), (result,) = response.errors, response.results
    words = f"{found!r} {vars(found)} {result!r} {result.source}"
    assert LONG_KEY[:8] not in words
    assert words.count("<key>") >= 5
    page = httpx.Response(500, content=b"?", headers={"content-type": f"text/{LONG_KEY}"})
    with pytest.raises(errors.AnswerLost, match="<key>") as caught:
        on(httpx.MockTransport(lambda _: page)).balance()
    assert LONG_KEY not in f"{caught.value!r} {vars(caught.value)}"


def test_a_key_in_a_line_that_is_no_http(on):
    """The transport's own words about a broken answer may repeat it."""

    def broken(_):
        raise httpx.RemoteProtocolError(f"illegal header line: {LONG_KEY}")

    with pytest.raises(errors.AnswerLost, match="<key>") as caught:
        on(httpx.MockTransport(broken)).submit(task())
    assert LONG_KEY not in f"{caught.value!r} {vars(caught.value)}"


# -- pictures that come slowly -----------------------------------------------------------------------------


@pytest.mark.usefixtures("at_once")
def test_a_picture_that_drips_is_given_up_after_two_tries(on, monkeypatch):
    """Fewer bytes than a picture could be made of in its time: twice is enough, and the reason says so."""
    monkeypatch.setattr(download, "DRIP_SECONDS", 0.05)
    asked = []
    drip = dripping(0.01, times=200).handler
    with pytest.raises(errors.DownloadError, match="dripped"):
        on(httpx.MockTransport(lambda request: asked.append(1) or drip(request))).fetch(
            "http://x.example/p.jpg", examine
        )
    assert len(asked) == 2


@pytest.mark.usefixtures("at_once")
def test_a_picture_host_that_stays_silent_is_asked_twice(on):
    """And no more: somebody waits."""
    asked = []

    def silent(request):
        asked.append(1)
        raise httpx.ReadTimeout("timed out")

    with pytest.raises(errors.DownloadError, match="fell silent"):
        on(httpx.MockTransport(silent)).fetch("http://x.example/p.jpg", examine)
    assert len(asked) == 2


@pytest.mark.usefixtures("at_once")
def test_a_fresh_picture_that_is_not_there_yet(service, client):
    """The store behind an address may lag a moment: a 404 is asked again while the address is new, and never later."""
    service.picture_faults += [fault.file(b"", 404)] * 2
    source = client.submit(task()).results[0].source
    assert client.fetch(source, examine)[0] == picture()
    assert len(service.gets) == 3
    later = Client(service.url)
    service.picture_faults.append(fault.file(b"", 404))
    with pytest.raises(errors.DownloadError, match="404"):
        later.fetch(source, examine)
    assert len(service.gets) == 4
    later.close()
