"""Fetching a result's original bytes: from the answer itself, or from the address that it names.

A download is retried where that may help, and ends however slowly it comes. Giving up loses nothing: the picture is
paid and its address is in the log, so a later ``recover()`` fetches it.
"""

from __future__ import annotations

import base64
import dataclasses
import re
import time
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar
from urllib.parse import unquote_to_bytes

import httpx

from nbkit.errors import DownloadError
from nbkit.service.addresses import Forbidden, refuse_literal
from nbkit.service.network import ExchangeLimits, LimitExceeded, TimeExceeded, body
from nbkit.service.pace import Pace


class Judged(Protocol):
    """What a picture's bytes were found to be."""

    @property
    def is_picture(self) -> bool:
        """Whether they may be a picture, also one that is cut or cannot be decoded."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing shows that bytes are missing."""

    @property
    def problem(self) -> str:
        """What is wrong with them."""


T = TypeVar("T", bound=Judged)

Judge = Callable[[bytes, str], T]
"""Judges a picture's bytes; called with them, and with the reason why there may be more of them."""

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
    judge: Judge[T],
    timeout: httpx.Timeout,
    pace: Pace,
    *,
    fresh: bool,
    engine: str,
) -> tuple[bytes, T]:
    """The bytes of a picture as they came, and what they were found to be.

    They are paid, so whatever may be a picture is returned. An address is tried again for bytes that are cut or no
    picture, and the most that came counts.

    Args:
        http: sends the requests.
        source: a URL, a data URI, or base64 text.
        judge: judges the bytes of each attempt.
        timeout: as httpx takes it.
        pace: how to wait between two attempts.
        fresh: whether an answer has just named the address: its file may not be there yet, so 404 is retried.
        engine: the engine's host: a private address is fetched only if the engine is there, too.

    Raises:
        DownloadError: if the picture cannot be fetched; a URL has been tried several times by then.
    """
    if not _SCHEME.match(source):
        data = decode_inline(source)
        return data, judge(data, "")
    slow_tries, best = 0, None
    for attempt in dataclasses.replace(pace, retry_first=min(FIRST_PAUSE, pace.retry_first)).attempts(MAX_TRIES):
        received, problem = bytearray(), None
        try:
            _download(http, source, received, timeout, fresh=fresh, engine=engine)
        except DownloadError as error:
            problem = error
        data = bytes(received)
        judged = judge(data, str(problem or ""))
        if judged.is_picture:
            if judged.is_whole and problem is None:
                return data, judged
            best = max(best or (data, judged), (data, judged), key=lambda kept: len(kept[0]))
        problem = problem or DownloadError(judged.problem if judged.is_picture else _no_picture(data), retry=True)
        if isinstance(problem, _TooSlow):
            slow_tries += 1
            problem.retry = slow_tries < MAX_SLOW_TRIES
        if not problem.retry or attempt == MAX_TRIES - 1:
            if best is None:
                raise problem
            return best
    raise AssertionError("the last attempt ends with a result or an exception")


def _no_picture(data: bytes) -> str:
    return f"what came is not a picture ({len(data):,} bytes of text)" if data else "the picture's address gave no byte"


def _download(
    http: httpx.Client, source: str, received: bytearray, timeout: httpx.Timeout, *, fresh: bool, engine: str
) -> None:
    """Download a file into ``received``; where that fails, it has what came until then."""
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
                    return
            raise DownloadError(f"the picture's address redirects more than {MAX_REDIRECTS} times")
    except Forbidden as error:
        raise DownloadError(
            f"the picture's address, or one that it redirects to, was not fetched: {error}, and the engine is elsewhere. "
            "If you trust it, open it yourself: it is in the log's file, log.sqlite, in the column url of the table images"
        ) from None
    except TimeExceeded as error:
        raise _TooSlow(f"the download {error}") from None
    except LimitExceeded as error:
        received.clear()  # no picture is so large
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


def decode_inline(text: str) -> bytes:
    """The bytes inside a data URI, or in base64 text of either alphabet; those of the text itself where it is neither.

    Raises:
        DownloadError: if it has none.
    """
    head, _, inner = text.partition(",") if text[:5].lower() == "data:" else ("", "", text)
    if "%" in inner or (head and not head.lower().endswith(";base64")):
        inner = unquote_to_bytes(inner).decode("latin-1")
    compact = "".join(inner.split()).replace("-", "+").replace("_", "/")  # some encoders break lines
    if head and not head.lower().endswith(";base64"):
        data = inner.encode("latin-1")
    elif re.fullmatch("[A-Za-z0-9+/]*=*", compact):
        digits = compact.rstrip("=")
        digits = digits[: len(digits) - (len(digits) % 4 == 1)]  # six bits are no byte
        data = base64.b64decode(digits + "=" * (-len(digits) % 4))
    else:
        data = inner.encode()
    if not data:
        raise DownloadError(f"the answer names no picture ({len(text):,} characters)")
    return data
