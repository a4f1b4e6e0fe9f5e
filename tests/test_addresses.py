"""Addresses that a service chooses: none leads to this machine or into a private network, unless the engine is there."""

import socket

import httpx
import pytest
from conftest import QUICK
from endless import Endless
from service import Service, picture
from test_endless import whole

from nbkit import errors
from nbkit.measures.facts import examine
from nbkit.service.addresses import Forbidden, refuse_literal, resolve_host
from nbkit.service.client import Client

PUBLIC = "8.8.8.8"
"""Where the engine of these tests seems to be; nothing is sent there."""

LOCAL_HOSTS = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "localhost", "localhost.", "LOCALHOST", "a.localhost",
    "2130706433", "0x7f000001", "0x7f.1", "017700000001", "0177.0.0.1", "127.1",
    "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0xa9fea9fe", "100.64.0.1", "100.100.100.200",
    "224.0.0.1", "255.255.255.255", "168.63.129.16",
    "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[fe80::1]", "[fc00::1]", "[fd00:ec2::254]",
    "[ff02::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
]  # fmt: skip


def resolver(table):
    """A replacement of ``getaddrinfo`` in which names have the addresses of a table, one list for each look-up."""
    real = socket.getaddrinfo

    def resolve(host, port, *args, **options):
        if host not in table:
            return real(host, port, *args, **options)
        addresses = table[host].pop(0) if len(table[host]) > 1 else table[host][0]
        return [found for address in addresses for found in real(address, port, *args, **options)]

    return resolve


@pytest.fixture
def inner():
    """A server of this machine that nobody but its user shall reach; it counts requests."""
    with Endless(lambda _: whole(b"inner secret")) as server:
        yield server


@pytest.fixture
def client_of():
    """Makes clients of an engine."""
    clients = []

    def make(url):
        clients.append(Client(url, pace=QUICK))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.mark.parametrize("host", LOCAL_HOSTS)
def test_no_spelling_of_a_local_host_is_fetched(client_of, inner, host):
    """Names, decimal, octal and hexadecimal numbers, IPv6, addresses inside others, and metadata services."""
    client = client_of(f"http://{PUBLIC}/v1")
    with pytest.raises(errors.DownloadError, match=r"not on the public internet|cannot be used") as caught:
        client.fetch(f"http://{host}:{inner.port}/p.jpg", examine)
    assert not caught.value.retry
    assert inner.requests == []


@pytest.mark.parametrize("host", LOCAL_HOSTS)
def test_a_local_host_is_refused_also_where_a_proxy_resolves_names(host):
    """By its spelling, so that a proxy is not asked for it."""
    with pytest.raises(Forbidden):
        refuse_literal(host.strip("[]"), PUBLIC)


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["10.0.0.7"], ["::1"], [PUBLIC, "192.168.0.7"]])
def test_a_name_that_leads_to_a_local_host_is_not_fetched(client_of, inner, monkeypatch, addresses):
    """Also if only one of its addresses is private: the connection might be made to any of them."""
    monkeypatch.setattr(socket, "getaddrinfo", resolver({"evil.example": [addresses]}))
    with pytest.raises(errors.DownloadError, match="not on the public internet"):
        client_of(f"http://{PUBLIC}/v1").fetch(f"http://evil.example:{inner.port}/p.jpg", examine)
    assert inner.requests == []


def test_the_connection_is_made_to_the_address_that_was_checked(client_of, inner, monkeypatch):
    """A name that leads to a public address when it is checked, and a moment later to this machine."""
    connected = []

    def connect(address, *args, **options):
        connected.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", resolver({"rebound.example": [["8.8.4.4"], ["127.0.0.1"]]}))
    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(errors.DownloadError):
        client_of(f"http://{PUBLIC}/v1").fetch(f"http://rebound.example:{inner.port}/p.jpg", examine)
    assert connected == [("8.8.4.4", inner.port)]
    assert inner.requests == []


@pytest.mark.parametrize(
    ("engine", "host"),
    [("127.0.0.1", "127.0.0.1"), ("localhost", "127.0.0.1"), ("127.0.0.1", "localhost"), ("127.0.0.1", "127.8.8.8")],
)
def test_an_engine_on_this_machine_may_name_addresses_of_this_machine(engine, host):
    """As a served offline engine does, and one with another server for its files."""
    assert resolve_host(host, 80, engine=engine)
    refuse_literal(host, engine)


