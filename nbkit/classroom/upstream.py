"""Where the tasks of a class are done: by the offline engine in this process, or by the real service with the one key.

Both answer a task once its outcome is known. The service is asked by the ledger's own session of a task
(:class:`~nbkit.ledger.task_session.TaskSession`), which never pays twice: a lost answer is asked for before anything is
sent again, under the same taskUUID. Its answer is passed on as it came, apart from what is about the account.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import sqlalchemy as sa

from nbkit.backends import Backend
from nbkit.errors import (
    AuthenticationError,
    BlockedError,
    CreditError,
    DownloadError,
    EngineError,
    NotConnected,
    ProviderError,
)
from nbkit.ledger.limiter import Limiter
from nbkit.ledger.task_session import TaskSession
from nbkit.log.database import Database
from nbkit.measures.facts import examine
from nbkit.offline.engine import Offline
from nbkit.offline.envelope import Answer, Items, Outcome, Problem, RequestContext, echo
from nbkit.offline.server import LARGE_PIXELS, DrawingPool
from nbkit.offline.tasks import Inference
from nbkit.request.profiles import DEFAULT_MODEL
from nbkit.service.cancel import CancelToken
from nbkit.service.client import Client
from nbkit.service.failure import Json, error_items
from nbkit.service.response import PICTURE_KEYS, micros
from nbkit.service.secret import Secret
from nbkit.service.threads import THREADS

AT_ONCE_OFFLINE, AT_ONCE_UPSTREAM = 512, 32
"""Tasks that are done at once: by the engine, where one that waits costs no thread, and by the service, where it does."""


@dataclass(frozen=True, slots=True)
class FetchedPicture:
    """A picture of an answer: its UUID, its bytes and their media type."""

    uuid: str
    data: bytes = field(repr=False)
    media_type: str


@dataclass(frozen=True, slots=True)
class Finished:
    """What became of a task.

    Attributes:
        status: the HTTP status of the answer.
        items: of ``data`` and ``errors``, without the pictures that are in ``pictures``.
        pictures: the pictures that are here.
        accepted: whether the task was accepted; it was refused, and cost nothing, if not.
        known: whether its outcome is known; if not, it may have been paid, and has to be asked for again.
        fault: a simulated fault of the wire, or ``None``.
        retry_after: seconds that a busy service asks to wait.
    """

    status: int
    items: Items
    pictures: tuple[FetchedPicture, ...] = ()
    accepted: bool = True
    known: bool = True
    fault: str | None = None
    retry_after: int | None = None

    @property
    def spent(self) -> int | None:
        """Micro-dollars; ``None`` if a picture came without its cost."""
        costs = [micros(item.get("cost")) for item in self.items if "code" not in item or item.get("cost")]
        return None if None in costs else sum(cost for cost in costs if cost)


class Upstream(Protocol):
    """Does tasks."""

    @property
    def is_offline(self) -> bool:
        """Whether its prices are list prices, and no money."""

    @property
    def at_once(self) -> int:
        """How many tasks it may have at once."""

    @property
    def keeps_uploads(self) -> bool:
        """Whether it keeps pictures by UUID; otherwise a reference goes with its bytes."""

    async def run(self, task: Json, who: str, *, started: Callable[[sa.Connection], None], resumes: bool) -> Finished:
        """Do a task.

        Args:
            task: as the policy made it.
            who: the student.
            started: writes in a transaction that the task leaves now.
            resumes: whether it may have been sent before, by a server that was killed.
        """

    async def ask(self, task: Json) -> Outcome:
        """The answer to another task than an image task."""

    def close(self) -> None:
        """End."""


class OfflineUpstream:
    """The engine in this process.

    Args:
        engine: does the tasks.
        database: of the class.
    """

    is_offline, keeps_uploads, at_once = True, False, AT_ONCE_OFFLINE

    def __init__(self, engine: Offline, database: Database) -> None:
        self._engine, self._database, self._drawing = engine, database, DrawingPool()
        self._context = RequestContext("http://engine.invalid", dry_run=False)

    async def run(self, task: Json, who: str, *, started: Callable[[sa.Connection], None], resumes: bool) -> Finished:
        del resumes  # what the engine had begun ended with it, and nobody has seen it
        await asyncio.to_thread(self._database.write, started)
        begun = await self._drawing.run(who, lambda: self._engine.begin({**task, "outputType": "URL"}, self._context))
        if isinstance(begun, Outcome):
            return Finished(begun.status, begun.items, accepted=False, retry_after=begun.retry_after)
        if self._engine.latency:
            await asyncio.sleep(self._engine.latency)
        outcome = self._engine.finish(begun, self._context)
        items = begun.report(self._context.base_url, float("inf"))
        pictures = [await self._draw(begun, item, who) for item in items if item.get("imageURL")]
        return Finished(outcome.status, [_bare(item) for item in items], tuple(pictures), fault=outcome.fault)

    async def _draw(self, task: Inference, item: Mapping[str, Any], who: str) -> FetchedPicture:
        name = str(item["imageUUID"])
        large = task.scene.width * task.scene.height > LARGE_PIXELS

        def draw() -> Answer:
            answer = self._engine.picture(name)
            return self._engine.picture(name) if answer.is_truncated else answer  # a simulated fault of a download

        answer = await self._drawing.run(who, draw, large=large)
        return FetchedPicture(name, answer.body, answer.headers["Content-Type"])

    async def ask(self, task: Json) -> Outcome:
        begun = await self._drawing.run("", lambda: self._engine.begin(task, self._context))
        return begun if isinstance(begun, Outcome) else Outcome([])

    def close(self) -> None:
        self._drawing.close()
        self._engine.close()


class _HearingClient(Client):
    """A client that keeps the envelopes of the answers as they came, by the taskUUID of the task that was asked about."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._heard: dict[str, list[tuple[int, Json]]] = {}
        self._lock = threading.Lock()

    def _post(
        self, task: Json, more_headers: Mapping[str, str] | None = None, **options: Any
    ) -> tuple[Json, dict[str, Any]]:
        envelope, context = super()._post(task, more_headers, **options)
        with self._lock:
            heard = self._heard.get(str(task.get("taskUUID")))
            if heard is not None:
                heard.append((context["status"], envelope))
        return envelope, context

    @contextlib.contextmanager
    def hearing(self, task_uuid: str) -> Any:
        """The list of ``(status, envelope)`` that comes during the block."""
        heard: list[tuple[int, Json]] = []
        with self._lock:
            self._heard[task_uuid] = heard
        try:
            yield heard
        finally:
            with self._lock:
                self._heard.pop(task_uuid, None)


