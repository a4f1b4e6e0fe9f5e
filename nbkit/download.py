"""A result's original bytes: out of the answer itself, or from the address that it names.

A download is tried again where that may help, and has an end however slowly it comes: the picture is paid for and
its address is in the log, so what is given up here is fetched by a later ``recover()``.
"""

from __future__ import annotations

import base64
import binascii
import logging
import time

import httpx
import stamina

from nbkit.errors import DownloadError
from nbkit.image import Facts, examine

MAX_PICTURE_BYTES = 160 * 1024 * 1024
"""More than the largest size of the model needs without compression; a longer download is endless or wrong."""

DOWNLOAD_SECONDS = 90.0
"""For one attempt at one picture."""

SILENCE = 30.0
"""Seconds without a byte after which a picture is asked for anew: unlike an answer, it need not be made first."""

DRIP_SECONDS, DRIP_BYTES = 15.0, 10_000
"""What brings fewer bytes in so many seconds would need minutes for the smallest picture."""

SLOW_TRIES = 2
"""A host that was silent or dripped twice is not well, and somebody waits."""

# Each retry is logged there; without a handler of anybody's it would stand in red under the cell.
logging.getLogger("stamina").addHandler(logging.NullHandler())


class _TooSlow(DownloadError):
    """Silence, or a drip."""


def fetch(http: httpx.Client, source: str, timeout: httpx.Timeout, *, fresh: bool) -> tuple[bytes, Facts]:
    """The bytes and their facts, checked: complete, decodable, of a sane size.

    Args:
        http: the way to the network.
        source: a URL, a data URI, or base64 text.
        timeout: as httpx takes it.
        fresh: whether the address was told a moment ago: the store behind it may not have the file yet.

    Raises:
        DownloadError: if it cannot be had; a URL has been tried several times by then.
    """
    if not source.startswith(("http://", "https://")):
        data = _decode(source)
        return data, examine(data)
    slow = 0
    for attempt in stamina.retry_context(
        on=_worth_another_try, attempts=4, timeout=2 * DOWNLOAD_SECONDS + 20, wait_initial=0.2, wait_max=5
    ):
        with attempt:
            try:
                data = _download(http, source, timeout, fresh=fresh)
            except _TooSlow as error:
                slow += 1
                error.retry = slow < SLOW_TRIES
                raise
            return data, examine(data)
    raise AssertionError("stamina ends with a result or an exception")


def _download(http: httpx.Client, url: str, timeout: httpx.Timeout, *, fresh: bool) -> bytes:
    until = time.monotonic() + DOWNLOAD_SECONDS
    received = bytearray()
    try:
        with http.stream("GET", url, follow_redirects=True, timeout=timeout) as answer:
            _check_status(answer.status_code, fresh=fresh)
            checked, at = 0, time.monotonic()
            for piece in answer.iter_bytes():
                received += piece
                if len(received) > MAX_PICTURE_BYTES:
                    raise DownloadError(f"the download is larger than {MAX_PICTURE_BYTES:,} bytes and was given up")
                now = time.monotonic()
                if now > until:
                    raise _TooSlow(f"the download did not end within {DOWNLOAD_SECONDS:.0f} seconds")
                if now - at > DRIP_SECONDS:
                    if len(received) - checked < DRIP_BYTES:
                        raise _TooSlow(
                            f"the download dripped ({len(received):,} bytes so far, fewer than {DRIP_BYTES:,} "
                            f"in {DRIP_SECONDS:.0f} seconds) and was given up"
                        )
                    checked, at = len(received), now
    except (httpx.UnsupportedProtocol, httpx.InvalidURL, ValueError) as error:
        raise DownloadError(f"the picture's address cannot be used ({error})") from None
    except httpx.TimeoutException as error:
        raise _TooSlow(f"the picture's host fell silent ({type(error).__name__}: {error})") from None
    except httpx.HTTPError as error:
        raise DownloadError(f"the download broke off ({type(error).__name__}: {error})", retry=True) from None
    return bytes(received)


def _check_status(status: int, *, fresh: bool) -> None:
    if status != httpx.codes.OK:
        again = status in (408, 425, 429) or status >= 500 or (status == 404 and fresh)
        hint = "; its address may have expired" if status in (403, 404, 410) else ""
        raise DownloadError(f"the picture's address answered {status}{hint}", retry=again)


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
