"""Usage: who may ask how much at a time, and the answer."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final
from weakref import WeakValueDictionary

from beanie import PydanticObjectId
from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record
from models.usage.counting import Counting, Key
from models.usage.errors import UsageBusyError
from models.usage.figures import Figures
from models.usage.question import UsageQuestion
from models.usage.reach import UsageReach, seen
from models.usage.reading import sheets
from models.usage.recent import recent

AT_ONCE: Final = 2
"""Questions that a worker answers at a time; of each asker one, so that whoever asks many waits for himself."""

PATIENCE_SECONDS: Final = 15.0
"""How long somebody waits for his turn."""


@dataclass(frozen=True, slots=True)
class Report:
    """Groups by key, and all of it: a message with several tags is in several groups, and once in `total`."""

    groups: Mapping[Key, Figures]
    total: Figures


class Usage:
    """One a worker."""

    def __init__(self, db: AsyncDatabase[Record]) -> None:
        self._db = db
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._askers: WeakValueDictionary[PydanticObjectId, asyncio.Lock] = WeakValueDictionary()

    async def report(self, asker: PydanticObjectId, reach: UsageReach, question: UsageQuestion) -> Report:
        """Count what is in reach. Raises `TooMuchUsageError`."""
        turn = self._askers.setdefault(asker, asyncio.Lock())
        async with self._turn(turn):
            counting, wanted = Counting(question), question.wanted
            found = await recent(self._db, reach, wanted)
            async for some in sheets(self._db, await seen(self._db, reach, wanted, found), wanted, found):
                await asyncio.to_thread(counting.add, some)
            return await asyncio.to_thread(_report, counting)

    @asynccontextmanager
    async def _turn(self, own: asyncio.Lock) -> AsyncIterator[None]:
        async with AsyncExitStack() as held:
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await held.enter_async_context(own)
                    await held.enter_async_context(self._turns)
            except TimeoutError:
                raise UsageBusyError from None
            yield


def _report(counting: Counting) -> Report:
    return Report(counting.groups(), counting.total.figures(1)[0])
