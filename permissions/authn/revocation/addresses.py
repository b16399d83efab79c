"""Addresses and networks as numbers: an IPv4 address is one, however a dual-stack socket writes it."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, NamedTuple

Network = IPv4Network | IPv6Network

BITS: Final = {4: 32, 6: 128}
_MAPPED: Final = IPv6Network("::ffff:0:0/96")
_REMEMBERED: Final = 16_384


class Address(NamedTuple):
    """A version, 4 or 6, and the address as a number."""

    version: int
    value: int


@lru_cache(_REMEMBERED)
def read_address(text: str) -> Address | None:
    """`text` as an address; None for what is none. `::ffff:192.0.2.1` is 192.0.2.1, and a zone is left out."""
    try:
        found: IPv4Address | IPv6Address = ip_address(text)
    except ValueError:
        return None
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return Address(found.version, int(found))


def read_network(text: str) -> Network:
    """`text` as a network; a bare address is one of a single address. Raise `ValueError` with a reason for people.

    IPv4 in IPv6's clothes, `::ffff:192.0.2.0/120`, is IPv4. Nothing else of IPv6 holds IPv4 addresses: not `::/0`.
    """
    try:
        found = ip_network(text)
    except ValueError:
        raise ValueError(_why_not(text)) from None
    if isinstance(found, IPv6Network) and found.subnet_of(_MAPPED):
        return IPv4Network((int(found.network_address) & 0xFFFFFFFF, found.prefixlen - 96))
    return found


def _why_not(text: str) -> str:
    try:
        meant = ip_network(text, strict=False)
    except ValueError:
        return "is not a network like `192.0.2.0/24` or `2001:db8::/32`"
    return f"has bits set beyond its prefix: is `{meant}` meant?"
