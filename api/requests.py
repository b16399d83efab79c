"""Around every request: its id, its line in the log, the cap on its body, the headers that each answer has."""

import re
import time
from collections.abc import Collection, Mapping, Sequence
from random import getrandbits
from typing import Any, Final, Self

import structlog
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import MASKED, Code
from api.logs import REQUEST, REQUESTS
from api.promptness import within
from api.refusals import refusal
from api.security_headers import STANDING, strict_transport

_log: Final = structlog.get_logger(__name__)
_ACCEPTABLE: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
HEADER: Final = "X-Request-ID"
RAW_HEADER: Final = HEADER.lower().encode()
CLOSE: Final = {"Connection": "close"}
HEARD_OUT: Final = 4
"""Times the limit of a body, which are heard and forgotten: who is hung up on while he writes never reads why."""
CUT: Final = "the request's body did not come to its end"


RawHeaders = Sequence[tuple[bytes, bytes]]
"""Names in small letters, and values, as ASGI has them."""


Standing = tuple[tuple[bytes, bytes], ...]
"""Those that each answer has: never another for a scheme, so that what is made of them can be kept."""


def _raw(headers: Mapping[str, str]) -> Standing:
    return tuple((name.lower().encode(), value.encode()) for name, value in headers.items())


class RequestLog:
    """Names each request, and logs its end: method, path, status, milliseconds; never a query, a body or a header."""

    def __init__(self, app: ASGIApp, *, secure: bool = False, hsts_seconds: int = 0) -> None:
        self._app = app
        self._secure = secure
        self._plain = _raw(STANDING)
        self._tls = _raw({**STANDING, **strict_transport(hsts_seconds)})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        with self.logged(scope) as exchange:
            await self._app(scope, receive, _Answer(send, exchange))

    def logged(self, scope: Scope) -> "Exchange":
        """Within the block all that is logged has the request's id; its end is logged."""
        given = next((value for name, value in scope["headers"] if name == RAW_HEADER), None)
        return Exchange(scope, self.standing(scope), given)

    def standing(self, scope: Scope) -> Standing:
        """What each answer has, unless it has its own."""
        return self._tls if self._secure or scope.get("scheme") in ("https", "wss") else self._plain


class Exchange:
    """A request that is being answered."""

    __slots__ = ("_scope", "_started", "_token", "id", "rate", "standing", "status")

    def __init__(self, scope: Scope, standing: Standing, given: bytes | None) -> None:
        """`given` is the request's id, as its client would have it."""
        self.id: Final = f"{getrandbits(64):016x}" if given is None else _request_id(given)
        self.standing: Final = standing
        self.status: int | None = None
        self.rate: Any = None
        """What its client has left, where that was counted."""
        self._scope = scope
        self._started = time.perf_counter()

    def __enter__(self) -> Self:
        self._scope.setdefault("state", {})["request_id"] = self.id
        self._token = REQUEST.set(self.id)
        return self

    def __exit__(self, *_: object) -> None:
        scope, ms = self._scope, round((time.perf_counter() - self._started) * 1000, 1)
        REQUESTS.write(scope["type"], scope.get("method", "GET"), scope["path"][:200], self.status, ms, self.id)
        REQUEST.reset(self._token)

    def headers(self, own: RawHeaders) -> RawHeaders:
        """Those of an answer, with what each has."""
        names = {name.lower() for name, _ in own}
        each = ((RAW_HEADER, self.id.encode()), *self.standing)
        return [*own, *[header for header in each if header[0] not in names]]


class _Answer:
    """Passes the answer on, with the headers that each has; notes its status."""

    def __init__(self, send: Send, exchange: Exchange) -> None:
        self._send = send
        self._exchange = exchange

    async def __call__(self, message: Message) -> None:
        exchange = self._exchange
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            exchange.status = message["status"]
            message["headers"] = exchange.headers(list(message.get("headers", ())))
        elif message["type"] == "websocket.accept":
            exchange.status = 101
        elif message["type"] == "websocket.close" and exchange.status is None:
            exchange.status = 403
        await self._send(message)


class Faults:
    """Answers what nothing else did because of a fault of ours, and says no more of it than that."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            if begun:  # the connection is closed, so that nobody takes the rest for the whole
                raise
            _log.error("unexpected error", path=scope["path"][:200], exc_info=error)
            await refusal(500, MASKED, Code.INTERNAL_SERVER_ERROR, CLOSE)(scope, receive, send)


class BodyLimit:
    """Refuses bodies over a limit, announced or not, before anybody parses them.

    `streaming` are paths whose endpoints read bodies piece by piece, with limits of their own.
    """

    def __init__(self, app: ASGIApp, limit: int, streaming: Collection[str] = (), seconds: float = 30.0) -> None:
        """`seconds`: so long may a body take to come."""
        self._app = app
        self.limit = limit
        self._seconds = seconds
        self._streaming = streaming

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if (error := _problem(headers)) is not None:
            await error(scope, receive, send)
        elif scope["path"] in self._streaming:
            await self._app(scope, receive, send)
        elif (length := int(headers.get("content-length", "0")[:20])) > self.limit and (
            length > HEARD_OUT * self.limit or "expect" in headers
        ):
            await self._too_large()(scope, receive, send)
        else:
            body = await self.whole(receive)
            if isinstance(body, Response):
                await body(scope, receive, send)
            elif body is not None:
                await self._app(scope, _replay(body, receive), send)

    async def whole(self, receive: Receive) -> bytes | Response | None:
        """The whole of it, or what is said instead; None once the client is gone.

        Half a body is none: by itself it may be sound, and was never meant.
        """
        try:
            return await within(self._seconds, self._read(receive))
        except TimeoutError:
            return refusal(408, CUT, Code.BAD_USER_INPUT, CLOSE)

    async def _read(self, receive: Receive) -> bytes | Response | None:
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return None
            size += len(message.get("body", b""))
            if size > HEARD_OUT * self.limit:
                return self._too_large()
            if size > self.limit:
                chunks.clear()
            else:
                chunks.append(message.get("body", b""))
            if not message.get("more_body", False):
                return b"".join(chunks) if size <= self.limit else self._too_large()

    def _too_large(self) -> Response:
        message = f"the request's body must not exceed {self.limit:,} bytes"
        return refusal(413, message, Code.PAYLOAD_TOO_LARGE, CLOSE)


def _problem(headers: Headers) -> Response | None:
    """What is said of a body of which nobody knows how long it is, or how it is encoded."""
    lengths = headers.getlist("content-length")
    if len(lengths) > 1 or not all(each.isascii() and each.isdecimal() for each in lengths):
        return refusal(400, "`Content-Length` is not a number", Code.BAD_USER_INPUT, CLOSE)
    if any(each.strip().lower() not in ("", "identity") for each in headers.getlist("content-encoding")):
        accepted = {"Accept-Encoding": "identity", **CLOSE}
        return refusal(415, "bodies are taken as they are, in no `Content-Encoding`", Code.BAD_USER_INPUT, accepted)
    return None


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


def _request_id(given: bytes) -> str:
    """The client's own id for the request where it is harmless, or else a new one."""
    text = given.decode("latin-1")
    return text if _ACCEPTABLE.fullmatch(text) else f"{getrandbits(64):016x}"
