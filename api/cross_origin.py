"""CORS: what browsers may tell pages of other sites (<https://fetch.spec.whatwg.org/#http-cors-protocol>)."""

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.origins import Origins

METHODS: Final = "GET, HEAD, POST"
SENT: Final = (
    "Accept, Authorization, Cache-Control, Content-Type, If-None-Match, Last-Event-ID, Range, "
    "X-CSRF-Protection, X-Permissions-At-Least, X-Request-ID"
)
"""Headers that a page may send."""
SHOWN: Final = (
    "Accept-Ranges, Allow, Content-Disposition, Content-Range, ETag, RateLimit, RateLimit-Limit, RateLimit-Policy, "
    "RateLimit-Remaining, RateLimit-Reset, Repr-Digest, Retry-After, WWW-Authenticate, X-Request-ID"
)
"""Headers of answers that a page may read."""
SECONDS: Final = 600
"""How long a browser may remember what it was told of a page."""


class CrossOrigin:
    """Says to browsers which pages may ask what; who is not allowed is answered as ever, but may not read it."""

    def __init__(self, app: ASGIApp, origins: Origins) -> None:
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._origins.crossed:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.getlist("origin")
        allowed = self._allowed(given[0]) if len(given) == 1 else None
        if allowed and scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            await Response(status_code=204, headers=_preflight(allowed))(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                answer.add_vary_header("Origin")
                answer.update({**(allowed or {}), **({"Access-Control-Expose-Headers": SHOWN} if allowed else {})})
            await send(message)

        await self._app(scope, receive, with_headers)

    def _allowed(self, origin: str) -> dict[str, str] | None:
        if not self._origins.reads(origin):
            return None
        if origin not in self._origins.others:  # then all may, and none of them has cookies
            return {"Access-Control-Allow-Origin": "*"}
        credentials = {"Access-Control-Allow-Credentials": "true"} if self._origins.cookies else {}
        return {"Access-Control-Allow-Origin": origin, **credentials}


def _preflight(allowed: dict[str, str]) -> dict[str, str]:
    return {
        **allowed,
        "Access-Control-Allow-Methods": METHODS,
        "Access-Control-Allow-Headers": SENT,
        "Access-Control-Max-Age": str(SECONDS),
        "Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
    }
