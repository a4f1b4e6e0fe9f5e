"""The served engine's outbox: webhooks and uploads over real sockets, and where they are never sent."""

import http.server
import io
import json
import logging
import queue
import socket
import threading
import time

import httpx
import pytest
from offline_tasks import task
from PIL import Image

from nbkit.offline import Offline, safe_http, webhook_sender
from nbkit.offline.delivery import Delivery
from nbkit.offline.server import serving
from nbkit.offline.webhook_sender import WebhookSender


class Receiver(http.server.ThreadingHTTPServer):
    """Takes calls on a free port; answers with the given statuses in turn, then with 200."""

    def __init__(self, *statuses):
        super().__init__(("127.0.0.1", 0), Call)
        self.statuses, self.calls = list(statuses), queue.Queue()
        self.url = f"http://127.0.0.1:{self.server_port}/take?token=canary"

    def __enter__(self):
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self._thread.join()
        self.server_close()


class Call(http.server.BaseHTTPRequestHandler):
    """One call, as it came."""

    def do_POST(self):
        self.body = self.rfile.read(int(self.headers["Content-Length"]))
        self.when = time.monotonic()
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 200)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.server.calls.put(self)

    do_PUT = do_POST  # noqa: N815  the name is the base class's

    def log_message(self, *_):
        """Silence."""


def webhook(url):
    return Delivery("webhook", url, b"{}", "application/json")


def settled(outbox):
    """Wait until an outbox has made or given up everything."""
    until = time.monotonic() + 10
    while outbox.under_way:
        assert time.monotonic() < until
        time.sleep(0.005)


