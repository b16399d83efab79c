"""Requests put together at random are answered alike by the short way and the long one, logged and counted alike."""

from random import Random
from typing import Any, Final

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from api import requests
from api.app import create_app
from api.logs import REQUESTS as REQUEST_LINES
from api.settings import Settings
from models.embedded import EmbeddedStores
from tests.api.test_front import DECISION, LOGIN, OWN, SENT, WIRE
from tests.examples import examples
from tests.served import Served, schema, settings_on

REQUESTS: Final = examples(36)
OTHERS: Final[tuple[dict[str, Any], ...]] = (
    {"trusted_proxies": "127.0.0.1"},
    {"cors_origins": "https://chat.example", "public_url": "https://parley.test", "cors_cookies": True},
    {"cors_origins": "*", "trusted_proxies": "127.0.0.1"},
)
"""Settings: what the others change in what a request is taken for."""
NAMES: Final[dict[str, tuple[str, ...]]] = {
    "content-type": (
        *["application/json"] * 12,
        "application/json;",
        "application/json; charset=UTF8; charset=utf-8",
        "application/json; charset=utf-8; charset=latin-1",
        "application/json; x=y",
        "APPLICATION/JSON",
        " application/json",
        "application/json, application/json",
        "multipart/form-data; boundary=x",
        "application/json; x=" + "y" * 300,
        "",
    ),
    "accept": (
        "*/*",
        "application/*",
        "application/json",
        "application/graphql-response+json",
        "application/graphql-response+json;q=0, application/json",
        "application/graphql-response+json, text/event-stream;q=0.1",
        "text/event-stream;q=0, */*",
        "text/html, */*;q=0.1",
        "text/html",
        "multipart/mixed;incremental=true, application/json",
        "application/json;q=nonsense",
        ",,",
        "x/y, " * 80 + "*/*",
    ),
    "x-request-id": ("one", "a b", "a" * 64, "a" * 65, "\xe9", "", "x\ty"),
    "x-forwarded-for": ("192.0.2.1", "192.0.2.1, 10.0.0.1", "nonsense", "2001:db8::1", "[2001:db8::1]:80", ""),
    "x-forwarded-proto": ("https", "http", "https, http", "ws", "HTTPS "),
    "forwarded": ("for=192.0.2.9;proto=https",),
    "origin": ("https://evil.example", "http://parley.test", "https://parley.test", "null", "https://chat.example"),
    "sec-fetch-site": ("same-origin", "cross-site", "same-site", "none", "x"),
    "x-csrf-protection": ("1", "0", ""),
    "cookie": (
        "parley_refresh=x",
        "__Secure-parley_refresh=x",
        "__Secure-parley_refresh=x; __Secure-parley_refresh=y",
        "a=b",
        "__Secure-parley_refresh=" + "x" * 5_000,
    ),
    "x-permissions-at-least": ("", "nonsense"),
    "content-encoding": ("identity", "gzip", ""),
    "expect": ("100-continue", "x"),
    "upgrade": ("h2c", "websocket"),
    "connection": ("close", "keep-alive", "upgrade"),
    "user-agent": ("", "x", "\xff\xfe"),
    "content-length": ("0", "00", "x", "-1", "12345678901", "99999999", "5"),
    "host": ("localhost", "evil.example", "", "a b"),
    "te": ("trailers",),
    "authorization": ("", "Bearer", "bearer x", "Basic x", "Bearer a b"),
}
BODIES: Final = (
    *(body for _, body in SENT.values()),
    LOGIN,
    b'{"query": "mutation { logout }"}',
    b'{"query": null}',
    b'{"query": ""}',
    b'{"query": 5}',
    b'{"query": "{ me { id } }", "variables": null, "operationName": "", "extensions": null}',
    b'{"query": "{ me { id } }", "variables": [], "extensions": []}',
    b'{"query": "query A { me { id } }", "operationName": "A"}',
    b'\xef\xbb\xbf{"query": "{ me { id } }"}',
    b"null",
    b"[]",
    b'{"documentId": "x"}',
    b'{"documentId": {}, "query": "{ me { id } }"}',
    b'{"query": "query ($x: Int) { a: __typename @skip(if: $x) }"}',
    b'{"query": "query ($x: Boolean!) { a: __typename @skip(if: $x) }", "variables": {"x": 1}}',
    b'{"query": "{ conversations(first: 1) { edges { cursor node { id } } } }"}',
    b'{"query": "{ users { edges { node { id email } } } }"}',
    b'{"query": "{ __schema { types { name } } }"}',
    b'{"query": "\\ud800"}',
)
METHODS: Final = (*["POST"] * 12, "GET", "HEAD", "PUT", "OPTIONS", "post")
PATHS: Final = (*["/graphql"] * 12, "/graphql/", "/%67raphql", "/graphql?query={__typename}", "//graphql", "/GRAPHQL")


