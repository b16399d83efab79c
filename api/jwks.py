"""`GET /.well-known/jwks.json`: the public keys, by which other services verify our tokens themselves (RFC 7517)."""

import json
from hashlib import sha256
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from permissions.authn.keys import KeyRing

PATH: Final = "/.well-known/jwks.json"
SECONDS: Final = 60
"""How long others may keep the keys before they ask again: how long they may believe a revoked one, at most."""
MEDIA_TYPE: Final = "application/jwk-set+json"


def jwks_route(keys: KeyRing) -> Route:
    """Private halves and symmetric keys are not in it; retired keys are until their last token has expired."""

    async def jwks(request: Request) -> Response:
        body = json.dumps(keys.jwks(), separators=(",", ":")).encode()
        tag = f'"{sha256(body).hexdigest()[:32]}"'
        headers = {
            "Cache-Control": f"public, max-age={SECONDS}",
            "ETag": tag,
            "X-Content-Type-Options": "nosniff",
        }
        if _has(tag, request.headers.getlist("if-none-match")):
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type=MEDIA_TYPE)

    return Route(PATH, jwks, methods=["GET"], name="jwks")


def _has(tag: str, headers: list[str]) -> bool:
    """RFC 9110, 13.1.2: weakly compared."""
    known = {each.strip().removeprefix("W/") for header in headers for each in header.split(",")}
    return tag in known or "*" in known
