"""`/healthz`: the process answers. `/readyz`: so do its stores."""

import asyncio
from collections.abc import Awaitable
from typing import Final

import structlog
from pymongo.errors import PyMongoError
from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from api.services import Services

_log: Final = structlog.get_logger(__name__)
PATIENCE_SECONDS: Final = 2.0


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


async def _answers(store: str, ping: Awaitable[None]) -> bool:
    try:
        await asyncio.wait_for(ping, PATIENCE_SECONDS)
    except (PyMongoError, RedisError, OSError, TimeoutError) as error:
        _log.warning("store away", store=store, kind=type(error).__name__)
        return False
    return True


def _word(up: bool) -> str:
    return "up" if up else "down"


ROUTES: Final = [Route("/healthz", healthz), Route("/readyz", readyz)]
