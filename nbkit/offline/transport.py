"""Connects an ``httpx`` client to the offline engine inside this process, without a socket.

:func:`respond` is also used by the server.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import httpx

from nbkit.offline.engine import BASE_URL, Offline
from nbkit.offline.envelope import PICTURE_PATH, Answer, Problem


class OfflineTransport(httpx.BaseTransport):
    """Answers the requests of an ``httpx.Client`` from an engine in this process.

    For every host, ``POST …/v1`` sends tasks to the engine and ``GET /pictures/…`` fetches a picture; other requests
    get status 404. A lost or truncated answer raises the exception of a real connection: ``httpx.ReadError`` or
    ``httpx.RemoteProtocolError``.

    Args:
        engine: may be shared by several transports; a new one if not given.

    Attributes:
        engine: as given.

    Example:
        >>> import httpx
        >>> from nbkit.offline import Offline, OfflineTransport
        >>> task = {"taskType": "ping", "ping": True}
        >>> with httpx.Client(transport=OfflineTransport(Offline())) as client:
        ...     client.post("https://any.host/v1", json=[task]).json()
        {'data': [{'taskType': 'ping', 'pong': True}]}
    """

    def __init__(self, engine: Offline | None = None) -> None:
        self.engine = Offline() if engine is None else engine

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request of the client; httpx calls it.

        Raises:
            httpx.ReadError: for a simulated loss of the answer.
        """
        answer = respond(self.engine, request.method, request.url.path, request.read(), request.headers)
        if answer.drops_connection:
            raise httpx.ReadError("The connection was cut before an answer came.", request=request)
        content = _cut_off(answer.body) if answer.is_truncated else answer.body
        return httpx.Response(answer.status, headers=answer.headers, content=content)


def respond(
    engine: Offline, method: str, path: str, body: bytes, headers: Mapping[str, str], base_url: str = BASE_URL
) -> Answer:
    """The engine's answer to an HTTP request.

    Args:
        engine: runs the tasks and draws the pictures.
        method: of the request.
        path: of the request.
        body: of the request.
        headers: of the request; names may be in any case.
        base_url: beginning of the picture URLs in the answer.
    """
    if method == "POST" and path.endswith("/v1"):
        return engine.answer(body, headers, base_url=base_url)
    if method in ("GET", "HEAD") and path.startswith(PICTURE_PATH):
        return engine.picture(path.removeprefix(PICTURE_PATH))
    return Problem("resourceNotFound", "Tasks go to POST /v1; nothing else is here.", status=404).answer()


def _cut_off(body: bytes) -> Iterator[bytes]:
    """A body that ends before its ``Content-Length``."""
    yield body
    raise httpx.RemoteProtocolError("The connection was cut in the middle of the body.")
