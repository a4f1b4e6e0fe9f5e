"""The served engine over WebSocket: frames as the vendor's clients send them, and the answers that they wait for."""

import contextlib
import json
import threading

import httpx
import pytest
from offline_tasks import held_engine, new_uuid, task
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from nbkit.offline import Offline, web
from nbkit.offline.connection import SMALL_BYTES
from nbkit.offline.server import serving

AUTHENTICATION = {"taskType": "authentication", "apiKey": "sesame"}
PING = {"taskType": "ping", "ping": True}


@contextlib.contextmanager
def connected(engine, first=AUTHENTICATION, path="/v1"):
    """A WebSocket to a served engine, after its first frame was answered: the socket, and that answer."""
    with serving(engine) as url, connect(url.replace("http", "ws") + path, max_size=2**20, close_timeout=2) as socket:
        yield socket, ask(socket, first)


def ask(socket, *tasks):
    """Send one frame and return the next one that comes."""
    socket.send(json.dumps(tasks))
    return json.loads(socket.recv(timeout=20))


def test_the_first_frame_authenticates():
    """It is answered with a session's UUID; a task's result comes as a frame with its taskUUID, and no errors."""
    with connected(Offline(key="sesame")) as (socket, greeting):
        assert set(greeting) == {"data"}
        assert greeting["data"][0]["taskType"] == "authentication"
        assert len(greeting["data"][0]["connectionSessionUUID"]) == 36
        given = task(numberResults=2)
        answer = ask(socket, given)
        assert set(answer) == {"data"}
        assert {item["taskUUID"] for item in answer["data"]} == {given["taskUUID"]}
        assert len(answer["data"]) == 2
        assert httpx.get(answer["data"][0]["imageURL"]).status_code == 200


def test_a_wrong_key_is_refused_without_a_task_uuid():
    """The connection stays open: the right key is taken afterwards. Until then a task is refused."""
    with connected(Offline(key="sesame"), {**AUTHENTICATION, "apiKey": "else"}) as (socket, refusal):
        (error,) = refusal["errors"]
        assert (error["code"], error["taskType"], "taskUUID" in error) == ("invalidApiKey", "authentication", False)
        assert "data" not in refusal
        given = task()
        (error,) = ask(socket, given)["errors"]
        assert (error["code"], error["taskUUID"]) == ("missingApiKey", given["taskUUID"])
        assert "data" in ask(socket, AUTHENTICATION)
        assert "data" in ask(socket, given)


def test_a_ping_is_answered_before_the_key():
    """One client sends it at once."""
    with connected(Offline(key="sesame"), PING) as (_, answer):
        assert answer == {"data": [{"taskType": "ping", "pong": True}]}


def test_an_engine_without_a_key_takes_any_or_none():
    """The address may have a query, as one client adds."""
    for first in (AUTHENTICATION, task()):
        with connected(Offline(), first, "/v1?client=js") as (socket, answer):
            assert "errors" not in answer
            assert "data" in ask(socket, task())


def test_acknowledgements_and_polls_have_the_uuid_of_their_task():
    """Also where the engine has nothing to say: frames are routed by it."""
    engine = Offline(key="sesame")
    engine.acknowledgement = "empty"
    with connected(engine) as (socket, _):
        given = task(deliveryMethod="async")
        assert ask(socket, given)["data"][0]["taskUUID"] == given["taskUUID"]
        query = {"taskType": "getResponse", "taskUUID": given["taskUUID"]}
        (item,) = ask(socket, query)["data"]
        assert (item["status"], item["taskUUID"]) == ("success", given["taskUUID"])
        unknown = {"taskType": "getResponse", "taskUUID": new_uuid()}
        assert ask(socket, unknown)["data"] == [unknown]


def test_the_account_has_an_organisation():
    """Beside its name and the balance."""
    with connected(Offline(key="sesame", balance=2.5)) as (socket, _):
        details = {"taskType": "accountManagement", "taskUUID": new_uuid(), "operation": "getDetails"}
        (item,) = ask(socket, details)["data"]
        assert len(item["organizationUUID"]) == 36
        assert (item["taskUUID"], item["balance"]) == (details["taskUUID"], 2.5)


