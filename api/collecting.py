"""The task that deletes files which no message wants, in one worker at a time."""

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
from models.attachments.collecting import Collected, Collector
from models.clock import now
from models.database import Record
from models.lease import lease

_log: Final = structlog.get_logger(__name__)

SECONDS: Final = 60.0
"""How often they are looked for."""


@asynccontextmanager
async def collecting(db: AsyncDatabase[Record], age: timedelta) -> AsyncIterator[None]:
    """Collect, for the length of the block, what has waited for a message longer than `age`."""
    async with running(_for_ever(db, age)):
        yield


async def collect(db: AsyncDatabase[Record], age: timedelta) -> Collected | None:
    """Collect now; None where another worker is at it."""
    async with lease(db, "attachments") as held:
        return await Collector(db).run(now() - age) if held else None


async def _for_ever(db: AsyncDatabase[Record], age: timedelta) -> None:
    """Workers start together: each waits its own time, so that one of them does the work."""
    while True:
        await asyncio.sleep(random.uniform(0.1, 1) * SECONDS)  # noqa: S311 - nobody gains by guessing it
        try:
            collected = await collect(db, age)
        except PyMongoError as error:  # it stays to be done
            _log.warning("attachments not collected", kind=type(error).__name__)
        else:
            if collected and (collected.orphans or collected.settled):
                _log.info("attachments collected", orphans=collected.orphans, settled=collected.settled)
