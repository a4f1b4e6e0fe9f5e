"""The wire contract over httpx: submit a task, poll it, read its details, ask for the balance, fetch a picture.

The outside world is one :class:`httpx.Client`, shared by all threads; tests and the offline engine replace its
transport. Each call is one exchange. What a lost answer means is decided in ``ledger/``, which knows what the log holds.

The key is sent in one header to the service, and nowhere else: not to picture addresses, not in a ``repr``, an
exception, or the local variables of its traceback.
"""

from __future__ import annotations

import dataclasses
import email.utils
import json
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

from nbkit.errors import AnswerLost, ConfigurationError, EngineError, NbkitError, NotConnected
from nbkit.request.address import HIDDEN
from nbkit.request.price import MICRO
from nbkit.request.task import secrets_in
from nbkit.service import download
from nbkit.service.environment import open_http
from nbkit.service.failure import Json, reason_of
from nbkit.service.network import ExchangeLimits, LimitExceeded, body, limit_connections
from nbkit.service.pace import Pace
from nbkit.service.redaction import Redactor
from nbkit.service.response import (
    TaskResponse,
    read_balance,
    read_body,
    read_cost,
    read_details,
    read_response,
    results_wanted,
)
from nbkit.service.secret import Secret, clean_error
from nbkit.service.standing import Standing, read_standing

T = TypeVar("T", bound=download.Judged)

VENDOR_URL = "https://api.runware.ai/v1"

CLOSED = "this studio is closed; nbkit.Studio(path=…) opens its log again"

TIMEOUT = httpx.Timeout(connect=15.0, read=300.0, write=120.0, pool=None)
"""Seconds. A 4K picture with thinking can take minutes, and giving up early would make the answer a lost one."""

ANSWER_SECONDS = 330.0
"""Limit for the whole answer to a task, however slowly its bytes arrive."""

QUERY_SECONDS, QUERY_SILENCE = 40.0, 30.0
"""The same limit for a poll, and for a silence within it: the service does not have to make anything first."""

STANDING_SECONDS = 10.0
"""The same for the question how a student of a class stands: it is asked again soon."""

FRESH_SECONDS = 10.0
"""For so long after an answer named it, a picture's address may not have its file yet."""

MIB = 1024 * 1024
ANSWER_BYTES, INLINE_BYTES, MAX_ANSWER_BYTES = 16 * MIB, 90 * MIB, 1024 * MIB
"""Limit for an answer without pictures, what each inline picture adds to it, and the limit for any answer."""

_PIECE_OF_TASK = 12
"""So many characters of a token that was sent in an address or in ``extra`` are taken out of an error."""

MAX_DEPTH = 64
"""Deeper answers are rejected."""

DRY_RUN_HEADER = "x-runware-dry-run"
"""Has the service check and price a task without running it."""

OFFLINE_HEADER = "x-nbkit-engine"
"""The offline engine marks its answers with this header, so that its list prices never count as money."""

_QUERIES = ("getResponse", "getTaskDetails", "accountManagement")


