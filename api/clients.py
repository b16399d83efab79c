"""Puts the client's own address into a request that came through proxies: the one place where that is decided."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.proxies import ProxyHeader, TrustedProxies, address, hops

KEPT: Final = 1_000
"""Peers that are remembered."""
SCHEMES: Final = {"http": {"http": "http", "https": "https"}, "websocket": {"http": "ws", "https": "wss"}}
"""By the kind of a request and what `X-Forwarded-Proto` says."""


class ClientAddress:
    """Sets `scope["client"]` (its port is 0 where a proxy told the address), and `scope["scheme"]` behind TLS.

    Whoever looks at an address afterwards, for limits, sessions, conditions or the audit log, looks there.
    """

    def __init__(self, app: ASGIApp, trusted: TrustedProxies, header: ProxyHeader) -> None:
        self._app = app
        self._trusted = trusted
        self._header = header
        self._name = header.encode()
        # Few peers speak for many clients, or each client sends many requests.
        self._nearest = lru_cache(maxsize=KEPT)(self._seen)
        self._trusts = lru_cache(maxsize=KEPT)(lambda peer: trusted.trusts(None if peer is None else address(peer)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in SCHEMES:
            scope = self.addressed(scope)
        await self._app(scope, receive, send)

    def addressed(self, scope: Scope) -> Scope:
        """The scope of a request, as who sent it sees it."""
        host, port = scope.get("client") or (None, 0)
        peer = host or None  # a unix socket's is empty
        name = self._name
        forwarded = [value for key, value in scope["headers"] if key == name]
        client = self._nearest(peer) if not forwarded else self._seen(peer, forwarded)
        scope = {**scope, "client": None if client is None else (client, port if client == peer else 0)}
        if self._trusts(peer):
            scope["scheme"] = _scheme(scope, Headers(scope=scope))
        return scope

    def _seen(self, peer: str | None, forwarded: Sequence[bytes] = ()) -> str | None:
        values = [value.decode("latin-1") for value in forwarded]
        return self._trusted.client(peer, hops(self._header, values))


def _scheme(scope: Scope, headers: Headers) -> str:
    """What the nearest proxy was asked by, where it says so."""
    said = headers.getlist("x-forwarded-proto")
    nearest = said[-1].rpartition(",")[2].strip().lower() if said else ""
    return SCHEMES[scope["type"]].get(nearest, str(scope.get("scheme", "http")))
