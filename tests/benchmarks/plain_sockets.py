"""The same server with Strawberry's own handler of sockets: each subscriber is executed, and serialised, by himself.

The baseline of `make bench ARGS="-k fanout"`. `python -m tests.benchmarks.plain_sockets LISTENER LIFELINE`, as
`api.worker`.
"""

from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler

from api.graphql import Endpoint
from api.worker import main

if __name__ == "__main__":
    Endpoint.graphql_transport_ws_handler_class = BaseGraphQLTransportWSHandler  # type: ignore[assignment]
    Endpoint.websocket_adapter_class = ASGIWebSocketAdapter  # type: ignore[assignment]
    main()