def _headers(chance: Random, tokens: list[str]) -> list[tuple[str, bytes]]:
    headers = [("content-type", "application/json")] if chance.random() < 0.7 else []
    if chance.random() < 0.8:
        headers.append(("authorization", f"Bearer {chance.choice(tokens)}"))
    for name in chance.sample(sorted(NAMES), chance.choice((0, 0, 1, 1, 2, 3, 5))):
        if name in ("content-type", "authorization") and chance.random() < 0.8:
            headers = [each for each in headers if each[0] != name]
        headers.append((name, chance.choice(NAMES[name])))
        if chance.random() < 0.08:
            headers.append((name, chance.choice(NAMES[name])))
    if all(name != "x-request-id" for name, _ in headers):
        headers.append(("x-request-id", "one"))
    return [(name, value.encode("latin-1")) for name, value in headers]


class Ways:
    """Of an application with other settings, on the same services."""

    def __init__(self, served: Served, settings: Settings) -> None:
        self.app = create_app(settings, schema())
        self.app.state.services = served.services

    async def short(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As it is served."""
        await self.app(scope, receive, send)

    async def long(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Through all layers."""
        scope["app"] = self.app
        await self.app.layers(scope, receive, send)  # type: ignore[attr-defined]


@pytest.mark.parametrize("settings", OTHERS)
async def test_requests_at_random(
    served: Served, stores: EmbeddedStores, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    ways = Ways(served, settings_on(stores, served.services.database.db.name, **settings))
    lines: list[Any] = []
    monkeypatch.setattr(REQUEST_LINES, "write", lambda *line: lines.append(line))
    alice, bob = str((await served.as_("alice")).token), str((await served.as_("bob")).token)
    tokens, chance = [alice, bob, "x", f"{alice}=", f" {alice}", f"{alice}x"], Random(str(settings))
    for _ in range(REQUESTS):
        method, path, body = chance.choice(METHODS), chance.choice(PATHS), chance.choice(BODIES)
        headers = _headers(chance, tokens)
        told = [await _told(way, lines, method, path, headers, body) for way in (ways.short, ways.long)]
        assert told[0] == told[1], (method, path, headers, body)


async def _told(way: Any, lines: list[Any], *request: Any) -> Any:
    """What is answered and logged, without what is another each time."""
    lines.clear()
    method, path, headers, body = request
    async with httpx.AsyncClient(transport=httpx.ASGITransport(way), base_url="http://parley.test") as client:
        answer = await client.request(method, path, content=body, headers=headers)
    given = next(value.decode("latin-1") for name, value in headers if name == "x-request-id")
    named = not requests._ACCEPTABLE.fullmatch(given)
    told = sorted(
        (name, "" if name in OWN or (named and name == "x-request-id") else value)
        for name, value in answer.headers.multi_items()
        if name not in WIRE
    )
    logged = [(kind, asked, at, status, None if named else id_) for kind, asked, at, status, _, id_ in lines]
    return answer.status_code, told, DECISION.sub(b"", answer.content), logged