class Client:
    """One connection pool to one service.

    Args:
        url: where tasks are posted.
        api_key: sent as a bearer token to that address only; ``None`` sends none.
        transport: replaces the network.
        timeout: as httpx takes it.
        pace: how to wait between two attempts at a download.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: Secret | str | None = None,
        transport: httpx.BaseTransport | None = None,
        timeout: httpx.Timeout | float = TIMEOUT,
        pace: Pace | None = None,
    ) -> None:
        self.url, self._pace = url, pace or Pace()
        self._named: dict[str, float] = {}  # addresses of pictures, and when an answer named them
        self._key = api_key if isinstance(api_key, Secret) else Secret(api_key)
        del api_key
        self._sent_secrets = Redactor(HIDDEN, _PIECE_OF_TASK)  # of the tasks' addresses and extra
        self._http = open_http(urlsplit(url).hostname or "", transport, timeout)
        limit_connections(self._http)
        self._closing = threading.RLock()  # a studio may be collected, and close its client, in any line of Python
        self._is_closed, self._exchanges = False, 0

    def __repr__(self) -> str:
        return f"<Client {self.url}>"

    def close(self) -> None:
        """Close the connection pool, after the exchanges that are under way; a new one is an error."""
        with self._closing:
            self._is_closed = True
            self._close_if_idle()

    @contextmanager
    def _exchange(self) -> Iterator[httpx.Client]:
        """The pool, which stays open meanwhile: a pool that is closed forgets the connections in use, and never closes them."""
        with self._closing:
            if self._is_closed:
                raise NbkitError(CLOSED)
            self._exchanges += 1
        try:
            yield self._http
        finally:
            with self._closing:
                self._exchanges -= 1
                self._close_if_idle()

    def _close_if_idle(self) -> None:
        if self._is_closed and not self._exchanges:
            self._http.close()

    def account(self, model: str) -> str:
        """Names the service, the key and the model, without telling the key."""
        return self._key.digest(f"{self.url} {model}")

    # -- tasks ---------------------------------------------------------------------------------------------

    def submit(self, task: Json) -> TaskResponse:
        """Send one task.

        Returns:
            What the service answered about it: results, errors, or that it is processing the task.

        Raises:
            NotConnected: the task certainly did not leave.
            AnswerLost: the task may have arrived, and no usable answer came.
        """
        self._sent_secrets.add(secrets_in(task))
        envelope, context = self._post(task)
        acknowledges = task.get("deliveryMethod") == "async"
        return self._checked(read_response(envelope, str(task["taskUUID"]), acknowledges=acknowledges, **context))

    def poll(self, task_uuid: str) -> TaskResponse:
        """``getResponse``: everything that the service has so far for a task."""
        return self.submit({"taskType": "getResponse", "taskUUID": task_uuid})

    def details(self, task_uuid: str) -> TaskResponse:
        """``getTaskDetails``: the full answer to a task of the past."""
        envelope, context = self._post({"taskType": "getTaskDetails", "taskUUID": task_uuid})
        found = read_details(envelope, task_uuid, offline=context["offline"])
        if found.is_empty and {"errors", "error"} & envelope.keys():
            found = read_response(envelope, task_uuid, **context)
        return self._checked(found)

    def standing(self) -> Standing | None:
        """How the student of a class stands whose key it is; ``None`` if the server is no class's.

        Raises:
            EngineError: if the server refuses to say, or does not answer soon.
        """
        task = _question_about_account()
        envelope, context = self._post(task, seconds=STANDING_SECONDS)
        response = self._checked(read_response(envelope, task["taskUUID"], **context))
        found = read_standing(envelope, offline=context["offline"])
        del envelope  # as in balance()
        for error in response.errors:
            raise error
        if found is None:
            return None
        group, student = map(self._key.redact_name, (found.group, found.student))
        return dataclasses.replace(found, group=group, student=student)

    def balance(self) -> float:
        """What the account holds, in USD.

        Raises:
            EngineError: if the answer does not contain it.
        """
        task = _question_about_account()
        envelope, context = self._post(task)
        response, amount = self._checked(read_response(envelope, task["taskUUID"], **context)), read_balance(envelope)
        del envelope  # as it came, perhaps with the key; a traceback may show local variables
        for error in response.errors:
            raise error
        if amount is None:
            raise EngineError("the service did not say what the account holds")
        return amount / MICRO

    def _checked(self, response: TaskResponse) -> TaskResponse:
        """The response, without the key in its texts; the addresses of its pictures are fresh from now on.

        What is inside a picture is not looked at: it is bytes, which are not shown as text.
        """
        for error in response.errors:
            self._key.redact_error(error)
            clean_error(error, self._sent_secrets)
        results = tuple(
            dataclasses.replace(
                result,
                image_uuid=self._key.redact_name(result.image_uuid),
                source=self._key.redact_name(result.source) if result.url else result.source,
            )
            for result in response.results
        )
        response = dataclasses.replace(response, results=results)
        now = time.monotonic()
        for url, named in self._named.copy().items():
            if now - named > FRESH_SECONDS:
                self._named.pop(url, None)
        self._named.update((result.source, now) for result in response.results if result.url)
        return response

    def dry_run(self, task: Json) -> tuple[TaskResponse, int | None]:
        """Have the service check and price a task without running it.

        Returns:
            What it answered about the task, and the price in micro-dollars; ``None`` if the answer does not contain it.

        Raises:
            NotConnected: the task certainly did not leave.
            AnswerLost: no usable answer came.
        """
        envelope, context = self._post(task, {DRY_RUN_HEADER: "1"})
        response = self._checked(read_response(envelope, str(task["taskUUID"]), **context))
        return response, read_cost(envelope)

    def _post(
        self, task: Json, more_headers: Mapping[str, str] | None = None, *, seconds: float | None = None
    ) -> tuple[Json, dict[str, Any]]:
        """The envelope of the answer, and what :func:`read_response` has to know of its status and headers."""
        headers = {"content-type": "application/json", "accept": "application/json", "accept-encoding": "gzip"}
        headers |= more_headers or {}
        task_uuid = task.get("taskUUID")
        is_query = task.get("taskType") in _QUERIES
        seconds = seconds or (QUERY_SECONDS if is_query else ANSWER_SECONDS)
        timeout = _with_read_limit(self._http.timeout, min(QUERY_SILENCE, seconds)) if is_query else self._http.timeout
        limits = ExchangeLimits(seconds)
        problem: EngineError | ConfigurationError
        try:
            with (
                limits,
                self._exchange() as http,
                http.stream(
                    "POST", self.url, content=_encoded(task), headers=headers, auth=self._key, timeout=timeout
                ) as answer,
            ):
                envelope = _read_envelope(answer, task, limits)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
            problem = NotConnected(f"no connection to {_host(self.url)}: {error}{self._hint()}", task_uuid=task_uuid)
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            problem = ConfigurationError(f"{self.url} is not an address of an engine: {error}")
        except httpx.HTTPError as error:
            what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            problem = AnswerLost(f"the answer of {_host(self.url)} was lost ({what})", task_uuid=task_uuid)
        except LimitExceeded as error:
            problem = AnswerLost(f"the answer of {_host(self.url)} {error} and was given up", task_uuid=task_uuid)
        except AnswerLost as error:
            problem = error.with_traceback(None)
        else:
            pause, offline = retry_after(answer.headers), OFFLINE_HEADER in answer.headers
            return envelope, {"status": answer.status_code, "retry_after": pause, "offline": offline}
        if isinstance(problem, EngineError):  # httpx quotes a broken line of HTTP, which may hold the key
            self._key.redact_error(problem)
            clean_error(problem, self._sent_secrets)
        raise problem  # outside the handler, so that the traceback has no frames of httpx, which hold the header

    def _hint(self) -> str:
        """Whom to ask about a server that is not the vendor's, and how to go on without it."""
        if self.url == VENDOR_URL:
            return ""
        return '. Ask whoever runs that server; nbkit.Studio(engine="offline") goes on without it.'

    # -- pictures ------------------------------------------------------------------------------------------

    def fetch(self, source: str, judge: download.Judge[T]) -> tuple[bytes, T]:
        """A result's bytes as they came, and what they were found to be.

        Args:
            source: a URL, a data URI, or base64 text.
            judge: judges the bytes of each attempt.

        Raises:
            DownloadError: if the picture cannot be fetched; a URL has been tried several times by then.
        """
        fresh = time.monotonic() - self._named.get(source, float("-inf")) < FRESH_SECONDS
        timeout = _with_read_limit(self._http.timeout, download.SILENCE_SECONDS)
        engine = urlsplit(self.url).hostname or ""
        with self._exchange() as http:
            return download.fetch(http, source, judge, timeout, self._pace, fresh=fresh, engine=engine)


