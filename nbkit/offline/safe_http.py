"""One HTTP request to a URL that a client chose.

The connection is made to an address that ``service/addresses.py`` has checked. Redirects are not followed, proxies are
not used, and the answer's body is not read.
"""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import quote, urlsplit

from nbkit.service.addresses import resolve_host
from nbkit.service.environment import tls_context


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
            tls = tls_context()
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
