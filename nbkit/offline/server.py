"""Serves the engine over HTTP, for a class or for any other client of the API.

::

    from nbkit.offline.server import serving

    with serving() as url:
        studio = nbkit.Studio(engine=url)

waitress handles the sockets: one thread reads and writes all of them, so a slow client occupies no worker. A bounded
number of worker threads runs the engine, which is synchronous; further requests queue. ``python -m nbkit serve`` does
the same from a shell.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Self

try:
    from waitress import wasyncore
    from waitress.server import BaseWSGIServer, create_server
except ModuleNotFoundError as error:
    if error.name != "waitress":
        raise
    raise ModuleNotFoundError(
        'to serve, nbkit needs waitress; in its clone: pip install -e ".[serve]"', name="waitress"
    ) from None

from nbkit.offline.channel import Channel
from nbkit.offline.engine import Offline
from nbkit.offline.envelope import MAX_BODY_BYTES
from nbkit.offline.web import WebApp
from nbkit.offline.webhook_sender import WebhookSender

logger = logging.getLogger(__name__)

# waitress warns of a queue and of an answer that is cut short; here both are intended.
for _name in ("waitress", "waitress.queue"):
    logging.getLogger(_name).setLevel(logging.ERROR)

WORKERS = 64
"""Number of worker threads. Most only wait for a latency; the engine limits how many pictures it draws at once."""

MAX_CONNECTIONS = 400
"""Maximum number of open connections; fewer than the files that a process may open on common systems."""

SPARE_CONNECTIONS = 16
"""Number of connections kept free for new clients: those idle for longest are closed."""

IDLE_SECONDS = 60
"""An idle connection is closed after this time."""

TICK_SECONDS = 0.5
"""Longest wait between two checks of the time limits."""

SETTLE_SECONDS = 0.1
"""How late a webhook call may be."""

GRACE_SECONDS = 1.0
"""Time that running requests have to finish when the server ends."""


class Server:
    """An engine at an address, served by threads of this process from :meth:`start` to :meth:`close`.

    Args:
        engine: answers the requests; a new one if not given.
        host: the address to listen on; only this machine reaches ``127.0.0.1``.
        port: 0 picks a free one.
        allow_private_callbacks: whether webhooks and uploads may go to private and loopback addresses.
        max_body: limit for a request's body in bytes; a larger one is refused.

    Attributes:
        engine: as given, or the new one.
        host: as given.
        port: as given, or the free one that was picked.

    Raises:
        OSError: if the port is in use, or the host is not an address of this machine.
    """

    def __init__(
        self,
        engine: Offline | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        allow_private_callbacks: bool = False,
        max_body: int = MAX_BODY_BYTES,
    ) -> None:
        self.engine = Offline() if engine is None else engine
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family)
        self._socket.setblocking(False)
        self.host, self.port = host, int(self._socket.getsockname()[1])
        self._webhook_sender = WebhookSender(allow_private=allow_private_callbacks)
        self._stop = threading.Event()
        self._map: dict[int, Any] = {}
        self._listener = self._listen(max_body)
        targets = (self._serve, self._settle)
        self._threads = [threading.Thread(target=target, name="nbkit-serve", daemon=True) for target in targets]

    @property
    def url(self) -> str:
        """For ``Studio(engine=…)``; has this machine's name if the server listens on all addresses."""
        return f"http://{self._authority}"

    @property
    def _authority(self) -> str:
        host = socket.gethostname() if self.host in ("0.0.0.0", "::", "") else self.host  # noqa: S104 - compared, not bound
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    def start(self) -> None:
        """Start to answer requests, and to send webhooks and uploads unless the engine has its own ``deliver``."""
        self.engine.deliver = self.engine.deliver or self._webhook_sender
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End within two seconds: accept no new requests, and finish the running ones if the time is enough."""
        if self._stop.is_set():
            return
        self._stop.set()
        self._listener.pull_trigger()
        for thread in self._threads:
            thread.join(GRACE_SECONDS + 0.5)
        wasyncore.close_all(self._map, ignore_all=True)  # after pull_trigger(): the map contains the trigger
        self._webhook_sender.close()
        if self.engine.deliver is self._webhook_sender:
            self.engine.deliver = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _listen(self, max_body: int) -> Any:
        listener = create_server(
            WebApp(self.engine, self._authority),
            map=self._map,
            sockets=[self._socket],
            threads=WORKERS,
            connection_limit=MAX_CONNECTIONS,
            channel_timeout=IDLE_SECONDS,
            recv_bytes=2**18,
            cleanup_interval=5,
            max_request_body_size=max_body + 1,  # waitress also refuses a body of exactly its limit
            ident="nbkit",
            log_socket_errors=False,
        )
        assert isinstance(listener, BaseWSGIServer), "another class is returned only for several sockets"
        listener.channel_class = Channel
        return listener

    # -- threads -----------------------------------------------------------------------------------------

    def _serve(self) -> None:
        """Read from and write to all connections."""
        loop_once = partial(wasyncore.loop, use_poll=True, map=self._map, count=1)
        try:
            while not self._stop.is_set():
                loop_once(timeout=TICK_SECONDS)
                self._close_idle()
            self._listener.accepting = False
            deadline = time.monotonic() + GRACE_SECONDS
            while time.monotonic() < deadline and any(c.requests or c.total_outbufs_len for c in self._channels()):
                loop_once(timeout=0.02)
        finally:
            for channel in self._channels():
                channel.handle_close()
            self._listener.task_dispatcher.shutdown(timeout=0.3)

    def _close_idle(self) -> None:
        """Close the connections that are idle for longest when the limit is near."""
        channels = self._channels()
        surplus = len(channels) - (MAX_CONNECTIONS - SPARE_CONNECTIONS)
        if surplus > 0:
            idle = [channel for channel in channels if not channel.requests and not channel.total_outbufs_len]
            for channel in sorted(idle, key=lambda channel: channel.last_activity)[:surplus]:
                channel.will_close = True

    def _channels(self) -> list[Channel]:
        return list(self._listener.active_channels.values())

    def _settle(self) -> None:
        """Hand over results for webhooks on time, also when no further request arrives."""
        while not self._stop.wait(SETTLE_SECONDS):
            try:
                self.engine.settle()
            except Exception:
                logger.exception("finished results could not be handed over")


@contextmanager
def serving(engine: Offline | None = None, **options: Any) -> Iterator[str]:
    """Serve an engine for as long as the block runs; the options are those of :class:`Server`.

    Yields:
        The URL, for ``nbkit.Studio(engine=…)``.
    """
    with Server(engine, **options) as server:
        yield server.url
