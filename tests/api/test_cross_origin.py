"""Pages of other sites: which may ask, read, listen and use the cookie, by what browsers are told and by ourselves."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from pydantic import SecretStr, ValidationError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from api.cookies import RefreshCookie
from api.cross_origin import CrossOrigin
from api.graphql_view import GraphQLView
from api.origins import Origins, normal
from api.settings import Settings
from permissions.authn.errors import UnauthenticatedError
from tests.api.test_socket_expiry import listening
from tests.served import Served

FRIEND, EVIL = "https://chat.example.org", "https://evil.example"
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization, content-type"}
HOSTILE = (
    EVIL,
    "null",
    "",
    "https://chat.example.org.evil.example",
    "https://chat.example.org:8443",
    "http://chat.example.org",
    "https://chat.example.org/",
    "https://chat.example.org@evil.example",
    "HTTPS://CHAT.EXAMPLE.ORG",
    "https://chat.example.org, https://evil.example",
    "*",
)


@asynccontextmanager
async def behind(origins: Origins) -> AsyncIterator[httpx.AsyncClient]:
    async def endpoint(_: Request) -> Response:
        return JSONResponse({}, headers={"Vary": "Accept"})

    middleware = [Middleware(CrossOrigin, origins=origins)]
    app = Starlette(routes=[Route("/", endpoint, methods=["GET", "POST"])], middleware=middleware)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://parley.test") as http:
        yield http


def told(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-allow-")}


async def test_nobody_is_told_anything_unless_that_is_set() -> None:
    async with behind(Origins()) as http:
        for method, headers in (("GET", {}), ("OPTIONS", PREFLIGHT)):
            answer = await http.request(method, "/", headers={"Origin": FRIEND, **headers})
            assert (told(answer), answer.headers.get("vary", "Accept")) == ({}, "Accept")


@pytest.mark.parametrize("cookies", [False, True])
async def test_a_site_that_is_named_may_ask_and_read_and_no_other(cookies: bool) -> None:
    async with behind(Origins.parse(f" {FRIEND}:443 ,", cookies=cookies)) as http:
        credentials = {"access-control-allow-credentials": "true"} if cookies else {}
        allowed = {"access-control-allow-origin": FRIEND, **credentials}
        answer = await http.get("/", headers={"Origin": FRIEND})
        assert (told(answer), answer.headers["vary"]) == (allowed, "Accept, Origin")
        assert "ETag" in answer.headers["access-control-expose-headers"]
        before = await http.options("/", headers={"Origin": FRIEND, **PREFLIGHT})
        assert before.status_code == 204
        assert allowed.items() <= told(before).items()
        assert told(before)["access-control-allow-methods"] == "GET, HEAD, POST"
        assert "Authorization, " in told(before)["access-control-allow-headers"]
        for origin in HOSTILE:
            for method, headers in (("GET", {}), ("OPTIONS", PREFLIGHT)):
                answer = await http.request(method, "/", headers={"Origin": origin, **headers})
                assert (told(answer), "Origin" in answer.headers["vary"]) == ({}, True), origin
        two = await http.get("/", headers=[("Origin", FRIEND), ("Origin", EVIL)])
        assert told(two) == {}
        assert "Origin" in (await http.get("/")).headers["vary"], "or a cache would give it to a page"


async def test_all_sites_may_read_and_none_has_cookies() -> None:
    async with behind(Origins.parse("*")) as http:
        for origin in (FRIEND, EVIL, "null"):
            assert told(await http.get("/", headers={"Origin": origin})) == {"access-control-allow-origin": "*"}


@pytest.mark.parametrize(
    ("origins", "cookies"),
    [
        ("*", True),
        (f"{FRIEND}, *", True),
        ("chat.example.org", False),
        (f"{FRIEND}/path", False),
        ("https://*.example.org", False),
    ],
)
def test_what_would_let_in_too_many_stops_the_start(origins: str, cookies: bool) -> None:
    with pytest.raises(ValidationError, match=r"origin|cookies"):
        Settings(_env_file=None, cors_origins=origins, cors_cookies=cookies)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("https://Example.org:443", "https://example.org"),
        ("http://example.org:443", "http://example.org:443"),
        ("http://[::1]:80", "http://[::1]"),
        ("https://example.org/", None),
        ("https://a@example.org", None),
        ("ftp://example.org", None),
        ("null", None),
    ],
)
def test_origins_are_compared_as_browsers_write_them(given: str, expected: str | None) -> None:
    assert normal(given) == expected


@pytest.mark.parametrize(
    ("origin", "site", "cookies", "good"),
    [
        (None, None, False, True),
        ("https://api.example.org", "same-origin", False, True),
        (FRIEND, "same-site", True, True),
        (FRIEND, "same-site", False, False),
        (FRIEND, "cross-site", True, False),
        ("https://api.example.org", "same-site", True, False),
        (EVIL, "same-site", True, False),
        (None, "same-site", True, False),
    ],
)
def test_a_neighbour_uses_the_cookie_only_where_that_is_set(
    origin: str | None, site: str | None, cookies: bool, good: bool
) -> None:
    headers = {"host": "api.example.org", "x-csrf-protection": "1", "cookie": "__Secure-parley_refresh=prt_x"}
    headers |= {"origin": origin} if origin else {}
    headers |= {"sec-fetch-site": site} if site else {}
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "scheme": "https", "path": "/", "query_string": b"", "headers": raw}
    cookie = RefreshCookie(scope, [], Origins.parse(FRIEND, cookies=cookies))
    if good:
        assert cookie.token() == "prt_x"
        return
    with pytest.raises(UnauthenticatedError):
        cookie.token()


def view(served: Served) -> GraphQLView:
    apps = [getattr(route, "app", None) for route in served.app.routes]
    return next(each for each in apps if isinstance(each, GraphQLView))


async def refusal(address: str, headers: dict[str, str]) -> Any:
    """What is said to who opens a socket; None where he may."""
    try:
        async with connect(address, subprotocols=["graphql-transport-ws"], additional_headers=headers):  # type: ignore[list-item]
            return None
    except InvalidStatus as error:
        return error.response


async def test_pages_of_other_sites_open_neither_sockets_nor_streams(served: Served) -> None:
    alice = await served.as_("alice")
    params = {"query": "{ __typename }"}
    async with listening(served) as address, httpx.AsyncClient(verify=False, timeout=20) as http:
        own = address.removesuffix("/graphql").replace("ws:", "http:")
        for origins in (Origins(), Origins.parse(FRIEND)):
            view(served).origins = origins
            for origin in (None, own, FRIEND, EVIL, "null"):
                headers = {} if origin is None else {"Origin": origin}
                lets = origin in (None, own) or (origin == FRIEND and origins.crossed)
                told = await refusal(address, headers)
                assert (told is None) is lets, (origins, origin)
                if told is not None:
                    assert (told.status_code, told.headers["x-content-type-options"]) == (403, "nosniff")
                    assert b'"code":"FORBIDDEN"' in told.body
                headers |= {"Accept": "text/event-stream", "Authorization": f"Bearer {alice.token}"}
                async with http.stream("GET", f"{own}/graphql", headers=headers, params=params) as answer:
                    assert answer.status_code == (200 if lets else 403), origin


async def test_a_stream_that_a_page_could_not_even_read_is_not_opened(served: Served) -> None:
    """A `GET` in mode `no-cors` has no `Origin`."""
    ways = {None: 200, "none": 200, "same-origin": 200, "same-site": 403, "cross-site": 403}
    for site, status in ways.items():
        headers = {"Accept": "text/event-stream", **({"Sec-Fetch-Site": site} if site else {})}
        answer = await served.http.get("/graphql", params={"query": "{ __typename }"}, headers=headers)
        assert answer.status_code == status, site


async def test_tls_is_asked_for_where_there_is_some(served: Served) -> None:
    """Over plain HTTP browsers wouldn't heed it, and others of the domain might not be ready for it."""
    assert "strict-transport-security" not in (await served.http.get("/healthz")).headers
    answer = await served.http.get("https://parley.test/healthz")
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    settings = Settings(_env_file=None, public_url="https://chat.example.org", secret_key=SecretStr("x" * 32))
    assert settings.behind_tls
