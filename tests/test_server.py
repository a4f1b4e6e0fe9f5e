"""The engine over real sockets: the contract, as any client of the API meets it."""

import http.client
import io
import json
import socket
import threading
import time

import httpx
import pytest
from offline_tasks import PRICE, InFlight, data_uri, new_uuid, task
from PIL import Image

from nbkit.offline import Offline, channel, server
from nbkit.offline.server import Server, serving

HEADERS = {"Content-Type": "application/json"}


@pytest.fixture
def engine():
    return Offline(seed=1)


@pytest.fixture
def url(engine):
    with serving(engine) as address:
        yield address


@pytest.fixture
def wire():
    """One client with a connection pool, as programs have it."""
    with httpx.Client(timeout=20) as client:
        yield client


def address_of(url):
    host, port = url.removeprefix("http://").rsplit(":", 1)
    return host, int(port)


def raw(url, data):
    """All that a server says to some bytes until it closes."""
    with socket.create_connection(address_of(url), timeout=10) as connection:
        connection.sendall(data)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def body_of(answer):
    assert answer.headers["Content-Type"] == "application/json"
    return answer.json()


def test_task_and_its_picture(wire, url):
    """A task is posted, its picture is at an address on the same host, and needs no key."""
    answer = wire.post(f"{url}/v1", json=[task(outputFormat="PNG")])
    assert answer.status_code == 200
    assert answer.headers["X-Nbkit-Engine"] == "offline"
    body = body_of(answer)
    assert list(body) == ["data"]
    (item,) = body["data"]
    assert item["imageURL"].startswith(f"{url}/pictures/")
    picture = wire.get(item["imageURL"])
    assert picture.headers["Content-Type"] == "image/png"
    assert Image.open(io.BytesIO(picture.content)).size == (512, 512)


def test_async_task_is_polled(wire, url):
    """An async task is acknowledged at once, and ``getResponse`` has its results with a status."""
    given = task(deliveryMethod="async", numberResults=2)
    assert body_of(wire.post(f"{url}/v1", json=[given]))["data"][0]["taskUUID"] == given["taskUUID"]
    body = body_of(wire.post(f"{url}/v1", json=[{"taskType": "getResponse", "taskUUID": given["taskUUID"]}]))
    assert [item["status"] for item in body["data"]] == ["success", "success"]


def test_slash_at_the_end_is_tolerated(wire, url):
    """``/v1/`` is ``/v1``."""
    assert body_of(wire.post(f"{url}/v1/", json=[{"taskType": "ping", "ping": True}]))["data"][0]["pong"] is True


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1"), ("POST", "/"), ("GET", "/"), ("GET", "/pictures/x.jpg")])
def test_anything_else_is_not_found(wire, url, method, path):
    """Other methods and paths answer 404, in JSON."""
    answer = wire.request(method, url + path)
    assert answer.status_code == 404
    assert body_of(answer)["errors"][0]["code"].endswith("NotFound")


def test_connection_is_kept(url):
    """Several requests go over one connection; a HEAD tells a picture's size and sends none of it."""
    connection = http.client.HTTPConnection(*address_of(url), timeout=10)
    connection.request("POST", "/v1", json.dumps([task()]), HEADERS)
    address = json.loads(connection.getresponse().read())["data"][0]["imageURL"]
    held = connection.sock
    connection.request("HEAD", address.removeprefix(url))
    answer = connection.getresponse()
    assert (int(answer.headers["Content-Length"]) > 1000, answer.read()) == (True, b"")
    connection.request("GET", address.removeprefix(url))
    assert len(connection.getresponse().read()) == int(answer.headers["Content-Length"])
    assert connection.sock is held
    connection.close()


def test_addresses_have_the_name_that_was_called(wire, url):
    """Whoever comes by another name of the machine gets picture addresses under that name."""
    answer = wire.post(f"{url}/v1", json=[task()], headers={"Host": "classroom.example:8765"})
    assert answer.json()["data"][0]["imageURL"].startswith("http://classroom.example:8765/pictures/")


@pytest.mark.parametrize("host", ["a b", 'x"><script>', "a/../b", "a@b", "user:pass@host", "host:port", "a,b", "", "é"])
def test_no_host_is_repeated_blindly(url, host):
    """A Host header that is no host and port is not found again in an answer."""
    body = json.dumps([task()]).encode()
    head = f"POST /v1 HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    answer = raw(url, head.encode("latin-1") + body)
    assert f'"imageURL": "{url}/pictures/'.encode() in answer


def test_address_expires_with_ttl(wire):
    """A picture's address works until its ttl has run out by the engine's clock."""
    hands = InFlight()
    with serving(Offline(clock=hands.clock)) as url:
        address = wire.post(f"{url}/v1", json=[task(ttl=60)]).json()["data"][0]["imageURL"]
        hands.now += 59
        assert wire.get(address).status_code == 200
        hands.now += 1
        assert body_of(wire.get(address))["errors"][0]["code"] == "imageExpired"


