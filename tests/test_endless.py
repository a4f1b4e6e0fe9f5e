"""Answers and downloads without end, over real sockets: each is given up in time, and what was paid stays to be fetched."""

import json
import socket
import time

import pytest
from conftest import QUICK
from endless import ENDLESS, HEAD, Endless, redirects
from log_checks import assert_log_matches_service
from service import Service

from nbkit import errors
from nbkit.measures.facts import examine
from nbkit.request.image_request import ImageRequest
from nbkit.service import client as client_module
from nbkit.service import download
from nbkit.service.client import Client

LIMIT = 0.4
"""Seconds for an answer and for a download, instead of minutes."""

UUID = "11111111-1111-4111-8111-111111111111"


@pytest.fixture(autouse=True)
def short_limits(monkeypatch):
    """Less time and fewer bytes than a person would be given."""
    for name in ("ANSWER_SECONDS", "QUERY_SECONDS"):
        monkeypatch.setattr(client_module, name, LIMIT)
    monkeypatch.setattr(download, "DOWNLOAD_SECONDS", LIMIT)
    monkeypatch.setattr(download, "MAX_PICTURE_BYTES", 1_000_000)
    for name in ("ANSWER_BYTES", "INLINE_BYTES", "MAX_ANSWER_BYTES"):
        monkeypatch.setattr(client_module, name, 1_000_000)


@pytest.fixture
def endless():
    """A server; a test sets its ``answer``."""
    with Endless() as server:
        yield server


@pytest.fixture
def client(endless):
    """A client of that server."""
    client = Client(f"{endless.origin}/v1", api_key="test-key", pace=QUICK)
    yield client
    client.close()


REQUESTS = {
    "submit": lambda client: client.submit(ImageRequest("A lantern", width=512, height=512).to_send()),
    "inline": lambda client: client.submit(
        ImageRequest("A lantern", width=512, height=512, output_type="base64Data").to_send()
    ),
    "poll": lambda client: client.poll(UUID),
    "details": lambda client: client.details(UUID),
    "balance": lambda client: client.balance(),
}


@pytest.mark.parametrize("request_kind", REQUESTS)
@pytest.mark.parametrize("kind", ENDLESS)
def test_every_answer_ends(endless, client, kind, request_kind):
    """A task, a poll, a look at the past and the balance: given up in time, and the error says that the answer is lost."""
    endless.answer = ENDLESS[kind]
    begun = time.monotonic()
    with pytest.raises(errors.AnswerLost) as caught:
        REQUESTS[request_kind](client)
    assert time.monotonic() - begun < 10 * LIMIT
    assert str(caught.value)


@pytest.mark.parametrize("kind", ENDLESS)
def test_every_download_ends(endless, client, kind):
    """After two slow attempts, or four that broke off."""
    endless.answer = ENDLESS[kind]
    begun = time.monotonic()
    with pytest.raises(errors.DownloadError):
        client.fetch(f"{endless.origin}/p.jpg", examine)
    assert time.monotonic() - begun < 10 * LIMIT
    assert 1 <= len(endless.requests) <= download.MAX_TRIES


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("headers that drip", "did not end within 0.4 seconds"),
        ("100 Continue", "did not end within 0.4 seconds"),
        ("trailers that drip", "did not end within 0.4 seconds"),
        ("gzip", "larger than 1,000,000 bytes"),
        ("a body without end", "larger than 1,000,000 bytes"),
        ("gzip in gzip", "gzip, gzip"),
        ("brotli", "compressed by br"),
    ],
)
def test_the_error_says_what_happened(endless, client, kind, reason):
    """For a task and for a picture in the same words."""
    endless.answer = ENDLESS[kind]
    with pytest.raises(errors.AnswerLost, match=reason):
        client.poll(UUID)
    with pytest.raises(errors.DownloadError, match=reason):
        client.fetch(f"{endless.origin}/p.jpg", examine)


