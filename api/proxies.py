"""Which address a request came from, where proxies that are trusted stand before us."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, Self

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

UNIX: Final = "unix"
"""Stands among the trusted for whoever connects by a unix socket: such a peer has no address."""
MOST_HOPS: Final = 32
"""Proxies that are looked through. More are no chain that anybody built: nothing is believed then."""
MOST_NETWORKS: Final = 1_000
MOST_CHARACTERS: Final = 8 * 1024
"""Of one header, from its end, where the nearest proxies write: a server may let a megabyte of it through."""

_IPV4_PORT: Final = re.compile(r"([0-9.]{7,15}):[0-9]{1,5}", re.ASCII)
_IPV6_BRACKETS: Final = re.compile(r"\[([0-9A-Fa-f:.]{2,45})(?:%[^\]\s]{1,16})?\](?::[0-9]{1,5})?", re.ASCII)
_PAIR: Final = re.compile(r"\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)=(?:\"((?:[^\"\\]|\\.)*)\"|([^\s\",;]*))\s*", re.ASCII)


class ProxyHeader(StrEnum):
    """Where the proxies write whom they saw. One of them: the other is whatever the client made up."""

    X_FORWARDED_FOR = "x-forwarded-for"
    FORWARDED = "forwarded"


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """Whose word is taken for whom they saw."""

    networks: tuple[Network, ...] = ()
    unix: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """From addresses, networks and `unix`, separated by commas or blanks. Raise `ValueError` for anything else."""
        words = text.replace(",", " ").split()
        if len(words) > MOST_NETWORKS:
            raise ValueError(f"names more than {MOST_NETWORKS} proxies")
        return cls(tuple(_network(word) for word in words if word != UNIX), UNIX in words)

    def trusts(self, hop: Address | None) -> bool:
        """Whether `hop` is one of them; None is a peer without an address."""
        if hop is None:
            return self.unix
        return any(hop.version == network.version and hop in network for network in self.networks)

    def client(self, peer: str | None, forwarded: Iterator[str]) -> str | None:
        """The nearest hop that is not trusted, in one spelling; None where a trusted one told nothing that is one.

        `forwarded` tells whom each hop saw, nearest first. What stands beyond the first stranger he wrote himself, and
        is not looked at. A request that began at a trusted proxy has that proxy's address.
        """
        hop = None if peer is None else address(peer)
        for _ in range(MOST_HOPS):
            if (peer is not None and hop is None) or not self.trusts(hop):
                break
            told = next(forwarded, None)
            if told is None:
                break
            peer, hop = told, address(told)
        else:
            return None
        return None if hop is None else str(hop)


def address(text: str) -> Address | None:
    """An address as proxies write it: perhaps with a port, in brackets, or in quotes. None for what is none."""
    plain = text.strip()
    for shape in (_IPV4_PORT, _IPV6_BRACKETS):
        if found := shape.fullmatch(plain):
            plain = found[1]
    try:
        read = ip_address(plain.partition("%")[0])
    except ValueError:
        return None
    return read.ipv4_mapped or read if isinstance(read, IPv6Address) else read


def hops(header: ProxyHeader, values: Sequence[str]) -> Iterator[str]:
    """Whom each proxy saw, the nearest first, from all headers of that name in the order in which they came."""
    split = _addresses if header is ProxyHeader.X_FORWARDED_FOR else _elements
    for text in reversed(values):
        found = split(text[-MOST_CHARACTERS:])
        # The farthest is cut off somewhere, and may look like another address.
        yield from found if len(text) <= MOST_CHARACTERS else [*found[:-1], ""]


def _addresses(text: str) -> list[str]:
    """The nearest first. An empty one is none (RFC 9110, 5.6.1)."""
    return [part for part in reversed(text.split(",")) if part.strip()]


def _elements(text: str) -> list[str]:
    """For whom each element of a `Forwarded` is (RFC 7239, 4), the nearest first; a quoted part may hold a comma.

    Read from its end, where the proxies write: what a client left open before that closes nothing of theirs.
    """
    found, quoted, end = list[str](), False, len(text)
    for place in range(len(text) - 1, -1, -1):
        if text[place] == '"' and not _escaped(text, place):
            quoted = not quoted
        elif text[place] == "," and not quoted:
            found.append(text[place + 1 : end])
            end = place
    return [_for(element) for element in [*found, text[:end]]]


def _escaped(text: str, place: int) -> bool:
    strokes = 0
    while strokes < place and text[place - strokes - 1] == "\\":
        strokes += 1
    return strokes % 2 == 1


def _for(element: str) -> str:
    """Whom an element says it was for; what can be no address, where it doesn't say or can't be read."""
    for pair in element.split(";"):
        found = _PAIR.fullmatch(pair)
        if found and found[1].lower() == "for":
            return found[3] if found[2] is None else found[2]
    return ""


def _network(word: str) -> Network:
    try:
        network = ip_network(word)
    except ValueError:
        raise ValueError(f"`{word[:50]}` is no address, network or `{UNIX}`") from None
    return network
