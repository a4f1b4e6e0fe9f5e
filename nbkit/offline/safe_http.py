"""One HTTP request to a URL that a client chose.

Without checks, a client could make this machine send requests into its private network. So the host name is resolved
once, every address that it resolves to is checked, and the connection uses a checked address: a name that resolves
differently a moment later has no effect. Redirects are not followed, proxies are not used, and the answer's body is not
read.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import quote, urlsplit

from nbkit.service.environment import check_tls_variables

_REACHABLE_V6 = ipaddress.IPv6Network("2000::/3")
_TUNNEL = ipaddress.IPv6Network("2002::/16")
"""These addresses contain an IPv4 address, to which a gateway would forward the connection."""


class Forbidden(Exception):
    """The host is, or may be, in a private network; nothing was sent."""


def is_public(address: str) -> bool:
    """Whether a numeric address is on the public internet: not private, local, reserved or multicast.

    Args:
        address: IPv4 or IPv6, as the resolver returns it.
    """
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and (ip not in _REACHABLE_V6 or ip in _TUNNEL):
        return False
    return ip.is_global and not ip.is_multicast


def resolve_host(host: str, port: int, *, allow_private: bool) -> list[tuple[str, int]]:
    """Resolve a host name to its addresses, each with the port.

    Args:
        host: name or numeric address.
        port: of the connection.
        allow_private: whether private and loopback addresses are allowed.

    Raises:
        Forbidden: if one of the addresses is not public, even if others are.
        OSError: if the name cannot be resolved.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys((str(sockaddr[0]), port) for *_, sockaddr in found))
    if not allow_private and not all(is_public(address) for address, _ in addresses):
        raise Forbidden("its address is not on the public internet")
    return addresses


def send(
    method: str, url: str, body: bytes, headers: Mapping[str, str], *, seconds: float, allow_private: bool = False
) -> int:
    """Send one request and return the HTTP status of the answer.

    Args:
        method: such as ``POST``.
        url: ``http`` or ``https``; a user name and a password in it are not sent.
        body: the bytes to send.
        headers: to send, in addition to the mandatory ones.
        seconds: limit for connecting, and then for everything up to the end of the answer's headers; resolving the
            name has no limit.
        allow_private: whether private and loopback addresses are allowed.

    Raises:
        Forbidden: if the address is not public.
        ConfigurationError: if a variable of the environment for TLS cannot be used.
        OSError, http.client.HTTPException: if no answer arrives in time.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").encode("idna").decode()
    port = parts.port or (443 if parts.scheme == "https" else 80)
    # What has a meaning in a URL stays as it is; spaces and letters outside ASCII are percent-encoded.
    target = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe="%/:?#[]@!$&'()*+,;=")
    connection = http.client.HTTPConnection(host, port, timeout=seconds)
    connection.sock = _connect(resolve_host(host, port, allow_private=allow_private), seconds)
    # A socket's time-out applies to each read; this timer limits all of them together.
    deadline = time.monotonic() + seconds
    watchdog = threading.Timer(seconds, _shut_down, [connection])
    watchdog.daemon = True
    watchdog.start()
    try:
        if parts.scheme == "https":
            # The handshake starts after the assignment, so that the watchdog can interrupt it.
            check_tls_variables()
            tls = ssl.create_default_context()
            connection.sock = tls.wrap_socket(connection.sock, server_hostname=host, do_handshake_on_connect=False)
            connection.sock.do_handshake()
        connection.request(method, target, body, {**headers, "Connection": "close"})
        with connection.getresponse() as answer:
            status = answer.status
    finally:
        watchdog.cancel()
        connection.close()
    if time.monotonic() >= deadline:  # http.client cannot tell headers that are cut off from complete ones
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


def _shut_down(connection: http.client.HTTPConnection) -> None:
    """End a read or write on the connection that blocks in another thread."""
    connected: socket.socket | None = connection.sock
    if connected is not None:
        with suppress(OSError):
            # Shuts down the TCP connection below TLS: closing at the level of TLS waits for the other side.
            socket.socket.shutdown(connected, socket.SHUT_RDWR)
