"""Requests per second that the engine serves over HTTP, beside a bare hello-world of the same server software.

    python -m tests.benchmarks.serve

Each server runs in a process of its own, with the settings of ``nbkit serve``; this process sends requests over
connections that stay open. The ratio is the result: both sides have the same machine, the same server and the same
client. For each kind of request, the hello-world answers with as many bytes as the engine.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from typing import Self

from nbkit.offline import Offline, server

CONNECTIONS = 8
SECONDS = 2.0
ROUNDS = 3

TASK = {
    "taskType": "imageInference",
    "model": "google:4@3",
    "positivePrompt": "A paper lantern shop at night",
    "width": 1024,
    "height": 1024,
    "seed": 7,
}


def hello_world(size: int):
    """A WSGI application that answers each request with so many bytes."""
    body = b"x" * size
    headers = [("Content-Type", "application/octet-stream"), ("Content-Length", str(size))]

    def hello(environ, start_response):
        environ["wsgi.input"].read()
        start_response("200 OK", headers)
        return [body]

    return hello


def serve(size: int | None) -> None:
    """Serve the engine, or a hello-world of this size, until standard input ends; print the port."""
    if size is not None:
        server.WebApp = lambda *_: hello_world(size)  # only in this process, which serves nothing else
    with server.Server(Offline(balance=1e9)) as running:
        print(running.port, flush=True)
        sys.stdin.read()


class ServerProcess:
    """A server in another process: the engine, or a hello-world with bodies of ``size`` bytes."""

    def __init__(self, size: int | None = None) -> None:
        command = [sys.executable, __file__, "serve", *([] if size is None else [str(size)])]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.port = int(self._process.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def rate(self, request: Callable[[], bytes]) -> float:
        """Requests per second over ``CONNECTIONS`` connections.

        Args:
            request: makes the bytes of the next request.
        """
        until = time.perf_counter() + SECONDS
        counts = [0] * CONNECTIONS

        def send_requests(index: int) -> None:
            with self.connect() as connection:
                while time.perf_counter() < until:
                    exchange(connection, request())
                    counts[index] += 1

        threads = [threading.Thread(target=send_requests, args=[index]) for index in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(counts) / SECONDS


def exchange(connection: socket.socket, request: bytes) -> bytes:
    """Send a request and return the body of its answer; as little code as possible, because its time is measured too."""
    connection.sendall(request)
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    left = int(head.lower().partition(b"content-length:")[2].partition(b"\r")[0]) - len(body)
    pieces = [body]
    while left:
        pieces.append(connection.recv(min(left, 1 << 20)))
        left -= len(pieces[-1])
    return b"".join(pieces)


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def post(**changes: object) -> bytes:
    body = json.dumps([TASK | {"taskUUID": str(uuid.uuid4())} | changes]).encode()
    return b"POST /v1 HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def compare(engine: ServerProcess, request: Callable[[], bytes], size: int) -> tuple[float, float]:
    """Both rates, measured in turn: the best round of each, because other work on the machine only slows a round down."""
    with ServerProcess(size) as hello:
        rounds = [(engine.rate(request), hello.rate(request)) for _ in range(ROUNDS)]
    return max(served for served, _ in rounds), max(bare for _, bare in rounds)


def main() -> None:
    """Print the rates for each kind of request."""
    print(f"{'a cached 1024 x 1024 JPEG':34}{'bytes':>9}{'served/s':>11}{'hello/s':>10}{'ratio':>8}")
    with ServerProcess() as engine, engine.connect() as connection:
        address = json.loads(exchange(connection, post()))["data"][0]["imageURL"]
        path = "/" + address.partition("//")[2].partition("/")[2]
        cases: dict[str, Callable[[], bytes]] = {
            "the picture": lambda: get(path),
            "a task, answered with an address": post,
            "a task, answered with base64": lambda: post(outputType="base64Data"),
        }
        for name, request in cases.items():
            size = len(exchange(connection, request()))
            served, bare = compare(engine, request, size)
            print(f"{name:34}{size:9,}{served:11,.0f}{bare:10,.0f}{served / bare:8.2f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(int(sys.argv[2]) if sys.argv[2:] else None)
    else:
        main()