def test_key_is_wanted(wire):
    """With a key, a task without it or with another one is refused; both places for it work; pictures need none."""
    with serving(Offline(key="sesame")) as url:
        for headers, code in (({}, "missingApiKey"), ({"Authorization": "Bearer else"}, "invalidApiKey")):
            answer = wire.post(f"{url}/v1", json=[task()], headers=headers)
            assert (answer.status_code, body_of(answer)["errors"][0]["code"]) == (401, code)
        first = {"taskType": "authentication", "apiKey": "sesame"}
        assert wire.post(f"{url}/v1", json=[first, task()]).status_code == 200
        answer = wire.post(f"{url}/v1", json=[task()], headers={"Authorization": "Bearer sesame"})
        assert wire.get(answer.json()["data"][0]["imageURL"]).status_code == 200


def test_large_bodies_are_refused(wire):
    """A body beyond the limit is refused in JSON, whether its length was announced or not; one at the limit is read."""
    ping = json.dumps([{"taskType": "ping", "ping": True}]).encode()
    with serving(max_body=1000) as url:
        assert wire.post(f"{url}/v1", content=ping.ljust(1000)).status_code == 200
        for content in (ping.ljust(1001), iter([ping.ljust(1001)])):
            answer = wire.post(f"{url}/v1", content=content)
            assert (answer.status_code, body_of(answer)["errors"][0]["code"]) == (413, "maxBodySizeExceeded")
            assert "1,000 bytes" in answer.text


@pytest.mark.parametrize("data", [b"no HTTP\r\n\r\n", b"POST /v1 HTTP/1.1\r\nContent-Length: x\r\n\r\n"])
def test_what_is_no_request_is_refused_in_json(url, data):
    """Bytes that are no HTTP request get a 400 in JSON, and the connection ends."""
    head, _, body = raw(url, data).partition(b"\r\n\r\n")
    assert b" 400 " in head
    assert json.loads(body)["errors"][0]["code"] == "invalidRequest"


def test_fault_of_the_engine_is_an_answer(wire, engine, url, monkeypatch, caplog):
    """An exception inside the engine is a 500 in JSON that tells nothing of it; the server goes on."""
    monkeypatch.setattr(engine, "account", lambda: 1 / 0)
    asked = {"taskType": "accountManagement", "taskUUID": new_uuid(), "operation": "getDetails"}
    answer = wire.post(f"{url}/v1", json=[asked])
    assert (answer.status_code, body_of(answer)["errors"][0]["code"]) == (500, "internalServerError")
    assert "division" not in answer.text
    assert "ZeroDivisionError" in caplog.text
    assert wire.post(f"{url}/v1", json=[task()]).status_code == 200


def test_sixteen_clients_at_once():
    """Sixteen tasks are at work at the same time: each waits until all of them are."""
    together = threading.Barrier(16)
    engine = Offline(latency=1, sleep=lambda _: together.wait(20))
    given = [task() for _ in range(16)]
    statuses = []

    def ask(one):
        statuses.append(httpx.post(f"{url}/v1", json=[one], timeout=30).status_code)

    with serving(engine) as url:
        clients = [threading.Thread(target=ask, args=[one]) for one in given]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
    assert statuses == [200] * 16
    assert engine.charges == {one["taskUUID"]: PRICE for one in given}


def test_slow_client_hangs_nobody(wire, url, monkeypatch):
    """A request that does not come to its end is given up, and meanwhile others are answered."""
    monkeypatch.setattr(channel, "HEADER_SECONDS", 0.3)
    with socket.create_connection(address_of(url), timeout=10) as slow:
        slow.sendall(b"POST /v1 HT")
        assert wire.post(f"{url}/v1", json=[task()]).status_code == 200
        assert slow.recv(100) == b""


def test_many_silent_clients_keep_nobody_out(wire, url, monkeypatch):
    """When the connections run out, those on which nothing happened for longest are closed."""
    monkeypatch.setattr(server, "MAX_CONNECTIONS", server.SPARE_CONNECTIONS + 4)
    silent = [socket.create_connection(address_of(url), timeout=10) for _ in range(12)]
    assert wire.post(f"{url}/v1", json=[task()]).status_code == 200
    assert silent[0].recv(100) == b""
    for connection in silent:
        connection.close()


def test_reference_address_is_never_fetched(wire, url):
    """A reference image at an address is drawn as a name: nobody is asked for it."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        nobody.settimeout(0.2)
        where = f"http://127.0.0.1:{nobody.getsockname()[1]}/secret.png"
        answer = wire.post(f"{url}/v1", json=[task(inputs={"referenceImages": [where, data_uri()]})])
        assert wire.get(answer.json()["data"][0]["imageURL"]).status_code == 200
        with pytest.raises(TimeoutError):
            nobody.accept()


def test_end_waits_for_nobody_long():
    """A server with a request at work ends within two seconds, and then nobody listens at its address."""
    begun, gate = threading.Event(), threading.Event()

    def work(_):
        begun.set()
        gate.wait(20)

    ending = Server(Offline(latency=60, sleep=work))
    with ending, socket.create_connection(address_of(ending.url), timeout=10) as client:
        body = json.dumps([task()]).encode()
        client.sendall(b"POST /v1 HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        assert begun.wait(10)
        before = time.monotonic()
        ending.close()
        assert time.monotonic() - before < 2
        assert client.recv(100) == b""
    gate.set()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address_of(ending.url), timeout=5)


def test_taken_port_is_an_error_at_once(url):
    """A second server on a port is an error where it is made."""
    with pytest.raises(OSError):
        Server(port=address_of(url)[1])
