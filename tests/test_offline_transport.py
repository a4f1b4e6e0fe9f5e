"""The in-process transport: an ``httpx`` client reaches the engine without a socket."""

import socket

import httpx
import pytest
from offline_tasks import task

from nbkit.offline import Offline, OfflineTransport

API = "https://api.nbkit.invalid/v1"


@pytest.fixture(autouse=True)
def _no_sockets(monkeypatch):
    """A test that opens a socket fails."""

    def fail(*_args, **_options):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", fail)


def client(engine=None):
    return httpx.Client(transport=OfflineTransport(engine))


@pytest.mark.parametrize(
    ("output_format", "media_type"), [("JPG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp")]
)
def test_a_task_is_posted_and_its_picture_is_fetched(output_format, media_type):
    """The picture comes without a key, with its media type and its length."""
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
def test_other_methods_and_paths_are_not_found(method, path):
    """They, and unknown pictures, answer 404 in JSON."""
    with client() as http:
        answer = http.request(method, f"https://api.nbkit.invalid{path}", json=[task()] if method == "POST" else None)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()["errors"][0]["code"].endswith("NotFound")


def test_two_clients_of_one_engine_share_its_tasks():
    """A taskUUID that one client has used is a conflict for the other."""
    engine, given = Offline(), task()
    with client(engine) as first, client(engine) as second:
        assert first.post(API, json=[given]).status_code == 200
        assert second.post(API, json=[given]).json()["errors"][0]["code"] == "conflictTaskUUID"
    assert list(engine.charges) == [given["taskUUID"]]


@pytest.mark.parametrize(("fault", "error"), [("lost", httpx.ReadError), ("cut", httpx.RemoteProtocolError)])
def test_a_lost_answer_raises_the_error_of_a_broken_connection(fault, error):
    """The task was accepted and charged, and its picture can be looked up."""
    engine, given = Offline(failures={fault: 1}), task()
    with client(engine) as http:
        with pytest.raises(error) as caught:
            http.post(API, json=[given])
        assert isinstance(caught.value, httpx.TransportError)
        details = http.post(API, json=[{"taskType": "getTaskDetails", "taskUUID": given["taskUUID"]}])
        assert http.get(details.json()["data"][0]["response"]["data"][0]["imageURL"]).status_code == 200
    assert list(engine.charges) == [given["taskUUID"]]


def test_the_html_fault_answers_with_a_proxys_error_page():
    """It is a 502 without the engine's header, and the task was charged."""
    engine = Offline(failures={"html": 1})
    with client(engine) as http:
        answer = http.post(API, json=[task()])
    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html")
    assert "X-Nbkit-Engine" not in answer.headers
    assert answer.text.startswith("<!DOCTYPE html>")
    assert len(engine.charges) == 1


def test_the_download_fault_cuts_the_first_download_of_a_picture():
    """The second download is complete."""
    with client(Offline(failures={"download": 1})) as http:
        address = http.post(API, json=[task()]).json()["data"][0]["imageURL"]
        with pytest.raises(httpx.RemoteProtocolError):
            http.get(address)
        picture = http.get(address)
    assert len(picture.content) == int(picture.headers["Content-Length"])
