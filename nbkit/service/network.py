"""The end of every exchange, by wall time and by bytes, in the sockets under httpx.

httpx limits each single read. A server that sends a byte in time, again and again, holds an exchange for ever: in the
headers, in "100 Continue" without end, between the chunks of a body. So the network backend of the connection pools
reads and writes within the :class:`ExchangeLimits` of the exchange that is under way in the thread, and :func:`body` bounds what a
body may expand to. A transport that somebody else wrote has no such sockets; its bodies are bounded all the same.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterable, Iterator
from contextvars import ContextVar, Token
from typing import Any, Self

import httpcore
import httpx

from nbkit.service.addresses import resolve_host

HEAD_BYTES = 1024 * 1024
"""Limit for all that comes before a body, and a part of the limit for the framing of one."""

_WRITTEN_AT_ONCE = 64 * 1024
_EXPANDED_AT_ONCE = 1024 * 1024

_ENCODINGS = ("gzip", "x-gzip", "deflate", "br", "zstd", "compress")
"""Other labels of ``content-encoding`` are mistakes of whoever stored the file, whose bytes are as they came."""


class LimitExceeded(Exception):
    """An exchange took too long or brought too many bytes, and was given up; the message is a predicate."""


class TimeExceeded(LimitExceeded):
    """An exchange took too long."""


class ExchangeLimits:
    """The limits of one exchange; as a context manager, they hold for all connections of the thread.

    Args:
        seconds: until the end of the body.
        engine: for an address that a service chose: the engine's host, to which :func:`resolve_host` compares it.
            Empty for the engine's own address, which the person chose.
    """

    def __init__(self, seconds: float, engine: str = "") -> None:
        self.seconds, self.engine = seconds, engine
        self.deadline = time.monotonic() + seconds
        self.max_bytes = self._bytes_left = HEAD_BYTES
        self._token: Token[ExchangeLimits | None] | None = None

    def __enter__(self) -> Self:
        self._token = _CURRENT.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._token is not None
        _CURRENT.reset(self._token)

    def expect(self, max_bytes: int) -> None:
        """From now on a body comes; many small chunks may double what is received of it."""
        self.max_bytes, self._bytes_left = max_bytes, 2 * max_bytes + HEAD_BYTES

    def left(self, timeout: float | None = None) -> float:
        """The seconds that an operation may take.

        Raises:
            TimeExceeded: if the time is over.
        """
        seconds = self.deadline - time.monotonic()
        if seconds <= 0:
            raise TimeExceeded(f"did not end within {self.seconds:g} seconds")
        return seconds if timeout is None else min(seconds, timeout)

    def count(self, size: int) -> None:
        """Count bytes that were received.

        Raises:
            LimitExceeded: if they are too many.
        """
        self._bytes_left -= size
        if self._bytes_left < 0:
            raise LimitExceeded(f"is larger than {self.max_bytes:,} bytes")


_CURRENT: ContextVar[ExchangeLimits | None] = ContextVar("nbkit_limits", default=None)


class _Stream(httpcore.NetworkStream):
    """A connection that obeys the limits of the exchange under way."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        limits = _CURRENT.get()
        if limits is None:
            return self._inner.read(max_bytes, timeout)
        try:
            data = self._inner.read(max_bytes, limits.left(timeout))
        except httpcore.TimeoutException:
            limits.left()
            raise
        limits.count(len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        limits = _CURRENT.get()
        if limits is None:
            self._inner.write(buffer, timeout)
            return
        view = memoryview(buffer)
        for start in range(0, len(view), _WRITTEN_AT_ONCE):
            try:
                self._inner.write(bytes(view[start : start + _WRITTEN_AT_ONCE]), limits.left(timeout))
            except httpcore.TimeoutException:
                limits.left()
                raise

    def close(self) -> None:
        self._inner.close()

    def start_tls(self, *args: Any, **options: Any) -> httpcore.NetworkStream:
        return _Stream(self._inner.start_tls(*args, **options))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    """Makes connections that obey limits.

    Args:
        inner: makes the connections.
        resolves: whether it connects to the hosts of addresses themselves; else a proxy resolves their names.
    """

    def __init__(self, inner: httpcore.NetworkBackend, *, resolves: bool) -> None:
        self._inner, self._resolves = inner, resolves

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        options: dict[str, Any] = {"local_address": local_address, "socket_options": socket_options}
        limits = _CURRENT.get()
        if limits is None or not limits.engine or not self._resolves:
            return _Stream(self._inner.connect_tcp(host, port, timeout, **options))
        failure: Exception = httpcore.ConnectError("the name has no address")
        try:
            addresses = resolve_host(host, port, engine=limits.engine)
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        for address, _ in addresses:
            try:
                return _Stream(self._inner.connect_tcp(address, port, limits.left(timeout), **options))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    def connect_unix_socket(self, *args: Any, **options: Any) -> httpcore.NetworkStream:
        return _Stream(self._inner.connect_unix_socket(*args, **options))

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


def limit_connections(http: httpx.Client) -> None:
    """Let all connections that a client will make obey :class:`ExchangeLimits`; a transport of another kind stays as it is."""
    for transport in (http._transport, *http._mounts.values()):  # noqa: SLF001  httpx takes no network backend
        pool = getattr(transport, "_pool", None)
        backend = getattr(pool, "_network_backend", None)
        if backend is not None and not isinstance(backend, _Backend):
            is_proxy = isinstance(pool, (httpcore.HTTPProxy, httpcore.SOCKSProxy))
            pool._network_backend = _Backend(backend, resolves=not is_proxy)  # type: ignore[union-attr]  # noqa: SLF001


def body(answer: httpx.Response, limits: ExchangeLimits, max_bytes: int) -> Iterator[bytes]:
    """The decoded body of an answer, in pieces.

    Raises:
        LimitExceeded: if it has more bytes or comes more slowly than the limits allow.
        httpx.DecodingError: if it is compressed in a way that was not asked for.
    """
    limits.expect(max_bytes)
    size = 0
    for piece in _decoded(answer):
        size += len(piece)
        if size > max_bytes:
            raise LimitExceeded(f"is larger than {max_bytes:,} bytes")
        limits.left()
        yield piece


def _decoded(answer: httpx.Response) -> Iterable[bytes]:
    if answer.is_stream_consumed:  # the whole answer of a transport that somebody else wrote
        return (answer.content,)
    labels = answer.headers.get("content-encoding", "").lower().replace(" ", "").split(",")
    encodings = [label for label in labels if label in _ENCODINGS]
    if not encodings:
        return answer.iter_raw()
    if encodings in (["gzip"], ["x-gzip"]):
        return _unzipped(answer.iter_raw())
    raise httpx.DecodingError(f"it is compressed by {', '.join(encodings)}, which nobody asked for")


def _unzipped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """gzip, expanded by at most a megabyte at a time: a kilobyte may hold a megabyte."""
    decoder = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        for piece in pieces:
            rest = piece
            while rest and not decoder.eof:
                yield decoder.decompress(rest, _EXPANDED_AT_ONCE)
                rest = decoder.unconsumed_tail
        yield decoder.flush()
        is_whole = decoder.eof
    except zlib.error as error:
        raise httpx.DecodingError(str(error)) from None
    if not is_whole:
        raise httpx.DecodingError("the compressed body ends early")
