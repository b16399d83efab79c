"""GraphiQL for a browser at `/graphql`: the page, and its assets, under a CSP that lets nothing else in."""

import html
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from api.accept import quality
from api.demo_world import PASSWORD, PEOPLE
from api.errors import Code
from api.refusals import refusal

_HOME = Path(__file__).with_name("graphiql_assets")
_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}
_ASKING = frozenset({"query", "documentId", "extensions"})
_JSON = ("application/json", "application/graphql-response+json")
_CSP = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _CSP,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True, slots=True)
class _Asset:
    content: bytes
    media_type: str
    etag: str


def routes() -> list[BaseRoute]:
    """The assets, each at a path that changes with any of them, so that a browser may keep them for good."""
    return [Route("/graphql/assets/{version}/{name}", _asset)]


def wants_page(request: Request) -> bool:
    """Is this a browser that opens the address, rather than a client that asks a query?"""
    if request.method not in {"GET", "HEAD"} or not request.query_params.keys().isdisjoint(_ASKING):
        return False
    accept = ",".join(request.headers.getlist("accept"))
    as_json = max(quality(accept, media_type) for media_type in _JSON)
    return quality(accept, "text/html") > as_json


def page(*, demo: bool) -> Response:
    """The page; in demo mode with a button for each demo account."""
    people = PEOPLE if demo else ()
    config = {
        "accounts": [{"email": person.email, "about": person.about} for person in people],
        "password": PASSWORD if demo else "",
        "examples": examples(),
    }
    text = (_HOME / "index.html").read_text("utf-8")
    text = text.replace("{{assets}}", f"/graphql/assets/{_version()}")
    text = text.replace("{{config}}", html.escape(json.dumps(config)))
    headers = _HEADERS | {"Cache-Control": "no-store", "Vary": "Accept"}
    return Response(text, media_type="text/html", headers=headers)


@cache
def examples() -> tuple[str, ...]:
    """The queries that the page opens with, one a tab."""
    return tuple(path.read_text("utf-8") for path in sorted((_HOME / "examples").glob("*.graphql")))


async def _asset(request: Request) -> Response:
    asset = _assets().get(request.path_params["name"])
    if asset is None or request.path_params["version"] != _version():
        return refusal(404, "no such asset", Code.NOT_FOUND, {"Cache-Control": "no-store"})
    headers = _HEADERS | {"Cache-Control": "public, max-age=31536000, immutable", "ETag": asset.etag}
    if asset.etag in _etags(request):
        return Response(status_code=304, headers=headers)
    return Response(asset.content, media_type=asset.media_type, headers=headers)


@cache
def _assets() -> Mapping[str, _Asset]:
    """By name, all in memory: what is not in here can't be asked for, whatever the path says."""
    files = (path for folder in (_HOME, _HOME / "vendor") for path in folder.iterdir())
    return {path.name: _load(path) for path in files if path.suffix in _TYPES}


def _load(path: Path) -> _Asset:
    content = path.read_bytes()
    return _Asset(content, _TYPES[path.suffix], f'"{sha256(content).hexdigest()[:32]}"')


@cache
def _version() -> str:
    etags = sorted(f"{name}:{asset.etag}" for name, asset in _assets().items())
    return sha256("\n".join(etags).encode()).hexdigest()[:16]


def _etags(request: Request) -> list[str]:
    given = request.headers.get("if-none-match", "").split(",")
    return [etag.strip().removeprefix("W/") for etag in given]
