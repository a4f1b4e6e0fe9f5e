"""The served engine over real sockets: any HTTP client gets the answers that the API documents."""

import contextlib
import http.client
import io
import json
import os
import socket
import subprocess
import sys
import threading
import time

import httpx
import pytest
from offline_tasks import PRICE, ManualClock, data_uri, held_engine, new_uuid, task
from PIL import Image

from nbkit.offline import Offline, connection
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
def client():
    """One HTTP client with a connection pool, as programs have it."""
    with httpx.Client(timeout=20) as client:
        yield client


def host_and_port(url):
    host, port = url.removeprefix("http://").rsplit(":", 1)
    return host, int(port)


def send_raw(url, data):
    """Send bytes on a connection of their own, and return all that the server sends until it closes it."""
    with socket.create_connection(host_and_port(url), timeout=10) as connection:
        connection.sendall(data)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def body_of(answer):
    """The decoded body of a JSON answer."""
    assert answer.headers["Content-Type"] == "application/json"
    return answer.json()


def test_a_task_is_posted_and_its_picture_is_fetched(client, url):
    """The picture's URL has the address of the server, and needs no key."""
    answer = client.post(f"{url}/v1", json=[task(outputFormat="PNG")])
    assert answer.status_code == 200
    assert answer.headers["X-Nbkit-Engine"] == "offline"
    body = body_of(answer)
    assert list(body) == ["data"]
    (item,) = body["data"]
    assert item["imageURL"].startswith(f"{url}/pictures/")
    picture = client.get(item["imageURL"])
    assert picture.headers["Content-Type"] == "image/png"
    assert Image.open(io.BytesIO(picture.content)).size == (512, 512)


def test_an_async_task_is_acknowledged_and_polled(client, url):
    """``getResponse`` returns its results with a status."""
    given = task(deliveryMethod="async", numberResults=2)
    assert body_of(client.post(f"{url}/v1", json=[given]))["data"][0]["taskUUID"] == given["taskUUID"]
    body = body_of(client.post(f"{url}/v1", json=[{"taskType": "getResponse", "taskUUID": given["taskUUID"]}]))
    assert [item["status"] for item in body["data"]] == ["success", "success"]


def test_the_path_may_end_with_a_slash(client, url):
    """``/v1/`` is ``/v1``."""
    assert body_of(client.post(f"{url}/v1/", json=[{"taskType": "ping", "ping": True}]))["data"][0]["pong"] is True


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1"), ("POST", "/"), ("GET", "/"), ("GET", "/pictures/x.jpg")])
def test_other_methods_and_paths_are_not_found(client, url, method, path):
    """They, and unknown pictures, answer 404 in JSON."""
    answer = client.request(method, url + path)
    assert answer.status_code == 404
    assert body_of(answer)["errors"][0]["code"].endswith("NotFound")


def test_several_requests_use_one_connection(url):
    """A HEAD among them has a picture's length, and no body."""
    connection = http.client.HTTPConnection(*host_and_port(url), timeout=10)
    connection.request("POST", "/v1", json.dumps([task()]), HEADERS)
    address = json.loads(connection.getresponse().read())["data"][0]["imageURL"]
    first_socket = connection.sock
    connection.request("HEAD", address.removeprefix(url))
    answer = connection.getresponse()
    assert (int(answer.headers["Content-Length"]) > 1000, answer.read()) == (True, b"")
    connection.request("GET", address.removeprefix(url))
    assert len(connection.getresponse().read()) == int(answer.headers["Content-Length"])
    assert connection.sock is first_socket
    connection.close()


def test_picture_urls_have_the_host_of_the_request(client, url):
    """A client that knows the machine by another name gets picture URLs with that name."""
    answer = client.post(f"{url}/v1", json=[task()], headers={"Host": "classroom.example:8765"})
    assert answer.json()["data"][0]["imageURL"].startswith("http://classroom.example:8765/pictures/")


@pytest.mark.parametrize("host", ["a b", 'x"><script>', "a/../b", "a@b", "user:pass@host", "host:port", "a,b", "", "é"])
def test_a_malformed_host_header_is_not_copied_into_picture_urls(url, host):
    """They have the address of the server instead."""
    body = json.dumps([task()]).encode()
    head = f"POST /v1 HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    answer = send_raw(url, head.encode("latin-1") + body)
    assert f'"imageURL": "{url}/pictures/'.encode() in answer


def test_a_picture_url_expires_after_its_ttl(client):
    """The engine's clock decides when that is."""
    clock = ManualClock()
    with serving(Offline(clock=clock.time)) as url:
        address = client.post(f"{url}/v1", json=[task(ttl=60)]).json()["data"][0]["imageURL"]
        clock.now += 59
        assert client.get(address).status_code == 200
        clock.now += 1
        assert body_of(client.get(address))["errors"][0]["code"] == "imageExpired"


def test_a_server_with_a_key_refuses_tasks_without_it(client):
    """The key may be in the header or in the first task, and pictures need none."""
    with serving(Offline(key="sesame")) as url:
        for headers, code in (({}, "missingApiKey"), ({"Authorization": "Bearer else"}, "invalidApiKey")):
            answer = client.post(f"{url}/v1", json=[task()], headers=headers)
            assert (answer.status_code, body_of(answer)["errors"][0]["code"]) == (401, code)
        first = {"taskType": "authentication", "apiKey": "sesame"}
        assert client.post(f"{url}/v1", json=[first, task()]).status_code == 200
        answer = client.post(f"{url}/v1", json=[task()], headers={"Authorization": "Bearer sesame"})
        assert client.get(answer.json()["data"][0]["imageURL"]).status_code == 200


