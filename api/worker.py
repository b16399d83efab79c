"""One server process: `python -m api.worker LISTENER LIFELINE`, both descriptors inherited from the supervisor."""

import contextlib
import os
import socket
import sys
import threading
import time

import uvicorn

from api.app import create_app
from api.settings import Settings

DRAIN_SECONDS = 5
"""How long requests under way may take to end when the server stops."""
HARD_SECONDS = 12.0
"""After so long the process ends even where its event loop is stuck. Below the supervisor's patience."""
SOCKET_MESSAGE_BYTES = 1024 * 1024
READY = b"r"


class Worker(uvicorn.Server):
    """Tells the supervisor when it is ready, and stops when the lifeline breaks, however that came about."""

    def __init__(self, config: uvicorn.Config, lifeline: socket.socket) -> None:
        super().__init__(config)
        self.lifeline = lifeline

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        with contextlib.suppress(BrokenPipeError):  # the supervisor let go meanwhile; `follow` knows
            self.lifeline.send(READY)

    def follow(self) -> None:
        """Wait, in a thread of its own, for the supervisor to let go or to die."""
        while self.lifeline.recv(1):
            pass
        self.should_exit = True
        time.sleep(HARD_SECONDS)
        os._exit(1)


def configure(settings: Settings) -> uvicorn.Config:
    """Lines are logged by our own middleware; bodies are limited there too, and proxies judged."""
    return uvicorn.Config(
        create_app(settings),
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_max_size=SOCKET_MESSAGE_BYTES,
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
    worker = Worker(configure(Settings()), lifeline)
    threading.Thread(target=worker.follow, name="lifeline", daemon=True).start()
    worker.run(sockets=[listener])


if __name__ == "__main__":
    main()
