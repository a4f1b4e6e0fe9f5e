"""A server that never ends an answer: it writes raw bytes to a socket until the client closes it."""

import functools
import gzip
import itertools
import re
import socket
import threading
import time
from contextlib import suppress

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"


def slowly(first, piece, pause=0.01):
    """Some bytes, and then a few more every hundredth of a second, without end."""

    def pieces(_):
        yield first
        while True:
            time.sleep(pause)
            yield piece

    return pieces


def quickly(first, piece):
    """Some bytes, and then others without end, as fast as the client takes them."""
    return lambda _: itertools.chain([first], itertools.repeat(piece))


def zeros(encode, label):
    """A body of zeros that is compressed to next to nothing, under a label."""
    head = HEAD + f"content-encoding: {label}\r\nconnection: close\r\n\r\n".encode()
    return lambda _: iter([head, encode()])


@functools.cache
def zipped(times=1):
    """64 megabytes of zeros in gzip, which takes 64 kilobytes; twice, it takes a few hundred bytes."""
    data = gzip.compress(bytes(2**26))
    return data if times == 1 else gzip.compress(data)


def redirects(port):
    """Each address leads to the next one."""
    counted = itertools.count()
    return lambda _: iter(
        [
            f"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:{port}/{next(counted)}\r\ncontent-length: 0\r\n\r\n".encode()
        ]
    )


ENDLESS = {
    "silence": slowly(b"", b""),
    "a status line that drips": slowly(b"H", b"T"),
    "headers that drip": slowly(HEAD + b"x-a: ", b"a"),
    "many headers that drip": slowly(HEAD, b"x: y\r\n"),
    "headers without end": quickly(HEAD, b"x-a: " + b"a" * 5000 + b"\r\n"),
    "100 Continue": slowly(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "100 Continue, quickly": quickly(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    "102 Processing": slowly(b"", b"HTTP/1.1 102 Processing\r\nx: y\r\n\r\n"),
    "103 Early Hints": slowly(b"", b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"),
    "a body that drips": slowly(HEAD + b"content-length: 100000000\r\n\r\n", b"x"),
    "a body without length": slowly(HEAD + b"connection: close\r\n\r\n", b" "),
    "chunks that drip": slowly(CHUNKED, b"1\r\nx\r\n"),
    "the extension of a chunk": slowly(CHUNKED + b"1;a=", b"b"),
    "trailers that drip": slowly(CHUNKED + b"2\r\n{}\r\n0\r\n", b"x: y\r\n"),
    "a body without end": quickly(HEAD + b"connection: close\r\n\r\n", b" " * 65536),
    "chunks without end": quickly(CHUNKED, b"1\r\nx\r\n" * 10_000),
    "gzip": zeros(zipped, "gzip"),
    "gzip in gzip": zeros(lambda: zipped(2), "gzip, gzip"),
    "brotli": zeros(lambda: b"\x0b" * 5000, "br"),
    "zstd in gzip": zeros(zipped, "zstd, gzip"),
}
"""Answers by name: each is called with the request, and gives the pieces of the answer."""


class Endless:
    """Listens on a port of this machine, and answers every request in one way.

    Args:
        answer: gives the pieces of an answer, from the request.
    """

    def __init__(self, answer=None):
        self.answer = answer
        self.requests = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.origin = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        with suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=[self._listener.accept()[0]], daemon=True).start()

    def _serve(self, connection):
        with suppress(OSError), connection:
            connection.settimeout(20)
            while request := _read(connection):
                self.requests.append(request)
                for piece in self.answer(request):
                    connection.sendall(piece)
                if b"connection: close" in piece:
                    return


def _read(connection):
    """One request with its body; empty once the client has closed the connection."""
    request = b""
    while b"\r\n\r\n" not in request or len(request.partition(b"\r\n\r\n")[2]) < _length(request):
        if not (piece := connection.recv(1_000_000)):
            return b""
        request += piece
    return request


def _length(request):
    found = re.search(rb"(?i)content-length: (\d+)", request)
    return int(found[1]) if found else 0
