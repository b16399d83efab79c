"""`/graphql`: from a request or a socket to a context, and to the schema."""

from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from cross_web import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http import GraphQLHTTPResponse
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL

from api import graphiql
from api.cookies import RefreshCookie
from api.errors import AWAY, UNAVAILABLE, Code, extensions_of
from api.schema import Schema
from api.services import Services
from api.sockets import SocketHandler
from permissions.access import Access
from permissions.authn.cutoff import Cut, Cutoff
from permissions.authn.errors import (
    AuthnUnavailableError,
    TokenExpiredError,
    TokenRevokedError,
    UnauthenticatedError,
)
from permissions.authn.principal import Client, Principal
from permissions.authn.tokens import AccessToken
from permissions.errors import NotFreshError
from resolvers.context import Context
from resolvers.errors import BadInputError
from resolvers.ids import revision_of

JSON_OPTIONS: Final = orjson.OPT_NON_STR_KEYS
AT_LEAST: Final = "X-Permissions-At-Least"
REFUSED: Final = (AuthnUnavailableError, NotFreshError, *UNAVAILABLE)
"""What may come of asking who sends a request, and by which rules."""


@dataclass
class ServedContext(Context):
    """A context that can be told who asks after it was made: a socket's first message does."""

    services: Services = field(kw_only=True)
    at_least: int | None = field(kw_only=True)
    """The revision of the rules that the client has seen already."""

    async def prove(self, authorization: str | None) -> None:
        """Go on as whoever `authorization` proves; as nobody, with the reason, where it proves nothing."""
        refusal: UnauthenticatedError | None = None
        try:
            self.token = await self.services.authentication.authenticator.authenticate(authorization)
        except UnauthenticatedError as error:
            self.token, refusal = None, error
        self.principal = self.token.principal if self.token else None
        self.access = await _judged(self.services, self.client, self.principal, self.token, refusal, self.at_least)

    def require_still(self) -> None:
        """Raise as `SessionGate.require` where what proved who asks was taken back since the request began."""
        if self.token is not None:
            self.services.authentication.authenticator.gate.require(self.token)

    def watch(self) -> None:
        """Hear at once of the end of what proved who asks; after a newer proof, of that one's."""
        if self.token is not None and self.cutoff is not None:
            self.cutoff.watch(self.token, self.services.authentication.authenticator.gate.mirror)


class Endpoint(GraphQL[Context, None]):
    """GraphQL over HTTP and WebSocket, and GraphiQL for a browser."""

    graphql_transport_ws_handler_class = SocketHandler

    def __init__(self, schema: Schema, *, demo: bool, public_url: str | None = None) -> None:
        super().__init__(
            schema,
            graphql_ide=None,
            subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL,),
            multipart_uploads_enabled=False,
        )
        self._demo = demo
        self._public_url = public_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._socket(scope, receive, send)
            return
        await (await self._answer(Request(scope, receive)))(scope, receive, send)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A handshake that asks for what can't be given is answered as a request over HTTP would be."""
        accepted = False

        async def watched(message: Message) -> None:
            nonlocal accepted
            accepted = accepted or message["type"] == "websocket.accept"
            await send(message)

        try:
            await super().__call__(scope, receive, watched)
        except (*REFUSED, HTTPException) as error:
            if accepted:
                raise
            await WebSocket(scope, receive, send).send_denial_response(_refusal(error))

    async def _answer(self, request: Request) -> Response:
        if graphiql.wants_page(request):
            return graphiql.page(demo=self._demo)
        try:
            return await self.run(request)
        except (*REFUSED, HTTPException) as error:  # before the schema was asked: rules and sessions are read first
            return _refusal(error)

    async def create_websocket_response(self, request: WebSocket, subprotocol: str | None) -> WebSocket:
        """Accept a handshake, if the rules that it asks for are there: later nobody could be told that they aren't."""
        if (at_least := _at_least(request)) is not None:
            await request.app.state.services.permissions.snapshot(at_least)
        return await super().create_websocket_response(request, subprotocol)

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:
        context = await proven(request)
        if isinstance(request, WebSocket) or isinstance(response, WebSocket):
            context.socket, context.cutoff = True, Cutoff()
        else:
            context.browser = RefreshCookie(request, response, self._public_url)
        return context

    async def on_ws_connect(self, context: Context) -> dict[str, object] | None:
        """A socket proves who it is in its first message, or in its headers."""
        params = context.connection_params
        given = params.get("authorization") if isinstance(params, dict) else None
        if isinstance(given, str) and isinstance(context, ServedContext):
            await context.prove(given)
        try:
            context.access.require_signed_in()
        except UnauthenticatedError as error:
            if context.cutoff is None or not isinstance(error, TokenExpiredError | TokenRevokedError):
                raise ConnectionRejectionError(extensions_of(error)) from error
            # It was good once: the client is told what to do, as if it had come to its end on an open socket.
            context.cutoff.end(Cut(error.reason if isinstance(error, TokenRevokedError) else None))
            return {}
        if isinstance(context, ServedContext):
            context.watch()
        return {}

    def decode_json(self, data: str | bytes) -> object:
        return orjson.loads(data)

    def encode_json(self, data: GraphQLHTTPResponse | list[GraphQLHTTPResponse] | Any) -> str:
        return orjson.dumps(data, option=JSON_OPTIONS).decode()


