"""A worker that has no stores and answers who it is: `python -m tests.api.sharing.worker LIFELINE`."""

import os
import socket
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from api import acceptor
from api.connections import ConnectionLimits, Connections
from api.http_protocol import HttpProtocol
from api.worker import Worker
from api.worker_process import given

LOOKS, LOOK_SECONDS = "LOOKS", "LOOK_SECONDS"
"""How often it looks, and how long between two, before it takes a connection that another should have."""


def main() -> None:
    """As `api.worker_process`."""
    lifeline = socket.socket(fileno=int(sys.argv[1]))
    found = given(lifeline)
    assert found
    listener, environment, share = found
    acceptor.LOOKS = int(environment[LOOKS])  # type: ignore[misc]
    acceptor.LOOK_SECONDS = float(environment[LOOK_SECONDS])  # type: ignore[misc]
    app = Starlette(routes=[Route("/", _who)], lifespan=_lifespan)
    app.state.connections = Connections(ConnectionLimits())
    config = uvicorn.Config(
        app, loop="uvloop", http=HttpProtocol, lifespan="on", log_config=None, timeout_keep_alive=600
    )
    worker = Worker(app, config, lifeline, share)
    threading.Thread(target=worker.follow, name="lifeline", daemon=True).start()
    worker.run(sockets=[listener])


async def _who(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(os.getpid()))


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    async def ping() -> None:
        """It is there."""

    app.state.services = SimpleNamespace(database=SimpleNamespace(ping=ping))
    yield


if __name__ == "__main__":
    main()
