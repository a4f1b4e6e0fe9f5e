"""Which service a studio talks to, and with which key.

The engine is the argument, else ``NBKIT_ENGINE``, else the vendor's where ``RUNWARE_API_KEY`` is set, else the offline one.

A key is sent only to the host it belongs to: ``NBKIT_KEY`` to the scheme, host and port that ``NBKIT_ENGINE`` names,
``RUNWARE_API_KEY`` to the vendor's own host and to this machine. Any other address gets a key only if ``api_key=`` comes
with it.
"""

from __future__ import annotations

import dataclasses
import importlib
import os
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

from nbkit.errors import ConfigurationError
from nbkit.service.addresses import is_loopback
from nbkit.service.client import VENDOR_URL
from nbkit.service.pace import Pace
from nbkit.service.secret import Secret

KEY_VARIABLE = "RUNWARE_API_KEY"
ENGINE_VARIABLE, ENGINE_KEY_VARIABLE = "NBKIT_ENGINE", "NBKIT_KEY"
OFFLINE_URL = "https://offline.nbkit.invalid/v1"

ENVIRONMENT_NOTICE = f"nbkit: the engine is {{}}, as {ENGINE_VARIABLE} says."

NOTICE = (
    f"nbkit: {KEY_VARIABLE} is not set, so pictures are drawn offline on this machine: no network, no cost, list prices only.\n"
    f"       For the real model: set {KEY_VARIABLE} before Jupyter starts, or nbkit.Studio(api_key=…)."
)

_OFFLINE_MODULES = {
    "Offline": "nbkit.offline.engine",
    "OfflineTransport": "nbkit.offline.transport",
    "Pack": "nbkit.offline.pack",
    "SUFFIX": "nbkit.offline.pack",
    "new_pack_path": "nbkit.offline.pack_file",
    "pack_log": "nbkit.offline.pack_file",
    "pack_runs": "nbkit.offline.pack_file",
    "Recorder": "nbkit.offline.recorder",
    "RecordingServer": "nbkit.offline.recorder",
    "Server": "nbkit.offline.server",
    "own_addresses": "nbkit.offline.server",
}
"""The module of each name of the offline engine that others use."""


@dataclass(frozen=True, slots=True)
class Backend:
    """Where tasks are sent.

    Attributes:
        name: as the log has it: ``runware``, ``offline``, or an address.
        url: where tasks are posted.
        api_key: or ``None``.
        transport: replaces the network, or ``None``.
        charged: whether it charges real money; an offline answer overrides it.
        may_be_offline: whether its answers may do that: there may be an offline engine at any address or transport.
        pace: how long to wait between two requests about one task.
        by_default: the offline engine was chosen because there is no key; the user should be told.
        from_environment: it was chosen by ``NBKIT_ENGINE``; the user should be told.
    """

    name: str
    url: str
    charged: bool
    api_key: Secret | None = None
    transport: httpx.BaseTransport | None = None
    pace: Pace = field(default_factory=Pace)
    by_default: bool = False
    from_environment: bool = False
    may_be_offline: bool = False


def resolve(
    engine: Any = None,
    *,
    api_key: Secret | str | None = None,
    transport: httpx.BaseTransport | None = None,
    pace: Pace | None = None,
) -> Backend:
    """The backend for a studio's arguments.

    Args:
        engine: ``None`` for the one of the environment, ``"offline"``, ``"runware"``, an address, or an
            :class:`~nbkit.Offline`.
        api_key: for ``"runware"`` or an address.
        transport: replaces the network; for tests and proxies.
        pace: replaces the backend's own.

    Raises:
        ConfigurationError: if there is no such engine, or it needs a key and has none.
    """
    given = api_key if isinstance(api_key, Secret) else Secret(api_key)
    del api_key
    if given.is_empty:
        raise ConfigurationError(
            f"api_key=… is an empty text: give the key, or leave it out for the one in {KEY_VARIABLE}; "
            "engine='offline' needs none"
        )
    key = _checked(given)
    backend = _resolve(engine, key, transport)
    return backend if pace is None else dataclasses.replace(backend, pace=pace)


