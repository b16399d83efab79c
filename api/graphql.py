"""`/graphql`: from a request or a socket to a context, and to the schema."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any, Final, cast

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
from api.answer_json import answer_json
from api.connections import ConnectionLimits, Connections
from api.contexts import REFUSED, ServedContext, proven, wanted_revision
from api.cookies import RefreshCookie
from api.documents.judging import overlong
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
from api.graphql_answer import document
from api.graphql_request import JSON, Asked
from api.graphql_view import GraphQLView, refused
from api.origins import Origins
from api.refusals import RefusedRequestError
from api.schema import Schema
from api.shared_streams import shared
from api.socket_closing import INTERNAL_ERROR, TRY_AGAIN_LATER
from api.sockets import SocketHandler
from permissions.authn.cutoff import Cut, Cutoff
from permissions.authn.errors import TokenExpiredError, TokenRevokedError, UnauthenticatedError
from resolvers.context import Context

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
        self.origins = origins

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
            context.browser = RefreshCookie(request.scope, response.raw_headers, self.origins)
            if request.state.media_type == MEDIA_TYPE:
                context.cutoff = Cutoff()
        return context

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
        asked = cast(Asked, request_data)
        try:
            text = await self.text(asked.query, asked.document_id, asked.extensions, context)
        except GraphQLError as error:
            return PreExecutionError(data=None, errors=[error])
        asked = replace(asked, query=text)
        if asked.protocol == "sse":
            await self.schema.judge(text or "", context)  # what is wrong is told when it is executed
        if _streams_one_answer(asked, self.schema):
            asked = replace(asked, protocol="http")
        elif asked.protocol == "sse":
            request.state.context = context  # until `create_streaming_response`
        ask = partial(super().execute_operation, request, request_adapter, asked, context, root_value, sub_response)
        if asked.protocol == "sse":
            question = self.questions.asked(asked.query or "", asked.operation_name, asked.variables)
            if question is not None:
                request.state.asked = question
                return cast(SubscriptionExecutionResult, _later(ask))
        return await ask()

    async def text(
        self, query: str | None, document_id: object, extensions: Mapping[str, Any] | None, context: Context
    ) -> str | None:
        """As `document`, for who has this view."""
        return await document(self.schema, query, document_id, extensions, context)

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
        del request.state.context  # who is answered knows of the request, too
        told = stream() if asked is None else shared(self.rooms, asked, context, stream)
        events = until_over(told, context, self.connections)
        return EventStream(events, {**sub_response.headers, **headers}, context.cutoff)

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
        return answer_json(data).decode()


async def _later(ask: Callable[[], Awaitable[Any]]) -> AsyncGenerator[Any, None]:
    """What is streamed, if anybody reads it: executed no sooner."""
    async with aclosing(await ask()) as results:
        async for result in results:
            yield result


def _streams_one_answer(asked: Asked, schema: Schema) -> bool:
    return (
        asked.protocol == "sse"
        and overlong(asked.query, schema.limits) is None
        and not subscribes(schema.documents, asked.query, asked.operation_name, schema.limits.tokens)
    )
