"""The way to the offline engine inside this process: an ``httpx`` transport that never opens a socket."""

from __future__ import annotations

from collections.abc import Iterator

import httpx

from nbkit.offline.engine import Offline
from nbkit.offline.envelope import Answer, Problem, refuse
from nbkit.offline.tasks import PICTURE_PATH


class OfflineTransport(httpx.BaseTransport):
    """Answers the requests of an ``httpx.Client`` from an engine in this process.

    ``POST …/v1`` goes to the engine and ``GET /renderer/…`` fetches a picture, whatever the host; anything
    else is not found. An answer that gets lost, or breaks off, is the exception that a real connection
    raises: ``httpx.ReadError``, ``httpx.RemoteProtocolError``.

    Args:
        engine: shared by all transports that are made with it; a new one if none is given.
    """

    def __init__(self, engine: Offline | None = None) -> None:
        self.engine = Offline() if engine is None else engine

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._answer(request)
        if answer.lost:
            raise httpx.ReadError("The connection was cut before an answer came.", request=request)
        if answer.cut:
            return httpx.Response(answer.status, headers=answer.headers, stream=_BrokenOff(answer.body))
        return httpx.Response(answer.status, headers=answer.headers, content=answer.body)

    def _answer(self, request: httpx.Request) -> Answer:
        path = request.url.path
        if request.method == "POST" and path.endswith("/v1"):
            return self.engine.answer(request.read(), request.headers)
        if request.method == "GET" and path.startswith(PICTURE_PATH):
            return self.engine.picture(path.removeprefix(PICTURE_PATH))
        return refuse(Problem("resourceNotFound", "Tasks go to POST /v1; nothing else is here.", status=404))


class _BrokenOff(httpx.SyncByteStream):
    """A body that ends before the length that was announced for it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        yield self._body
        raise httpx.RemoteProtocolError("The connection was cut in the middle of the body.")
