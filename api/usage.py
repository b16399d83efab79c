"""Keeps tallies true while a worker serves: one worker at a time, whichever gets the lease."""

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
from models.usage.repair import adopt, settle
from models.usage.rollup import Rollup

LONG_PENDING: Final = timedelta(minutes=1)
"""Whoever stored a tally has made it final by then, or has died."""

_log: Final = structlog.get_logger(__name__)


@asynccontextmanager
async def rolling_up(db: AsyncDatabase[Record], seconds: float) -> AsyncIterator[None]:
    """Take part in it within the block, so often; not at all where `seconds` is 0."""
    if not seconds:
        yield
        return
    async with running(_for_ever(db, seconds)):
        yield


async def roll_up(db: AsyncDatabase[Record]) -> int | None:
    """Roll up what there is; how many buckets, None where another worker is at it."""
    async with lease(db, "usage") as held:
        if not held:
            return None
        count = await Rollup(db).run()
        await settle(db, now() - LONG_PENDING)
        await adopt(db)
        return count


async def _for_ever(db: AsyncDatabase[Record], seconds: float) -> None:
    """Workers start together: each waits its own time, so that one of them does the work."""
    while True:
        await asyncio.sleep(random.uniform(0.5, 1) * seconds)  # noqa: S311 - nobody gains by guessing it
        try:
            await roll_up(db)
        except PyMongoError as error:  # it stays marked
            _log.warning("usage not rolled up", kind=type(error).__name__)
