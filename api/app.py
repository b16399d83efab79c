"""The application: the only place that joins the parts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from api import graphiql, health, oauth
from api.assistant import echo
from api.assistant.opening import open_assistant
from api.assistant.worker import answering
from api.attachments import routes as attachments
from api.authzen.routes import routes as authzen_routes
from api.clients import ClientAddress
from api.connections import ConnectionLimits
from api.cross_origin import CrossOrigin
from api.front import Front
from api.graphql import Endpoint
from api.graphql_request import METHODS
from api.jwks import jwks_route
from api.logs import configure_logs
from api.proxies import TrustedProxies
from api.rates.headers import RateHeaders
from api.refusals import nowhere, refused_by_route
from api.requests import BodyLimit, Faults, RequestLog
from api.schema import Schema, build_schema
from api.services import Services, open_services
from api.settings import Settings
from api.transfer import routes as transfer
from api.transfer.spool import sweep


def create_app(settings: Settings, schema: Schema | None = None) -> Starlette:
    """An ASGI application that connects to its stores when it starts.

    Several may serve one `schema`: building it takes a tenth of a second.
    """
    configure_logs(settings)
    limits = ConnectionLimits(settings.socket_init_seconds, settings.socket_operations, settings.sockets_per_user)
    schema = schema or build_schema(settings.document_limits, compiles=settings.compiler)
    endpoint = Endpoint(schema, demo=settings.demo, origins=settings.origins, limits=limits)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await asyncio.to_thread(sweep)
        async with open_services(settings) as services, _assistant(settings, services):
            app.state.services = services
            app.router.routes.append(jwks_route(services.authentication.keys))
            yield

    clients: dict[str, Any] = {
        "trusted": TrustedProxies.parse(settings.trusted_proxies),
        "header": settings.proxy_header,
    }
    log: dict[str, Any] = {"secure": settings.behind_tls, "hsts_seconds": settings.hsts_seconds}
    body: dict[str, Any] = {"limit": settings.request_bytes, "seconds": settings.request_seconds}
    app = Application(
        routes=[
            Route("/", _home),
            Route("/graphql", endpoint, methods=METHODS),
            WebSocketRoute("/graphql", endpoint),
            *graphiql.routes(),
            *health.ROUTES,
            *oauth.ROUTES,
            *attachments.routes(),
            *transfer.routes(settings.import_bytes),
            *authzen_routes(settings.public_url),
            *(echo.routes() if settings.demo else ()),
        ],
        middleware=[
            Middleware(ClientAddress, **clients),
            Middleware(RequestLog, **log),
            Middleware(CrossOrigin, origins=settings.origins),
            Middleware(RateHeaders),
            Middleware(Faults),
            Middleware(BodyLimit, streaming={attachments.PATH, transfer.IMPORT}, **body),
        ],
        exception_handlers={HTTPException: refused_by_route},
        lifespan=lifespan,
    )
    app.front = Front(
        app.layers, endpoint, ClientAddress(nowhere, **clients), RequestLog(nowhere, **log), BodyLimit(nowhere, **body)
    )
    app.router.default = nowhere
    app.state.connections = endpoint.connections
    app.router.redirect_slashes = False  # such a redirect repeats whatever `Host` the client sent
    return app


class Application(Starlette):
    """Starlette's, of which the layers are entered by what has no shorter way."""

    front: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self
        await self.front(scope, receive, send)

    async def layers(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The long way."""
        await super().__call__(scope, receive, send)


@asynccontextmanager
async def _assistant(settings: Settings, services: Services) -> AsyncIterator[None]:
    """The demo answers by itself; elsewhere `parley assistant` does, which alone has the endpoint's key."""
    if not settings.demo or settings.assistant_base_url is None:
        yield
        return
    async with open_assistant(settings, services) as assistant, answering(assistant):
        yield


async def _home(_: Request) -> Response:
    return RedirectResponse("/graphql")
