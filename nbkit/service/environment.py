"""What the environment says about connections: proxies and certificates.

httpx reads the same variables itself, but fails at some of them with an error that names none: an IPv6 range in
``NO_PROXY``, an address that is no proxy, a file of certificates that is not there. So they are read here, and whatever
cannot be used is a ``ConfigurationError`` with the variable's name. No message repeats the value of a proxy, which may
hold a password.
"""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
import urllib.request
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import httpx

from nbkit.errors import ConfigurationError
from nbkit.service.addresses import is_loopback

_SCHEMES = ("http", "https", "all")

Mounts = dict[str, httpx.BaseTransport | None]
"""Transports by URL pattern, as httpx takes them; ``None`` is a direct connection."""


def open_http(host: str, transport: httpx.BaseTransport | None, timeout: httpx.Timeout | float) -> httpx.Client:
    """The HTTP client for a service, set up as the environment says.

    Args:
        host: of the service. A host of this machine is reached without a proxy, which would get the key.
        transport: replaces the network; then the environment is not read.
        timeout: as httpx takes it.

    Raises:
        ConfigurationError: if a variable cannot be used; the message names it and what to type.
    """
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=32)
    headers = {"user-agent": "nbkit"}
    if transport is not None:
        return httpx.Client(transport=transport, timeout=timeout, limits=limits, headers=headers, trust_env=False)
    tls = tls_context()
    mounts = _mounts(host, tls, limits)
    return httpx.Client(verify=tls, mounts=mounts, timeout=timeout, limits=limits, headers=headers, trust_env=False)


def tls_context() -> ssl.SSLContext:
    """The certificates to trust: those that ``SSL_CERT_FILE`` or ``SSL_CERT_DIR`` names, else those of certifi.

    They are read once (it takes 30 ms) and shared, until one of these variables or the file changes.

    Raises:
        ConfigurationError: if one of them, or ``SSLKEYLOGFILE``, cannot be used.
    """
    file, folder, log = (os.environ.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"))
    if log:
        try:
            Path(log).open("a").close()
        except (OSError, ValueError) as error:
            raise _unusable("SSLKEYLOGFILE", f"a file that can be written, and {log} cannot ({_why(error)})") from None
    if not file:
        if folder and not any(Path(part).is_dir() for part in folder.split(os.pathsep)):
            raise _unusable("SSL_CERT_DIR", f"a folder of certificates, and {folder} is not one")
        return _read_certificates(None, None, folder, log)
    try:
        with Path(file).open("rb") as opened:  # not of a folder, which an older httpx leaves out without a word
            found = os.fstat(opened.fileno())
        return _read_certificates(file, (found.st_mtime_ns, found.st_size), folder, log)
    except (OSError, ValueError) as error:  # also ssl.SSLError: a file without a certificate
        raise _unusable("SSL_CERT_FILE", f"a file of PEM certificates, and {file} is not one ({_why(error)})") from None


@lru_cache(maxsize=4)
def _read_certificates(*_variables: object) -> ssl.SSLContext:
    """The certificates that httpx finds by these variables itself; the arguments only tell one reading from another."""
    return httpx.create_ssl_context()


def _mounts(host: str, tls: ssl.SSLContext, limits: httpx.Limits) -> Mounts:
    """The proxies by URL pattern, and the hosts that are reached without one."""
    found = urllib.request.getproxies()
    excepted = [name.strip() for name in found.get("no", "").split(",")]
    if "*" in excepted:
        return {}
    proxies = {scheme: address for scheme, text in found.items() if scheme in _SCHEMES and (address := text.strip())}
    mounts: Mounts = {f"{scheme}://": _proxy(scheme, address, tls, limits) for scheme, address in proxies.items()}
    own = f"all://{f'[{host}]' if ':' in host else host}"
    if is_loopback(host) or any(_is_in_range(host, name) for name in excepted):
        mounts[own] = None
    for pattern in filter(None, map(_pattern, excepted)):
        mounts[pattern] = None
    return mounts


def _proxy(scheme: str, address: str, tls: ssl.SSLContext, limits: httpx.Limits) -> httpx.HTTPTransport:
    names = sorted(name for name in os.environ if name.lower() == f"{scheme}_proxy")  # the small letters count
    variable = names[-1] if names else f"the system's {scheme} proxy"
    problem = "the address of a proxy, such as http://proxy.example:8080"
    try:
        proxy = httpx.Proxy(address if "://" in address else f"http://{address}")
        port = 80 if proxy.url.port is None else proxy.url.port
        if proxy.url.host and not re.search(r"\s", address) and 0 < port < 65536:
            return httpx.HTTPTransport(verify=tls, limits=limits, proxy=proxy)
    except ImportError:
        problem = "an HTTP proxy, or a SOCKS proxy after: pip install 'httpx[socks]'"
    except (httpx.InvalidURL, ValueError, TypeError):
        pass
    raise _unusable(variable, problem)  # outside the handler: the error of httpx quotes the address


def _pattern(name: str) -> str | None:
    """The URL pattern of a name in ``NO_PROXY``; ``None`` for a range of addresses and for what is no name of a host."""
    bare = name.strip("[]")
    with suppress(ValueError):
        return f"all://[{bare}]" if ipaddress.ip_address(bare).version == 6 else f"all://{bare}"
    pattern = name if "://" in name else f"all://{'' if name.lower() == 'localhost' else '*'}{name.lstrip('*')}"
    with suppress(httpx.InvalidURL, ValueError):
        url = httpx.URL(pattern)
        return pattern if name and url.host and url.path in ("", "/") else None
    return None


def _is_in_range(host: str, name: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host) in ipaddress.ip_network(name, strict=False)
    return False


def _unusable(variable: str, rule: str) -> ConfigurationError:
    where = f"in a cell, del os.environ[{variable!r}]" if variable in os.environ else "the settings of the system"
    return ConfigurationError(f"{variable} in the environment: must be {rule}. Correct it, or take it out: {where}")


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
