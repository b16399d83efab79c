"""A worker without a garbage collector, that says what one would find: `python -m tests.api.counting_worker`."""

import asyncio
import gc
import socket
import sys
import threading
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from api.app import create_app
from api.settings import Settings
from api.worker import Worker, configure

PATH: Final = "/garbage"


def main() -> None:
    """As `api.worker`, and as that is started."""
    listener, lifeline = (socket.socket(fileno=int(number)) for number in sys.argv[1:3])
    settings = Settings()
    app = create_app(settings)
    worker = Worker(app, configure(app, settings), lifeline)

    async def garbage(request: Request) -> JSONResponse:
        """How many objects there are that nobody refers to but each other, when so many sockets are open still."""
        gc.disable()
        while len(worker.server_state.tasks) > 1 + int(request.query_params["sockets"]):  # noqa: ASYNC110 (they tell nobody)
            await asyncio.sleep(0.01)
        return JSONResponse(gc.collect())

    app.router.routes.insert(0, Route(PATH, garbage))
    threading.Thread(target=worker.follow, name="lifeline", daemon=True).start()
    worker.run(sockets=[listener])


if __name__ == "__main__":
    main()
