"""The task that finds what was written and never told, on each worker."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog
from pymongo.errors import PyMongoError

from api.background import running
from resolvers.chat.counting import NewsCheck
from resolvers.live import BrokerUnavailableError

PAUSES: Final = 9
"""It is at work for a tenth of the time at most."""

_log: Final = structlog.get_logger(__name__)


@asynccontextmanager
async def counting(check: NewsCheck, seconds: float) -> AsyncIterator[None]:
    """Look so often within the block; not at all where `seconds` is 0."""
    if not seconds:
        yield
        return
    async with running(_for_ever(check, seconds)):
        yield


async def _for_ever(check: NewsCheck, seconds: float) -> None:
    """Each worker waits its own time, so that not all of them ask at once; longer, where very many are followed."""
    taken = 0.0
    while True:
        pause = random.uniform(0.75, 1) * seconds  # noqa: S311 - nobody gains by guessing it
        await asyncio.sleep(max(pause, PAUSES * taken))
        begun = time.monotonic()
        try:
            await check.run()
        except (PyMongoError, BrokerUnavailableError) as error:  # it stays to be found
            _log.warning("news not counted", kind=type(error).__name__)
        taken = time.monotonic() - begun
