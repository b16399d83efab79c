"""Plain Strawberry: our types and resolvers in a schema of its own class, behind its own ASGI view.

A baseline of `make bench ARGS="-k http_requests"`. Nothing of `api/schema.py`, `api/documents/`, `api/graphql.py`: no
limits, no costs or rates, no compiled operations, no log of requests or decisions. Who asks is known, and what he may
decided, by the same code: the resolvers and their guards need it.
`python -m tests.benchmarks.plain_strawberry LISTENER LIFELINE`.
"""

from collections.abc import Callable, Sequence
from secrets import token_hex

import strawberry
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.extensions import SchemaExtension
from strawberry.schema.config import StrawberryConfig

from api.contexts import proven
from api.schema import build_schema
from api.services import Services
from resolvers.context import Context
from tests.benchmarks.bare import serve

Extensions = Sequence[Callable[[], SchemaExtension]]


class View(GraphQL[Context, None]):
    """Strawberry's own, with our resolvers' context."""

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:
        request.state.request_id = token_hex(8)
        return await proven(request)


def routes(extensions: Extensions = ()) -> Callable[[Services], list[Route]]:
    """`/graphql`, in which only `extensions` take part."""
    ours = build_schema()
    schema = strawberry.Schema(
        query=ours.query,
        mutation=ours.mutation,
        config=StrawberryConfig(auto_camel_case=True),
        extensions=list(extensions),
    )
    view = View(schema, graphql_ide=None, multipart_uploads_enabled=False)
    return lambda services: [Route("/graphql", view, methods=["POST"])]


if __name__ == "__main__":
    serve(routes())
