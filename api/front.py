"""The short way that most requests take: a plain `POST` of JSON to `/graphql` is read, answered and logged in one go.

It takes the steps of the layers that stand around all others, by their functions, and leaves none out. Whatever is not
plain goes through those layers: what repeats a header, comes in pieces, or wants anything that is seldom wanted.
"""

from collections.abc import Mapping
from functools import cache
from typing import Final, NamedTuple

import structlog
from cross_web import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.clients import ClientAddress
from api.contexts import AT_LEAST, REFUSED, proven_by
from api.cookies import RawHeaders, RefreshCookie
from api.errors import MASKED, Code
from api.graphql import Endpoint
from api.graphql_answer import answered
from api.graphql_request import JSON, RESPONSE, SHORT, asked_again, asked_by, plain_type
from api.graphql_response import CHALLENGE
from api.graphql_view import refused
from api.http_protocol import DIRECT, Direct
from api.kept_answers import constant, keep, kept
from api.rates.headers import rate_headers, rate_lines
from api.rates.rates import Verdict
from api.refusals import AGAIN, RefusedRequestError, refusal
from api.requests import CLOSE, RAW_HEADER, BodyLimit, Exchange, RequestLog, Standing
from api.services import Services
from permissions.authn.principal import Client

_log: Final = structlog.get_logger(__name__)
PATH: Final = "/graphql"
LONG_WAY: Final = frozenset(
    {b"content-encoding", b"transfer-encoding", b"expect", b"upgrade", AT_LEAST.lower().encode()}
)
"""Headers of requests that are not plain."""
LONGEST: Final = 10
"""Digits of a length."""
CHALLENGED: Final = [(name.lower().encode(), value.encode()) for name, value in CHALLENGE.items()]
AGAIN_LATER: Final = [(name.lower().encode(), value.encode()) for name, value in AGAIN.items()]


class Plain(NamedTuple):
    """What the head of a plain request says."""

    media_type: str
    """Of the answer."""
    client: tuple[str, int] | None
    scheme: str
    standing: Standing
    """Headers that each answer has."""
    lines: bytes
    """Those, and what answers of its media type have, as they go over the wire."""
    id: bytes | None
    """The request's, as its client would have it."""
    ip: str | None
    user_agent: str | None
    authorization: str | None


class Reply(NamedTuple):
    """An answer, without what each has."""

    status: int
    headers: RawHeaders
    body: bytes
    common: Standing | None = None
    """Headers that many have, where it has nothing else than these and its length."""


