"""Forms of pages in a browser: read one, answer it, and make whoever guesses a key wait."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections import deque
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs, urlsplit

from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response

MAX_FORM_BYTES, FORM_SECONDS = 10_000, 10.0
MAX_FIELDS = 10

WRONG_KEYS, WRONG_SECONDS = 30, 30.0
"""So many wrong keys of one host, or of one IPv6 network, in so many seconds; then it has to wait. No key can be guessed:
this bounds the work, and behind a proxy a whole class is one host."""

MAX_HOSTS = 1000


class FormError(Exception):
    """A form that cannot be read, or did not come from a page of this server."""


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form.

    Raises:
        FormError: if it is too large, does not come, is no form, or another site's page sent it.
    """
    if request.headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        raise FormError("This form came from another site.")
    body = bytearray()
    try:
        async with asyncio.timeout(FORM_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > MAX_FORM_BYTES:
                    raise FormError("This form is too large.")
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except (TimeoutError, ClientDisconnect, ValueError):
        raise FormError("This form cannot be read.") from None
    return {name: values[-1] for name, values in fields.items()}


def see_other(headers: Mapping[str, str]) -> Response:
    """To the page's own address, whatever a proxy has cut off it: then a reload sends no form again."""
    answer = RedirectResponse("?", 303, headers=headers)
    answer.headers["Location"] = "?"
    return answer


def is_secure(request: Request) -> bool:
    """Whether the browser speaks TLS, perhaps with a proxy: then the cookie shall never go over plain HTTP."""
    said = (request.headers.get("x-forwarded-proto", ""), urlsplit(request.headers.get("origin", "")).scheme)
    return request.url.scheme == "https" or "https" in said


class WrongKeys:
    """Which hosts, and in IPv6 which networks, have typed wrong keys lately. All methods are called in one thread.

    Args:
        clock: seconds.

    Example:
        >>> wrong = WrongKeys(lambda: 0.0)
        >>> for _ in range(WRONG_KEYS):
        ...     wrong.note("10.0.0.7")
        >>> wrong.seconds_to_wait("10.0.0.7"), wrong.seconds_to_wait("10.0.0.8")
        (30.0, 0.0)
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: dict[str, deque[float]] = {}

    def seconds_to_wait(self, host: str) -> float:
        """How long a host has to wait before its next key is looked at; 0 for not at all."""
        wrong = self._wrong.get(_network(host))
        if wrong is None or len(wrong) < WRONG_KEYS:
            return 0.0
        return max(0.0, wrong[0] + WRONG_SECONDS - self._clock())

    def note(self, host: str) -> None:
        """Remember that a wrong key came from a host."""
        host = _network(host)
        if host not in self._wrong and len(self._wrong) >= MAX_HOSTS:
            self._wrong.pop(next(iter(self._wrong)))
        self._wrong.setdefault(host, deque(maxlen=WRONG_KEYS)).append(self._clock())


def _network(host: str) -> str:
    """A host by its address; in IPv6, where a host has as many addresses as it likes, its network of 64 bits."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return host
