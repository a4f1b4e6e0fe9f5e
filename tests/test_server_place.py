"""Where a server stands: on a disk that outlives it, behind proxies and TLS, and in front of clients without a key."""

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time

import httpx
import psutil
import pytest
from offline_tasks import data_uri, new_uuid, task

from nbkit.errors import StorageError
from nbkit.offline import Offline
from nbkit.offline.server import serving

PNG = data_uri(80, 40)


def start(folder, *options):
    """``python -m nbkit serve`` in a folder: the process and its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "nbkit", "serve", *options],
        cwd=folder, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    return process, re.search(r"is at (\S+)", process.stdout.readline())[1]


def end(process):
    """Kill a server, at whatever it is."""
    process.kill()
    process.communicate()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as found:
        return str(found.getsockname()[1])


def post(url, *tasks, **options):
    return httpx.post(f"{url}/v1", json=list(tasks), timeout=30, **options)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_killed_server_answers_as_before(tmp_path):
    """Tasks, charges, uploads, references and pictures, byte for byte; a used taskUUID stays used."""
    port = free_port()
    process, url = start(tmp_path, "--port", port)
    upload = post(url, {"taskType": "imageUpload", "taskUUID": new_uuid(), "image": PNG}).json()["data"][0]
    given = [task(inputs={"referenceImages": [upload["imageUUID"], PNG]}), *(task(numberResults=2) for _ in range(3))]
    before = [post(url, one).json() for one in given]
    pictures = {item["imageURL"]: httpx.get(item["imageURL"]).content for body in before for item in body["data"]}
    waiting = task(deliveryMethod="async")
    post(url, waiting)
    details = [{"taskType": "getTaskDetails", "taskUUID": one["taskUUID"]} for one in given]
    account = {"taskType": "accountManagement", "taskUUID": new_uuid(), "operation": "getDetails"}
    told = [post(url, one).json() for one in (*details, account)]
    end(process)
    process, url = start(tmp_path, "--port", port)
    try:
        assert [post(url, one).json() for one in (*details, account)] == told
        assert {address: httpx.get(address).content for address in pictures} == pictures
        assert httpx.get(upload["imageURL"]).content
        assert post(url, given[0]).json()["errors"][0]["code"] == "conflictTaskUUID"
        again = post(url, {"taskType": "getResponse", "taskUUID": waiting["taskUUID"]}).json()
        assert again["data"][0]["status"] == "success"
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        process.communicate()


def test_a_state_has_one_engine_at_a_time(tmp_path):
    """The second one is refused, until the first is closed."""
    first = Offline(state=tmp_path / "state.sqlite")
    with pytest.raises(StorageError, match="another server"):
        Offline(state=tmp_path / "state.sqlite")
    first.close()
    Offline(state=tmp_path / "state.sqlite").close()


def test_noise_goes_on_after_a_restart(tmp_path):
    """With a seed, the third picture of a request differs from the first two, as in an engine that was not restarted."""

    def pictures(count, engine):
        items = [
            json.loads(engine.answer(json.dumps([task(seed=7)]).encode(), {}).body)["data"][0] for _ in range(count)
        ]
        return [engine.picture(item["imageUUID"]).body for item in items]

    whole = pictures(3, Offline(seed=1, noise=0.2))
    first = Offline(seed=1, noise=0.2, state=tmp_path / "state.sqlite")
    parts = pictures(2, first)
    first.close()
    second = Offline(seed=1, noise=0.2, state=tmp_path / "state.sqlite")
    assert parts + pictures(1, second) == whole
    second.close()


@pytest.mark.parametrize(
    ("path", "headers", "expected"),
    [
        ("/v1", {"X-Forwarded-Proto": "https", "Host": "class.example"}, "https://class.example/pictures/"),
        ("/v1", {"X-Forwarded-Prefix": "/nbkit"}, "http://{own}/nbkit/pictures/"),
        ("/a/nbkit/v1", {}, "http://{own}/a/nbkit/pictures/"),
        ("/v1", {"X-Forwarded-Host": "outside.example, inside"}, "http://outside.example/pictures/"),
        ("/v1", {"X-Forwarded-Prefix": '/x"><script>', "X-Forwarded-Host": "a b", "X-Forwarded-Proto": "data"}, "http://{own}/pictures/"),
    ],
)  # fmt: skip
def test_picture_addresses_are_those_in_front_of_a_proxy(path, headers, expected):
    """Scheme, host and prefix, whether the proxy leaves the prefix in the path or cuts it off; junk is left out."""
    with serving() as url:
        answer = httpx.post(url + path, json=[task()], headers=headers, timeout=20).json()
        own = url.removeprefix("http://")
        address = answer["data"][0]["imageURL"]
        assert address.startswith(expected.format(own=own))
        reached = re.sub(r"^https?://[^/]+", url, address)
        assert httpx.get(reached).status_code == 200


def test_an_address_that_is_given_is_told(tmp_path):
    """In every address of a picture."""
    with serving(address="https://class.example/nbkit/") as url:
        assert url == "https://class.example/nbkit"
    with serving(host="0.0.0.0", address="http://x.example") as _:
        pass


def test_tls(tmp_path):
    """HTTPS with a certificate of one's own; addresses of pictures are https too."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command, *names], check=True, capture_output=True)
    with serving(tls=(certificate, key)) as url:
        context = ssl.create_default_context(cafile=certificate)
        with httpx.Client(verify=context, timeout=20) as client:
            item = client.post(f"{url}/v1", json=[task()]).json()["data"][0]
            assert item["imageURL"].startswith(f"{url}/pictures/")
            assert url.startswith("https://127.0.0.1:")
            assert client.get(item["imageURL"]).status_code == 200


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the memory of a process from Linux's files")
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
def test_the_body_of_a_client_without_a_key_is_not_kept(tmp_path, headers):
    """Six bodies of 120 MB at once are refused, and cost little memory."""
    process, url = start(tmp_path, "--port", "0", "--key", "sesame")
    host, port = url.removeprefix("http://").split(":")
    try:
        post(url, {"taskType": "ping", "ping": True}, headers={"Authorization": "Bearer sesame"})
        before = psutil.Process(process.pid).memory_info().rss
        size = 120 * 2**20
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        request = f"POST /v1 HTTP/1.1\r\nHost: x\r\n{head}Content-Length: {size}\r\n\r\n".encode()
        peak, sockets = 0, [socket.create_connection((host, int(port)), timeout=20) for _ in range(6)]
        for one in sockets:
            one.sendall(request)
        chunk = b"[" + b" " * 2**20
        for _ in range(120):
            for one in sockets:
                one.sendall(chunk[: 2**20])
            peak = max(peak, psutil.Process(process.pid).memory_info().rss)
        for one in sockets:
            assert b" 401 " in one.recv(4096)
            one.close()
        assert peak - before < 50 * 2**20
    finally:
        end(process)


