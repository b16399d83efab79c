"""One server process: `python -m api.worker LISTENER LIFELINE`, both descriptors inherited; see `worker_process`."""

import asyncio
import contextlib
import os
import socket
import sys
import threading
import time
from functools import partial
from typing import Any

import uvicorn
from starlette.applications import Starlette

from api import liveness
from api.acceptor import Acceptor
from api.app import create_app
from api.connections import Connections
from api.garbage import Garbage
from api.heads import with_limits
from api.settings import Settings
from api.shares import Share
from api.socket_protocol import SocketProtocol

DRAIN_SECONDS = 5
"""How long requests under way may take to end when the server stops."""
HARD_SECONDS = 12.0
"""After so long the process ends even where its event loop is stuck. Below the supervisor's patience."""
CLOSING_SECONDS = 4.0
"""How long sockets may take to close, what they are changing included, before they are closed for them."""
SWITCH_SECONDS = 0.0005
"""So long a thread that judges a document keeps the event loop waiting, each time that it wants to go on."""
READY = b"r"


class Worker(uvicorn.Server):
    """Tells the supervisor when it is ready, and stops when the lifeline breaks, however that came about."""

    def __init__(
        self, app: Starlette, config: uvicorn.Config, lifeline: socket.socket, share: Share | None = None
    ) -> None:
        super().__init__(config)
        self.app = app
        self.lifeline = lifeline
        self.share = share
        self.connections: Connections = app.state.connections

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        if self.share is None:
            await super().startup(sockets)
        else:
            await super().startup([])
            self.servers = [self._sharing(each, self.share) for each in sockets or []]
        self.watching = asyncio.create_task(liveness.watch(self.app.state.services.database.ping, self.give_up))
        self.keeping = asyncio.create_task(settle().keep())
        with contextlib.suppress(BrokenPipeError):  # the supervisor let go meanwhile; `follow` knows
            self.lifeline.send(READY)

    def _sharing(self, listener: socket.socket, share: Share) -> Any:
        """In place of the server that uvicorn would have for it."""
        protocol: Any = self.config.http_protocol_class
        given = {"config": self.config, "server_state": self.server_state, "app_state": self.lifespan.state}
        acceptor = Acceptor(listener, share, partial(protocol, **given))
        self.server_state.connections = acceptor.held
        return acceptor

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let nobody in any more, and have those who are in come back elsewhere, before uvicorn ends the rest."""
        for server in self.servers:
            server.close()
        await self.connections.drain(CLOSING_SECONDS)
        await super().shutdown(sockets)

    def give_up(self) -> None:
        """Stop, so that another one is started: as if the supervisor had let go, but it hasn't."""
        self.lifeline.shutdown(socket.SHUT_RD)

    def follow(self) -> None:
        """Wait, in a thread of its own, for the supervisor to let go or to die."""
        while self.lifeline.recv(1):
            pass
        self.should_exit = True
        time.sleep(HARD_SECONDS)
        os._exit(1)


def settle() -> Garbage:
    """Have threads let the event loop pass soon, and the garbage collector pass over what is loaded by now, and stays.

    Some 150,000 objects: a full collection, which a search in thirty set off, took 50 to 100 ms to look through them.
    """
    garbage = Garbage()
    garbage.begin()
    sys.setswitchinterval(SWITCH_SECONDS)
    return garbage


def configure(app: Starlette, settings: Settings) -> uvicorn.Config:
    """Lines are logged by our own middleware; bodies are limited there too, and proxies judged."""
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=with_limits(settings.head_limits),
        ws=SocketProtocol,
        ws_max_size=settings.socket_message_bytes,
        ws_per_message_deflate=False,  # it costs 40 KB a socket
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )


def main() -> None:
    listener, lifeline = (socket.socket(fileno=int(number)) for number in sys.argv[1:3])
    serve(listener, lifeline)


def serve(listener: socket.socket, lifeline: socket.socket, share: Share | None = None) -> None:
    """Serve by the settings of the environment until the lifeline breaks; in equal shares where there are others."""
    settings = Settings()
    app = create_app(settings)
    worker = Worker(app, configure(app, settings), lifeline, share)
    threading.Thread(target=worker.follow, name="lifeline", daemon=True).start()
    worker.run(sockets=[listener])


if __name__ == "__main__":
    main()
