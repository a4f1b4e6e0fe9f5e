"""Which engine a studio talks to, and with which key.

The key goes to no host but the one it belongs to: ``RUNWARE_API_KEY`` is read for the vendor's own host and for
this machine only; any other address gets a key only when ``api_key=`` is given with it.
"""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

from nbkit.client import VENDOR_URL, Secret, is_loopback
from nbkit.conversation import Pace
from nbkit.errors import ConfigurationError
from nbkit.offline import Offline, OfflineTransport

KEY_VARIABLE = "RUNWARE_API_KEY"
OFFLINE_URL = "https://offline.nbkit.invalid/v1"

NOTICE = (
    f"nbkit: {KEY_VARIABLE} is not set, so pictures are drawn offline on this machine: no network, no cost, list prices only.\n"
    f"       For the real model: set {KEY_VARIABLE} before Jupyter starts, or nbkit.Studio(api_key=…)."
)


@dataclass(frozen=True, slots=True)
class Engine:
    """Where tasks go.

    Attributes:
        name: as the log has it: ``runware``, ``offline``, or an address.
        url: where tasks are posted.
        api_key: or ``None``.
        transport: replaces the network, or ``None``.
        charged: whether its prices are real money, as far as is known before an answer says so.
        pace: how long to wait between questions.
        by_default: the offline engine because there was no key, which the person should be told.
    """

    name: str
    url: str
    charged: bool
    api_key: Secret | None = None
    transport: httpx.BaseTransport | None = None
    pace: Pace = field(default_factory=Pace)
    by_default: bool = False


def choose(
    engine: Any = None,
    *,
    api_key: Secret | str | None = None,
    transport: httpx.BaseTransport | None = None,
    pace: Pace | None = None,
) -> Engine:
    """The engine that a person means.

    Args:
        engine: ``None``, ``"offline"``, ``"runware"``, an address, or an :class:`~nbkit.Offline`.
        api_key: goes with ``"runware"`` or an address.
        transport: replaces the network; for tests and proxies.
        pace: in place of the engine's own.

    Raises:
        ConfigurationError: if there is no such engine, or it needs a key and has none.
    """
    key = _checked(api_key if isinstance(api_key, Secret) else Secret(api_key))
    del api_key
    chosen = _choose(engine, key, transport)
    return chosen if pace is None else dataclasses.replace(chosen, pace=pace)


def _choose(engine: Any, key: Secret | None, transport: httpx.BaseTransport | None) -> Engine:
    if engine is None:
        wanted = "runware" if key or transport or _key_from_environment() else "offline"
        return _offline(Offline(), by_default=True) if wanted == "offline" else _runware(key, transport)
    if isinstance(engine, Offline):
        return _offline(engine)
    if engine == "offline":
        return _offline(Offline())
    if engine == "runware":
        return _runware(key, transport)
    if isinstance(engine, str) and "://" in engine:
        return _at_address(engine, key, transport)
    raise ConfigurationError(
        # What was given is not told: it may be a key, pasted into the wrong argument.
        "engine=…: must be 'offline', 'runware', an address such as 'http://127.0.0.1:8000', or an nbkit.Offline(); "
        "a key goes into api_key=…"
    )


def _offline(engine: Offline, *, by_default: bool = False) -> Engine:
    # In this process an answer is ready or not: there is nothing to be polite to, and no second to wait for.
    pace = Pace(poll_first=0.005, retry_first=0.05)
    transport = OfflineTransport(engine)
    return Engine("offline", OFFLINE_URL, charged=False, transport=transport, pace=pace, by_default=by_default)


def _runware(key: Secret | None, transport: httpx.BaseTransport | None) -> Engine:
    key = key or _key_from_environment()
    if not key:
        raise ConfigurationError(
            f"engine='runware' needs a key: set {KEY_VARIABLE} before Jupyter starts, or pass api_key=…. "
            "engine='offline' needs none"
        )
    return Engine("runware", VENDOR_URL, charged=True, api_key=key, transport=transport)


def _at_address(address: str, key: Secret | None, transport: httpx.BaseTransport | None) -> Engine:
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ConfigurationError(
            "engine=…: the address cannot be read; it looks like 'http://127.0.0.1:8000'"
        ) from None
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigurationError("engine=…: an address begins with http:// or https:// and names a host")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigurationError("engine=…: an address without user, password or query; the key goes into api_key=…")
    path = parts.path.rstrip("/") or "/v1"
    url = f"{parts.scheme}://{parts.netloc}{path}"
    if url == VENDOR_URL:
        return _runware(key, transport)
    if key is None and is_loopback(host):
        key = _key_from_environment()
    return Engine(url, url, charged=True, api_key=key, transport=transport)


def _key_from_environment() -> Secret | None:
    return _checked(Secret(os.environ.get(KEY_VARIABLE)))


def _checked(key: Secret) -> Secret | None:
    key.check()
    return key or None
