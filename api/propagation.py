"""Changes of permissions, from the worker that made one to all the others: within a second, and mostly at once.

A lost message does no harm: each worker looks for new revisions by itself every `FRESH_SECONDS`.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import structlog

from api.background import running
from permissions.store import PermissionStore
from resolvers.live import Broker, BrokerUnavailableError, RedisBroker

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
async def following(broker: Broker, store: PermissionStore) -> AsyncIterator[None]:
    """Within the block the store hears of changes by any worker."""
    async with running(_follow(broker, store)):
        yield


async def _follow(broker: Broker, store: PermissionStore) -> None:
    while True:
        with contextlib.suppress(BrokerUnavailableError):
            async with broker.subscribe(CHANNEL) as items:
                store.forget()  # what was said before is not heard
                async for _ in items:
                    store.forget()
        await asyncio.sleep(AGAIN_SECONDS)
