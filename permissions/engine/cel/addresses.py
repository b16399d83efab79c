"""Addresses and networks, by the names of Kubernetes' CEL library. An IPv4 address mapped into IPv6 is the IPv4 one."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final

from permissions.engine.operands import Fault

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


LONGEST: Final = 60
"""Characters of an address or a network."""


def address(value: Any) -> Address | Fault:
    """`ip("10.0.0.1")`."""
    if isinstance(value, IPv4Address | IPv6Address):
        return value
    found = _address(value) if isinstance(value, str) and len(value) <= LONGEST else None
    return found or Fault(f"not an address: {str(value)[:LONGEST]!r}")


def network(value: Any) -> Network | Fault:
    """`cidr("10.0.0.0/8")`."""
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    found = _network(value) if isinstance(value, str) and len(value) <= LONGEST else None
    return found or Fault(f"not a network like 10.0.0.0/8: {str(value)[:LONGEST]!r}")


@lru_cache(maxsize=10_000)
def _address(text: str) -> Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


@lru_cache(maxsize=10_000)
def _network(text: str) -> Network | None:
    try:
        return ip_network(text, strict=False) if "/" in text else None
    except ValueError:
        return None


def contains_ip(within: Network, which: Address) -> bool:
    """`cidr(…).containsIP(…)`. False between the two families."""
    return which in within


def contains_cidr(within: Network, which: Network) -> bool:
    """`cidr(…).containsCIDR(…)`."""
    if isinstance(within, IPv4Network):
        return isinstance(which, IPv4Network) and which.subnet_of(within)
    return isinstance(which, IPv6Network) and which.subnet_of(within)


def is_ip(value: Any) -> bool | Fault:
    """`isIP("…")`."""
    return not isinstance(address(value), Fault) if isinstance(value, str) else Fault("isIP is for strings")


def is_cidr(value: Any) -> bool | Fault:
    """`isCIDR("…")`."""
    return not isinstance(network(value), Fault) if isinstance(value, str) else Fault("isCIDR is for strings")


def family(which: Address) -> int:
    """`ip(…).family()`: 4 or 6."""
    return which.version
