"""One HTTP request to an address that came from somebody else.

Whoever may name an address can make this machine speak to its neighbours, so an address is resolved once, every
address that comes of it is checked, and the connection is made to what was checked: a name that resolves
differently a moment later changes nothing. No redirect is followed, no proxy asked, no answer's body read.
"""

from __future__ import annotations

import functools
import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import SplitResult, quote, urlsplit

_REACHABLE_V6 = ipaddress.IPv6Network("2000::/3")
_TUNNELS = (
    # Addresses that carry an IPv4 address inside, which a gateway on the way would unpack.
    ipaddress.IPv6Network("2002::/16"),
    ipaddress.IPv6Network("2001::/32"),
)


_PRINTED = "%/:?#[]@!$&'()*+,;="
"""What stands in an address as it is, beside letters and digits."""


class Forbidden(Exception):
    """The address leads, or may lead, into a private network; nothing was sent."""


def is_public(address: str) -> bool:
    """Whether a numeric address is one of the public internet, and of nothing nearer.

    Args:
        address: IPv4 or IPv6, as the resolver gives it.
    """
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and (ip not in _REACHABLE_V6 or any(ip in net for net in _TUNNELS)):
        return False
    return ip.is_global and not ip.is_multicast


def resolve_host(host: str, port: int, *, allow_private: bool) -> list[tuple[str, int]]:
    """The addresses behind a name.

    Raises:
        Forbidden: if one of them is not public, even where others are.
        OSError: if the name is not known.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys((str(place[0]), port) for *_, place in found))
    if not allow_private and not all(is_public(address) for address, _ in addresses):
        raise Forbidden("its address is not on the public internet")
    return addresses


def send(
    method: str, url: str, body: bytes, headers: Mapping[str, str], *, seconds: float, allow_private: bool = False
) -> int:
    """Sends one request and returns the status of its answer.

    Args:
        method: such as ``POST``.
        url: ``http`` or ``https``; what it may carry of user and password is not sent.
        body: to send.
        headers: to send, beside those that a request must have.
        seconds: for everything from the connection to the answer's headers, however slowly they drip.
        allow_private: whether private and loopback addresses may be spoken to.

    Raises:
        Forbidden: if the address is not public.
        OSError, http.client.HTTPException: if no answer came, or none in time.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").encode("idna").decode()
    port = parts.port or (443 if parts.scheme == "https" else 80)
    connection = http.client.HTTPConnection(host, port, timeout=seconds)
    connection.sock = _connect(resolve_host(host, port, allow_private=allow_private), seconds)
    # A socket's own time-out is for each read; this one is for all of them together.
    late = threading.Event()
    guard = threading.Timer(seconds, _hang_up, [connection, late])
    guard.daemon = True
    guard.start()
    try:
        if parts.scheme == "https":
            # The handshake comes after the assignment, so that the guard can end it.
            secured = _tls().wrap_socket(connection.sock, server_hostname=host, do_handshake_on_connect=False)
            connection.sock = secured
            secured.do_handshake()
        connection.request(method, _target(parts), body, {**headers, "Connection": "close"})
        with connection.getresponse() as answer:
            status = answer.status
    finally:
        guard.cancel()
        connection.close()
    if late.is_set():  # headers that were cut off look like headers that have ended
        raise TimeoutError("no whole answer in time")
    return status


def _connect(addresses: list[tuple[str, int]], seconds: float) -> socket.socket:
    failure: OSError = OSError("the name has no address")
    for address in addresses:
        try:
            return socket.create_connection(address, timeout=seconds / len(addresses))
        except OSError as error:
            failure = error
    raise failure


def _hang_up(connection: http.client.HTTPConnection, late: threading.Event) -> None:
    """Wakes whoever reads from the connection or writes to it."""
    late.set()
    connected: socket.socket | None = connection.sock
    if connected is not None:
        with suppress(OSError):
            # Past TLS, whose own way of ending a connection waits for the other side.
            socket.socket.shutdown(connected, socket.SHUT_RDWR)


def _target(parts: SplitResult) -> str:
    return quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=_PRINTED)


@functools.cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()
