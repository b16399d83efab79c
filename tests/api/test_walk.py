"""Every route, by every method, with whatever may come: no fault, JSON where it is refused, headers on each answer."""

import json
from collections.abc import Iterator, Mapping
from typing import Final

import httpx
from starlette.applications import Starlette
from starlette.routing import Route

from api.security_headers import STANDING
from tests.served import Caller, Served

OWN: Final = {"Cache-Control", "Content-Security-Policy"}
"""Headers that some answers have their own of."""
ALIKE: Final = {name: value for name, value in STANDING.items() if name not in OWN}
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
NOWHERE: Final = (
    "/nothing",
    "/graphql/",
    "/graphql//x",
    "/graphql/assets",
    "/%2e%2e/etc/passwd",
    "/attachments/",
    "/\u2028",
)
NAMES: Final = ("x", "%00", "..%2f..%2fetc%2fpasswd", "a" * 5_000, "%F0%9F%92%A9", "%ff", "QXR0YWNobWVudDp4")
"""In place of what a path leaves open."""
JSON: Final = {"content-type": "application/json"}
BODIES: Final = (
    b"",
    b"null",
    b"5",
    b"true",
    b'"x"',
    b"[]",
    b"[null]",
    b"{}",
    b"[" * 200_000,
    b'{"a":' * 100_000,
    b"\xff\xfe",
    b"\xef\xbb\xbf{}",
    b'{"query": 1}',
    b"[" + b"[]," * 2_000_000 + b"1]",
    b'{"query": "{ __typename }", "query": "{ me { id } }"}',
    b'{"query": "\\ud800"}',
    b'{"query": "{ __typename }\\u0000"}',
    b'{"query": null, "variables": []}',
    b'{"query": "{ __typename }", "operationName": {}}',
    b'{"query": "mutation { x"',
    b"a=b&a=c",
    b"\0" * 100,
    b'[{"query": "{ __typename }"}, {"query": "{ __typename }"}]',
    b"--x\r\n\r\n",
)
TYPES: Final = (
    "",
    "text/plain",
    "application/json; charset=utf-16",
    "application/json, text/plain",
    "multipart/form-data",
    "multipart/form-data; boundary=x",
    "application/x-www-form-urlencoded",
    "application/graphql",
    "\u00ff/\u00ff",
    "application/json" + ";" * 5_000,
)
HEADERS: Final[tuple[tuple[str, bytes], ...]] = (
    ("accept", b"application/xml"),
    ("accept", b'"'),
    ("accept", b"text/event-stream"),
    ("accept", b"\xff, */*;q=x"),
    ("authorization", b"Bearer"),
    ("authorization", b"Basic x"),
    ("authorization", b"Bearer " + b"x" * 9_000),
    ("authorization", b"\xff"),
    ("content-encoding", b"gzip"),
    ("content-length", b"abc"),
    ("content-length", b"-1"),
    ("content-length", b"9" * 30),
    ("cookie", b"__Secure-parley_refresh=\xff; =; ;;"),
    ("host", b"evil.example/x?"),
    ("host", b""),
    ("if-none-match", b'*, W/"'),
    ("origin", b"https://evil.example"),
    ("origin", b"null"),
    ("range", b"bytes=9-1, 5-"),
    ("x-permissions-at-least", b"\xff"),
    ("x-permissions-at-least", b"UGVybWlzc2lvbnM6OTk5OTk5OTk5OTk5OTk5OTk5OTk="),
    ("x-request-id", b"a\tb\xff"),
    ("x-forwarded-for", b"\xff,,"),
    ("sec-fetch-site", b"cross-site"),
    ("x-csrf-protection", b""),
)
QUERIES: Final = (
    "query=%ff",
    "query={__typename}&query={__typename}",
    "query={__typename}&variables=[",
    "query={__typename}&variables=5",
    "variables={}",
    "query={__typename}&operationName=x",
    "query=mutation{logout{ended}}",
    "query=subscription{sessionEvents{__typename}}",
    "format=..%2f",
    "a=&" * 300,
    "query={__typename}&extensions={%22a%22:1,%22a%22:2}",
    "documentId=%00",
    "%",
    "query=%7B__typename%7D%00",
)