@pytest.mark.parametrize(
    ("engine", "host", "is_allowed"),
    [
        ("10.0.0.5", "10.0.0.5", True),
        ("10.0.0.5", "10.0.0.6", False),
        ("10.0.0.5", "127.0.0.1", False),
        ("lab.example", "lab.example", True),
        ("lab.example", "LAB.example", True),
        ("lab.example", "10.0.0.5", True),
        ("lab.example", "files.example", True),
        ("lab.example", "10.0.0.6", False),
        ("127.0.0.1", "192.168.1.1", False),
        ("8.8.8.8", "64:ff9b::808:808", True),
        ("vpn.example", "198.18.7.7", True),
        ("8.8.8.8", "198.18.7.7", False),
        ("nowhere.invalid", "10.0.0.5", False),
    ],
)
def test_an_engine_in_a_private_network_may_name_its_own_host_only(monkeypatch, engine, host, is_allowed):
    """By its name or its address; a VPN client that answers for every name is one host."""
    table = {"lab.example": [["10.0.0.5"]], "files.example": [["10.0.0.5"]], "vpn.example": [["198.18.0.4"]]}
    monkeypatch.setattr(socket, "getaddrinfo", resolver({**table, "LAB.example": table["lab.example"]}))
    if is_allowed:
        assert resolve_host(host, 80, engine=engine)
    else:
        with pytest.raises(Forbidden):
            resolve_host(host, 80, engine=engine)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_a_local_host_is_not_followed(client_of, inner, monkeypatch, status):
    """A public host that redirects to a private one; here the public one is at this machine, by a replaced resolver."""
    location = f"http://127.0.0.1:{inner.port}/p.jpg"
    answer = f"HTTP/1.1 {status} Go\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n".encode()
    with Endless(lambda _: [answer]) as public:
        monkeypatch.setattr(socket, "getaddrinfo", resolver({"engine.example": [["127.0.0.1"]]}))
        monkeypatch.setattr("nbkit.service.addresses._places_of", lambda _: set())
        with pytest.raises(errors.DownloadError, match="not on the public internet"):
            client_of("http://engine.example/v1").fetch(f"http://engine.example:{public.port}/p.jpg", examine)
        assert len(public.requests) == 1
    assert inner.requests == []


@pytest.mark.parametrize(
    "address", ["file:///etc/passwd", "ftp://h/p.jpg", "FTP://h/p.jpg", "gopher://127.0.0.1/", "javascript:1"]
)
def test_only_http_addresses_are_fetched(client_of, address):
    """Others are named as what they are, and not taken for base64 text; a redirect to one is refused as well."""
    with pytest.raises(errors.DownloadError, match="neither http:// nor https://"):
        client_of(f"http://{PUBLIC}/v1").fetch(address, examine)
    answer = f"HTTP/1.1 302 Found\r\nlocation: {address}\r\ncontent-length: 0\r\n\r\n".encode()
    with (
        Endless(lambda _: [answer]) as server,
        pytest.raises(errors.DownloadError, match=r"neither http://|cannot be used"),
    ):
        client_of(f"{server.origin}/v1").fetch(f"{server.origin}/p.jpg", examine)


def test_a_user_and_a_password_in_an_address_are_not_sent(client_of):
    """They are not this person's."""
    with Endless(lambda _: whole(picture())) as server:
        client_of(f"{server.origin}/v1").fetch(f"http://user:secret@127.0.0.1:{server.port}/p.jpg", examine)
    (request,) = server.requests
    assert b"authorization" not in request.lower()
    assert b"secret" not in request


def test_a_name_behind_a_proxy_is_resolved_by_the_proxy(client_of, monkeypatch):
    """A proxy of the environment may be in a private network; what names lead to is its business."""
    with Endless(lambda _: whole(picture())) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.origin)
        client = client_of(f"http://{PUBLIC}/v1")
        assert client.fetch("http://pictures.example/p.jpg", examine)[0] == picture()
        assert proxy.requests[0].startswith(b"GET http://pictures.example/p.jpg ")
        with pytest.raises(errors.DownloadError, match="not on the public internet"):
            client.fetch("http://0x7f.1/p.jpg", examine)
        assert len(proxy.requests) == 1


def test_the_run_says_why_and_keeps_the_address(open_studio, inner, monkeypatch):
    """Nothing that the inner server says is in the log, and the address is: its person may open it."""
    with Service() as service:
        monkeypatch.setattr("nbkit.service.addresses._places_of", lambda _: set())
        monkeypatch.setattr(socket, "getaddrinfo", resolver({"engine.example": [["127.0.0.1"]]}))
        engine = service.url.replace("127.0.0.1", "engine.example")
        studio = open_studio(engine=engine)
        monkeypatch.setattr(Service, "origin", property(lambda _: inner.origin))
        run = studio.generate("A lantern", width=512, height=512)
        assert run.status == "done"
        with pytest.raises(errors.NoImage, match="not on the public internet"):
            _ = run.image.bytes
        assert set(studio.recover().after) == {"done, picture missing"}
        everything = "".join(map(str, studio.log.history.unfetched()))
        assert inner.origin in everything
        assert "inner secret" not in everything
    assert inner.requests == []


def test_httpx_takes_the_network_backend():
    """The limits are in private attributes of httpx and httpcore: a version without them fails here, not in a lesson."""
    client = Client("https://service.example/v1")
    assert type(client._http._transport._pool._network_backend).__module__ == "nbkit.service.network"
    assert isinstance(client._http._transport, httpx.HTTPTransport)
    client.close()
