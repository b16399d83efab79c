"""GraphQL over HTTP to its letter: media types, methods, statuses. What is executed, and for whom, is said elsewhere.

<https://graphql.github.io/graphql-over-http/draft/>
"""

from typing import Final, cast

from cross_web import AsyncHTTPRequestAdapter, HTTPException, StarletteRequestAdapter
from graphql import GraphQLError
from starlette.datastructures import State
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.exceptions import MissingQueryError
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData
from strawberry.http.types import HTTPMethod
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from api.contexts import REFUSED
from api.errors import AWAY, SHOWN, UNAVAILABLE, Code
from api.event_streams import MEDIA_TYPE
from api.graphql_request import JSON, RESPONSE, Asked, asked, wanted_type
from api.graphql_response import CHALLENGE, never_executed, status
from api.origins import Origins
from api.refusals import RefusedRequestError, refusal
from api.schema import Schema
from api.socket_adapter import SocketAdapter
from resolvers.context import Context

SAFE: Final = frozenset({OperationType.QUERY})
"""What may be executed for a method that changes nothing."""


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
        streams = request.state.media_type == MEDIA_TYPE
        if streams and not self._may_listen(request):
            raise RefusedRequestError(403, "pages of other sites may not open a stream of events")
        most = self.schema.limits.variable_values
        request.state.asked_for = await asked(request, "sse" if streams else "http", most)
        return await self.run(request)

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
        """By a method that is safe nothing is changed; what has many answers is no single one."""
        safe = request_adapter.method == "GET"
        try:
            return await self.schema.execute(
                request_data.query,
                variable_values=request_data.variables,
                context_value=context,
                root_value=root_value,
                operation_name=request_data.operation_name,
                operation_extensions=request_data.extensions,
                allowed_operation_types=SAFE if safe else SAFE | {OperationType.MUTATION},
            )
        except CannotGetOperationTypeError as error:
            code = {"code": Code.BAD_USER_INPUT.value}
            return PreExecutionError(None, [GraphQLError(error.as_http_error_reason()[:SHOWN], extensions=code)])
        except MissingQueryError:
            raise RefusedRequestError(400, "`query` is missing") from None
        except InvalidOperationTypeError as error:
            raise _misplaced(error.operation_type) from None

    async def process_result(self, request: Request, result: ExecutionResult) -> GraphQLHTTPResponse:
        """What was never executed has no data, not even none (GraphQL, 7.1.2)."""
        told = await super().process_result(request, result)
        if result.data is None and never_executed(result.errors):
            del told["data"]
        return told

    def create_response(
        self, response_data: GraphQLHTTPResponse | list[GraphQLHTTPResponse], sub_response: Response
    ) -> Response:
        """By the media type which the answer is to have."""
        response, media_type = super().create_response(response_data, sub_response), sub_response.media_type
        if media_type in (JSON, RESPONSE) and not isinstance(response_data, list):
            response.headers["content-type"] = f"{media_type}; charset=utf-8"
            response.status_code = sub_response.status_code or status(response_data, media_type)
            response.headers.update(CHALLENGE if response.status_code == 401 else {})
        return response


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


def _misplaced(kind: OperationType) -> RefusedRequestError:
    if kind is OperationType.SUBSCRIPTION:
        return RefusedRequestError(406, f"a subscription is answered as `{MEDIA_TYPE}`, or over WebSocket")
    return RefusedRequestError(405, "what changes something is asked for by `POST`", {"Allow": "POST"})
