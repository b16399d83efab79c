"""`/healthz`: the process answers. `/readyz`: so do its stores."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

import structlog
from pymongo.errors import PyMongoError
from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from api.background import break_off
from api.services import Services

_log: Final = structlog.get_logger(__name__)
PATIENCE_SECONDS: Final = 2.0
AWAY: Final = (PyMongoError, RedisError, OSError, TimeoutError)


async def healthz(_: Request) -> Response:
    """Alive."""
    return JSONResponse({"status": "alive"})


async def readyz(request: Request) -> Response:
    """Ready, or 503 with the store that isn't."""
    services: Services = request.app.state.services
    mongodb, redis = await asyncio.gather(
        _answers("mongodb", services.database.ping()), _answers("redis", _ping(services))
    )
    fresh = not services.authentication.authenticator.gate.stale
    ready = mongodb and redis and fresh
    stores = {"mongodb": _word(mongodb), "redis": _word(redis), "revocations": "fresh" if fresh else "stale"}
    return JSONResponse({"status": "ready" if ready else "not ready", **stores}, 200 if ready else 503)


async def _ping(services: Services) -> None:
    await services.redis.ping()


async def _answers(store: str, ping: Coroutine[Any, Any, None]) -> bool:
    asked = asyncio.create_task(ping)
    try:
        await asyncio.wait({asked}, timeout=PATIENCE_SECONDS)  # `wait_for` would wait for its end, come when it may
    finally:
        break_off(asked)
    error = asked.exception() if asked.done() else TimeoutError()
    if error is None:
        return True
    if not isinstance(error, AWAY):
        raise error
    _log.warning("store away", store=store, kind=type(error).__name__)
    return False


def _word(up: bool) -> str:
    return "up" if up else "down"


ROUTES: Final = [Route("/healthz", healthz), Route("/readyz", readyz)]