class Front:
    """In front of `layers`, an application, in which the others stand for themselves."""

    def __init__(
        self, layers: ASGIApp, endpoint: Endpoint, clients: ClientAddress, log: RequestLog, body: BodyLimit
    ) -> None:
        self._layers: Final = layers
        self._endpoint: Final = endpoint
        self._clients: Final = clients
        self._log: Final = log
        self._body: Final = body
        self._crossed: Final = endpoint.origins.crossed
        self._vary: Final = (b"vary", b"Accept, Origin" if self._crossed else b"Accept")
        self._common: Final = {
            each: ((b"content-type", f"{each}; charset=utf-8".encode()), self._vary) for each in (JSON, RESPONSE)
        }
        self._head: Final = cache(_lines)  # of a media type and a scheme: four at most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._layers(scope, receive, send)
            return
        direct: Direct | None = scope["extensions"].get(DIRECT) if "extensions" in scope else None
        asked = self._plain(scope)
        if asked is None:
            await self._layers(scope, receive, send)
            return
        scope["client"], scope["scheme"] = asked.client, asked.scheme
        with Exchange(scope, asked.standing, asked.id) as exchange:
            try:
                reply = await self._reply(scope, receive, asked, direct, exchange)
            except Exception as error:
                _log.error("unexpected error", path=PATH, exc_info=error)
                reply = _reply(refusal(500, MASKED, Code.INTERNAL_SERVER_ERROR, CLOSE))
            if reply is not None:
                exchange.status = reply.status
                if reply.common is None or not self._written_at_once(direct, reply, asked.lines, exchange):
                    await self._send(send, reply, exchange)

    def _written_at_once(self, direct: Direct | None, reply: Reply, lines: bytes, exchange: Exchange) -> bool:
        """Whether the answer could be, past ASGI."""
        rate: Verdict | None = exchange.rate
        if direct is None or (rate is not None and rate.retry_after is not None):
            return False
        own = b"content-length: %d\r\nx-request-id: %b\r\n" % (len(reply.body), exchange.id.encode())
        left = b"" if rate is None else rate_lines(rate)
        return direct.write(reply.status, lines + own + left, reply.body)

    async def _send(self, send: Send, reply: Reply, exchange: Exchange) -> None:
        own = [*(reply.common or ()), *reply.headers, *([] if exchange.rate is None else rate_headers(exchange.rate))]
        if reply.status == 503 and all(name != b"retry-after" for name, _ in own):
            own = [*own, *AGAIN_LATER]
        if self._crossed and all(name != b"vary" for name, _ in own):
            own = [*own, (b"vary", b"Origin")]
        await send({"type": "http.response.start", "status": reply.status, "headers": exchange.headers(own)})
        await send({"type": "http.response.body", "body": reply.body})

    def _plain(self, scope: Scope) -> Plain | None:
        """What the head of a request says that is plain; None of any other."""
        if scope["path"] != PATH or scope["method"] != "POST" or scope.get("root_path"):
            return None
        headers: dict[bytes, bytes] = dict(scope["headers"])
        media_type = self._media_type(headers) if len(headers) == len(scope["headers"]) else None
        if media_type is None:
            return None
        told = self._clients.addressed(scope)
        client, standing = told["client"], self._log.standing(told)
        return Plain(
            media_type,
            client,
            told.get("scheme", "http"),
            standing,
            self._head(self._common[media_type], standing),
            headers.get(RAW_HEADER),
            None if client is None else client[0],
            _text(headers.get(b"user-agent")),
            _text(headers.get(b"authorization")),
        )

    def _media_type(self, headers: Mapping[bytes, bytes]) -> str | None:
        """That of the answer to a request that is plain; None for any other."""
        length, accept = headers.get(b"content-length", b""), headers.get(b"accept", b"")
        if not length.isdigit() or len(length) > LONGEST or int(length) > self._body.limit or len(accept) > SHORT:
            return None
        if not LONG_WAY.isdisjoint(headers) or (self._crossed and b"origin" in headers):
            return None
        content_type = headers.get(b"content-type", b"")
        return plain_type(content_type, accept) if len(content_type) <= SHORT else None

    async def _reply(
        self, scope: Scope, receive: Receive, asked: Plain, direct: Direct | None, exchange: Exchange
    ) -> Reply | None:
        body = None if direct is None else direct.body()  # no longer than it was said to be
        if body is None:
            found = await self._body.whole(receive)
            if not isinstance(found, bytes):
                return None if found is None else _reply(found)
            body = found
        try:
            return await self._answered(scope, asked, body, exchange)
        except (*REFUSED, RefusedRequestError, HTTPException) as error:  # nothing was executed
            reply = _reply(refused(error, asked.media_type))
            return reply._replace(headers=[*reply.headers, self._vary])

    async def _answered(self, scope: Scope, asked: Plain, body: bytes, exchange: Exchange) -> Reply:
        endpoint, cookies, media_type = self._endpoint, RawHeaders(), asked.media_type
        values = endpoint.schema.limits.variable_values
        again = asked_again(body, values)
        services: Services = scope["app"].state.services
        operation = None if again is None else constant(endpoint.schema, again, services)
        if operation is not None:
            known = kept(endpoint.schema, operation, services, asked.authorization, asked.ip, exchange)
            if known is not None:
                return Reply(200, [(b"content-length", b"%d" % len(known))], known, self._common[media_type])
        question = again or await asked_by(body, "http", values)
        client = Client(asked.ip, asked.user_agent, exchange.id)
        context = await proven_by(asked.authorization, services, client, exchange)
        context.browser = RefreshCookie(scope, cookies, endpoint.origins)
        status, answer = await answered(endpoint.schema, question, context, media_type, safe=False)
        if operation is not None:
            keep(operation, context, answer)
        common = self._common[media_type]
        length = (b"content-length", b"%d" % len(answer))
        if cookies or status in (401, 503):
            return Reply(status, [*common, length, *(CHALLENGED if status == 401 else ()), *cookies], answer)
        return Reply(status, [length], answer, common)


def _lines(common: Standing, standing: Standing) -> bytes:
    """As they go over the wire."""
    return b"".join([b"%b: %b\r\n" % header for header in (*common, *standing)])


def _reply(response: Response) -> Reply:
    return Reply(response.status_code, response.raw_headers, bytes(response.body))


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
