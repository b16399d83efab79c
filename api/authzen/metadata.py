"""`GET /.well-known/authzen-configuration`: where the endpoints are (AuthZEN 1.0, 9)."""

import re
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

PATH: Final = "/.well-known/authzen-configuration"
ENDPOINTS: Final = {
    "access_evaluation_endpoint": "/access/v1/evaluation",
    "access_evaluations_endpoint": "/access/v1/evaluations",
    "search_subject_endpoint": "/access/v1/search/subject",
    "search_resource_endpoint": "/access/v1/search/resource",
    "search_action_endpoint": "/access/v1/search/action",
}
SECONDS: Final = 300
"""How long others may keep a document that is the same for all of them."""

_HOST: Final = re.compile(r"(?:[A-Za-z0-9.-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?", re.ASCII)


def metadata_route(public_url: str | None) -> Route:
    """`public_url` is how others reach this server; without it, they are told the address that they have used."""

    async def metadata(request: Request) -> Response:
        base = public_url or _asked(request)
        if base is None:
            return JSONResponse("the request names no usable host", 400)
        shown = {"policy_decision_point": base, **{name: base + path for name, path in ENDPOINTS.items()}}
        cached = {"Cache-Control": f"public, max-age={SECONDS}"} if public_url else {"Cache-Control": "no-store"}
        return JSONResponse(shown, headers=cached)

    return Route(PATH, metadata, methods=["GET"])


def _asked(request: Request) -> str | None:
    host = request.headers.get("host", "")
    return f"{request.scope['scheme']}://{host}" if _HOST.fullmatch(host) else None