def test_a_task_that_the_server_does_not_read_is_given_up():
    """The request is larger than the buffers of the connection, and nobody reads them."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        client = Client(f"http://127.0.0.1:{deaf.getsockname()[1]}/v1", pace=QUICK)
        task = ImageRequest("A lantern", width=512, height=512).to_send() | {"padding": "x" * 20_000_000}
        begun = time.monotonic()
        with pytest.raises(errors.AnswerLost, match="did not end within"):
            client.submit(task)
        assert time.monotonic() - begun < 10 * LIMIT
        client.close()


def test_redirects_without_end_are_given_up(endless, client):
    """Each address of a picture leads to another one; a task follows none."""
    endless.answer = redirects(endless.port)
    with pytest.raises(errors.DownloadError, match="redirects more than 10 times") as caught:
        client.fetch(f"{endless.origin}/p.jpg", examine)
    assert not caught.value.retry
    assert len(endless.requests) == download.MAX_REDIRECTS + 1


def test_redirects_that_drip_share_the_time_of_one_download(endless, client):
    """The limit is for the way to the picture, and not for each address on it."""
    hop = redirects(endless.port)
    endless.answer = lambda request: (time.sleep(LIMIT / 4) or piece for piece in hop(request))
    with pytest.raises(errors.DownloadError, match="did not end within"):
        client.fetch(f"{endless.origin}/p.jpg", examine)


def test_a_connection_can_be_used_again_after_its_limits(endless, client):
    """What an exchange may take is counted anew for each one, also on a connection that is kept."""
    endless.answer = lambda _: whole(b'{"data": []}')
    for _ in range(3):
        assert client.poll(UUID).is_empty
        time.sleep(LIMIT / 2)


def whole(content):
    """A whole answer."""
    return [HEAD + f"content-length: {len(content)}\r\n\r\n".encode() + content]


@pytest.mark.parametrize("kind", ["headers that drip", "100 Continue", "trailers that drip", "gzip in gzip"])
def test_a_run_whose_answer_never_ends_is_unknown_and_recovered(service, open_studio, endless, kind):
    """``generate()`` and each ``recover()`` end; once the service answers, the paid picture is fetched, and paid once."""
    service.answers_after_sync = True
    is_endless = True

    def relay(request):
        (task,) = json.loads(request.partition(b"\r\n\r\n")[2])
        if task["taskType"] == "imageInference":
            service.accept(task)
        return ENDLESS[kind](request) if is_endless else whole(service._state(task).content)

    endless.answer = relay
    studio = open_studio(engine=f"{endless.origin}/v1")
    begun = time.monotonic()
    run = studio.generate("A lantern", width=512, height=512)
    assert (run.status, studio.budget.held > 0) == ("unknown", True)
    assert set(studio.recover().after) == {"unknown"}
    assert time.monotonic() - begun < 60 * LIMIT
    is_endless = False
    assert set(studio.recover().after) == {"done"}
    assert_log_matches_service(service, studio)


@pytest.mark.parametrize("kind", ["headers that drip", "100 Continue", "gzip", "a body that drips"])
def test_a_picture_that_never_ends_leaves_a_paid_run_to_be_fetched(service, studio, endless, monkeypatch, kind):
    """The run is done and says why its picture is missing; a later ``recover()`` fetches it."""
    endless.answer = ENDLESS[kind]
    with monkeypatch.context() as patch:
        patch.setattr(Service, "origin", property(lambda _: endless.origin))  # in the addresses of its pictures
        run = studio.generate("A lantern", width=512, height=512)
    assert run.status == "done"
    with pytest.raises(errors.NoImage, match="the download"):
        _ = run.image.bytes
    assert set(studio.recover().after) == {"done, picture missing"}
    endless.answer = lambda request: whole(service.pictures[request.split()[1].decode()])
    assert set(studio.recover().after) == {"done"}
    assert_log_matches_service(service, studio)
