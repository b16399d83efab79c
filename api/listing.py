"""Has lists know how many conversations there are, so that they need not begin with the rarest marks."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError

from api.background import running
from models.database import Record
from models.listing.starts import Starts

SECONDS: Final = 60.0
"""How often each worker looks: two calls where there are few, one where there are very many."""

_log: Final = structlog.get_logger(__name__)


@asynccontextmanager
async def measuring(db: AsyncDatabase[Record]) -> AsyncIterator[Starts]:
    """What lists of that database may go by, which is kept up to date within the block."""
    starts = Starts()
    async with running(_for_ever(db, starts)):
        yield starts


async def _for_ever(db: AsyncDatabase[Record], starts: Starts) -> None:
    while True:
        try:
            await starts.look(db)
        except PyMongoError as error:  # lists begin from the top, when it is long ago
            _log.warning("conversations not measured", kind=type(error).__name__)
        await asyncio.sleep(random.uniform(0.5, 1) * SECONDS)  # noqa: S311 - nobody gains by guessing it
