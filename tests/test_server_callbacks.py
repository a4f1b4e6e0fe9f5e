"""Webhooks and uploads of the served engine over real sockets, and the addresses to which none is sent."""

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
from sweep_tools import until

from nbkit.offline import Offline, safe_http, webhook_sender
from nbkit.offline.delivery import Delivery
from nbkit.offline.server import serving
from nbkit.offline.webhook_sender import WebhookSender
from nbkit.service import addresses


class Receiver(http.server.ThreadingHTTPServer):
    """Receives calls on a free port; answers with the given statuses in turn, then with 200."""

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
    """One call, as it was received."""

    def do_POST(self):
        self.body = self.rfile.read(int(self.headers["Content-Length"]))
        self.when = time.monotonic()
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 200)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.server.calls.put(self)  # before the answer leaves: whoever gets it may count the calls
        self.end_headers()

    do_PUT = do_POST  # noqa: N815  the name is the base class's

    def log_message(self, *_):
        """Print nothing."""


def webhook(url):
    return Delivery("webhook", url, b"{}", "application/json")


def wait_until_finished(sender):
    """Wait until each delivery has succeeded or has been dropped."""
    until(lambda: sender.under_way == 0, seconds=10)


@pytest.fixture
def make_sender():
    """Makes webhook senders, which are closed at the end."""
    senders = []

    def make(**options):
        senders.append(WebhookSender(**options))
        return senders[-1]

    yield make
    for sender in senders:
        sender.close()


def test_the_results_of_an_async_task_are_uploaded_and_posted():
    """When a result is ready, its bytes are PUT and its flat object is POSTed, without a further request."""
    with Receiver() as receiver, serving(Offline(latency=0.2), allow_private_callbacks=True) as url:
        addresses = {"webhookURL": receiver.url, "uploadEndpoint": receiver.url}
        given = task(deliveryMethod="async", numberResults=2, outputFormat="PNG", **addresses)
        assert httpx.post(f"{url}/v1", json=[given]).status_code == 200
        calls = [receiver.calls.get(timeout=10) for _ in range(4)]
        items = [json.loads(call.body) for call in calls if call.command == "POST"]
        pictures = {httpx.get(item["imageURL"]).content for item in items}
    assert all(item["taskUUID"] == given["taskUUID"] and "data" not in item for item in items)
    assert {call.headers["Content-Type"] for call in calls if call.command == "POST"} == {"application/json"}
    assert {call.path for call in calls} == {"/take?token=canary"}
    uploads = [call for call in calls if call.command == "PUT"]
    assert {call.headers["Content-Type"] for call in uploads} == {"image/png"}
    assert {call.body for call in uploads} == pictures
    assert all(Image.open(io.BytesIO(data)).size == (512, 512) for data in pictures)


def test_a_webhook_is_sent_again_until_it_is_answered_with_a_2xx(make_sender):
    """The pauses between the attempts grow, and a redirect is not followed."""
    with Receiver(500, 302) as receiver:
        make_sender(allow_private=True)(webhook(receiver.url))
        calls = [receiver.calls.get(timeout=10) for _ in range(3)]
    times = [call.when for call in calls]
    assert times[1] - times[0] >= 0.25
    assert times[2] - times[1] >= 0.5
    assert {call.path for call in calls} == {"/take?token=canary"}


def test_webhooks_have_the_pauses_and_the_time_limit_that_the_api_documents():
    """The pauses double from a quarter of a second to eight seconds, and an attempt takes at most five seconds."""
    assert webhook_sender.RETRY_PAUSES_SECONDS == (0.25, 0.5, 1, 2, 4, 8)
    assert webhook_sender.ATTEMPT_SECONDS["webhook"] == 5


