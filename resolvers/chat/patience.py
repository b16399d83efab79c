"""Subscriptions outlive the absence of a store: what can't be read for now is read when it is back."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog
from redis.exceptions import RedisError

from models.redis.backoff import delays
from resolvers.context import Context
from resolvers.live.standings import UNJUDGED

_log: Final = structlog.get_logger(__name__)

AWAY: Final = (*UNJUDGED, RedisError)
MISSED: Final = "a store was away, and the event before this one could not be told whole"

Answer = TypeVar("Answer")


async def patiently(context: Context, ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """What `ask` gives, as soon as it can. Meanwhile what comes waits in the subscriber's queue, which is bounded."""
    waits = delays()
    while True:
        try:
            return await ask()
        except AWAY as error:
            _log.warning("event waits for a store", kind=type(error).__name__)
        await asyncio.sleep(next(waits))
        context.adopt(context.access)  # what could not be loaded is remembered as an error


async def made_good(context: Context) -> bool:
    """Whether something of the event that was told last could not be loaded; after that it can again."""
    missed, context.missed = context.missed, False
    if missed:
        await patiently(context, context.db.ping)
    return missed
