"""Serves the engine over HTTP and WebSocket, for a class or for any other client of the API.

::

    from nbkit.offline.server import serving

    with serving() as url:
        studio = nbkit.Studio(engine=url)

A task that waits, or a client that is slow, occupies no thread. Pictures are drawn in a few threads, in turn for those who
ask for them. ``python -m nbkit serve`` does the same from a shell.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

try:
    import uvicorn  # noqa: F401  web_server.py needs it
    import websockets  # noqa: F401  uvicorn finds it
    from starlette.routing import BaseRoute
except ModuleNotFoundError as error:
    if error.name not in ("starlette", "uvicorn", "websockets"):
        raise
    raise ModuleNotFoundError(
        f'to serve, nbkit needs {error.name}; in its clone: pip install -e ".[serve]"', name=error.name
    ) from None

from nbkit.offline.engine import Offline
from nbkit.offline.envelope import MAX_BODY_BYTES, Answer, Outcome, RequestContext
from nbkit.offline.tasks import Inference
from nbkit.offline.turns import Turns
from nbkit.offline.web import TaskService, application
from nbkit.offline.web_server import WebServer
from nbkit.offline.webhook_sender import WebhookSender

T = TypeVar("T")

logger = logging.getLogger(__name__)

DRAWING_THREADS = 2
LARGE_PIXELS = 6_000_000
"""A larger picture takes seconds to draw: one of them at a time, so that small ones need not wait."""

SLEEPING_THREADS = 64
"""For an engine whose ``sleep`` is somebody's own function."""

SETTLE_SECONDS = 0.1
"""How late a webhook call may be."""


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


class Server(WebServer):
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
        super().__init__(host, port, address=address, tls=tls)
        self._serve(
            application(self._service, authority=self._authority, max_body=max_body, address=address, routes=routes)
        )
        self._webhook_sender = WebhookSender(allow_private=allow_private_callbacks)

    def start(self) -> None:
        """Start to answer requests, and to send webhooks and uploads unless the engine has its own ``deliver``."""
        self.engine.deliver = self.engine.deliver or self._webhook_sender
        super().start()

    def close(self) -> None:
        if self.is_closed:
            return
        super().close()
        self._webhook_sender.close()
        if self.engine.deliver is self._webhook_sender:
            self.engine.deliver = None


@contextlib.contextmanager
def serving(engine: Offline | None = None, **options: Any) -> Iterator[str]:
    """Serve an engine for as long as the block runs; the options are those of :class:`Server`.

    Yields:
        The URL, for ``nbkit.Studio(engine=…)``.
    """
    with Server(engine, **options) as server:
        yield server.url
