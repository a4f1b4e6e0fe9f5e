"""The in-process transport: an ``httpx.Client`` that speaks to the engine and opens no socket."""

import socket
import uuid

import httpx
import pytest

from nbkit.offline import Offline, OfflineTransport

API = "https://api.nbkit.invalid/v1"


@pytest.fixture(autouse=True)
def _no_sockets(monkeypatch):
    """Whoever opens a socket here fails."""

    def refuse(*_args, **_options):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)


def client(engine=None):
    return httpx.Client(transport=OfflineTransport(engine))


def task(**changes):
    head = {"taskType": "imageInference", "taskUUID": str(uuid.uuid4()), "model": "google:4@3"}
    return head | {"positivePrompt": "A paper lantern", "width": 512, "height": 512} | changes


@pytest.mark.parametrize(
    ("output_format", "media_type"), [("JPG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp")]
)
def test_submit_and_download(output_format, media_type):
    """A task is posted and its picture fetched, with the right media type and length, and no key."""
    with client() as http:
        answer = http.post(API, json=[task(outputFormat=output_format)], headers={"Authorization": "Bearer any"})
        assert answer.headers["X-Nbkit-Engine"] == "offline"
        assert answer.headers["Content-Type"] == "application/json"
        picture = http.get(answer.json()["data"][0]["imageURL"])
    assert picture.headers["Content-Type"] == media_type
    assert int(picture.headers["Content-Length"]) == len(picture.content) > 0


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1"), ("POST", "/v1/"), ("POST", "/"), ("GET", "/pictures/"), ("GET", "/pictures/x.jpg")],
)
def test_anything_else_is_not_found(method, path):
    """Other methods, other paths and unknown pictures answer 404 in JSON."""
    with client() as http:
        answer = http.request(method, f"https://api.nbkit.invalid{path}", json=[task()] if method == "POST" else None)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()["errors"][0]["code"].endswith("NotFound")


def test_engine_is_shared():
    """Two clients with one engine see one account."""
    engine, given = Offline(), task()
    with client(engine) as first, client(engine) as second:
        assert first.post(API, json=[given]).status_code == 200
        assert second.post(API, json=[given]).json()["errors"][0]["code"] == "conflictTaskUUID"
    assert list(engine.charges) == [given["taskUUID"]]


@pytest.mark.parametrize(("fault", "error"), [("lost", httpx.ReadError), ("cut", httpx.RemoteProtocolError)])
def test_lost_answers_are_what_a_connection_raises(fault, error):
    """The connection breaks before or in the answer; the task was accepted, is charged and can be asked for."""
    engine, given = Offline(failures={fault: 1}), task()
    with client(engine) as http:
        with pytest.raises(error) as caught:
            http.post(API, json=[given])
        assert isinstance(caught.value, httpx.TransportError)
        details = http.post(API, json=[{"taskType": "getTaskDetails", "taskUUID": given["taskUUID"]}])
        assert http.get(details.json()["data"][0]["response"]["data"][0]["imageURL"]).status_code == 200
    assert list(engine.charges) == [given["taskUUID"]]


def test_page_of_html():
    """A proxy's page instead of an answer: 502, HTML, no header of the engine; the task was charged."""
    engine = Offline(failures={"html": 1})
    with client(engine) as http:
        answer = http.post(API, json=[task()])
    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html")
    assert answer.text.startswith("<!DOCTYPE html>")
    assert len(engine.charges) == 1


def test_first_download_breaks_off():
    """The first download of a picture is cut in the middle; the second is whole."""
    with client(Offline(failures={"download": 1})) as http:
        address = http.post(API, json=[task()]).json()["data"][0]["imageURL"]
        with pytest.raises(httpx.RemoteProtocolError):
            http.get(address)
        picture = http.get(address)
    assert len(picture.content) == int(picture.headers["Content-Length"])