class ServiceUpstream:
    """The real service, or any other server that speaks its API.

    Args:
        backend: whom to ask, with which key.
        database: of the class.
    """

    keeps_uploads, at_once = True, AT_ONCE_UPSTREAM

    def __init__(self, backend: Backend, database: Database) -> None:
        self._key = backend.api_key or Secret(None)
        self._client = _HearingClient(
            backend.url, api_key=backend.api_key, transport=backend.transport, pace=backend.pace
        )
        self._pace, self._database = backend.pace, database
        # Of its own: what a question hears is no answer to a task with the same taskUUID.
        self._asking = Client(backend.url, api_key=backend.api_key, transport=backend.transport, pace=backend.pace)
        self._token = CancelToken()
        self._limiters: dict[str, Limiter] = {}
        self.is_offline = not backend.charged

    async def run(self, task: Json, who: str, *, started: Callable[[sa.Connection], None], resumes: bool) -> Finished:
        del who  # the gateway gives turns; the threads are daemons, so that a server ends while the service is silent
        return await asyncio.wrap_future(THREADS.submit(self._run, task, started, resumes))

    def _run(self, task: Json, started: Callable[[sa.Connection], None], resumes: bool) -> Finished:
        # Pictures are fetched from here, whatever the student asked for, and the cost settles what was held.
        asked = {**task, "outputType": "URL", "includeCost": True}
        model = str(task.get("model", DEFAULT_MODEL))
        limiter = self._limiters.setdefault(model, Limiter(self._database, self._client.account(model), self._pace))
        with (
            self._client.hearing(str(task["taskUUID"])) as heard,
            limiter.slot(self._token, started) as slot,
        ):
            session = TaskSession(self._client, asked, self._pace, slot)
            if resumes:
                self._database.write(started)
            response = session.resume(resend=True) if resumes else session.run()
        status, items = self._as_came(heard, asked)
        self.is_offline = self.is_offline or response.offline  # another class, or an engine somewhere else
        if response.lost or response.is_empty:  # the latter: it was not sent, because this server ends
            lost = Problem("timeoutProvider", "The service's answer was lost; the task may still finish.", status=504)
            return Finished(504, [lost.item(task)], known=False)
        if not response.results:
            refused = self._refused(status, items, response.errors, task)
            # After a kill, a refusal says nothing about what was sent before it: that may have been paid.
            return dataclasses.replace(refused, known=False) if resumes and not refused.accepted else refused
        fetched = [self._fetch(item) for item in items if _source_of(item)]
        pictures = tuple(picture for picture in fetched if picture is not None)
        here = {picture.uuid for picture in pictures}
        items = [_bare(item) if str(item.get("imageUUID")) in here else item for item in items]
        return Finished(status, items, pictures)

    def _refused(self, status: int, items: Items, errors: tuple[EngineError, ...], task: Json) -> Finished:
        error = errors[0] if errors else None
        retry_after = None if error is None or error.retry_after is None else round(error.retry_after)
        if isinstance(error, NotConnected):
            message = "The service cannot be reached from the server of this class. Nothing was sent; tell the teacher."
            problem = Problem("serviceUnavailable", message, status=503)
            return Finished(503, [problem.item(task)], accepted=False)
        if isinstance(error, AuthenticationError):
            # A student who reads "invalid key" looks at the own one.
            message = "The service refuses the key of this class. Nothing was sent; tell the teacher."
            return Finished(403, [Problem("forbidden", message, status=403).item(task)], accepted=False)
        if isinstance(error, CreditError):
            message = (
                "The account of this class at the service has too little left. Nothing was sent; tell the teacher."
            )
            return Finished(402, [Problem("insufficientCredits", message, status=402).item(task)], accepted=False)
        # What ran and failed has used its taskUUID; a refusal of the request has not.
        ran = status < 400 or isinstance(error, BlockedError | ProviderError)
        return Finished(status, items, accepted=ran, retry_after=retry_after)

    def _as_came(self, heard: list[tuple[int, Json]], task: Json) -> tuple[int, Items]:
        """Status and items of all that came about a task: each result once, and the errors of the last word."""
        results: dict[str, dict[str, Any]] = {}
        errors: Items = []
        status = 200
        for status, envelope in heard:  # noqa: B007  the last one counts
            found = self._items_of(envelope, str(task["taskUUID"]))
            for item in found:
                if _source_of(item):
                    results.setdefault(str(item.get("imageUUID") or _source_of(item)), item)
            now = [item for item in found if "code" in item]
            errors = now or ([] if results else errors)
        for item in results.values():
            item.setdefault("imageUUID", str(uuid.uuid4()))
        cleaned = [self._clean(item) for item in (*results.values(), *errors)]
        return 200 if results else status, cleaned

    def _items_of(self, envelope: Json, task_uuid: str) -> Items:
        data = envelope.get("data")
        items = [item for item in (data if isinstance(data, list) else [data]) if isinstance(item, dict)]
        inner = [item["response"] for item in items if isinstance(item.get("response"), dict | list)]
        if inner:
            return [
                one
                for response in inner
                for one in self._items_of(response if isinstance(response, dict) else {"data": response}, task_uuid)
            ]
        nested = [(item, error_items([item.get("error"), item.get("errors")])) for item in items]
        failed = [{**echo(item), **one} for item, found in nested for one in found]
        top = error_items([envelope.get("errors"), envelope.get("error")])
        errors = [{"code": "unknownError", **item} for item in (*failed, *top)]
        every = [item for item in items if _source_of(item)] + errors
        named = [item for item in every if str(item.get("taskUUID", task_uuid)).lower() == task_uuid.lower()]
        return [{"taskType": "imageInference", "taskUUID": task_uuid, **item} for item in named]

    def _clean(self, item: dict[str, Any]) -> dict[str, Any]:
        """An item without the key, whatever the service repeats."""
        return {name: self._clean_value(value) for name, value in item.items() if name != "status" or "code" in item}

    def _clean_value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._key.redact_name(value)
        if isinstance(value, list):
            return [self._clean_value(one) for one in value]
        if isinstance(value, dict):
            return {str(self._clean_value(name)): self._clean_value(one) for name, one in value.items()}
        return value

    def _fetch(self, item: Mapping[str, Any]) -> FetchedPicture | None:
        """The picture of an item; ``None`` if it cannot be fetched: then the student gets the service's address."""
        try:
            data, facts = self._client.fetch(_source_of(item), examine)
        except DownloadError:
            return None
        return FetchedPicture(str(item.get("imageUUID")), data, facts.media_type)

    async def ask(self, task: Json) -> Outcome:
        return await asyncio.wrap_future(THREADS.submit(self._ask, task))

    def _ask(self, task: Json) -> Outcome:
        try:
            envelope, context = self._asking._post(task)  # noqa: SLF001  as the subclass above
        except EngineError as error:
            self._key.redact_error(error)
            return Problem("serviceUnavailable", "The service cannot be reached from this server.", status=503).outcome(
                task
            )
        status = context["status"]
        data = envelope.get("data")
        items = [item for item in (data if isinstance(data, list) else [data]) if isinstance(item, dict)]
        errors = list(error_items([envelope.get("errors"), envelope.get("error")]))
        if status in (401, 402, 403):
            message = "The service refuses this for the account of this class; tell the teacher."
            return Problem("forbidden", message, status=403).outcome(task)
        coded = [{"code": "unknownError", **item} for item in errors]
        return Outcome([self._clean({**echo(task), **item}) for item in (*items, *coded)], status, task=task)

    def close(self) -> None:
        self._token.cancel()
        self._token.cancel_waiting()
        self._client.close()
        self._asking.close()


def _source_of(item: Mapping[str, Any]) -> str:
    return next((item[name] for name in PICTURE_KEYS if isinstance(item.get(name), str) and item[name]), "")


def _bare(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item without the picture or its address, which is made anew for each answer."""
    return {name: value for name, value in item.items() if name not in PICTURE_KEYS}
