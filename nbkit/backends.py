"""Which service a studio talks to, and with which key.

A key is sent only where it belongs: ``RUNWARE_API_KEY`` is read for the vendor's own host and for this machine,
``NBKIT_KEY`` for the origin (scheme, host and port) of the address in ``NBKIT_ENGINE``; any other address gets a key only
if ``api_key=`` comes with it.
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
ENGINE_VARIABLE = "NBKIT_ENGINE"
ENGINE_KEY_VARIABLE = "NBKIT_KEY"
OFFLINE_URL = "https://offline.nbkit.invalid/v1"

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
    "own_addresses": "nbkit.offline.web_server",
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
        notice: what the user should be told about how it was chosen; may be empty.
        from_environment: whether ``NBKIT_ENGINE`` named it.
    """

    name: str
    url: str
    charged: bool
    api_key: Secret | None = None
    transport: httpx.BaseTransport | None = None
    pace: Pace = field(default_factory=Pace)
    notice: str = ""
    may_be_offline: bool = False
    from_environment: bool = False


def resolve(
    engine: Any = None,
    *,
    api_key: Secret | str | None = None,
    transport: httpx.BaseTransport | None = None,
    pace: Pace | None = None,
) -> Backend:
    """The backend for a studio's arguments.

    Args:
        engine: ``"offline"``, ``"runware"``, an address, or an :class:`~nbkit.Offline`; ``None`` for the one that the
            environment names: ``NBKIT_ENGINE``, else ``RUNWARE_API_KEY``, else offline.
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
    named = _engine_variable() if engine is None else ""
    if named:
        return _from_environment(named, key, transport)
    if engine is None and not (key or transport or _key_variable(KEY_VARIABLE)):
        return _offline(notice=NOTICE)
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


def _from_environment(named: str, key: Secret | None, transport: httpx.BaseTransport | None) -> Backend:
    """The backend that ``NBKIT_ENGINE`` names, and a notice that says so."""
    if key and named != "runware":  # most likely the vendor's, which must not reach another server
        raise ConfigurationError(
            f"api_key=… came without engine=…, and {ENGINE_VARIABLE} names another engine than the vendor's: add "
            f"engine='runware', or engine= with the address that the key is for, or put the key into {ENGINE_KEY_VARIABLE}"
        )
    if named == "offline":
        backend = _offline()
    elif named == "runware":
        backend = _runware(key, transport, f"{ENGINE_VARIABLE} is 'runware', which")
    elif "://" in named:
        backend = _at_address(named, key, transport, ENGINE_VARIABLE)
    else:
        raise ConfigurationError(
            f"{ENGINE_VARIABLE}: must be 'offline', 'runware' or an address such as 'http://192.168.0.7:8765'; "
            f"a key goes into {ENGINE_KEY_VARIABLE}"
        )
    keyless = "" if backend.api_key or named == "offline" else f", without a key: {ENGINE_KEY_VARIABLE} is not set"
    notice = f"nbkit: the engine is {backend.name}, from {ENGINE_VARIABLE}{keyless}."
    return dataclasses.replace(backend, notice=notice, from_environment=True)


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


def _offline(engine: Any = None, *, notice: str = "") -> Backend:
    # In this process an answer is either ready or not, so short pauses disturb nobody.
    pace = Pace(poll_first=0.005, retry_first=0.05)
    transport = load_offline("OfflineTransport")(engine)
    return Backend("offline", OFFLINE_URL, charged=False, transport=transport, pace=pace, notice=notice)


def _runware(key: Secret | None, transport: httpx.BaseTransport | None, chosen: str = "engine='runware'") -> Backend:
    key = key or _key_for(VENDOR_URL)
    if not key:
        raise ConfigurationError(
            f"{chosen} needs a key: set {KEY_VARIABLE} before Jupyter starts, or pass api_key=…. "
            "engine='offline' needs none"
        )
    is_replaced = transport is not None
    return Backend("runware", VENDOR_URL, charged=True, api_key=key, transport=transport, may_be_offline=is_replaced)


def _at_address(address: str, key: Secret | None, transport: httpx.BaseTransport | None, variable: str = "") -> Backend:
    where, key_place = (variable, ENGINE_KEY_VARIABLE) if variable else ("engine=…", "api_key=…")
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ConfigurationError(
            f"{where}: the address cannot be read; it looks like 'http://127.0.0.1:8000'"
        ) from None
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigurationError(f"{where}: an address begins with http:// or https:// and names a host")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigurationError(f"{where}: an address without user, password or query; the key goes into {key_place}")
    path = parts.path.rstrip("/") or "/v1"
    url = f"{parts.scheme}://{parts.netloc}{path}"
    if url == VENDOR_URL:
        return _runware(key, transport)
    return Backend(url, url, charged=True, api_key=key or _key_for(url), transport=transport, may_be_offline=True)


def _key_for(url: str) -> Secret | None:
    """The key that the environment has for an address: that of its own origin first."""
    named = _engine_variable()
    origin = _origin(VENDOR_URL if named == "runware" else named)
    if origin is not None and origin == _origin(url) and (key := _key_variable(ENGINE_KEY_VARIABLE)):
        return key
    if url == VENDOR_URL or is_loopback(urlsplit(url).hostname or ""):
        return _key_variable(KEY_VARIABLE)
    return None


def _origin(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port of an address; ``None`` for a text that is no address."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    except (ValueError, KeyError):
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname else None


def _engine_variable() -> str:
    return os.environ.get(ENGINE_VARIABLE, "").strip()


def _key_variable(name: str) -> Secret | None:
    return _checked(Secret(os.environ.get(name)), f"{name}: ")


def _checked(key: Secret, where: str = "") -> Secret | None:
    key.check(where)  # raises; no frame of that traceback may have the key as text
    return key or None