async def proven(connection: HTTPConnection) -> ServedContext:
    """The context of whoever `Authorization` proves; cookies prove nothing.

    Raises what `REFUSED` names, and `HTTPException`.
    """
    context = await _context(connection.app.state.services, connection)
    await context.prove(connection.headers.get("authorization"))
    return context


async def _context(services: Services, connection: HTTPConnection) -> ServedContext:
    client = Client(
        ip=connection.client.host if connection.client else None,
        user_agent=connection.headers.get("user-agent"),
        request_id=connection.state.request_id,
    )

    at_least = _at_least(connection)

    async def judge(principal: Principal | None, token: AccessToken | None) -> Access:
        return await _judged(services, client, principal, token, at_least=at_least)

    return ServedContext(
        principal=None,
        access=await _judged(services, client, None, at_least=at_least),
        client=client,
        db=services.database,
        tree=services.tree,
        attachments=services.attachments,
        search=services.search,
        usage=services.usage,
        cursors=services.cursors,
        broker=services.broker,
        texts=services.texts,
        accounts=services.authentication.accounts,
        rotation=services.rotation,
        revocation=services.revocation,
        permissions=services.permissions,
        changes=services.changes,
        audit=services.audit,
        judge=judge,
        services=services,
        at_least=at_least,
    )


def _at_least(connection: HTTPConnection) -> int | None:
    """The revision in the token that a change of permissions gave its client."""
    token = connection.headers.get(AT_LEAST)
    if token is None:
        return None
    try:
        return revision_of(token, AT_LEAST)
    except BadInputError as error:
        raise HTTPException(400, str(error)) from error


async def _judged(
    services: Services,
    client: Client,
    principal: Principal | None,
    token: AccessToken | None = None,
    refusal: UnauthenticatedError | None = None,
    at_least: int | None = None,
) -> Access:
    """What `principal` may do now: nothing, if the token that proved him has been taken back meanwhile."""
    circumstances: dict[str, Any] = {} if client.ip is None else {"ip": client.ip}
    if token is not None:
        try:
            services.authentication.authenticator.gate.require(token)
            circumstances.update(token.circumstances())
        except UnauthenticatedError as error:
            principal, refusal = None, error
    return await services.permissions.access(principal, circumstances, refusal, at_least)


def _refusal(error: Exception) -> Response:
    if isinstance(error, HTTPException):
        return _refused(error.reason, Code.BAD_USER_INPUT, error.status_code)
    return _refused(AWAY if isinstance(error, UNAVAILABLE) else str(error), Code.UNAVAILABLE, 503)


def _refused(message: str, code: Code, status: int) -> Response:
    return JSONResponse({"errors": [{"message": message, "extensions": {"code": code.value}}]}, status)
