"""The wire contract over httpx: submit, ask, fetch, upload, balance.

The outside world is one :class:`httpx.Client`, shared by threads; tests and the offline engine replace its
transport. A call here is one exchange with the service: what to do about an answer that was lost is decided in
the ledger, which knows what has been written down.

The key travels in one header of the requests to the service, and nowhere else: not to picture addresses, not
into a ``repr``, not into an exception, its traceback's local variables included.
"""

from __future__ import annotations

import ipaddress
import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

from nbkit import download, intake
from nbkit.answer import Reply, read_balance, read_details, read_reply
from nbkit.errors import AnswerLost, ConfigurationError, EngineError, NotConnected
from nbkit.image import Facts
from nbkit.model import MICRO

VENDOR_URL = "https://api.runware.ai/v1"

TIMEOUT = httpx.Timeout(connect=15.0, read=300.0, write=120.0, pool=None)
"""Seconds. A 4K picture with thinking can take minutes, and an answer that was not waited for is a lost one."""

ANSWER_SECONDS = 330.0
"""For a whole answer to a task, however slowly it drips."""

QUESTION_SECONDS, QUESTION_SILENCE = 40.0, 30.0
"""The same for a question, and for a silence in it: what it asks for is there already, or not."""

MAX_DEPTH = 64
"""An answer nested deeper than this is none, and would exhaust the stack of whoever reads it."""

FRESH = 10.0
"""Seconds in which the address of a picture counts as just told."""

OFFLINE_HEADER = "x-nbkit-engine"

_QUESTIONS = ("getResponse", "getTaskDetails", "accountManagement")


class Secret(httpx.Auth):
    """A key that no ``repr`` shows, so that no traceback that prints local variables does.

    Whoever takes a key from a person puts it in here at once, and lets go of the text.
    """

    def __init__(self, value: Any) -> None:
        self._value = value.strip() if isinstance(value, str) else value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return "<key>" if self else "<no key>"

    def check(self) -> None:
        """Raise ``ConfigurationError`` for what can be no key."""
        if self._value is None:
            return
        if not isinstance(self._value, str) or not self._value.isascii() or not self._value.isprintable():
            raise ConfigurationError("the key is text of plain characters, as the vendor's site shows it")

    def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:  # type: ignore[override]
        """Put the key into one request; httpx calls this where no frame of ours sees the header."""
        if self._value:
            request.headers["authorization"] = f"Bearer {self._value}"
        yield request

    def take_out_of(self, error: EngineError) -> None:
        """A service may repeat the key in an error, and errors are logged and shown."""
        if self._value:
            error.message = self._hide(error.message, least=1)
            error.args = tuple(self._hide(str(text), least=1) for text in error.args)

    def without(self, answer: Any, depth: int = 0) -> Any:
        """A decoded answer in which no string repeats the key, or how it begins: any of them may be logged or shown.

        Raises:
            ValueError: if it is nested too deeply.
        """
        if depth > MAX_DEPTH:
            raise ValueError("the answer is nested too deeply")
        if isinstance(answer, str):
            return self._hide(answer)
        if isinstance(answer, list):
            return [self.without(item, depth + 1) for item in answer]
        if isinstance(answer, dict):
            return {self._hide(name): self.without(item, depth + 1) for name, item in answer.items()}
        return answer

    def _hide(self, text: str, least: int = 12) -> str:
        # A short key may be a word that an answer is full of. Of a longer one, some services show how it begins.
        key = self._value
        if not key or len(key) < least:
            return text
        if len(key) < 16:
            return text.replace(key, "<key>")
        first, *pieces = text.split(key[:8])
        return first + "".join("<key>" + _after(piece, key[8:]) for piece in pieces)


def _after(text: str, rest: str) -> str:
    """A text without what it has in common with the beginning of another."""
    same = next((n for n, pair in enumerate(zip(text, rest, strict=False)) if pair[0] != pair[1]), None)
    return text[min(len(text), len(rest)) if same is None else same :]