def test_the_time_limit_of_an_attempt_covers_the_whole_answer(make_sender):
    """A receiver that sends a header now and then does not extend it; the next attempt is made."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        sender = make_sender(allow_private=True, seconds={"webhook": 0.3})
        sender(webhook(f"http://127.0.0.1:{server.getsockname()[1]}/"))
        first, _ = server.accept()
        before = time.monotonic()
        with first, pytest.raises(OSError):  # noqa: PT012  it sends until the other side closes
            first.sendall(b"HTTP/1.1 200 OK\r\n")
            while time.monotonic() < before + 10:
                first.sendall(b"X: y\r\n")
                time.sleep(0.02)
        assert time.monotonic() - before < 3
        second, _ = server.accept()
        with second:
            second.recv(65536)
            second.sendall(b"HTTP/1.1 204 Taken\r\n\r\n")
            wait_until_finished(sender)


def test_a_webhook_that_always_fails_is_dropped_and_logged_with_its_host_only(make_sender, monkeypatch, caplog):
    """The query of its URL may be a credential, and is not in the log."""
    monkeypatch.setattr(webhook_sender, "RETRY_PAUSES_SECONDS", (0.01,))
    with Receiver(500, 500) as receiver:
        sender = make_sender(allow_private=True)
        sender(webhook(receiver.url))
        wait_until_finished(sender)
        assert receiver.calls.qsize() == 2
    sender.close()  # waits for the thread that logs
    assert "a webhook to 127.0.0.1 was given up: it answered 500" in caplog.text
    assert "canary" not in caplog.text


def test_private_addresses_are_not_called_by_default(caplog):
    """A webhook to this machine and an upload to ``localhost`` are dropped, and logged."""
    with Receiver() as receiver:
        with serving(Offline()) as url:
            given = {"webhookURL": receiver.url, "uploadEndpoint": f"http://localhost:{receiver.server_port}/"}
            assert httpx.post(f"{url}/v1", json=[task(**given)]).status_code == 200
            until(lambda: caplog.text.count("not on the public internet") >= 2, seconds=10)
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
def test_special_addresses_are_not_public(address):
    """Among them are private, shared, local, reserved and multicast ones, and IPv4 addresses inside IPv6 ones."""
    assert not addresses.is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111"])
def test_internet_addresses_are_public(address):
    """An IPv4 and an IPv6 address that everybody can reach."""
    assert addresses.is_public(address)


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "017700000001", "localhost", "[::1]", "[::ffff:7f00:1]"])
def test_no_spelling_of_a_loopback_address_is_called(host):
    """The check is of the resolved address, and not of the text of the host."""
    with pytest.raises((addresses.Forbidden, OSError)):
        safe_http.send("POST", f"http://{host}:9/", b"", {}, seconds=1)


def test_a_host_with_a_private_address_among_public_ones_is_refused(monkeypatch):
    """The connection might be made to any of them."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 80)) for ip in ("8.8.8.8", "192.168.0.7")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_o: found)
    with pytest.raises(addresses.Forbidden):
        addresses.resolve_host("two.example", 80, allow_private=False)


def test_the_connection_is_made_to_the_checked_address(monkeypatch):
    """A host is resolved once, so a DNS answer that changes afterwards has no effect."""
    resolved, connected = [], []

    def resolve(host, port, **_):
        resolved.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", port))]

    def connect(address, **_):
        connected.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(ConnectionRefusedError):
        safe_http.send("POST", "https://hook.example/x", b"", {}, seconds=1)
    assert (resolved, connected) == (["hook.example"], [("8.8.8.8", 443)])


def test_a_full_queue_drops_further_deliveries(make_sender, monkeypatch, caplog):
    """Each dropped delivery is logged, and a closed sender accepts none."""
    monkeypatch.setattr(webhook_sender, "MAX_QUEUED", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent, caplog.at_level(logging.WARNING):
        sender = make_sender(allow_private=True, seconds={"webhook": 0.5})
        for _ in range(3):
            sender(webhook(f"http://127.0.0.1:{silent.getsockname()[1]}/"))
        assert sender.under_way == 1
        assert caplog.text.count("too much is under way") == 2
        sender.close()
    sender(webhook("http://127.0.0.1:9/"))
    assert sender.under_way <= 1
    assert caplog.text.count("too much is under way") == 2
