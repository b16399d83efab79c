"""Which sites' pages may use the server from a browser: its own, and those that are set."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

ANY: Final = "*"
_ORIGIN: Final = re.compile(r"(https?)://([a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::([0-9]{1,5}))?", re.ASCII)
_PORTS: Final = {"http": "80", "https": "443"}


@dataclass(frozen=True, slots=True)
class Origins:
    """Origins as browsers write them: in small letters, and without the port that goes without saying."""

    own: str | None = None
    """The server's, where that is known; else it is whatever it was asked by."""
    others: frozenset[str] = frozenset()
    anybody: bool = False
    """Pages of all sites may read answers; none of them may use cookies."""
    cookies: bool = False
    """Whether pages of the others may."""

    @classmethod
    def parse(cls, others: str, public_url: str | None = None, *, cookies: bool = False) -> Self:
        """By a list with commas. Raises `ValueError`."""
        named = {each.strip() for each in others.split(",") if each.strip()}
        anybody = ANY in named
        if anybody and cookies:
            raise ValueError(f"`{ANY}` would give cookies to all sites: name those that may use them")
        own = None if public_url is None else normal(public_url)
        return cls(own, frozenset(_all_normal(named - {ANY})), anybody, cookies)

    @property
    def crossed(self) -> bool:
        """Whether there are others at all."""
        return self.anybody or bool(self.others)

    def reads(self, origin: str) -> bool:
        """Whether pages of another site may read answers."""
        return self.anybody or origin in self.others

    def is_own(self, origin: str, host: str | None) -> bool:
        """Whether a page comes from the server itself, which was asked as `host`."""
        if origin == self.own:
            return True
        return bool(host) and origin in (normal(f"http://{host}"), normal(f"https://{host}"))

    def acts(self, origin: str, host: str | None) -> bool:
        """Whether a page may open what browsers let any page open: a socket, or a stream of events."""
        return self.is_own(origin, host) or self.reads(origin)

    def uses_cookies(self, origin: str, host: str | None) -> bool:
        """Whether cookies count that come with a page's request."""
        return self.is_own(origin, host) or (self.cookies and origin in self.others)


def normal(origin: str) -> str | None:
    """As browsers write it; None where it is no origin."""
    found = _ORIGIN.fullmatch(origin.lower())
    if found is None:
        return None
    scheme, host, port = found.groups()
    return f"{scheme}://{host}" if port in (None, _PORTS[scheme]) else f"{scheme}://{host}:{port}"


def _all_normal(named: Iterable[str]) -> Iterable[str]:
    for each in named:
        if (origin := normal(each)) is None:
            raise ValueError(f"`{each}` is no origin: `https://chat.example.org`, with a port if need be, and no path")
        yield origin
