"""The task that makes old deletions final, in one worker at a time."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

import structlog
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError

from api.background import running
from models.clock import now
from models.database import Record
from models.lease import lease
from models.tree import MessageTree, Purged

_log: Final = structlog.get_logger(__name__)

SECONDS: Final = 600.0
"""How often old deletions are looked for."""
GRACE: Final = timedelta(minutes=1)
"""Nothing is purged earlier, whatever is set: a write that began before the deletion must have ended."""


@asynccontextmanager
async def purging(db: AsyncDatabase[Record], tree: MessageTree, retention: timedelta) -> AsyncIterator[None]:
    """Purge, for the length of the block, what was deleted longer ago than `retention`."""
    async with running(_for_ever(db, tree, retention)):
        yield


async def purge(db: AsyncDatabase[Record], tree: MessageTree, retention: timedelta) -> Purged | None:
    """Purge now; None where another worker is at it."""
    async with lease(db, "purge") as held:
        return await tree.purge(now() - max(retention, GRACE)) if held else None


async def _for_ever(db: AsyncDatabase[Record], tree: MessageTree, retention: timedelta) -> None:
    """Workers start together: each waits its own time, so that one of them does the work."""
    while True:
        await asyncio.sleep(random.uniform(0.1, 1) * SECONDS)  # noqa: S311 - nobody gains by guessing it
        try:
            purged = await purge(db, tree, retention)
        except PyMongoError as error:
            _log.warning("old deletions not purged", kind=type(error).__name__)
        else:
            if purged and purged.any:
                _log.info("purged", messages=purged.messages, subtrees=purged.subtrees, all=purged.conversations)
