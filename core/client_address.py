"""Tell which address a request comes from: the only place that reads ``X-Forwarded-For``.

Each proxy on the way appends the address that called it, so the header is believed from its end, and only as far as
trusted proxies wrote it. What stands further left came from the client, who may claim anything.

- ``TRUSTED_PROXIES`` (networks): the last address that isn't a trusted proxy's. A caller that is none is the client.
- ``BEHIND_PROXY`` alone: one proxy, whose entry is the last; whoever calls counts as it.
- neither: the caller.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Protocol

from django.conf import settings

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# The rest of a longer header is a client's.
LONGEST = 1000
MAPPED_BITS = 96


class HasMeta(Protocol):
    """A request of Django's or of DRF's."""

    @property
    def META(self) -> dict[str, object]: ...  # noqa: N802  # Django's name


def client_address(request: HasMeta) -> str:
    """Return the client's IP address, IPv4-mapped IPv6 as IPv4; what the server says if that is no address."""
    meta = request.META
    return _client_address(
        str(meta.get("REMOTE_ADDR", "")),
        str(meta.get("HTTP_X_FORWARDED_FOR", ""))[-LONGEST:],
        settings.BEHIND_PROXY,
        settings.TRUSTED_PROXIES,
    )


def is_from_proxy(request: HasMeta) -> bool:
    """Return whether a trusted proxy made the request. A caller on a Unix socket has no address, and counts as one."""
    return _is_trusted(parse_address(str(request.META.get("REMOTE_ADDR", ""))), settings.TRUSTED_PROXIES)


def parse_address(text: str) -> Address | None:
    """Return the address in ``text``, without a port, brackets or a zone; None if there is none."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.version == 6 and address.ipv4_mapped) or address


def parse_network(text: str) -> Network:
    """Return the network, IPv4-mapped IPv6 as IPv4; an address is a network of its own. Raises ValueError."""
    network = ip_network(text.strip())
    mapped = network.version == 6 and network.network_address.ipv4_mapped
    if mapped and network.prefixlen >= MAPPED_BITS:
        return ip_network((mapped, network.prefixlen - MAPPED_BITS))
    return network


@lru_cache(maxsize=1024)  # a pure function: each process may remember its answers
def _client_address(caller: str, forwarded: str, behind_proxy: bool, proxies: tuple[str, ...]) -> str:
    address = parse_address(caller)
    if proxies:
        if _is_trusted(address, proxies):
            address = _last_stranger(forwarded, proxies) or address
    elif behind_proxy:
        address = parse_address(forwarded.rpartition(",")[2]) or address
    return caller if address is None else str(address)


def _last_stranger(forwarded: str, proxies: tuple[str, ...]) -> Address | None:
    """Return the last address that isn't a trusted proxy's, or the first if all are. What is illegible ends the
    search, at the proxy that reported it.
    """
    last = None
    for named in reversed(forwarded.split(",")):
        address = parse_address(named)
        if address is None:
            return last
        last = address
        if not _is_trusted(address, proxies):
            return last
    return last


def _is_trusted(address: Address | None, proxies: tuple[str, ...]) -> bool:
    return address is None or any(address in network for network in _networks(proxies))


@lru_cache(maxsize=4)
def _networks(proxies: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(parse_network(each) for each in proxies)
