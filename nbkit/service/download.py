"""Fetching a result's original bytes: from the answer itself, or from the address that it names.

A download is retried where that may help, and ends however slowly it comes. Giving up loses nothing: the picture is
paid and its address is in the log, so a later ``recover()`` fetches it.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import re
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import httpx

from nbkit.errors import DownloadError
from nbkit.service.addresses import Forbidden, refuse_literal
from nbkit.service.network import ExchangeLimits, LimitExceeded, TimeExceeded, body
from nbkit.service.pace import Pace

T = TypeVar("T")

MAX_PICTURE_BYTES = 160 * 1024 * 1024
"""More than the largest size of the model needs without compression; a longer download is endless or wrong."""

DOWNLOAD_SECONDS = 90.0
"""Limit for one attempt at one picture."""

SILENCE_SECONDS = 30.0
"""Without a byte for so long, an attempt ends: unlike an answer, a picture does not have to be made first."""

DRIP_SECONDS, DRIP_BYTES = 15.0, 10_000
"""An attempt that receives fewer bytes in so many seconds would need minutes for the smallest picture."""

MAX_TRIES, FIRST_PAUSE = 4, 0.2
"""How often a download is tried, and the seconds before the second attempt; they double with each one."""

MAX_SLOW_TRIES = 2
"""Give up after two slow attempts: the user is waiting."""


MAX_REDIRECTS = 10
"""How many addresses in a row may name another one instead of the picture."""

_SCHEME = re.compile(r"(?!data:)[a-z][a-z0-9+.-]*:", re.IGNORECASE)


class _TooSlow(DownloadError):
    """An attempt that was silent, dripped, or took too long."""


def fetch(
    http: httpx.Client,
    source: str,
    check: Callable[[bytes], T],
    timeout: httpx.Timeout,
    pace: Pace,
    *,
    fresh: bool,
    engine: str,
) -> tuple[bytes, T]:
    """The bytes of a picture, and what ``check`` makes of them.

    Args:
        http: sends the requests.
        source: a URL, a data URI, or base64 text.
        check: reads the bytes, or raises ``DownloadError``; one with ``retry=True`` starts another attempt.
        timeout: as httpx takes it.
        pace: how to wait between two attempts.
        fresh: whether an answer has just named the address: its file may not be there yet, so 404 is retried.
        engine: the engine's host: a private address is fetched only if the engine is there, too.

    Raises:
        DownloadError: if the picture cannot be fetched; a URL has been tried several times by then.
    """
    if not _SCHEME.match(source):
        data = _decode(source)
        return data, check(data)
    slow_tries = 0
    for attempt in dataclasses.replace(pace, retry_first=min(FIRST_PAUSE, pace.retry_first)).attempts(MAX_TRIES):
        try:
            data = _download(http, source, timeout, fresh=fresh, engine=engine)
            return data, check(data)
        except DownloadError as error:
            if isinstance(error, _TooSlow):
                slow_tries += 1
                error.retry = slow_tries < MAX_SLOW_TRIES
            if not error.retry or attempt == MAX_TRIES - 1:
                raise
    raise AssertionError("the last attempt ends with a result or an exception")


def _download(http: httpx.Client, source: str, timeout: httpx.Timeout, *, fresh: bool, engine: str) -> bytes:
    received = bytearray()
    try:
        with ExchangeLimits(DOWNLOAD_SECONDS, engine) as limits:
            url = _checked(httpx.URL(source), engine)
            for _ in range(MAX_REDIRECTS + 1):
                headers = {"accept-encoding": "identity"}
                with http.stream("GET", url, headers=headers, follow_redirects=False, timeout=timeout) as answer:
                    if answer.next_request is not None:
                        url = _checked(answer.next_request.url, engine)
                        continue
                    _require_ok(answer.status_code, fresh=fresh)
                    for piece in _not_dripping(body(answer, limits, MAX_PICTURE_BYTES)):
                        received += piece
                    return bytes(received)
            raise DownloadError(f"the picture's address redirects more than {MAX_REDIRECTS} times")
    except Forbidden as error:
        raise DownloadError(
            f"the picture's address, or one that it redirects to, was not fetched: {error}, and the engine is elsewhere. "
            "Open it yourself if you trust it: it stays in the log, and recover() tries it again"
        ) from None
    except TimeExceeded as error:
        raise _TooSlow(f"the download {error}") from None
    except LimitExceeded as error:
        raise DownloadError(f"the download {error} and was given up") from None
    except (httpx.UnsupportedProtocol, httpx.InvalidURL, ValueError) as error:
        raise DownloadError(f"the picture's address cannot be used ({error})") from None
    except httpx.TimeoutException as error:
        raise _TooSlow(f"the picture's host sent nothing more ({type(error).__name__}: {error})") from None
    except httpx.HTTPError as error:
        raise DownloadError(f"the download broke off ({type(error).__name__}: {error})", retry=True) from None


def _checked(url: httpx.URL, engine: str) -> httpx.URL:
    """An address that may be asked, without the user and the password in it."""
    if url.scheme not in ("http", "https"):
        raise httpx.UnsupportedProtocol("it begins with neither http:// nor https://")
    refuse_literal(url.host, engine)
    return url.copy_with(username="", password="")


def _require_ok(status: int, *, fresh: bool) -> None:
    if status != httpx.codes.OK:
        retry = status in (408, 425, 429) or status >= 500 or (status == 404 and fresh)
        hint = "; its address may have expired" if status in (403, 404, 410) else ""
        raise DownloadError(f"the picture's address answered {status}{hint}", retry=retry)


def _not_dripping(pieces: Iterator[bytes]) -> Iterator[bytes]:
    total, counted, counted_at = 0, 0, time.monotonic()
    for piece in pieces:
        total += len(piece)
        yield piece
        if (now := time.monotonic()) - counted_at > DRIP_SECONDS:
            if total - counted < DRIP_BYTES:
                raise _TooSlow(
                    f"the download was too slow ({total:,} bytes so far, fewer than {DRIP_BYTES:,} in "
                    f"{DRIP_SECONDS:.0f} seconds) and was given up"
                )
            counted, counted_at = total, now


def _decode(text: str) -> bytes:
    try:
        inner = text.partition(",")[2] if text.startswith("data:") else text
        data = base64.b64decode("".join(inner.split()), validate=True)  # some encoders break lines
    except (binascii.Error, ValueError) as error:
        raise DownloadError(f"the picture inside the answer cannot be decoded ({error})") from None
    if len(data) > MAX_PICTURE_BYTES:
        raise DownloadError(f"the picture inside the answer is larger than {MAX_PICTURE_BYTES:,} bytes")
    return data
