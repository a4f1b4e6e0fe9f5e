"""The API over HTTP and WebSocket, as an application of Starlette.

It knows the wire only. What answers is a :class:`TaskService`: the offline engine, or a class with students.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import tempfile
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import IO, Any, Protocol

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from nbkit.offline.connection import SMALL_BYTES
from nbkit.offline.envelope import (
    PICTURE_PATH,
    Answer,
    Outcome,
    Problem,
    RequestContext,
    bearer,
    content_of,
    echo,
    missing_key,
    read_tasks,
    status_of_all,
)
from nbkit.offline.failures import CORRUPTED, corrupt
from nbkit.service.client import OFFLINE_HEADER

logger = logging.getLogger(__name__)

BODY_SECONDS, UNKNOWN_SECONDS = 300.0, 20.0
"""Limit for a whole body, even if bytes keep trickling in; for the body, or the WebSocket, of a client without a key."""

BODIES_AT_ONCE = 4
"""Bodies of more than ``SMALL_BYTES`` that are decoded at once."""

TASKS_OF_A_SOCKET = 1024
"""Tasks of one WebSocket that are under way; further ones are refused. The socket is read on, or its pings had no answer."""

BUSY_SECONDS = 5
"""What a client is asked to wait who has too much under way."""

_AUTHORITY = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9._-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?", re.IGNORECASE
)
_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]{1,64}){1,8}")
_MAX_SEGMENTS = 32
"""Of a path that may have a prefix."""


class TaskService(Protocol):
    """Answers tasks."""

    def caller(self, key: str | None, host: str) -> Awaitable[Any]:
        """Who sends a request with this key, from this host.

        Raises:
            Problem: if the key is missing or not known.
        """

    @property
    def has_key(self) -> bool:
        """Whether requests must have a key."""

    def begin(
        self, tasks: Sequence[Any], caller: Any, context: RequestContext
    ) -> Awaitable[Sequence[Awaitable[Outcome]]]:
        """Accept tasks, in their order.

        Returns:
            For each task its outcome, which may take as long as its pictures.
        """

    def picture(self, name: str, host: str) -> Awaitable[Answer]:
        """The answer to a GET of a picture's address.

        Args:
            name: the last part of the address.
            host: that asks.
        """

    @property
    def is_offline(self) -> bool:
        """Whether its prices are list prices of the offline engine, and no money."""

    def running(self) -> contextlib.AbstractAsyncContextManager[None]:
        """Entered while the application runs."""


def application(
    service: TaskService,
    *,
    authority: str,
    max_body: int,
    address: str = "",
    routes: Sequence[BaseRoute] = (),
) -> Starlette:
    """An application that answers from a service.

    Args:
        service: answers the tasks.
        authority: host and port in addresses, for a request without a valid ``Host`` header.
        max_body: limit for a body in bytes.
        address: what addresses of pictures begin with; if empty, it follows from each request and its proxy's headers.
        routes: further pages.
    """
    web = _Api(service, max_body)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with service.running():
            yield

    every = [
        Route("/v1", web.tasks, methods=["POST"]),
        Route(f"{PICTURE_PATH}{{name}}", web.picture, methods=["GET", "HEAD"]),
        WebSocketRoute("/v1", web.socket),
        *routes,
    ]
    known = [route.path_regex for route in every if isinstance(route, Route | WebSocketRoute)]
    return Starlette(
        routes=every,
        middleware=[Middleware(_Place, known=known, authority=authority, address=address.rstrip("/"))],
        exception_handlers={404: web.not_found, 405: web.not_found},
        lifespan=lifespan,
    )


class _Place:
    """Finds out under which address a client reaches this server: behind TLS, another name, or a path prefix.

    The headers of a proxy are believed of anyone: a client that lies gets wrong addresses of its own pictures.
    """

    def __init__(self, app: ASGIApp, known: Sequence[re.Pattern[str]], authority: str, address: str) -> None:
        self._app, self._known, self._authority, self._address = app, known, authority, address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            given = HTTPConnection(scope).headers

            def first(name: str) -> str:
                return given.get(name, "").partition(",")[0].strip()

            # A proxy may leave the prefix in the path, or cut it off and name it.
            found, named = self._split(scope["path"]), first("x-forwarded-prefix").rstrip("/")
            prefix, path = found or ("", scope["path"])
            if found:
                scope = {**scope, "path": path, "root_path": ""}
            if not prefix and _PREFIX.fullmatch(named):
                prefix = named
            hosts = (first("x-forwarded-host"), given.get("host", ""), self._authority)
            host = next(filter(_AUTHORITY.fullmatch, hosts), self._authority)
            secure = first("x-forwarded-proto").lower() or {"ws": "http", "wss": "https"}.get(
                scope["scheme"], scope["scheme"]
            )
            scheme = "https" if secure in ("https", "wss") else "http"
            base = self._address or f"{scheme}://{host}{prefix if _PREFIX.fullmatch(prefix) else ''}"
            scope.setdefault("state", {})["base_url"] = base
        await self._app(scope, receive, send)

    def _split(self, path: str) -> tuple[str, str] | None:
        """The prefix that a proxy has left in a path, and the path of a route behind it; ``None`` if there is no such route."""
        segments = path.split("/")
        for number in range(1, min(len(segments), _MAX_SEGMENTS)):
            tail = "/".join(("", *segments[number:]))
            for one in (tail, tail.rstrip("/")):
                if any(known.fullmatch(one) for known in self._known):
                    return "/".join(segments[:number]), one
        return None


class _Api:
    def __init__(self, service: TaskService, max_body: int) -> None:
        self._service, self._max_body = service, max_body
        self._large = asyncio.Semaphore(BODIES_AT_ONCE)

    # -- HTTP ----------------------------------------------------------------------------------------------

    async def tasks(self, request: Request) -> Response:
        try:
            return await self._tasks(request)
        except Problem as problem:
            return self._response(problem.answer(), request)
        except asyncio.CancelledError:  # the server ends: an answer that says so would be taken for one about the task
            request.state.connection.transport.abort()
            raise
        except Exception:
            logger.exception("the engine failed at %s", request.method)
            failure = Problem("internalServerError", "The engine failed at this request.", status=500)
            return self._response(failure.answer(), request)

    async def _tasks(self, request: Request) -> Response:
        authorization, host = request.headers.get("authorization"), _host(request)
        shown = bearer(authorization)
        # Before the body: whoever has no key must not make this machine read anything large.
        caller = await self._service.caller(shown, host) if shown is not None else None
        is_known = shown is not None or not self._service.has_key
        with tempfile.SpooledTemporaryFile(SMALL_BYTES) as body:
            await self._receive(request, body, self._max_body if is_known else SMALL_BYTES, is_known=is_known)
            async with self._large if body.tell() > SMALL_BYTES else contextlib.nullcontext():
                tasks, key = await asyncio.to_thread(_read, body, authorization)
        if caller is None:
            caller = await self._service.caller(key if isinstance(key, str) else None, host)
        context = RequestContext(
            request.state.base_url, request.headers.get("x-runware-dry-run", "").strip().lower() in ("1", "true")
        )
        begun = await self._service.begin(tasks, caller, context)
        del tasks
        outcomes = await asyncio.gather(*begun)
        items = [item for outcome in outcomes for item in outcome.items]
        answer = Answer.json(items, status_of_all(outcomes), self._retry_after(outcomes))
        return self._response(
            next((corrupt(answer, one.fault, one.task) for one in outcomes if one.fault in CORRUPTED), answer), request
        )

    @staticmethod
    def _retry_after(outcomes: Sequence[Outcome]) -> int | None:
        return max((one.retry_after for one in outcomes if one.retry_after is not None), default=None)

    async def _receive(self, request: Request, body: IO[bytes], limit: int, *, is_known: bool) -> None:
        """Write the body into a file: however many clients send slowly, little of it is in memory.

        Raises:
            Problem: if it is larger than the limit, or does not come in time.
        """
        declared = request.headers.get("content-length", "")
        size = int(declared) if declared.isdecimal() else None
        too_large = Problem("maxBodySizeExceeded", f"At most {limit:,} bytes of a body are read.", status=413)
        if not is_known:
            how = f"A body of more than {limit:,} bytes needs the key in the Authorization header."
            too_large = Problem("missingApiKey", how, status=401)
        if size is not None and size > limit:
            raise too_large
        try:
            async with asyncio.timeout(BODY_SECONDS if is_known else UNKNOWN_SECONDS):
                async for piece in request.stream():
                    body.write(piece)
                    if body.tell() > limit:
                        raise too_large
        except TimeoutError:
            raise Problem("requestTimeout", "The body did not come in time.", status=408) from None
        except ClientDisconnect:
            raise Problem("requestTimeout", "The body did not come.", status=408) from None

    async def picture(self, request: Request) -> Response:
        answer = await self._service.picture(request.path_params["name"], _host(request))
        return self._response(answer, request)

    def _response(self, answer: Answer, request: Request) -> Response:
        if answer.drops_connection or answer.is_truncated:
            return _Broken(answer, request.state.connection.transport)
        return self._mark(Response(answer.body, answer.status, answer.headers))

    def _mark(self, response: Response) -> Response:
        if not self._service.is_offline and OFFLINE_HEADER in response.headers:
            del response.headers[OFFLINE_HEADER]
        return response

    async def not_found(self, request: Request, _error: Exception) -> Response:
        """The answer at an address where nothing is."""
        problem = Problem("resourceNotFound", "Tasks go to POST /v1; nothing else is here.", status=404)
        return self._response(problem.answer(), request)

    # -- WebSocket -----------------------------------------------------------------------------------------

    async def socket(self, socket: WebSocket) -> None:
        """Answer the frames of one client: the first one authenticates, each of the others has tasks."""
        await socket.accept()
        key = bearer(socket.headers.get("authorization"))
        client = _SocketClient(self._service, socket)
        until = asyncio.get_running_loop().time() + UNKNOWN_SECONDS
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # the latter: closed while an answer was under way
            if key is not None:
                with contextlib.suppress(Problem):
                    await client.authenticate(key)
            while True:
                try:
                    async with asyncio.timeout_at(None if client.is_known else until):
                        message = await socket.receive()
                except TimeoutError:
                    await socket.close(1008, "no key came")
                    return
                if message["type"] == "websocket.disconnect":
                    return
                text = message.get("text")
                text = message["bytes"].decode("utf-8", "replace") if text is None else text
                async with self._large if len(text) > SMALL_BYTES else contextlib.nullcontext():
                    await client.receive(text)


class _SocketClient:
    """The frames of one WebSocket, each answered when its tasks are."""

    def __init__(self, service: TaskService, socket: WebSocket) -> None:
        self._service, self._socket, self._caller = service, socket, None
        self._key: str | None = None
        self._context = RequestContext(socket.state.base_url, dry_run=False)
        self._running: set[asyncio.Task[None]] = set()
        self._sending = asyncio.Lock()

    @property
    def is_known(self) -> bool:
        """Whether it needs no key, or has shown one."""
        return self._caller is not None or not self._service.has_key

    async def authenticate(self, key: str | None) -> None:
        """Learn who the client is.

        Raises:
            Problem: if its key is not known.
        """
        self._caller, self._key = await self._service.caller(key, _host(self._socket)), key
        self._socket.state.connection.trust()

    async def receive(self, text: str) -> None:
        try:
            tasks, key = await asyncio.to_thread(read_tasks, text.encode("utf-8", "surrogatepass"), None)
        except Problem as problem:
            await self._send([problem.item()])
            return
        first = tasks[0] if isinstance(tasks[0], dict) else {}
        if key is not None or first.get("taskType") == "authentication":
            await self._greet(first if first.get("taskType") == "authentication" else {}, key)
            if first.get("taskType") == "authentication":  # otherwise it was taken out already
                tasks = tasks[1:]
        for task in tasks:
            is_ping = isinstance(task, dict) and task.get("taskType") == "ping"
            if is_ping:  # one client sends it before its key; and no ping waits for tasks
                await self._send([echo(task) | {"pong": True}])
                continue
            if self._caller is None and self._service.has_key:
                await self._send([missing_key().item(task)])
                continue
            if self._caller is None:
                await self.authenticate(None)
            if len(self._running) >= TASKS_OF_A_SOCKET:
                message = f"{TASKS_OF_A_SOCKET} tasks of this connection are under way. Wait, then send it again."
                busy = Problem("rateLimitExceeded", message, status=429, retry_after=BUSY_SECONDS)
                await self._send([busy.item(task)])
                continue
            # Accepted tasks go on when the client leaves: their answers can be asked for.
            running = asyncio.create_task(self._answer(task))
            self._running.add(running)
            running.add_done_callback(self._running.discard)

    async def _greet(self, task: dict[str, Any], key: Any) -> None:
        try:
            await self.authenticate(key if isinstance(key, str) else None)
        except Problem as problem:
            await self._send([{**problem.item(), "taskType": "authentication"}])
            return
        begun = await self._service.begin([{**task, "taskType": "authentication"}], self._caller, self._context)
        for outcome in begun:
            await self._send((await outcome).items)

    async def _answer(self, task: Any) -> None:
        try:
            # Asked anew for each task: a key may have been replaced since the connection was made.
            caller = await self._service.caller(self._key, _host(self._socket))
            (begun,) = await self._service.begin([task], caller, self._context)
            outcome = await begun
        except Problem as problem:
            outcome = problem.outcome(task)
        except Exception:
            logger.exception("a task of a WebSocket failed")
            outcome = Problem("internalServerError", "The engine failed at this request.", status=500).outcome(task)
        if outcome.fault in ("lost", "cut", "html"):
            self._socket.state.connection.transport.abort()
            return
        if outcome.fault == "timeout":
            outcome = Problem("timeoutProvider", "The provider took too long; the task may still finish.").outcome(task)
        items = outcome.items
        if not items and isinstance(task, dict):  # without one, the client would not know which task this is about
            items = [echo(task)]
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):  # the client has left
            await self._send(items)

    async def _send(self, items: list[dict[str, Any]]) -> None:
        for part in (items,) if items else ():
            content = {name: found for name, found in content_of(part).items() if found}
            async with self._sending:
                await self._socket.send_text(json.dumps(content, allow_nan=False))


class _Broken(Response):
    """An answer that breaks off: before anything is sent, or in the middle of its body."""

    def __init__(self, answer: Answer, transport: asyncio.Transport) -> None:
        super().__init__()
        self._answer, self._transport = answer, transport

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        if not self._answer.drops_connection:
            headers = [(name.encode(), value.encode()) for name, value in self._answer.headers.items()]
            await send({"type": "http.response.start", "status": self._answer.status, "headers": headers})
            await send({"type": "http.response.body", "body": self._answer.body, "more_body": True})
        self._transport.close()


def _host(connection: HTTPConnection) -> str:
    return connection.client.host if connection.client else ""


def _read(body: IO[bytes], authorization: str | None) -> tuple[list[Any], Any]:
    body.seek(0)
    return read_tasks(body.read(), authorization)
