"""Serves the engine over HTTP and WebSocket, for a class or for any other client of the API.

::

    from nbkit.offline.server import serving

    with serving() as url:
        studio = nbkit.Studio(engine=url)

uvicorn handles the sockets, in one thread: a task that waits, or a client that is slow, occupies no other. Pictures are
drawn in a few threads, in turn for those who ask for them. ``python -m nbkit serve`` does the same from a shell.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self, TypeVar

import psutil

try:
    import uvicorn
    import websockets  # noqa: F401  uvicorn finds it
    from starlette.routing import BaseRoute
except ModuleNotFoundError as error:
    if error.name not in ("starlette", "uvicorn", "websockets"):
        raise
    raise ModuleNotFoundError(
        f'to serve, nbkit needs {error.name}; in its clone: pip install -e ".[serve]"', name=error.name
    ) from None

from nbkit.offline.connection import HttpConnection, SocketConnection
from nbkit.offline.engine import Offline
from nbkit.offline.envelope import MAX_BODY_BYTES, Answer, Outcome, RequestContext
from nbkit.offline.tasks import Inference
from nbkit.offline.turns import Turns
from nbkit.offline.web import TaskService, application
from nbkit.offline.webhook_sender import WebhookSender

T = TypeVar("T")

logger = logging.getLogger(__name__)

# It tells of what clients send, and of requests that the end of the server breaks off; web.py logs errors itself.
logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)

DRAWING_THREADS = 2
LARGE_PIXELS = 6_000_000
"""A larger picture takes seconds to draw: one of them at a time, so that small ones need not wait."""

SLEEPING_THREADS = 64
"""For an engine whose ``sleep`` is somebody's own function."""

IDLE_SECONDS = 60
"""An idle connection is closed after this time."""

SETTLE_SECONDS = 0.1
"""How late a webhook call may be."""

GRACE_SECONDS = 0.5
"""Time that running requests have to finish when the server ends."""

EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104  compared, not bound


