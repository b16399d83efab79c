"""Tasks that end what was begun, each in one worker at a time: deletions, erasures, and upgrades of what is stored."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from typing import Final

import structlog
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError
from redis.exceptions import RedisError

from api.background import running
from models.clock import now
from models.database import Record
from models.lease import lease
from models.listing.filling import FillingError, fill
from models.tree import MessageTree, Purged
from permissions.erasure import Eraser
from permissions.errors import ChangeError

_log: Final = structlog.get_logger(__name__)

SECONDS: Final = 600.0
"""How often old deletions are looked for, and conversations that lists don't find."""
ERASING_SECONDS: Final = 30.0
"""How often erasures that are not done are looked for."""
GRACE: Final = timedelta(minutes=1)
"""Nothing is purged earlier, whatever is set: a write that began before the deletion must have ended."""

DEAD: Final = timedelta(days=1)
"""Who has written nothing for so long, in the middle of what he began, has died."""


@asynccontextmanager
async def purging(
    db: AsyncDatabase[Record], tree: MessageTree, eraser: Eraser, retention: timedelta
) -> AsyncIterator[None]:
    """Purge, for the length of the block, what was deleted longer ago than `retention`; go on with the rest."""
    async with (
        running(_for_ever(partial(purge, db, tree, retention), SECONDS)),
        running(_for_ever(partial(erase, db, eraser), ERASING_SECONDS)),
        running(_for_ever(partial(find_again, db), SECONDS)),
    ):
        yield


async def purge(db: AsyncDatabase[Record], tree: MessageTree, retention: timedelta) -> Purged | None:
    """Purge now; None where another worker is at it."""
    async with lease(db, "purge") as held:
        if not held:
            return None
        purged = await tree.purge(now() - max(retention, GRACE))
        swept = await tree.sweep(now() - DEAD)
        purged.unfinished = swept.plantings + swept.forks
    if purged.any:
        _log.info("purged", **asdict(purged))
    return purged


async def erase(db: AsyncDatabase[Record], eraser: Eraser) -> None:
    """Go on with the erasures that are not done, unless another worker does."""
    async with lease(db, "erase") as held:
        if held and (done := await eraser.resume()):
            _log.info("accounts erased", number=done)


async def find_again(db: AsyncDatabase[Record]) -> None:
    """Have lists find conversations that they can't, unless another worker does.

    Workers of a release without terms start such ones after the migration, too, as long as one of them runs.
    """
    async with lease(db, "lists") as held:
        if held and (number := await fill(db)):
            _log.info("conversations listed again", number=number)


async def _for_ever(work: Callable[[], Awaitable[object]], seconds: float) -> None:
    """Workers start together: each waits its own time, so that one of them does the work."""
    while True:
        await asyncio.sleep(random.uniform(0.1, 1) * seconds)  # noqa: S311 - nobody gains by guessing it
        try:
            await work()
        except (PyMongoError, ChangeError, RedisError, FillingError) as error:  # it stays to be done
            _log.warning("not purged", kind=type(error).__name__)
