"""Changes of permissions, from the worker that made one to all the others: within a second, and mostly at once.

A lost message does no harm: each worker looks for new revisions by itself every `FRESH_SECONDS`.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import structlog

from permissions.store import PermissionStore
from resolvers.live import Broker, BrokerUnavailableError

CHANNEL: Final = "permissions"
AGAIN_SECONDS: Final = 1.0
INSIST_SECONDS: Final = 0.1

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
async def following(broker: Broker, store: PermissionStore) -> AsyncIterator[None]:
    """Within the block the store hears of changes by any worker."""
    task = asyncio.create_task(_follow(broker, store))
    try:
        yield
    finally:
        while not task.done():  # `asyncio.wait_for`, inside of asking Redis, may swallow a cancellation (Python 3.11)
            task.cancel()
            await asyncio.wait({task}, timeout=INSIST_SECONDS)
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _follow(broker: Broker, store: PermissionStore) -> None:
    while True:
        with contextlib.suppress(BrokerUnavailableError):
            async with broker.subscribe(CHANNEL) as items:
                store.forget()  # what was said before is not heard
                async for _ in items:
                    store.forget()
        await asyncio.sleep(AGAIN_SECONDS)
