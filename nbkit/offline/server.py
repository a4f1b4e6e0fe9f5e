"""The engine over real HTTP: one machine serves a class, or any other client of the API.

::

    from nbkit.offline.server import serving

    with serving() as url:
        studio = nbkit.Studio(engine=url)

The sockets are waitress's: one thread reads and writes all of them, so a slow client holds no worker, and a
bounded number of workers runs the engine, which is synchronous; further requests queue. ``python -m nbkit serve``
is the same from a shell.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

try:
    from waitress import wasyncore
    from waitress.channel import ClientDisconnected
    from waitress.server import BaseWSGIServer, create_server
except ModuleNotFoundError as error:
    if error.name != "waitress":
        raise
    raise ModuleNotFoundError(
        'to serve, nbkit needs waitress; in its clone: pip install -e ".[serve]"', name="waitress"
    ) from None

from nbkit.offline.channel import Channel
from nbkit.offline.engine import Offline
from nbkit.offline.envelope import MAX_BODY
from nbkit.offline.web import ConnectionCut, WebApp
from nbkit.offline.webhook_sender import WebhookSender

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

logger = logging.getLogger(__name__)

# To waitress a queue is worth a warning, and so is an answer that is cut short: here both happen on purpose.
for _chatty in ("waitress", "waitress.queue"):
    logging.getLogger(_chatty).setLevel(logging.ERROR)

WORKERS = 64
"""Requests at work at once. Most of them only wait, for a latency; the engine itself paints no more than it can hold."""

CONNECTIONS = 400
"""Open at once, under what a process may have open on common systems."""

SPARE = 16
"""Of them kept free for new ones: those on which nothing happened for longest have to go."""

IDLE_SECONDS = 60
"""After which a connection on which nothing happens is closed."""

TICK = 0.5
"""Seconds after which the loop looks at its clocks, if nothing else happens."""

GRACE = 1.0
"""Seconds for requests at work when the server ends."""


class Server:
    """An engine at an address, served by threads of this process from :meth:`start` to :meth:`close`.

    Args:
        engine: what answers; a new one if none is given.
        host: the address to listen at; only this machine reaches ``127.0.0.1``.
        port: 0 picks a free one.
        allow_private_callbacks: whether webhooks and uploads may go to private and loopback addresses.
        max_body: bytes of a request's body; a larger one is refused.

    Raises:
        OSError: if the port is taken, or the host is no address of this machine.
    """

    def __init__(
        self,
        engine: Offline | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        allow_private_callbacks: bool = False,
        max_body: int = MAX_BODY,
    ) -> None:
        self.engine = Offline() if engine is None else engine
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family)
        self._socket.setblocking(False)
        self.host, self.port = host, int(self._socket.getsockname()[1])
        self._courier, self._lent = WebhookSender(allow_private=allow_private_callbacks), False
        self._stop, self._asked = threading.Event(), threading.Event()
        self._app = WebApp(self.engine, self._authority, self._asked.set)
        self._map: dict[int, Any] = {}
        self._listener = self._listen(max_body)
        self._threads = [
            threading.Thread(target=self._serve, name="nbkit-serve", daemon=True),
            threading.Thread(target=self._settle, name="nbkit-settle", daemon=True),
        ]

    @property
    def url(self) -> str:
        """For ``Studio(engine=…)``; with this machine's name if the server listens at all its addresses."""
        return f"http://{self._authority}"

    @property
    def _authority(self) -> str:
        host = socket.gethostname() if self.host in ("0.0.0.0", "::", "") else self.host  # noqa: S104 - compared, not bound
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    def start(self) -> None:
        """Begin to answer. Webhooks and uploads go out from here, unless the engine has an outbox of its own."""
        self._lent = self.engine.deliver is None
        if self._lent:
            self.engine.deliver = self._courier
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End within two seconds: requests at work are finished if they can be in time, no new one is taken."""
        if self._stop.is_set():
            return
        self._stop.set()
        self._asked.set()
        self._listener.pull_trigger()
        for thread in self._threads:
            thread.join(GRACE + 0.5)
        wasyncore.close_all(self._map, ignore_all=True)  # not before the trigger was pulled, which is in there
        self._courier.close()
        if self._lent:
            self.engine.deliver = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _listen(self, max_body: int) -> Any:
        listener = create_server(
            self._application,
            map=self._map,
            sockets=[self._socket],
            threads=WORKERS,
            connection_limit=CONNECTIONS,
            channel_timeout=IDLE_SECONDS,
            recv_bytes=2**18,
            cleanup_interval=5,
            max_request_body_size=max_body + 1,  # it refuses what is as large as its limit, too
            ident="nbkit",
            log_socket_errors=False,
        )
        assert isinstance(listener, BaseWSGIServer), "it is another class only for several sockets"
        listener.channel_class = Channel
        return listener

    def _application(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            return self._app(environ, start_response)
        except ConnectionCut:
            # For waitress nobody is there any more to answer, so it closes without a word: just that is meant.
            raise ClientDisconnected from None

    # -- threads -----------------------------------------------------------------------------------------

    def _serve(self) -> None:
        """Reads and writes all connections."""
        try:
            while not self._stop.is_set():
                self._turn(TICK)
                self._make_room()
            self._listener.accepting = False
            until = time.monotonic() + GRACE
            while time.monotonic() < until and any(c.requests or c.total_outbufs_len for c in self._channels()):
                self._turn(0.02)
        finally:
            for channel in self._channels():
                channel.handle_close()
            self._listener.task_dispatcher.shutdown(timeout=0.3)

    def _turn(self, seconds: float) -> None:
        wasyncore.loop(timeout=seconds, use_poll=True, map=self._map, count=1)

    def _make_room(self) -> None:
        """Many who connect and say nothing, or next to nothing, keep nobody out."""
        channels = self._channels()
        surplus = len(channels) - (CONNECTIONS - SPARE)
        if surplus > 0:
            idle = [channel for channel in channels if not channel.requests and not channel.total_outbufs_len]
            for channel in sorted(idle, key=lambda channel: channel.last_activity)[:surplus]:
                channel.will_close = True

    def _channels(self) -> list[Channel]:
        return list(self._listener.active_channels.values())

    def _settle(self) -> None:
        """Hands over results in time for webhooks, also when nobody asks anything more."""
        pause: float | None = None
        while not self._stop.is_set():
            self._asked.wait(pause)
            self._asked.clear()
            try:
                coming = self.engine.settle()
            except Exception:
                logger.exception("finished results could not be handed over")
                coming = None
            # The engine's clock may be set by hand, so it is looked at again in any case.
            pause = None if coming is None else min(coming, TICK)


@contextmanager
def serving(
    engine: Offline | None = None,
    *,
    port: int = 0,
    host: str = "127.0.0.1",
    allow_private_callbacks: bool = False,
    max_body: int = MAX_BODY,
) -> Iterator[str]:
    """Serve an engine for as long as the block runs; the arguments are those of :class:`Server`.

    Yields:
        The address, for ``nbkit.Studio(engine=…)``.
    """
    with Server(engine, host, port, allow_private_callbacks=allow_private_callbacks, max_body=max_body) as server:
        yield server.url