def _resolve(engine: Any, key: Secret | None, transport: httpx.BaseTransport | None) -> Backend:
    if engine is None and (named := _engine_from_environment()):
        try:
            return dataclasses.replace(_resolve(named, key, transport), from_environment=True)
        except ConfigurationError as error:
            message = (
                str(error)
                .replace("engine=…", ENGINE_VARIABLE)
                .replace("engine='runware'", f"{ENGINE_VARIABLE}=runware")
            )
        raise ConfigurationError(message)
    if engine is None and not (key or transport or _key_from_environment()):
        return _offline(by_default=True)
    if engine is None or engine == "runware":
        return _runware(key, transport)
    if engine == "offline":
        return _offline()
    if isinstance(engine, str) and "://" in engine:
        return _at_address(engine, key, transport)
    if not isinstance(engine, str) and isinstance(engine, load_offline("Offline")):
        return _offline(engine)
    raise ConfigurationError(
        # The message does not repeat the value: it may be a key, pasted into the wrong argument.
        "engine=…: must be 'offline', 'runware', an address such as 'http://127.0.0.1:8000', or an nbkit.Offline(); "
        "a key goes into api_key=…"
    )


def load_offline(name: str) -> Any:
    """A class of the offline engine, which is loaded only when it is chosen: the real model needs no painter.

    Args:
        name: ``Offline``, ``OfflineTransport``, ``Server`` or ``own_addresses``.

    Raises:
        ModuleNotFoundError: if ``Server`` is asked for, and uvicorn is not installed; it says how to install it.

    Example:
        >>> from nbkit.backends import load_offline
        >>> load_offline("Offline")()
        <Offline engine: 0 tasks, 0.00000 USD at list prices>
    """
    return getattr(importlib.import_module(_OFFLINE_MODULES[name]), name)


def _offline(engine: Any = None, *, by_default: bool = False) -> Backend:
    # In this process an answer is either ready or not, so short pauses disturb nobody.
    pace = Pace(poll_first=0.005, retry_first=0.05)
    transport = load_offline("OfflineTransport")(engine)
    return Backend("offline", OFFLINE_URL, charged=False, transport=transport, pace=pace, by_default=by_default)


def _runware(key: Secret | None, transport: httpx.BaseTransport | None) -> Backend:
    key = key or _engine_key(VENDOR_URL) or _key_from_environment()
    if not key:
        raise ConfigurationError(
            f"engine='runware' needs a key: set {KEY_VARIABLE} before Jupyter starts, or pass api_key=…. "
            "engine='offline' needs none"
        )
    is_replaced = transport is not None
    return Backend("runware", VENDOR_URL, charged=True, api_key=key, transport=transport, may_be_offline=is_replaced)


def _at_address(address: str, key: Secret | None, transport: httpx.BaseTransport | None) -> Backend:
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
    key = key or _engine_key(url) or (_key_from_environment() if is_loopback(host) else None)
    return Backend(url, url, charged=True, api_key=key, transport=transport, may_be_offline=True)


def _key_from_environment() -> Secret | None:
    return _checked(Secret(os.environ.get(KEY_VARIABLE)))


def _engine_from_environment() -> str | None:
    return os.environ.get(ENGINE_VARIABLE, "").strip() or None


def _engine_key(url: str) -> Secret | None:
    """The key of the environment for an address, if that has the origin that the environment names."""
    named = _engine_from_environment()
    named = VENDOR_URL if named == "runware" else named
    if named is None or "://" not in named or _origin(named) != _origin(url):
        return None
    return _checked(Secret(os.environ.get(ENGINE_KEY_VARIABLE)))


def _origin(url: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return url, "", None
    return parts.scheme, (parts.hostname or "").lower(), port


def _checked(key: Secret) -> Secret | None:
    key.check()  # raises; no frame of that traceback may have the key as text
    return key or None
