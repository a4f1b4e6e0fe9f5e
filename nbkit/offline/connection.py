"""One client's connection, where nbkit differs from uvicorn.

An ASGI application cannot close a connection without an answer, as a simulated fault wants it: the connection itself is
in the state of each request. Headers have a time limit, bytes that are no HTTP are refused in JSON, and a WebSocket takes
small frames only until its client has a key.
"""

from __future__ import annotations

import asyncio
import math
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from nbkit.offline.envelope import Problem

HEADER_SECONDS = 20.0
"""From the first byte of a request, or from a new connection, to the end of the request's headers."""

SMALL_BYTES = 2**20
"""Of a body, or a frame, of a client that has not shown a key yet."""


FRAME_BYTES = 48 * 2**20
"""Of a frame of a client with a key. It is in memory as a whole, unlike a body."""


SPARE_FILES = 200
"""Files that a process may open besides connections of clients: its log, pictures, its own requests."""


def _most_connections() -> float:
    """How many connections there may be at once, from what the system lets this process open."""
    try:
        import resource  # noqa: PLC0415  Windows has none, and no such limit
    except ImportError:
        return math.inf
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return math.inf if files == resource.RLIM_INFINITY else max(files // 2, files - SPARE_FILES)


class HttpConnection(H11Protocol):
    """A connection that is closed when the headers of a request do not end in time.

    One more than this process can have beside its files is closed at once: a notebook whose kernel serves a vote must
    still open its log.
    """

    _limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > _most_connections():
            transport.abort()
            return
        self.app_state = {**self.app_state, "connection": self}
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_watching()
        super().connection_lost(exc)

    def _watch(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._stop_watching()
        elif self._limit is None:
            self._limit = self.loop.call_later(HEADER_SECONDS, self.transport.close)

    def _stop_watching(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    def on_response_complete(self) -> None:
        super().on_response_complete()  # from here on the limit for idle connections counts, until bytes come
        self._stop_watching()

    def send_400_response(self, msg: str) -> None:
        body = Problem("invalidRequest", msg).answer().body
        headers = [("content-type", "application/json"), ("content-length", str(len(body))), ("connection", "close")]
        head = h11.Response(status_code=400, headers=headers, reason="Bad Request")
        for event in (head, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


class SocketConnection(WebSocketsSansIOProtocol):
    """A WebSocket whose frames are small until :meth:`trust`."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.conn.max_message_size = SMALL_BYTES
        self.app_state = {**self.app_state, "connection": self}

    def trust(self) -> None:
        """Take larger frames: the client has shown its key."""
        self.conn.max_message_size = FRAME_BYTES
