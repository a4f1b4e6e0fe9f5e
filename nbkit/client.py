"""The wire contract over httpx: submit, ask, fetch, upload, balance.

The outside world is one :class:`httpx.Client`, shared by threads; tests and the offline engine replace its
transport. A call here is one exchange with the service: what to do about an answer that was lost is decided in
the ledger, which knows what has been written down.

The key travels in one header of the requests to the service, and nowhere else: not to picture addresses, not
into a ``repr``, not into an exception, its traceback's local variables included.
"""

from __future__ import annotations

import base64
import binascii
import email.utils
import ipaddress
import json
import logging
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import httpx
import stamina

from nbkit.answer import Reply, read_balance, read_body, read_details, read_reply
from nbkit.errors import AnswerLost, ConfigurationError, DownloadError, EngineError, NotConnected
from nbkit.image import Facts, examine
from nbkit.model import MICRO

VENDOR_URL = "https://api.runware.ai/v1"

TIMEOUT = httpx.Timeout(connect=15.0, read=300.0, write=120.0, pool=None)
"""Seconds. A 4K picture with thinking can take minutes, and an answer that was not waited for is a lost one."""

MAX_PICTURE_BYTES = 160 * 1024 * 1024
"""More than the largest size of the model needs without compression; a longer download is endless or wrong."""

DOWNLOAD_SECONDS = 300.0
"""For one attempt at one picture, however slowly it drips."""

SILENCE = 30.0
"""Seconds without a byte after which a picture is asked for anew: unlike an answer, it need not be made first."""

OFFLINE_HEADER = "x-nbkit-engine"

# Each retry is logged there; without a handler of anybody's it would stand in red under the cell.
logging.getLogger("stamina").addHandler(logging.NullHandler())


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
            error.message = error.message.replace(self._value, "<key>")
            error.args = tuple(str(text).replace(self._value, "<key>") for text in error.args)


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
        self._file_timeout = httpx.Timeout(timeout)
        self._file_timeout.read = min(self._file_timeout.read or SILENCE, SILENCE)
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
            retry_after=retry_after(headers),
            offline=OFFLINE_HEADER in headers,
        )
        for error in reply.errors:
            self._key.take_out_of(error)
        return reply

    def _post(self, task: Mapping[str, Any]) -> tuple[int, Mapping[str, Any], httpx.Headers]:
        body = json.dumps([task], ensure_ascii=False, allow_nan=False).encode()
        headers = {"content-type": "application/json", "accept": "application/json"}
        name = task.get("taskUUID")
        problem: Exception
        try:
            answer = self._http.post(self.url, content=body, headers=headers, auth=self._key)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
            problem = NotConnected(f"no connection to {_host(self.url)}: {error}", task_uuid=name)
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            problem = ConfigurationError(f"{self.url} is no address of an engine: {error}")
        except httpx.HTTPError as error:
            what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            problem = AnswerLost(f"the answer of {_host(self.url)} was lost ({what})", task_uuid=name)
        else:
            return answer.status_code, _read(answer, str(name)), answer.headers
        raise problem  # here, and not in the handler: so it drags no frames of the transport along

    # -- pictures ------------------------------------------------------------------------------------------

    def fetch(self, source: str) -> tuple[bytes, Facts]:
        """A result's original bytes and its facts, checked: complete, decodable, of a sane size.

        Args:
            source: a URL, a data URI, or base64 text.

        Raises:
            DownloadError: if it cannot be had; a URL has been tried several times by then.
        """
        if not source.startswith(("http://", "https://")):
            data = _decode(source)
            return data, examine(data)
        for attempt in stamina.retry_context(
            on=_worth_another_try, attempts=4, timeout=900, wait_initial=0.2, wait_max=5
        ):
            with attempt:
                data = self._download(source)
                return data, examine(data)
        raise AssertionError("stamina ends with a result or an exception")

    def _download(self, url: str) -> bytes:
        until = time.monotonic() + DOWNLOAD_SECONDS
        received = bytearray()
        try:
            with self._http.stream("GET", url, follow_redirects=True, timeout=self._file_timeout) as answer:
                if answer.status_code != httpx.codes.OK:
                    again = answer.status_code in (408, 425, 429) or answer.status_code >= 500
                    hint = "; its address may have expired" if answer.status_code in (403, 404, 410) else ""
                    raise DownloadError(f"the picture's address answered {answer.status_code}{hint}", retry=again)
                for piece in answer.iter_bytes():
                    received += piece
                    if len(received) > MAX_PICTURE_BYTES:
                        raise DownloadError(f"the download is larger than {MAX_PICTURE_BYTES:,} bytes and was given up")
                    if time.monotonic() > until:
                        raise DownloadError(f"the download did not end within {DOWNLOAD_SECONDS:.0f} seconds")
        except (httpx.UnsupportedProtocol, httpx.InvalidURL, ValueError) as error:
            raise DownloadError(f"the picture's address cannot be used ({error})") from None
        except httpx.HTTPError as error:
            raise DownloadError(f"the download broke off ({type(error).__name__}: {error})", retry=True) from None
        return bytes(received)


def retry_after(headers: httpx.Headers) -> float | None:
    """The pause that an answer asks for, in seconds; both forms of the header are read."""
    text = headers.get("retry-after", "")
    with suppress(ValueError):
        return max(0.0, float(text))
    with suppress(TypeError, ValueError):
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    return None


def _read(answer: httpx.Response, task_uuid: str) -> Mapping[str, Any]:
    with suppress(ValueError):
        return read_body(answer.content)
    return _envelope_of(answer, task_uuid)


def _envelope_of(answer: httpx.Response, task_uuid: str) -> Mapping[str, Any]:
    """An envelope for an answer that is none: by its status, certain refusals become errors, the rest is lost."""
    status = answer.status_code
    if status in (401, 402, 403, 429):
        return {"errors": [{"message": f"the service answered HTTP {status}", "taskUUID": task_uuid}]}
    if 300 <= status < 500 and status != 408:
        where = " (a redirect, which a task does not follow)" if status < 400 else ""
        return {"errors": [{"code": "", "message": f"the address answered HTTP {status}{where}", "status": 400}]}
    kind = answer.headers.get("content-type", "no content type").partition(";")[0]
    raise AnswerLost(
        f"HTTP {status} with {len(answer.content):,} bytes of {kind} that are no answer",
        status=status,
        task_uuid=task_uuid,
        retry_after=retry_after(answer.headers),
    )


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _worth_another_try(error: Exception) -> bool:
    return isinstance(error, DownloadError) and error.retry


def _decode(text: str) -> bytes:
    try:
        inner = text.partition(",")[2] if text.startswith("data:") else text
        data = base64.b64decode("".join(inner.split()), validate=True)  # some encoders break lines
    except (binascii.Error, ValueError) as error:
        raise DownloadError(f"the picture inside the answer cannot be decoded ({error})") from None
    if len(data) > MAX_PICTURE_BYTES:
        raise DownloadError(f"the picture inside the answer is larger than {MAX_PICTURE_BYTES:,} bytes")
    return data


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]
