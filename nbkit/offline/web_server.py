"""An application of Starlette at an address: uvicorn handles its sockets, in one thread of this process."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from pathlib import Path
from typing import Self

import psutil
import uvicorn
from starlette.types import ASGIApp

from nbkit.offline.connection import HttpConnection, SocketConnection
from nbkit.offline.envelope import MAX_BODY_BYTES

# It tells of what clients send, and of requests that the end of the server breaks off; web.py logs errors itself.
logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)

IDLE_SECONDS = 60
"""An idle connection is closed after this time."""

GRACE_SECONDS = 0.5
"""Time that running requests have to finish when the server ends."""

EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104  compared, not bound


class WebServer:
    """An application at an address, served by a thread of this process from :meth:`start` to :meth:`close`.

    Whoever makes one calls ``_serve`` with the application, which may depend on the address.

    Args:
        host: the address to listen on; only this machine reaches ``127.0.0.1``.
        port: 0 picks a free one.
        address: what clients type, where that does not follow from host and port.
        tls: files of the certificate and of its key, for HTTPS.

    Attributes:
        host: as given.
        port: as given, or the free one that was picked.

    Raises:
        OSError: if the port is in use, or the host is not an address of this machine.
    """

    _uvicorn: uvicorn.Server

    def __init__(self, host: str, port: int, *, address: str = "", tls: tuple[Path, Path] | None = None) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=512)
        # Connections inherit it. asyncio sets it for other sockets only; without it, an answer costs 40 ms more.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.host, self.port = host, int(self._socket.getsockname()[1])
        self._address, self._tls = address.rstrip("/"), tls
        self._thread = threading.Thread(target=self._run, name="nbkit-serve", daemon=True)
        self.is_closed = False

    def _serve(self, application: ASGIApp) -> None:
        config = uvicorn.Config(
            application,
            http=HttpConnection,
            ws=SocketConnection,
            ws_max_size=MAX_BODY_BYTES,
            ws_per_message_deflate=False,  # a kilobyte of it may be a megabyte
            log_config=None,
            access_log=False,
            proxy_headers=False,  # the application reads them
            server_header=False,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,  # type: ignore[arg-type]  # it is a time-out of asyncio
            ssl_certfile=self._tls[0] if self._tls else None,
            ssl_keyfile=self._tls[1] if self._tls else None,
        )
        self._uvicorn = uvicorn.Server(config)

    @property
    def url(self) -> str:
        """What clients type; has an address of this machine if the server listens on all of them."""
        return self._address or f"{'https' if self._tls else 'http'}://{self._authority}"

    @property
    def _authority(self) -> str:
        host = next(iter(own_addresses()), "127.0.0.1") if self.host in EVERYWHERE else self.host
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    def start(self) -> None:
        """Start to answer requests."""
        self._thread.start()

    def close(self) -> None:
        """End within two seconds: accept no new requests, and finish the running ones if the time is enough."""
        if self.is_closed:
            return
        self.is_closed = self._uvicorn.should_exit = True
        if self._thread.ident is not None:
            self._thread.join(GRACE_SECONDS + 0.8)
        self._socket.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        with contextlib.suppress(SystemExit):
            self._uvicorn.run(sockets=[self._socket])


def own_addresses() -> list[str]:
    """The IPv4 addresses by which other machines may reach this one, private ones first."""
    found = [
        one.address
        for name, addresses in psutil.net_if_addrs().items()
        for one in addresses
        if one.family == socket.AF_INET
        and not one.address.startswith("127.")
        and not name.startswith(("docker", "br-", "veth"))
    ]
    return sorted(found, key=lambda address: not address.startswith(("192.168.", "10.", "172.")))
