"""Whom a network address belongs to, as far as it tells."""

from ipaddress import IPv4Address, IPv6Network, ip_address
from typing import Final

IPV6_SITE: Final = 64
"""Bits of an IPv6 address that name one subscriber: the others are his to choose."""


def subscriber(ip: str | None) -> str | None:
    """An IPv4 address, or an IPv6 network; what is no address stays as it is."""
    try:
        address = ip_address(ip or "")
    except ValueError:
        return ip
    if isinstance(address, IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or IPv6Network((address, IPV6_SITE), strict=False))