def test_a_frame_is_answered_while_tasks_wait():
    """Sixty-four tasks occupy nothing that a ping needs, on this connection or another one."""
    engine, arrived, release = held_engine()
    with connected(engine, PING) as (socket, _):
        given = [task() for _ in range(64)]
        for one in given:
            socket.send(json.dumps([one]))
        assert arrived.wait(20)
        assert ask(socket, PING)["data"][0]["pong"] is True
        release.set()
        answers = [json.loads(socket.recv(timeout=60))["data"][0]["taskUUID"] for _ in given]
        assert sorted(answers) == sorted(one["taskUUID"] for one in given)


@pytest.mark.parametrize("text", ["no JSON", "{}", "[]", "[1]", '[{"taskType": "paint"}]', "[" * 5000])
def test_a_frame_that_is_no_task_is_refused(text):
    """The next frame is answered."""
    with connected(Offline(), PING) as (socket, _):
        socket.send(text)
        assert json.loads(socket.recv(timeout=20))["errors"][0]["code"]
        assert ask(socket, PING)["data"][0]["pong"] is True


def test_a_lost_answer_closes_the_socket_and_can_be_asked_for():
    """The task is charged, as over HTTP."""
    engine = Offline(failures={"lost": 1})
    with connected(engine, PING) as (socket, _):
        given = task()
        socket.send(json.dumps([given]))
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=20)
    assert list(engine.charges) == [given["taskUUID"]]


def test_frames_are_small_until_the_key_is_known():
    """A large one closes the connection; afterwards it is read."""
    padding = " " * SMALL_BYTES
    with connected(Offline(key="sesame"), PING) as (socket, _):
        socket.send(json.dumps([PING]) + padding)
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=20)
    with connected(Offline(key="sesame")) as (socket, _):
        socket.send(json.dumps([PING]) + padding)
        assert json.loads(socket.recv(timeout=20))["data"][0]["pong"] is True


def test_the_key_may_come_in_the_header():
    """As over HTTP."""
    with serving(Offline(key="sesame")) as url:
        headers = {"Authorization": "Bearer sesame"}
        with connect(url.replace("http", "ws") + "/v1", additional_headers=headers, close_timeout=2) as socket:
            assert "data" in ask(socket, task())


def test_a_task_goes_on_when_its_client_leaves():
    """Another connection gets its result."""
    engine, arrived, release = held_engine()
    with serving(engine) as url:
        address, given = url.replace("http", "ws") + "/v1", task(deliveryMethod="sync")
        with connect(address, close_timeout=2) as socket:
            socket.send(json.dumps([given]))
            assert arrived.wait(20)
        threading.Timer(0.1, release.set).start()
        with connect(address, close_timeout=2) as socket:
            query = {"taskType": "getTaskDetails", "taskUUID": given["taskUUID"]}
            while "request" not in (answer := ask(socket, query))["data"][0]:
                release.wait(0.05)
        assert answer["data"][0]["response"]["data"][0]["taskUUID"] == given["taskUUID"]


def test_a_client_without_a_key_is_closed_after_a_while(monkeypatch):
    """However busy it keeps the connection; one that has shown its key stays."""
    monkeypatch.setattr(web, "UNKNOWN_SECONDS", 0.5)

    def ping_on(socket):
        while True:
            ask(socket, PING)

    with serving(Offline(key="sesame")) as url:
        address = f"{url.replace('http', 'ws')}/v1"
        with connect(address, close_timeout=2) as known, connect(address, close_timeout=2) as unknown:
            ask(known, AUTHENTICATION)
            with pytest.raises(ConnectionClosed) as closed:
                ping_on(unknown)
            assert closed.value.rcvd.code == 1008
            assert ask(known, PING)["data"][0]["pong"] is True