def paths(app: Starlette) -> Iterator[tuple[str, Route]]:
    """Where something is, and what is there."""
    for route in app.routes:
        if isinstance(route, Route):
            opened = route.path.replace("{version}", "{id}").replace("{name}", "{id}")
            yield from ((opened.replace("{id}", name), route) for name in (NAMES if "{" in opened else ("",)))


def check(answer: httpx.Response, asked: object) -> None:
    """That it is no fault, says in JSON what is wrong, and has what every answer has."""
    assert answer.status_code < 500, asked
    assert {name: answer.headers.get(name) for name in ALIKE} == ALIKE, asked
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"], asked
    assert answer.headers["cache-control"].startswith(("no-store", "public, max-age=", "private, no-cache")), asked
    assert answer.headers["x-request-id"].isprintable() or "\t" in answer.headers["x-request-id"], asked
    assert not [name for name in answer.headers if name.startswith("access-control-")], asked
    if answer.status_code == 405:
        assert answer.headers["allow"], asked
    if answer.status_code >= 400 and answer.request.method != "HEAD":
        assert answer.headers["content-type"].partition(";")[0].endswith("json"), asked
        said = json.loads(answer.content)
        assert isinstance(said, str) or said.get("error") or said["errors"][0]["extensions"]["code"], asked


async def send(
    caller: Caller, method: str, path: str, headers: Mapping[str, bytes | str], body: bytes = b""
) -> httpx.Response:
    """As it is, without what a client would put right."""
    ours = {"authorization": f"Bearer {caller.token}"} if caller.token else {}
    given = {**ours, **headers}
    raw = [(name.encode(), each if isinstance(each, bytes) else each.encode()) for name, each in given.items()]
    return await caller.http.request(method, path, headers=raw, content=body)


async def test_every_method_of_every_address_is_answered(served: Served) -> None:
    alice = await served.as_("alice")
    known = list(paths(served.app))
    assert len({route.path for _, route in known}) > 12
    for path, route in [*known, *((path, None) for path in NOWHERE)]:
        for method in METHODS:
            for caller in (alice, served.nobody):
                answer = await send(caller, method, path, {})
                check(answer, (method, path))
                if route is None or "%2f" in path:
                    assert answer.status_code == 404, (method, path)
                elif method == "OPTIONS":
                    allowed = answer.headers["allow"].split(", ")
                    assert (answer.status_code, allowed) == (204, sorted({*(route.methods or ()), "OPTIONS"})), path
                elif method not in (route.methods or ()):
                    assert answer.status_code == 405, (method, path)


async def test_whatever_is_sent_to_any_of_them_it_is_refused_in_order(served: Served) -> None:
    """All of it to `/graphql`; elsewhere, where less is read, each route gets another quarter."""
    alice = await served.as_("alice")
    once = {route.path: (path, route) for path, route in reversed(list(paths(served.app)))}
    for turn, (path, route) in enumerate(once.values()):
        for method in sorted(route.methods or ()):
            odd = list(_odd(path, method))
            for address, headers, body in odd if path == "/graphql" else odd[turn % 4 :: 4]:
                answer = await send(alice, method, address, headers, body)
                check(answer, (method, address, headers, body[:80]))


def _odd(path: str, method: str) -> Iterator[tuple[str, Mapping[str, bytes | str], bytes]]:
    yield from ((path, {name: value}, b"") for name, value in HEADERS)
    if method == "POST":
        yield from ((path, JSON, body) for body in BODIES)
        yield from ((path, {"content-type": each}, b'{"query": "{ __typename }"}') for each in TYPES)
    else:
        yield from ((f"{path}?{query}", {}, b"") for query in QUERIES)
