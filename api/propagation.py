"""Changes of permissions, from the worker that made one to all the others: within a second, and mostly at once.

A lost message does no harm: each worker looks for new revisions by itself every `FRESH_SECONDS`.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import structlog
from beanie import PydanticObjectId

from api.background import running
from resolvers.live import Broker, BrokerUnavailableError, Event, RedisBroker, Resync, Standings
from resolvers.live.standings import CHANGES

CHANNEL: Final = "permissions"
AGAIN_SECONDS: Final = 1.0

_log: Final = structlog.get_logger(__name__)


def announcer(broker: Broker) -> Callable[[int], Awaitable[None]]:
    """Tells every worker that there is a new revision; a change that is made stays made if that fails."""

    async def announce(revision: int) -> None:
        try:
            await broker.publish(CHANNEL, str(revision).encode())
        except BrokerUnavailableError:
            _log.warning("permissions.not_announced", revision=revision)

    return announce


@asynccontextmanager
async def telling(redis_url: str) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """Within the block a command, which is no worker itself, tells the workers; without Redis they find out later."""
    async with RedisBroker(redis_url) as broker:
        yield announcer(broker)


@asynccontextmanager
async def following(broker: Broker, standings: Standings) -> AsyncIterator[None]:
    """Within the block changes by any worker are heard of, and whoever follows a conversation is judged by them."""
    async with (
        running(_follow(broker, CHANNEL, lambda _: standings.rules_told())),
        running(_follow(broker, CHANGES, lambda item: _changed(standings, item))),
        running(standings.keep()),
    ):
        yield


async def _follow(broker: Broker, channel: str, hear: Callable[[Event | Resync | None], None]) -> None:
    """`hear` of None is of whatever was said while nobody listened."""
    while True:
        with contextlib.suppress(BrokerUnavailableError):
            async with broker.subscribe(channel) as items:
                hear(None)
                async for item in items:
                    hear(item)
        await asyncio.sleep(AGAIN_SECONDS)


def _changed(standings: Standings, item: Event | Resync | None) -> None:
    id_ = item.payload.decode(errors="replace") if isinstance(item, Event) else ""
    if PydanticObjectId.is_valid(id_):
        standings.conversation_changed(PydanticObjectId(id_))
    else:  # something was missed
        standings.anything_changed()
