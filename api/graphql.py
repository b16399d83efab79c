"""`/graphql`: from a request or a socket to a context, and to the schema."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Final, TypeGuard, cast

import orjson
from cross_web import AsyncHTTPRequestAdapter, HTTPException
from graphql import GraphQLError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL, GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types import ExecutionResult, SubscriptionExecutionResult
from strawberry.types.execution import PreExecutionError

from api import graphiql
from api.connections import ConnectionLimits, Connections
from api.contexts import REFUSED, ServedContext, proven, wanted_revision
from api.cookies import RefreshCookie
from api.documents.judging import overlong
from api.documents.limits import DocumentLimits
from api.errors import AWAY, extensions_of
from api.event_streams import (
    MEDIA_TYPE,
    EventStream,
    EventStreamTransport,
    answered,
    subscribes,
    until_over,
)
from api.fanout import Questions, Renderer, Rooms
from api.graphql_request import JSON
from api.graphql_view import GraphQLView, refused
from api.origins import Origins
from api.persisted import Reference, Resolved, document_id, named, reference
from api.refusals import RefusedRequestError
from api.schema import Schema
from api.shared_streams import shared
from api.socket_closing import INTERNAL_ERROR, TRY_AGAIN_LATER
from api.sockets import SocketHandler
from permissions.authn.cutoff import Cut, Cutoff
from permissions.authn.errors import TokenExpiredError, TokenRevokedError, UnauthenticatedError
from resolvers.context import Context

JSON_OPTIONS: Final = orjson.OPT_NON_STR_KEYS
DEFAULT_LIMITS: Final = ConnectionLimits()
NO_OTHERS: Final = Origins()


class Endpoint(GraphQLView):
    """GraphQL over HTTP, Server-Sent Events and WebSocket, and GraphiQL for a browser."""

    graphql_transport_ws_handler_class = SocketHandler
    stream_transport_classes_by_protocol = {GRAPHQL_SSE_PROTOCOL: EventStreamTransport}

    def __init__(
        self,
        schema: Schema,
        *,
        demo: bool,
        origins: Origins = NO_OTHERS,
        limits: ConnectionLimits = DEFAULT_LIMITS,
    ) -> None:
        super().__init__(
            schema,
            graphql_ide=None,
            subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_SSE_PROTOCOL),
            max_subscriptions_per_connection=None,  # our handler counts, and says so with a code
            multipart_uploads_enabled=False,
        )
        self.connections = Connections(limits)
        self.questions = Questions(schema, schema.documents, schema.limits)
        self.rooms = Rooms(Renderer(schema))
        self._demo = demo
        self._limits = schema.limits
        self.origins = origins
        self._sounding = schema

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._socket(scope, receive, send)
            return
        await (await self._answer(Request(scope, receive)))(scope, receive, send)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A handshake that asks for what can't be given is answered as a request over HTTP would be."""
        accepted = closed = False

        async def watched(message: Message) -> None:
            nonlocal accepted, closed
            accepted = accepted or message["type"] == "websocket.accept"
            closed = closed or message["type"] == "websocket.close"
            await send(message)

        try:
            await super().__call__(scope, receive, watched)
        except (*REFUSED, RefusedRequestError, HTTPException) as error:
            if not accepted:
                await WebSocket(scope, receive, send).send_denial_response(refused(error, JSON))
            elif not closed:
                await send({"type": "websocket.close", "code": TRY_AGAIN_LATER, "reason": AWAY})
        except Exception:
            if accepted and not closed:
                await send({"type": "websocket.close", "code": INTERNAL_ERROR, "reason": "Internal server error"})
            raise

    async def _answer(self, request: Request) -> Response:
        if graphiql.wants_page(request):
            return graphiql.page(demo=self._demo)
        return await self.answer(request)

    async def create_websocket_response(self, request: WebSocket, subprotocol: str | None) -> WebSocket:
        """Accept a handshake, if the rules that it asks for are there: later nobody could be told that they aren't."""
        if (at_least := wanted_revision(request)) is not None:
            await request.app.state.services.permissions.snapshot(at_least)
        return await super().create_websocket_response(request, subprotocol)

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:
        context = await proven(request)
        if isinstance(request, WebSocket) or isinstance(response, WebSocket):
            context.socket, context.cutoff = True, Cutoff()
        else:
            context.browser = RefreshCookie(request, response, self.origins)
            if request.state.media_type == MEDIA_TYPE:
                context.cutoff = Cutoff()
                request.state.context = context
        return context

    async def parse_http_body(self, request: AsyncHTTPRequestAdapter) -> GraphQLRequestData | list[GraphQLRequestData]:
        """As ever, with the ids of documents."""
        data = await super().parse_http_body(request)
        if request.method != "POST":
            return named(data, request.query_params)
        body = await request.get_body()
        return named(data, self.decode_json(body)) if b"documentId" in body else data

    async def execute_operation(
        self,
        request: Request,
        request_adapter: AsyncHTTPRequestAdapter,
        request_data: GraphQLRequestData | list[GraphQLRequestData],
        context: Context,
        root_value: None,
        sub_response: Response,
    ) -> ExecutionResult | list[ExecutionResult] | SubscriptionExecutionResult:
        """What has one answer is executed as ever, to its end: who goes away can't break a mutation off."""
        ask = super().execute_operation
        if isinstance(request_data, GraphQLRequestData):
            try:
                request_data = await self._resolved(request_data, context)
            except GraphQLError as error:
                if request_data.protocol == "sse":
                    sub_response.media_type = MEDIA_TYPE
                return PreExecutionError(data=None, errors=[error])
        if _streams_one_answer(request_data, self._limits):
            sub_response.media_type = MEDIA_TYPE
            request_data = replace(request_data, protocol="http")
        given = (request, request_adapter, request_data, context, root_value, sub_response)
        if isinstance(request_data, GraphQLRequestData) and request_data.protocol == "sse":
            asked = self.questions.asked(request_data.query or "", request_data.operation_name, request_data.variables)
            if asked is not None:
                request.state.asked = asked
                return cast(SubscriptionExecutionResult, _later(lambda: ask(*given)))
        return await ask(*given)

    async def execute_single(
        self,
        request: Request,
        request_adapter: AsyncHTTPRequestAdapter,
        sub_response: Response,
        context: Context,
        root_value: None,
        request_data: GraphQLRequestData,
    ) -> ExecutionResult:
        """Of a batch, too, each document is found before it is run."""
        if not isinstance(request_data, Resolved):
            try:
                request_data = await self._resolved(request_data, context)
            except GraphQLError as error:
                return PreExecutionError(data=None, errors=[error])
        return await super().execute_single(request, request_adapter, sub_response, context, root_value, request_data)

    async def _resolved(self, asked: GraphQLRequestData, context: Context) -> Resolved:
        """What is to be run for a request. Raise `GraphQLError` where that is nothing."""
        wanted = reference(document_id(asked), asked.extensions)
        query = await self.text(asked.query, wanted, context)
        return Resolved(query, asked.variables, asked.operation_name, asked.extensions, asked.protocol)

    async def text(self, query: str | None, wanted: Reference | None, context: Context) -> str | None:
        """The document of a request, or of an operation on a socket, that `wanted` names."""
        if not isinstance(context, ServedContext):
            raise TypeError("who asks isn't known, so nothing is run")
        return await context.services.operations.text(query, wanted, context, self._sounding)

    def create_response(
        self, response_data: GraphQLHTTPResponse | list[GraphQLHTTPResponse], sub_response: Response
    ) -> Response:
        response = super().create_response(response_data, sub_response)
        if sub_response.media_type == MEDIA_TYPE:
            response.body = answered(response_data).encode()
            response.headers.update({**EventStreamTransport.headers, "content-length": str(len(response.body))})
        return response

    async def create_streaming_response(
        self,
        request: Request | WebSocket,
        stream: Callable[[], AsyncIterator[str]],
        sub_response: Response,
        headers: Mapping[str, str],
    ) -> Response:
        context, asked = request.state.context, getattr(request.state, "asked", None)
        told = stream() if asked is None else shared(self.rooms, asked, context, stream)
        events = until_over(told, context, self.connections)
        return EventStream(events, {**sub_response.headers, **headers})

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


async def _later(ask: Callable[[], Awaitable[Any]]) -> AsyncGenerator[Any, None]:
    """What is streamed, if anybody reads it: executed no sooner."""
    async with aclosing(await ask()) as results:
        async for result in results:
            yield result


def _streams_one_answer(
    asked: GraphQLRequestData | list[GraphQLRequestData], limits: DocumentLimits
) -> TypeGuard[GraphQLRequestData]:
    return (
        isinstance(asked, GraphQLRequestData)
        and asked.protocol == "sse"
        and overlong(asked.query, limits) is None
        and not subscribes(asked.query, asked.operation_name, limits.tokens)
    )
