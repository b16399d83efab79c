"""Requests that are refused over HTTP: JSON, in the form in which errors come from `/graphql`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from api.errors import Code

STATUSES: Final[Mapping[str, int]] = {
    Code.UNAUTHENTICATED: 401,
    Code.TOKEN_EXPIRED: 401,
    Code.TOKEN_REVOKED: 401,
    Code.FORBIDDEN: 403,
    Code.NOT_FOUND: 404,
    Code.CONFLICT: 409,
    Code.PAYLOAD_TOO_LARGE: 413,
    Code.RATE_LIMITED: 429,
    Code.INTERNAL_SERVER_ERROR: 500,
    Code.UNAVAILABLE: 503,
}
"""By the code of the error because of which a request was not carried out; 400 for all others."""
AGAIN: Final[Mapping[str, str]] = {"Retry-After": "1"}
"""Of 503: a store that is away is asked again a second later."""
_CODES: Final[Mapping[int, Code]] = {status: Code(code) for code, status in reversed(list(STATUSES.items()))}
_WORDS: Final[Mapping[int, str]] = {404: "there is nothing at this address", 405: "the method is not allowed here"}


@dataclass(frozen=True, slots=True)
class RefusedRequestError(Exception):
    """A request that is answered by a status alone, and what is wrong with it."""

    status: int
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def code(self) -> Code:
        """For programs."""
        return _CODES.get(self.status, Code.BAD_USER_INPUT)


def refusal(status: int, message: str, code: Code, headers: Mapping[str, str] | None = None) -> Response:
    """An answer that refuses."""
    error = {"message": message, "extensions": {"code": code.value}}
    return JSONResponse({"errors": [error]}, status, {**(AGAIN if status == 503 else {}), **(headers or {})})


async def refused_by_route(request: Request, error: Exception) -> Response:
    """What no route takes; but whoever asks which methods one takes is told them."""
    if not isinstance(error, HTTPException):
        raise error
    headers = dict(error.headers or {})
    if "Allow" in headers:
        methods = {each.strip() for each in headers["Allow"].split(",")}
        headers["Allow"] = ", ".join(sorted(methods | {"OPTIONS"}))
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=headers)
    code = _CODES.get(error.status_code, Code.BAD_USER_INPUT)
    return refusal(error.status_code, _WORDS.get(error.status_code, error.detail), code, headers)


async def nowhere(scope: Scope, receive: Receive, send: Send) -> None:
    """What no route is for."""
    if scope["type"] == "websocket":
        answer = refusal(404, _WORDS[404], Code.NOT_FOUND)
        await WebSocket(scope, receive, send).send_denial_response(answer)
        return
    raise HTTPException(404)