class Client:
    """One connection pool to one service.

    Args:
        url: where tasks are posted.
        api_key: sent as a bearer token to that address only; ``None`` sends none.
        transport: replaces the network.
        timeout: as httpx takes it.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: Secret | str | None = None,
        transport: httpx.BaseTransport | None = None,
        timeout: httpx.Timeout | float = TIMEOUT,
    ) -> None:
        self.url = url
        self._timeout = httpx.Timeout(timeout)
        self._told: dict[str, float] = {}  # addresses of pictures, and when an answer named them
        self._key = api_key if isinstance(api_key, Secret) else Secret(api_key)
        del api_key
        host = urlsplit(url).hostname or ""
        problem = ""
        try:
            self._http = httpx.Client(
                transport=transport,
                timeout=timeout,
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=32),
                headers={"user-agent": "nbkit"},
                # A proxy of the environment would be handed the key, and could not reach this machine anyway.
                mounts={f"all://{f'[{host}]' if ':' in host else host}": None} if is_loopback(host) else None,
            )
        except (ValueError, ImportError) as error:
            problem = str(error)
        if problem:  # raised here, and not in the handler: see _post
            raise ConfigurationError(f"the proxy that the environment names cannot be used: {problem}")

    def __repr__(self) -> str:
        return f"<Client {self.url}>"

    def close(self) -> None:
        """Close the connection pool."""
        self._http.close()

    # -- tasks ---------------------------------------------------------------------------------------------

    def submit(self, task: Mapping[str, Any]) -> Reply:
        """Send one task.

        Returns:
            What the service says about it: results, errors, or that it works on it.

        Raises:
            NotConnected: the task certainly did not leave.
            AnswerLost: it may have arrived; no answer came that can be used.
        """
        return self._exchange(task, read_reply)

    def ask(self, task_uuid: str) -> Reply:
        """``getResponse``: the state of a task so far, cumulative."""
        return self._exchange({"taskType": "getResponse", "taskUUID": task_uuid}, read_reply)

    def details(self, task_uuid: str) -> Reply:
        """``getTaskDetails``: the full answer of a past task."""

        def read(envelope: Any, uuid_: str, *, offline: bool, **how: Any) -> Reply:
            found = read_details(envelope, uuid_, offline=offline)
            told = found.silent and {"errors", "error"} & envelope.keys()
            return read_reply(envelope, uuid_, offline=offline, **how) if told else found

        return self._exchange({"taskType": "getTaskDetails", "taskUUID": task_uuid}, read)

    def balance(self) -> float:
        """What the account holds, in USD.

        Raises:
            EngineError: if the service does not say.
        """
        task = {"taskType": "accountManagement", "taskUUID": str(uuid.uuid4()), "operation": "getDetails"}
        held: list[int | None] = []

        def read(envelope: Any, uuid_: str, **how: Any) -> Reply:
            held.append(read_balance(envelope))
            return read_reply(envelope, uuid_, **how)

        problems = self._exchange(task, read).errors
        if problems:
            raise problems[0]
        if held[0] is None:
            raise EngineError("the service did not say what the account holds")
        return held[0] / MICRO

    def _exchange(self, task: Mapping[str, Any], read: Callable[..., Reply]) -> Reply:
        status, envelope, headers = self._post(task)
        reply = read(
            envelope,
            str(task["taskUUID"]),
            status=status,
            retry_after=intake.retry_after(headers),
            offline=OFFLINE_HEADER in headers,
        )
        for error in reply.errors:
            self._key.take_out_of(error)
        now = time.monotonic()
        for url in list(self._told):
            if now - self._told.get(url, now) > FRESH:
                self._told.pop(url, None)
        self._told.update((result.source, now) for result in reply.results if result.url)
        return reply

    def _post(self, task: Mapping[str, Any]) -> tuple[int, Mapping[str, Any], httpx.Headers]:
        body = json.dumps([task], ensure_ascii=False, allow_nan=False).encode()
        headers = {"content-type": "application/json", "accept": "application/json"}
        name = task.get("taskUUID")
        question = task.get("taskType") in _QUESTIONS
        timeout = _patient_for(self._timeout, QUESTION_SILENCE) if question else self._timeout
        until = time.monotonic() + (QUESTION_SECONDS if question else ANSWER_SECONDS)
        problem: EngineError | ConfigurationError
        try:
            with self._http.stream(
                "POST", self.url, content=body, headers=headers, auth=self._key, timeout=timeout
            ) as answer:
                envelope = intake.receive(answer, task, until, self._key.without)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
            problem = NotConnected(f"no connection to {_host(self.url)}: {error}", task_uuid=name)
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            problem = ConfigurationError(f"{self.url} is no address of an engine: {error}")
        except httpx.HTTPError as error:
            what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            problem = AnswerLost(f"the answer of {_host(self.url)} was lost ({what})", task_uuid=name)
        except AnswerLost as error:
            problem = error.with_traceback(None)
        else:
            return answer.status_code, envelope, answer.headers
        if isinstance(problem, EngineError):  # a broken line of HTTP is repeated in the transport's words
            self._key.take_out_of(problem)
        raise problem  # here, and not in the handler: so it drags no frames of the transport along

    # -- pictures ------------------------------------------------------------------------------------------

    def fetch(self, source: str) -> tuple[bytes, Facts]:
        """A result's original bytes and its facts, checked: complete, decodable, of a sane size.

        Args:
            source: a URL, a data URI, or base64 text.

        Raises:
            DownloadError: if it cannot be had; a URL has been tried several times by then.
        """
        fresh = time.monotonic() - self._told.get(source, float("-inf")) < FRESH
        return download.fetch(self._http, source, _patient_for(self._timeout, download.SILENCE), fresh=fresh)


def _patient_for(timeout: httpx.Timeout, silence: float) -> httpx.Timeout:
    shorter = httpx.Timeout(timeout)
    shorter.read = min(shorter.read or silence, silence)
    return shorter


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]
