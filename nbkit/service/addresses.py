"""Which hosts a request may reach when somebody else has chosen its address.

A service names the address of a picture, and a client of the served engine that of a webhook. Without checks, either
could make this machine send requests into its private network. So a host name is resolved once, every address that it
resolves to is checked, and the connection uses a checked address: a name that resolves differently a moment later has
no effect.
"""

from __future__ import annotations

import ipaddress
import socket
from contextlib import suppress

_REACHABLE_V6 = ipaddress.IPv6Network("2000::/3")
_TUNNEL = ipaddress.IPv6Network("2002::/16")
"""These addresses contain an IPv4 address, to which a gateway would forward the connection."""

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""How a network without IPv4 writes an IPv4 address; the last four bytes decide."""

_METADATA = ipaddress.IPv4Address("168.63.129.16")
"""A cloud's host agent, at an address that is public by its number."""

_VPN = ipaddress.IPv4Network("198.18.0.0/15")
"""The range in which some VPN clients answer for every name, the engine's among them."""


class Forbidden(Exception):
    """The host is, or may be, in a private network; nothing was sent."""


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_public(address: str) -> bool:
    """Whether a numeric address is on the public internet: not private, local, reserved or multicast.

    Args:
        address: IPv4 or IPv6, as the resolver returns it.
    """
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in _NAT64:
            return is_public(str(ipaddress.IPv4Address(ip.packed[-4:])))
        if ip not in _REACHABLE_V6 or ip in _TUNNEL:
            return False
    return ip.is_global and not ip.is_multicast and ip != _METADATA


def resolve_host(host: str, port: int, *, allow_private: bool = False, engine: str = "") -> list[tuple[str, int]]:
    """Resolve a host name to its addresses, each with the port.

    Args:
        host: name or numeric address, in any spelling that the resolver takes.
        port: of the connection.
        allow_private: whether private and loopback addresses are allowed.
        engine: a host that is allowed wherever it is, with its addresses; on this machine, all of this machine.

    Raises:
        Forbidden: if one of the addresses is not public, even if others are.
        OSError: if the name cannot be resolved.
    """
    addresses = _addresses(host, port)
    if not allow_private and host.lower() != engine.lower():
        inner = {_place(address) for address in addresses if not is_public(address)}
        if inner and not (engine and inner <= _places_of(engine)):
            raise Forbidden("its address is not on the public internet")
    return [(address, port) for address in addresses]


def refuse_literal(host: str, engine: str) -> None:
    """Refuse a host that is local by its spelling; for a connection whose name somebody else resolves, as a proxy does.

    Raises:
        Forbidden: for ``localhost`` and for a numeric address that :func:`resolve_host` would refuse.
    """
    name = host.rstrip(".").lower()
    is_numeric = ":" in name
    with suppress(OSError, ValueError):  # "127.1", "2130706433", "0x7f.1" and "0177.0.0.1" are numeric too
        is_numeric = is_numeric or bool(socket.inet_aton(name))
    if is_numeric or name == "localhost" or name.endswith(".localhost"):
        try:
            resolve_host("localhost" if name.endswith(".localhost") else name, 0, engine=engine)
        except OSError:
            raise Forbidden("its address cannot be read") from None


def _addresses(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


def _place(address: str) -> str:
    """The address itself, or the network in which an engine may name other addresses."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return "this machine" if ip.is_loopback else "the VPN" if ip in _VPN else str(ip)


def _places_of(engine: str) -> set[str]:
    with suppress(OSError):
        return {_place(address) for address in _addresses(engine, 0)}
    return set()
