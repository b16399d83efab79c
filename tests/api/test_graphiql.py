"""The page and its assets, without a browser."""

import html
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from graphql import parse, validate
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from api import graphiql
from api.demo_world import PASSWORD, PEOPLE
from api.schema import build_schema

CHROMIUM = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
HOME = Path(graphiql.__file__).with_name("graphiql_assets")


async def graphql(request: Request) -> Response:
    if graphiql.wants_page(request):
        return graphiql.page(demo="demo" in request.query_params)
    return PlainTextResponse("for a client")


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=[*graphiql.routes(), Route("/graphql", graphql, methods=["GET", "POST"])])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://parley.test") as client:
        yield client


async def page(client: httpx.AsyncClient, address: str = "/graphql") -> httpx.Response:
    return await client.get(address, headers={"Accept": CHROMIUM})


async def assets(client: httpx.AsyncClient) -> list[str]:
    return sorted(set(re.findall(r'(?:src|href)="([^"]+)"', (await page(client)).text)))


def config(answer: httpx.Response) -> dict[str, object]:
    found = re.search(r'data-config="([^"]*)"', answer.text)
    assert found
    return dict(json.loads(html.unescape(found[1])))


@pytest.mark.parametrize("accept", [CHROMIUM, "text/html", "application/json;q=0.1, text/*"])
async def test_a_browser_gets_the_page(client: httpx.AsyncClient, accept: str) -> None:
    answer = await client.get("/graphql", headers={"Accept": accept})
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert "GraphiQL" in answer.text


@pytest.mark.parametrize(
    "accept",
    [
        "*/*",
        "",
        "application/json",
        "application/graphql-response+json, application/json;q=0.9",
        "text/event-stream",
        "text/html, application/json",
        "text/html;q=0, */*",
        "text/html;q=many",
    ],
)
async def test_a_client_does_not(client: httpx.AsyncClient, accept: str) -> None:
    answer = await client.get("/graphql", headers={"Accept": accept})
    assert answer.text == "for a client"


async def test_a_query_is_answered_even_in_a_browser(client: httpx.AsyncClient) -> None:
    assert (await page(client, "/graphql?query={me{id}}")).text == "for a client"
    assert (await client.post("/graphql", headers={"Accept": CHROMIUM})).text == "for a client"


async def test_page_and_assets_let_nothing_else_in(client: httpx.AsyncClient) -> None:
    for answer in [await page(client), *[await client.get(address) for address in await assets(client)]]:
        assert answer.status_code == 200
        policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
        assert policy.pop("default-src") == "'none'"
        assert set(policy.values()) == {"'self'", "'none'"}
        assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"


async def test_the_page_has_no_inline_script_or_style(client: httpx.AsyncClient) -> None:
    text = (await page(client, "/graphql?demo")).text
    assert all(body == "" for body in re.findall(r"<script[^>]*>(.*?)</script>", text, re.DOTALL))
    assert not re.search(r"<style|\sstyle=|\son\w+=", text)


async def test_everything_the_page_loads_is_ours_and_has_its_type(client: httpx.AsyncClient) -> None:
    types = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "svg": "image/svg+xml"}
    addresses = await assets(client)
    assert len(addresses) == 10
    for address in addresses:
        assert address.startswith("/graphql/assets/")
        assert (await client.get(address)).headers["content-type"] == types[address.rpartition(".")[2]]


async def test_what_the_styles_load_is_ours_too(client: httpx.AsyncClient) -> None:
    types = {"png": "image/png", "woff": "font/woff", "woff2": "font/woff2"}
    style = next(address for address in await assets(client) if "graphiql.min.css" in address)
    loaded = set(re.findall(r"url\(([^)]*)\)", (await client.get(style)).text))
    assert len(loaded) == 8
    for name in loaded:
        answer = await client.get(f"{style.rpartition('/')[0]}/{name}")
        assert answer.headers["content-type"] == types[name.rpartition(".")[2]]


async def test_no_asset_names_a_source_map() -> None:
    for path in (HOME / "vendor").iterdir():
        assert b"sourceMappingURL=" not in path.read_bytes(), path.name


async def test_an_asset_is_kept_for_good_and_known_again(client: httpx.AsyncClient) -> None:
    address = (await assets(client))[0]
    first = await client.get(address)
    assert first.headers["cache-control"] == "public, max-age=31536000, immutable"
    for known in (first.headers["etag"], f'"other", W/{first.headers["etag"]}'):
        again = await client.get(address, headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
    other = await client.get(address, headers={"If-None-Match": '"other"'})
    assert other.status_code == 200


@pytest.mark.parametrize(
    "name",
    [
        "../graphiql.py",
        "..%2fgraphiql.py",
        "..%2f..%2fpyproject.toml",
        "%2e%2e/%2e%2e/settings.py",
        "%2fetc%2fpasswd",
        "vendor/graphiql.min.js",
        "index.html",
        "take.mjs",
        "parley.js%00",
        "",
    ],
)
async def test_nothing_but_the_assets_is_served(client: httpx.AsyncClient, name: str) -> None:
    folder = (await assets(client))[0].rpartition("/")[0]
    assert (await client.get(f"{folder}/{name}")).status_code == 404


async def test_another_version_is_not_taken_for_this_one(client: httpx.AsyncClient) -> None:
    answer = await client.get("/graphql/assets/0000000000000000/parley.js")
    assert (answer.status_code, answer.headers["cache-control"]) == (404, "no-store")


async def test_the_demo_accounts_appear_in_demo_mode_only(client: httpx.AsyncClient) -> None:
    there = config(await page(client, "/graphql?demo"))
    assert there["password"] == PASSWORD
    accounts = there["accounts"]
    assert isinstance(accounts, list)
    assert [account["email"] for account in accounts] == [person.email for person in PEOPLE]
    elsewhere = await page(client)
    assert config(elsewhere) | {"examples": []} == {"accounts": [], "password": "", "examples": []}
    assert "demo.example" not in elsewhere.text
    assert PASSWORD not in elsewhere.text


def test_every_example_fits_the_schema() -> None:
    schema = build_schema()._schema
    assert len(graphiql.examples()) == 13
    assert [validate(schema, parse(example)) for example in graphiql.examples()] == [[]] * 13


def test_every_third_party_file_is_accounted_for() -> None:
    notice = (HOME / "THIRD_PARTY.txt").read_text("utf-8")
    for path in (HOME / "vendor").iterdir():
        assert path.name in notice
