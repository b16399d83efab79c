"""How the baselines of `make bench` are served: an application alone on uvicorn, as fast as that goes.

Of ours it has the worker's lifeline and what that does to the garbage collector, and nothing around a request.
"""

import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from api.connections import ConnectionLimits, Connections
from api.services import Services, open_services
from api.settings import Settings
from api.worker import Worker


def serve(routes: Callable[[Services], list[Route]]) -> None:
    """`python -m MODULE LISTENER LIFELINE`, as `api.worker`, on the same connections to the stores."""
    listener, lifeline = (socket.socket(fileno=int(number)) for number in sys.argv[1:3])
    app = _app(Settings(), routes)
    app.state.connections = Connections(ConnectionLimits())
    config = uvicorn.Config(app, loop="uvloop", http="httptools", lifespan="on", log_config=None, access_log=False)
    worker = Worker(app, config, lifeline)
    threading.Thread(target=worker.follow, name="lifeline", daemon=True).start()
    worker.run(sockets=[listener])


def _app(settings: Settings, routes: Callable[[Services], list[Route]]) -> Starlette:
    app = Starlette()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with open_services(settings) as services:
            app.state.services = services
            app.router.routes += routes(services)
            yield

    app.router.lifespan_context = lifespan
    return app