@pytest.fixture
def send():
    """Outboxes that are closed at the end."""
    made = []

    def make(**options):
        made.append(WebhookSender(**options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_webhook_and_upload_of_an_async_task():
    """Each result is PUT as its bytes and POSTed as the flat object, when it is ready, although nobody asks again."""
    with Receiver() as receiver, serving(Offline(latency=0.2), allow_private_callbacks=True) as url:
        addresses = {"webhookURL": receiver.url, "uploadEndpoint": receiver.url}
        given = task(deliveryMethod="async", numberResults=2, outputFormat="PNG", **addresses)
        assert httpx.post(f"{url}/v1", json=[given]).status_code == 200
        calls = [receiver.calls.get(timeout=10) for _ in range(4)]
        told = [json.loads(call.body) for call in calls if call.command == "POST"]
        pictures = {httpx.get(item["imageURL"]).content for item in told}
    assert all(item["taskUUID"] == given["taskUUID"] and "data" not in item for item in told)
    assert {call.headers["Content-Type"] for call in calls if call.command == "POST"} == {"application/json"}
    assert {call.path for call in calls} == {"/take?token=canary"}
    uploads = [call for call in calls if call.command == "PUT"]
    assert {call.headers["Content-Type"] for call in uploads} == {"image/png"}
    assert {call.body for call in uploads} == pictures
    assert all(Image.open(io.BytesIO(data)).size == (512, 512) for data in pictures)


def test_webhook_is_sent_again_until_it_is_taken(send):
    """Anything but 2xx is tried again, with pauses that grow; a redirect is not followed."""
    with Receiver(500, 302) as receiver:
        send(allow_private=True)(webhook(receiver.url))
        calls = [receiver.calls.get(timeout=10) for _ in range(3)]
    times = [call.when for call in calls]
    assert times[1] - times[0] >= 0.25
    assert times[2] - times[1] >= 0.5
    assert {call.path for call in calls} == {"/take?token=canary"}


def test_pauses_are_the_documented_ones():
    """From a quarter of a second to eight seconds, doubled each time; an answer has five seconds to come."""
    assert webhook_sender.RETRY_PAUSES_SECONDS == (0.25, 0.5, 1, 2, 4, 8)
    assert webhook_sender.ATTEMPT_SECONDS["webhook"] == 5


def test_dripping_receiver_has_no_more_time_than_a_silent_one(send):
    """The time for an answer is for all of it: a header now and then does not stretch it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        outbox = send(allow_private=True, seconds={"webhook": 0.3})
        outbox(webhook(f"http://127.0.0.1:{server.getsockname()[1]}/"))
        first, _ = server.accept()
        before = time.monotonic()
        with first, pytest.raises(OSError):  # noqa: PT012  it goes on until the other side hangs up
            first.sendall(b"HTTP/1.1 200 OK\r\n")
            while time.monotonic() < before + 10:
                first.sendall(b"X: y\r\n")
                time.sleep(0.02)
        assert time.monotonic() - before < 3
        second, _ = server.accept()
        with second:
            second.recv(65536)
            second.sendall(b"HTTP/1.1 204 Taken\r\n\r\n")
            settled(outbox)


def test_what_is_never_taken_is_given_up_without_its_address(send, monkeypatch, caplog):
    """After the last attempt the delivery is logged by its host; its query may be a credential and is not."""
    monkeypatch.setattr(webhook_sender, "RETRY_PAUSES_SECONDS", (0.01,))
    with Receiver(500, 500) as receiver:
        outbox = send(allow_private=True)
        outbox(webhook(receiver.url))
        settled(outbox)
        assert receiver.calls.qsize() == 2
    outbox.close()  # and with it the thread that logs
    assert "a webhook to 127.0.0.1 was given up: it answered 500" in caplog.text
    assert "canary" not in caplog.text


def test_private_addresses_are_not_called_unless_told(caplog):
    """A server that nobody told otherwise never speaks to its own neighbours."""
    with Receiver() as receiver:
        with serving(Offline()) as url:
            addresses = {"webhookURL": receiver.url, "uploadEndpoint": f"http://localhost:{receiver.server_port}/"}
            assert httpx.post(f"{url}/v1", json=[task(**addresses)]).status_code == 200
            until = time.monotonic() + 10
            while caplog.text.count("not on the public internet") < 2:
                assert time.monotonic() < until
                time.sleep(0.005)
        assert receiver.calls.empty()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
        "::1", "::", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "fe80::1", "fe80::1%eth0", "fc00::1", "fec0::1",
        "ff02::1", "2001:db8::1", "2002:7f00:1::", "2001:0:7f00:1::", "64:ff9b::7f00:1", "no address",
    ],
)  # fmt: skip
def test_not_public(address):
    """Private, shared, local, reserved, many at once, or an IPv4 address in disguise."""
    assert not safe_http.is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111"])
def test_public(address):
    """An ordinary address of the internet."""
    assert safe_http.is_public(address)


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "017700000001", "localhost", "[::1]", "[::ffff:7f00:1]"])
def test_disguises_of_this_machine(host):
    """What the resolver understands as this machine is not spoken to, however it is written."""
    with pytest.raises((safe_http.Forbidden, OSError)):
        safe_http.send("POST", f"http://{host}:9/", b"", {}, seconds=1)


def test_one_private_address_among_public_ones_is_enough(monkeypatch):
    """A name with a public and a private address is refused whole: which one would be connected to is chance."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 80)) for ip in ("8.8.8.8", "192.168.0.7")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_o: found)
    with pytest.raises(safe_http.Forbidden):
        safe_http.resolve_host("two.example", 80, allow_private=False)


def test_connection_goes_to_what_was_checked(monkeypatch):
    """A name is resolved once, and the connection made to that address: a changed name changes nothing."""
    asked, connected = [], []

    def resolve(host, port, **_):
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", port))]

    def connect(address, **_):
        connected.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(ConnectionRefusedError):
        safe_http.send("POST", "https://hook.example/x", b"", {}, seconds=1)
    assert (asked, connected) == (["hook.example"], [("8.8.8.8", 443)])


def test_too_much_is_given_up_at_once(send, monkeypatch, caplog):
    """An outbox that is full drops what comes, and says so; it never grows without end."""
    monkeypatch.setattr(webhook_sender, "MAX_QUEUED", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent, caplog.at_level(logging.WARNING):
        outbox = send(allow_private=True, seconds={"webhook": 0.5})
        for _ in range(3):
            outbox(webhook(f"http://127.0.0.1:{silent.getsockname()[1]}/"))
        assert outbox.under_way == 1
        assert caplog.text.count("too much is under way") == 2
        outbox.close()
    outbox(webhook("http://127.0.0.1:9/"))
    assert outbox.under_way <= 1