def test_a_body_beyond_the_limit_is_refused(client):
    """The refusal is JSON, with and without a ``Content-Length``; a body of exactly the limit is read."""
    ping = json.dumps([{"taskType": "ping", "ping": True}]).encode()
    with serving(max_body=1000) as url:
        assert client.post(f"{url}/v1", content=ping.ljust(1000)).status_code == 200
        for content in (ping.ljust(1001), iter([ping.ljust(1001)])):
            answer = client.post(f"{url}/v1", content=content)
            assert (answer.status_code, body_of(answer)["errors"][0]["code"]) == (413, "maxBodySizeExceeded")
            assert "1,000 bytes" in answer.text


@pytest.mark.parametrize("data", [b"no HTTP\r\n\r\n", b"POST /v1 HTTP/1.1\r\nContent-Length: x\r\n\r\n"])
def test_bytes_that_are_no_http_request_are_refused(url, data):
    """The answer is a 400 in JSON, and the connection is closed."""
    head, _, body = send_raw(url, data).partition(b"\r\n\r\n")
    assert b" 400 " in head
    assert json.loads(body)["errors"][0]["code"] == "invalidRequest"


def test_an_exception_in_the_engine_answers_500(client, engine, url, monkeypatch, caplog):
    """The exception is in the log and not in the JSON, and the server answers the next request."""
    monkeypatch.setattr(engine, "account", lambda: 1 / 0)
    details = {"taskType": "accountManagement", "taskUUID": new_uuid(), "operation": "getDetails"}
    answer = client.post(f"{url}/v1", json=[details])
    assert (answer.status_code, body_of(answer)["errors"][0]["code"]) == (500, "internalServerError")
    assert "division" not in answer.text
    assert "ZeroDivisionError" in caplog.text
    assert client.post(f"{url}/v1", json=[task()]).status_code == 200


def test_sixteen_tasks_run_at_the_same_time():
    """Each waits until all of them have arrived, so all would fail if one had to queue."""
    barrier = threading.Barrier(16)
    engine = Offline(latency=1, sleep=lambda _: barrier.wait(20))
    tasks = [task() for _ in range(16)]
    statuses = []

    def post(given):
        statuses.append(httpx.post(f"{url}/v1", json=[given], timeout=30).status_code)

    with serving(engine) as url:
        clients = [threading.Thread(target=post, args=[given]) for given in tasks]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
    assert statuses == [200] * 16
    assert engine.charges == {given["taskUUID"]: PRICE for given in tasks}


def test_an_unfinished_request_is_closed_after_a_time_limit(client, url, monkeypatch):
    """Meanwhile, other clients are answered."""
    monkeypatch.setattr(connection, "HEADER_SECONDS", 0.3)
    with socket.create_connection(host_and_port(url), timeout=10) as slow:
        slow.sendall(b"POST /v1 HT")
        assert client.post(f"{url}/v1", json=[task()]).status_code == 200
        assert slow.recv(100) == b""


def test_the_url_of_a_reference_image_is_never_fetched(client, url):
    """The picture is drawn with a frame, and the host of the URL gets no connection."""
    with socket.create_server(("127.0.0.1", 0)) as host:
        host.settimeout(0.2)
        reference = f"http://127.0.0.1:{host.getsockname()[1]}/secret.png"
        answer = client.post(f"{url}/v1", json=[task(inputs={"referenceImages": [reference, data_uri()]})])
        assert client.get(answer.json()["data"][0]["imageURL"]).status_code == 200
        with pytest.raises(TimeoutError):
            host.accept()


def test_a_server_with_a_running_request_ends_within_two_seconds():
    """The connection is closed, and the port refuses further ones."""
    engine, arrived, release = held_engine()
    ending = Server(engine)
    with ending, socket.create_connection(host_and_port(ending.url), timeout=10) as connection:
        body = json.dumps([task()]).encode()
        connection.sendall(b"POST /v1 HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        assert arrived.wait(10)
        before = time.monotonic()
        ending.close()
        assert time.monotonic() - before < 2
        assert connection.recv(100) == b""
    release.set()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(host_and_port(ending.url), timeout=5)


def test_a_port_in_use_is_an_error_when_the_server_is_made(url):
    """It is raised before the server is started."""
    with pytest.raises(OSError):
        Server(port=host_and_port(url)[1])


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such limit")
def test_more_connections_than_the_process_may_open_are_closed_at_once():
    """Its own files still open, and whoever is connected is served."""
    script = (
        "import resource, socket, sys\n"
        "from nbkit.offline import Offline\n"
        "from nbkit.offline.server import Server\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))\n"
        "with Server(Offline(), '127.0.0.1', 0) as server:\n"
        "    print(server.port, flush=True)\n"
        "    while sys.stdin.readline():\n"
        "        open('/dev/null').close()\n"
        "        print('opened', flush=True)\n"
    )
    with (
        contextlib.ExitStack() as stack,
        subprocess.Popen([sys.executable, "-c", script], stdin=-1, stdout=-1, text=True) as server,
    ):
        stack.callback(server.kill)
        port = int(server.stdout.readline())
        clients = [stack.enter_context(socket.create_connection(("127.0.0.1", port), 20)) for _ in range(90)]
        served = 0
        for client in clients:
            client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
            with contextlib.suppress(ConnectionError):
                served += client.recv(9).startswith(b"HTTP/1.1")
        server.stdin.write("\n")
        server.stdin.flush()
        assert server.stdout.readline() == "opened\n"
        assert served == 50
