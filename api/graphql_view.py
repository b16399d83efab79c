"""GraphQL over HTTP to its letter: media types, methods, statuses. What is executed, and for whom, is said elsewhere.

<https://graphql.github.io/graphql-over-http/draft/>
"""

from typing import cast

from cross_web import AsyncHTTPRequestAdapter, HTTPException, StarletteRequestAdapter
from starlette.datastructures import State
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData
from strawberry.http.types import HTTPMethod
from strawberry.types import ExecutionResult

from api.contexts import REFUSED, proven
from api.cookies import RawHeaders, RefreshCookie
from api.errors import AWAY, UNAVAILABLE, Code
from api.event_streams import MEDIA_TYPE
from api.graphql_answer import answered, executed, formatted
from api.graphql_request import JSON, RESPONSE, Asked, asked, wanted_type
from api.graphql_response import CHALLENGE
from api.origins import Origins
from api.refusals import RefusedRequestError, refusal
from api.schema import Schema
from api.socket_adapter import SocketAdapter
from resolvers.context import Context


class RequestAdapter(StarletteRequestAdapter):
    """`HEAD` is a `GET` of which the body is not sent."""

    @property
    def method(self) -> HTTPMethod:
        method: str = self._request.method
        return cast(HTTPMethod, "GET" if method == "HEAD" else method)

    @property
    def state(self) -> State:
        """The request's own."""
        return self._request.state


class GraphQLView(GraphQL[Context, None]):
    """Strawberry's, with requests read and answers told as the specification says."""

    schema: Schema
    request_adapter_class = RequestAdapter
    websocket_adapter_class = SocketAdapter
    origins: Origins

    async def answer(self, request: Request) -> Response:
        """What became of a request."""
        request.state.media_type = JSON
        try:
            request.state.media_type = wanted_type(request)
            response = await self._executed(request)
        except (*REFUSED, RefusedRequestError, HTTPException) as error:  # nothing was executed
            response = refused(error, request.state.media_type)
        response.headers.add_vary_header("Accept")
        return response

    async def _executed(self, request: Request) -> Response:
        media_type = request.state.media_type
        streams = media_type == MEDIA_TYPE
        if streams and not self._may_listen(request):
            raise RefusedRequestError(403, "pages of other sites may not open a stream of events")
        question = await asked(request, "sse" if streams else "http", self.schema.limits.variable_values)
        if streams:
            request.state.asked_for = question
            return await self.run(request)
        context, cookies = await proven(request), RawHeaders()
        context.browser = RefreshCookie(request.scope, cookies, self.origins)
        told = await answered(self.schema, question, context, media_type, safe=request.method != "POST")
        response = Response(told.body, told.status, CHALLENGE if told.status == 401 else None)
        response.headers["content-type"] = f"{media_type}; charset=utf-8"
        response.raw_headers.extend(cookies)
        return response

    def _may_listen(self, connection: Request | WebSocket) -> bool:
        """Browsers let any page open a socket, or a stream: so we keep pages of other sites out, by their origin."""
        origins, host = connection.headers.getlist("origin"), connection.headers.get("host")
        site = connection.headers.get("sec-fetch-site")
        if site == "same-origin":
            return True
        if not origins:  # no browser; or one that says it by the other header alone, as of a `GET` nobody may read
            return site in (None, "none")
        return len(origins) == 1 and self.origins.acts(origins[0], host)

    def _check_websocket_origin(self, request: WebSocket) -> bool:
        return self._may_listen(request)

    async def reject_websocket(self, request: WebSocket) -> WebSocket:
        """As over HTTP, where a client can read why."""
        raise RefusedRequestError(403, "pages of other sites may not open a socket")

    def should_render_graphql_ide(self, request: object) -> bool:
        """Pages are answered elsewhere."""
        return False

    async def get_sub_response(self, request: Request | WebSocket) -> Response:
        """It has the media type of the answer."""
        response = await super().get_sub_response(request)
        response.media_type = request.state.media_type
        return response

    async def parse_http_body(self, request: AsyncHTTPRequestAdapter) -> Asked:
        """It was read already, before anybody asked who sends it."""
        return cast(Asked, cast(RequestAdapter, request).state.asked_for)

    async def execute_single(
        self,
        request: Request,
        request_adapter: AsyncHTTPRequestAdapter,
        sub_response: Response,
        context: Context,
        root_value: None,
        request_data: GraphQLRequestData,
    ) -> ExecutionResult:
        """What is asked for by a stream, and has one answer."""
        safe = request_adapter.method == "GET"
        return await executed(self.schema, request_data.query, cast(Asked, request_data), context, safe=safe)

    async def process_result(self, request: Request, result: ExecutionResult) -> GraphQLHTTPResponse:
        """As any answer is told."""
        return formatted(result)


def refused(error: Exception, media_type: str = JSON) -> Response:
    """The answer to a request of which nothing was executed."""
    if isinstance(error, RefusedRequestError):
        response = refusal(error.status, error.message, error.code, error.headers)
    elif isinstance(error, HTTPException):
        response = refusal(error.status_code, error.reason, Code.BAD_USER_INPUT)
    else:
        response = refusal(503, AWAY if isinstance(error, UNAVAILABLE) else str(error), Code.UNAVAILABLE)
    if media_type == RESPONSE:
        response.headers["content-type"] = f"{RESPONSE}; charset=utf-8"
    return response