def _question_about_account() -> dict[str, str]:
    return {"taskType": "accountManagement", "taskUUID": str(uuid.uuid4()), "operation": "getDetails"}


def _encoded(task: Json) -> bytes:
    """The body of a request. It is in no local variable of a caller, because a traceback may show those."""
    return json.dumps([task], ensure_ascii=False, allow_nan=False).encode()


def _read_envelope(answer: httpx.Response, task: Json, limits: ExchangeLimits) -> Json:
    """Read the body of an answer within its limits of size and time, and decode it.

    Raises:
        AnswerLost: if it is not an answer of the API.
        LimitExceeded: if it exceeds a limit.
    """
    received = bytearray()
    for piece in body(answer, limits, _max_bytes(task)):
        received += piece
    with suppress(ValueError, RecursionError):
        envelope = read_body(received)
        _check_depth(envelope)
        return envelope
    return _envelope_for_status(answer, received, str(task.get("taskUUID")))


def _check_depth(answer: Any, depth: int = 0) -> None:
    """Raise ``ValueError`` if an answer is nested so deeply that what reads it would exceed the recursion limit."""
    if depth > MAX_DEPTH:
        raise ValueError("the answer is nested too deeply")
    for part in answer.values() if isinstance(answer, dict) else answer if isinstance(answer, list) else ():
        _check_depth(part, depth + 1)


def _max_bytes(task: Json) -> int:
    if task.get("taskType") in ("getResponse", "getTaskDetails"):  # the task they ask about may have any output type
        return MAX_ANSWER_BYTES
    if task.get("outputType", "URL") == "URL":
        return ANSWER_BYTES
    return min(ANSWER_BYTES + INLINE_BYTES * results_wanted(task), MAX_ANSWER_BYTES)


def _envelope_for_status(answer: httpx.Response, received: bytearray, task_uuid: str) -> Json:
    """Stand-in for a body that is no envelope: an error item where the status is a refusal, else ``AnswerLost``."""
    status, reason = answer.status_code, ""
    kind = answer.headers.get("content-type", "no content type").partition(";")[0]
    with suppress(ValueError, RecursionError):
        reason = reason_of(received.decode() if kind == "text/plain" else json.loads(received))
    said = f": {reason}" if reason else ""
    if status in (401, 402, 403, 429):
        return {"errors": [{"message": f"the service answered HTTP {status}{said}", "taskUUID": task_uuid}]}
    if 300 <= status < 500 and status != 408:
        where = " (a redirect, which a task does not follow)" if status < 400 else ""
        return {"errors": [{"code": "", "message": f"the address answered HTTP {status}{where}{said}", "status": 400}]}
    raise AnswerLost(
        f"HTTP {status} with {len(received):,} bytes of {kind} that are not an answer{said}",
        status=status,
        task_uuid=task_uuid,
        retry_after=retry_after(answer.headers),
    )


def retry_after(headers: httpx.Headers) -> float | None:
    """The pause in seconds that an answer asks for; the header may hold seconds or a date."""
    text = headers.get("retry-after", "")
    with suppress(ValueError):
        return max(0.0, float(text))
    with suppress(TypeError, ValueError):
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    return None


def _with_read_limit(timeout: httpx.Timeout, seconds: float) -> httpx.Timeout:
    limited = httpx.Timeout(timeout)
    limited.read = min(limited.read or seconds, seconds)
    return limited


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]
