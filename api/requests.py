"""Around every request: its id, its line in the log, the cap on its body, the headers that each answer has."""

import asyncio
import re
import time
from collections.abc import Collection
from secrets import token_hex
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import Code

_log: Final = structlog.get_logger(__name__)
_ACCEPTABLE: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
HEADER: Final = "X-Request-ID"
PATIENCE_SECONDS: Final = 30.0
"""How long a request's body may take to come."""


class RequestLog:
    """Names each request, and logs its end: method, path, status, milliseconds; never a query, a body or a header."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        request_id = scope.setdefault("state", {})["request_id"] = _request_id(scope)
        answer = _Answer(send, request_id)
        started = time.perf_counter()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, answer)
            finally:
                _log.info(
                    "request",
                    kind=scope["type"],
                    method=scope.get("method", "GET"),
                    path=scope["path"][:200],
                    status=answer.status,
                    ms=round((time.perf_counter() - started) * 1000, 1),
                )


class _Answer:
    """Passes the answer on, with the headers that each has; notes its status."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers.setdefault(HEADER, self._request_id)
            headers.setdefault("X-Content-Type-Options", "nosniff")
            headers.setdefault("Referrer-Policy", "no-referrer")
            headers.setdefault("Cache-Control", "no-store")
        elif message["type"] == "websocket.accept":
            self.status = 101
        elif message["type"] == "websocket.close" and self.status is None:
            self.status = 403
        await self._send(message)


class BodyLimit:
    """Refuses bodies over a limit, announced or not, before anybody parses them.

    `streaming` are paths whose endpoints read bodies piece by piece, with limits of their own.
    """

    def __init__(self, app: ASGIApp, limit: int, streaming: Collection[str] = ()) -> None:
        self._app = app
        self._limit = limit
        self._streaming = streaming

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self._streaming:
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        if not announced.isdecimal() or int(announced[:20]) > self._limit:
            await self._refuse(scope, receive, send)
            return
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                body = await self._read(receive)
        except TimeoutError:
            await _answer(408, "the request's body did not come to its end", Code.BAD_USER_INPUT)(scope, receive, send)
            return
        if body is None:
            await self._refuse(scope, receive, send)
            return
        await self._app(scope, _replay(body, receive), send)

    async def _read(self, receive: Receive) -> bytes | None:
        """The whole body; None if it exceeds the limit."""
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return b"".join(chunks)
            size += len(message.get("body", b""))
            if size > self._limit:
                return None
            chunks.append(message.get("body", b""))
            if not message.get("more_body", False):
                return b"".join(chunks)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        message = f"the request's body must not exceed {self._limit:,} bytes"
        await _answer(413, message, Code.PAYLOAD_TOO_LARGE)(scope, receive, send)


def _answer(status: int, message: str, code: Code) -> Response:
    error = {"message": message, "extensions": {"code": code.value}}
    return JSONResponse({"errors": [error]}, status, {"Connection": "close"})


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives `body` first."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _request_id(scope: Scope) -> str:
    """The client's own id for the request where it is harmless, or else a new one."""
    given = Headers(scope=scope).get(HEADER, "")
    return given if _ACCEPTABLE.fullmatch(given) else token_hex(8)