class DrawingPool:
    """Runs what takes the processor, in a few threads, in turn for those who asked."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(DRAWING_THREADS, "nbkit-draw")
        self._turns = Turns(DRAWING_THREADS, large=1)

    async def run(self, who: str, function: Callable[[], T], *, large: bool = False) -> T:
        """The result of a function.

        Args:
            who: asks for it.
            function: called in a thread.
            large: whether it takes long.
        """
        async with self._turns.turn(who, large=large):
            return await asyncio.get_running_loop().run_in_executor(self._threads, function)

    def close(self) -> None:
        """Start nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class EngineService:
    """The offline engine as a :class:`~nbkit.offline.web.TaskService`; a caller is the host that it comes from.

    Args:
        engine: answers the tasks.
    """

    is_offline = True

    def __init__(self, engine: Offline) -> None:
        self._engine, self._drawing = engine, DrawingPool()
        self._sleeping = ThreadPoolExecutor(SLEEPING_THREADS, "nbkit-sleep")

    @property
    def has_key(self) -> bool:
        return self._engine.has_key

    async def caller(self, key: str | None, host: str) -> str:
        self._engine.check_key(key)
        return host

    async def begin(self, tasks: Sequence[Any], caller: str, context: RequestContext) -> list[Any]:
        # Reading reference images takes the processor too.
        begun = await self._drawing.run(caller, lambda: [self._engine.begin(task, context) for task in tasks])
        return [self._finish(one, caller, context) for one in begun]

    async def _finish(self, begun: Outcome | Inference, caller: str, context: RequestContext) -> Outcome:
        if isinstance(begun, Outcome):
            return begun
        if begun.is_sync and self._engine.latency:
            await self._sleep(self._engine.latency)
        if begun.request.effective("output_type") == "URL":
            return self._engine.finish(begun, context)
        large = _is_large(begun)
        return await self._drawing.run(caller, lambda: self._engine.finish(begun, context), large=large)

    async def _sleep(self, seconds: float) -> None:
        if self._engine.sleep is time.sleep:
            await asyncio.sleep(seconds)
        else:
            await asyncio.get_running_loop().run_in_executor(self._sleeping, self._engine.sleep, seconds)

    async def picture(self, name: str, host: str) -> Answer:
        task = self._engine.task_of_picture(name)
        return await self._drawing.run(
            host, lambda: self._engine.picture(name), large=task is not None and _is_large(task)
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Hand over results for webhooks on time, also when no further request arrives."""
        settling = asyncio.create_task(self._settle())
        try:
            yield
        finally:
            settling.cancel()
            self._drawing.close()
            self._sleeping.shutdown(wait=False, cancel_futures=True)

    async def _settle(self) -> None:
        while True:
            await asyncio.sleep(SETTLE_SECONDS)
            if self._engine.has_deliveries:
                try:
                    await self._drawing.run("webhooks", self._engine.settle)
                except Exception:
                    logger.exception("finished results could not be handed over")


def _is_large(task: Inference) -> bool:
    return task.scene.width * task.scene.height > LARGE_PIXELS


class Server:
    """An engine, or another service, at an address, served by a thread of this process from :meth:`start` to :meth:`close`.

    Args:
        engine: answers the requests; a new one if not given.
        host: the address to listen on; only this machine reaches ``127.0.0.1``.
        port: 0 picks a free one.
        allow_private_callbacks: whether webhooks and uploads may go to private and loopback addresses.
        max_body: limit for a request's body in bytes; a larger one is refused.
        service: answers the tasks in place of the engine.
        routes: further pages.
        address: what addresses of pictures begin with, if that does not follow from the requests.
        tls: files of the certificate and of its key, for HTTPS.

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
        service: TaskService | None = None,
        routes: Sequence[BaseRoute] = (),
        address: str = "",
        tls: tuple[Path, Path] | None = None,
    ) -> None:
        self.engine = Offline() if engine is None else engine
        self._service: TaskService = EngineService(self.engine) if service is None else service
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=512)
        # Connections inherit it. asyncio sets it for other sockets only; without it, an answer costs 40 ms more.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.host, self.port = host, int(self._socket.getsockname()[1])
        self._address, self._scheme = address.rstrip("/"), "https" if tls else "http"
        self._webhook_sender = WebhookSender(allow_private=allow_private_callbacks)
        config = uvicorn.Config(
            application(self._service, authority=self._authority, max_body=max_body, address=address, routes=routes),
            http=HttpConnection,
            ws=SocketConnection,
            ws_max_size=MAX_BODY_BYTES,
            ws_per_message_deflate=False,  # a kilobyte of it may be a megabyte
            log_config=None,
            access_log=False,
            proxy_headers=False,  # the application reads them
            server_header=False,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,  # type: ignore[arg-type]  # it is a time-out of asyncio
            ssl_certfile=tls[0] if tls else None,
            ssl_keyfile=tls[1] if tls else None,
        )
        self._uvicorn = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="nbkit-serve", daemon=True)
        self._is_closed = False

    @property
    def url(self) -> str:
        """For ``Studio(engine=…)``; has an address of this machine if the server listens on all of them."""
        return self._address or f"{self._scheme}://{self._authority}"

    @property
    def _authority(self) -> str:
        host = next(iter(own_addresses()), "127.0.0.1") if self.host in EVERYWHERE else self.host
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    def start(self) -> None:
        """Start to answer requests, and to send webhooks and uploads unless the engine has its own ``deliver``."""
        self.engine.deliver = self.engine.deliver or self._webhook_sender
        self._thread.start()

    def close(self) -> None:
        """End within two seconds: accept no new requests, and finish the running ones if the time is enough."""
        if self._is_closed:
            return
        self._is_closed = self._uvicorn.should_exit = True
        if self._thread.ident is not None:
            self._thread.join(GRACE_SECONDS + 0.8)
        self._socket.close()
        self._webhook_sender.close()
        if self.engine.deliver is self._webhook_sender:
            self.engine.deliver = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        with contextlib.suppress(SystemExit):
            self._uvicorn.run(sockets=[self._socket])


def own_addresses() -> list[str]:
    """The IPv4 addresses by which other machines may reach this one, private ones first."""
    found = [
        one.address
        for name, addresses in psutil.net_if_addrs().items()
        for one in addresses
        if one.family == socket.AF_INET
        and not one.address.startswith("127.")
        and not name.startswith(("docker", "br-", "veth"))
    ]
    return sorted(found, key=lambda address: not address.startswith(("192.168.", "10.", "172.")))


@contextlib.contextmanager
def serving(engine: Offline | None = None, **options: Any) -> Iterator[str]:
    """Serve an engine for as long as the block runs; the options are those of :class:`Server`.

    Yields:
        The URL, for ``nbkit.Studio(engine=…)``.
    """
    with Server(engine, **options) as server:
        yield server.url
