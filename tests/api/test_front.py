"""The short way to `/graphql` gives the answers of the long one, whatever is sent."""

import re
from collections.abc import AsyncIterator
from typing import Any, Final

import httpx
import orjson
import pytest
from redis.asyncio import Redis
from starlette.types import Receive, Scope, Send

from api.rates.rates import RateLimits
from tests.api.rates.test_served import limit
from tests.api.test_socket_expiry import listening
from tests.fuzz.test_bytes import port_of
from tests.served import Served

TOO_MANY: Final = dict.fromkeys(map(str, range(101)))
ME: Final = b'{"query": "{ me { id displayName } }"}'
WHO: Final = b'{"query": "{ me { id } }", "variables": {}}'
"""Answered as before, once it was."""
JSON: Final = {"content-type": "application/json"}
RESPONSE: Final = {**JSON, "accept": "application/graphql-response+json"}
LOGIN: Final = orjson.dumps(
    {
        "query": "mutation($input: LoginInput!) { login(input: $input) { user { id } } }",
        "variables": {"input": {"email": "nobody@example.com", "password": "wrong wrong wrong", "cookie": True}},
    }
)
SENT: Final[dict[str, tuple[dict[str, str], bytes]]] = {
    "plain": (JSON, ME),
    "who asks": (JSON, WHO),
    "by the specification": (RESPONSE, ME),
    "who asks, by the specification": (RESPONSE, WHO),
    "whatever is accepted": ({**JSON, "accept": "*/*"}, ME),
    "two types accepted": ({**JSON, "accept": "application/json;q=0.1, application/graphql-response+json"}, ME),
    "nothing accepted": ({**JSON, "accept": "image/png"}, ME),
    "events accepted": ({**JSON, "accept": "text/event-stream"}, ME),
    "UTF-8": ({"content-type": 'application/JSON ; charset="utf-8"'}, ME),
    "another charset": ({"content-type": "application/json; charset=utf-16"}, ME),
    "a form": ({"content-type": "application/x-www-form-urlencoded"}, b"query={me{id}}"),
    "text": ({"content-type": "text/plain"}, ME),
    "no type": ({}, ME),
    "an encoding": ({**JSON, "content-encoding": "gzip"}, ME),
    "no encoding": ({**JSON, "content-encoding": "identity"}, ME),
    "nothing": (JSON, b""),
    "no JSON": (RESPONSE, b"{"),
    "a list": (JSON, b"[" + ME + b"]"),
    "a name twice": (JSON, b'{"query": "{ me { id } }", "query": "{ __typename }"}'),
    "a name twice, oddly": (JSON, b'{"query": "{ a\\": b }", "query" : "{ __typename }", "qu\\u0065ry":"{ me }"}'),
    "no UTF-8": (JSON, b'{"query": "\xff"}'),
    "no query": (JSON, b"{}"),
    "no such field": (RESPONSE, b'{"query": "{ nothing }"}'),
    "no syntax": (RESPONSE, b'{"query": "{"}'),
    "no such operation": (RESPONSE, b'{"query": "query A { __typename }", "operationName": "B"}'),
    "two operations": (RESPONSE, b'{"query": "query A { __typename } query B { __typename }"}'),
    "one of two": (JSON, b'{"query": "query A { a: __typename } query B { b: __typename }", "operationName": "B"}'),
    "a subscription": (JSON, b'{"query": "subscription { sessionEvents { __typename } }"}'),
    "too long": (JSON, orjson.dumps({"query": "{ " + "a" * 70_000 + " }"})),
    "variables of a wrong type": (RESPONSE, b'{"query": "query($a: Int!) { __typename }", "variables": {"a": "x"}}'),
    "too many variables": (JSON, orjson.dumps({"query": "{ __typename }", "variables": TOO_MANY})),
    "introspection": (RESPONSE, b'{"query": "{ __schema { queryType { name } } }"}'),
    "what it costs": (JSON, b'{"query": "{ me { id } }", "extensions": {"cost": true}}'),
    "what is not allowed": (RESPONSE, b'{"query": "{ users { edges { cursor } } auditLog { edges { cursor } } }"}'),
    "no such hash": (
        JSON,
        orjson.dumps({"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}}),
    ),
    "a mutation with a cookie": (
        {**JSON, "x-csrf-protection": "1"},
        b'{"query": "mutation { refreshSession { accessToken } }"}',
    ),
    "a login that fails": ({**JSON, "x-csrf-protection": "1"}, LOGIN),
    "a revision": ({**JSON, "x-permissions-at-least": "nonsense"}, ME),
    "another site's page": ({**JSON, "origin": "https://evil.example", "sec-fetch-site": "cross-site"}, ME),
    "proxies": ({**JSON, "x-forwarded-for": "192.0.2.1, 192.0.2.2", "x-forwarded-proto": "https"}, ME),
}
DECISION: Final = re.compile(rb'"decisionId":"[^"]*"')
OWN: Final = frozenset({"ratelimit-remaining", "ratelimit-reset"})
"""Headers that go by how much was asked before."""
WIRE: Final = frozenset({"date", "connection"})
"""Those that only a server writes."""


@pytest.fixture
async def ways(served: Served) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    """A client of each way."""

    async def long(scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = served.app
        await served.app.layers(scope, receive, send)  # type: ignore[attr-defined]

    async with (
        httpx.AsyncClient(transport=httpx.ASGITransport(served.app), base_url="http://parley.test") as first,
        httpx.AsyncClient(transport=httpx.ASGITransport(long), base_url="http://parley.test") as second,
    ):
        yield first, second


async def test_both_ways_answer_alike(served: Served, ways: tuple[httpx.AsyncClient, httpx.AsyncClient]) -> None:
    alice, bob = await served.as_("alice"), await served.as_("bob")
    principal = await _end(served, bob.token)
    assert principal is not None
    for token in (alice.token, bob.token, None, "nonsense"):
        proof = {"authorization": f"Bearer {token}"} if token else {}
        for name, (headers, body) in SENT.items():
            told = [await _told(way, {"x-request-id": "one", **proof, **headers}, body) for way in ways]
            assert told[0] == told[1], name


async def test_both_ways_say_when_to_ask_again_what_a_store_was_away_for(
    served: Served, ways: tuple[httpx.AsyncClient, httpx.AsyncClient]
) -> None:
    nowhere = Redis.from_url("redis://127.0.0.1:1")
    limit(served, RateLimits(when_away="fail_closed"), nowhere)
    told = [await _told(way, {"x-request-id": "one", **RESPONSE}, ME) for way in ways]
    await nowhere.aclose()
    assert told[0] == told[1]
    assert told[0][0] == 503
    assert ("retry-after", "1") in told[0][1]


async def test_what_repeats_a_header_goes_the_long_way(ways: tuple[httpx.AsyncClient, httpx.AsyncClient]) -> None:
    twice = [("content-type", "application/json"), ("content-type", "text/plain"), ("x-request-id", "one")]
    told = [await _told(way, twice, ME) for way in ways]
    assert told[0] == told[1]
    assert told[0][0] == 415
    tokens = [("content-type", "application/json"), ("authorization", "Bearer a"), ("authorization", "Bearer b")]
    told = [await _told(way, [*tokens, ("x-request-id", "one")], ME) for way in ways]
    assert told[0] == told[1]


async def test_a_token_that_is_known_is_refused_as_soon_as_its_session_ends(served: Served) -> None:
    alice = await served.as_("alice")
    for _ in range(3):
        assert (await alice.ask("{ me { id } }")).data["me"]
    await _end(served, alice.token)
    for _ in range(2):
        assert (await alice.ask("{ me { id } }")).codes == ["TOKEN_REVOKED"]


async def _end(served: Served, token: str | None) -> Any:
    authenticator = served.services.authentication.authenticator
    proved = await authenticator.authenticate(f"Bearer {token}")
    assert proved is not None
    await served.services.authentication.accounts.logout(proved.principal)
    return proved.principal


async def _told(way: httpx.AsyncClient, headers: Any, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
    response = await way.post("/graphql", content=body, headers=headers)
    named = sorted((name, value) for name, value in response.headers.multi_items() if name not in OWN)
    return response.status_code, named, DECISION.sub(b"", response.content)


async def test_what_is_plain_needs_no_layers(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError

    monkeypatch.setattr(served.app.front, "_layers", fail)  # type: ignore[attr-defined]
    alice = await served.as_("alice")
    answer = await alice.ask("{ me { displayName } }")
    assert (answer.status, answer.data["me"]) == (200, {"displayName": "Alice"})
    with pytest.raises(AssertionError):
        await served.http.get("/graphql?query={__typename}")


async def test_what_is_written_past_uvicorn_is_what_it_would_write(
    served: Served, ways: tuple[httpx.AsyncClient, httpx.AsyncClient]
) -> None:
    alice = await served.as_("alice")
    proof = {"authorization": f"Bearer {alice.token}", "x-request-id": "one", "user-agent": "test"}
    async with (
        listening(served) as address,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port_of(address).number}") as wire,
    ):
        for name in (
            "plain",
            "who asks",
            "by the specification",
            "no such field",
            "no JSON",
            "what is not allowed",
            "a list",
        ):
            headers, body = SENT[name]
            for more in [{}, {"connection": "close"}]:
                told = [await _told(way, {**proof, **headers, **more}, body) for way in (wire, *ways)]
                written = [
                    (status, [each for each in named if each[0] not in WIRE], body) for status, named, body in told
                ]
                assert written[0] == written[1] == written[2], name