def test_a_small_body_may_hold_the_key():
    """In its first task; a large one needs it in the header."""
    with serving(Offline(key="sesame")) as url:
        authentication = {"taskType": "authentication", "apiKey": "sesame"}
        assert post(url, authentication, task()).status_code == 200
        answer = post(url, authentication, task(inputs={"referenceImages": ["A" * 2**20]}))
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (401, "missingApiKey")
        assert "Authorization" in answer.json()["errors"][0]["message"]


def test_waiting_costs_no_thread(tmp_path):
    """A hundred tasks wait, and a ping is answered at once."""
    process, url = start(tmp_path, "--port", "0", "--latency", "5")
    try:
        threads = psutil.Process(process.pid).num_threads()
        with httpx.Client(limits=httpx.Limits(max_connections=200), timeout=30) as client:
            body = [task() for _ in range(100)]
            host, port = url.removeprefix("http://").split(":")
            waiting = []
            for one in body:
                content = json.dumps([one]).encode()
                connection = socket.create_connection((host, int(port)), timeout=20)
                connection.sendall(
                    b"POST /v1 HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(content) + content
                )
                waiting.append(connection)
            before = time.monotonic()
            assert client.post(f"{url}/v1", json=[{"taskType": "ping", "ping": True}]).status_code == 200
            assert time.monotonic() - before < 4  # less than any task takes
            assert psutil.Process(process.pid).num_threads() - threads < 20
            for connection in waiting:
                connection.close()
    finally:
        end(process)


def test_the_environment_of_a_process_shows_no_key(tmp_path):
    """The key of ``serve`` is taken from the environment, and is in no line that it prints."""
    process = subprocess.Popen(
        [sys.executable, "-m", "nbkit", "serve", "--port", "0"],
        cwd=tmp_path, stdout=subprocess.PIPE, text=True, env=os.environ | {"NBKIT_SERVE_KEY": "canary-key-77"},
    )  # fmt: skip
    assert "canary" not in process.stdout.readline()
    end(process)
