"""Whether all that was written in followed conversations was told: a worker may die between the one and the other."""

import time
from collections.abc import Iterator
from typing import Final

from beanie import PydanticObjectId
from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record
from resolvers.chat.events import PREFIX, channel
from resolvers.live import Broker

BATCH: Final = 500
"""Conversations read at once."""
TRUSTED_SECONDS: Final = 3_600.0
"""After so long all are asked about again: Redis, too, forgets which numbers are out, a day after the newest."""


class NewsCheck:
    """One a worker: compares each followed conversation's number with those that are out.

    A call to the database for some hundred conversations, however many follow them, and one to Redis for each whose
    number has grown.
    """

    def __init__(self, db: AsyncDatabase[Record], broker: Broker) -> None:
        self._db: Final = db
        self._broker: Final = broker
        self._out: dict[PydanticObjectId, int] = {}
        self._since = time.monotonic()

    async def run(self) -> None:
        """Now. What is missing for a while is told as a gap. Raises `PyMongoError`, `BrokerUnavailableError`."""
        if time.monotonic() - self._since > TRUSTED_SECONDS:
            self._out, self._since = {}, time.monotonic()
        followed = list(self._followed())
        self._out = {id_: self._out[id_] for id_ in followed if id_ in self._out}
        for start in range(0, len(followed), BATCH):
            found = self._db.conversations.find({"_id": {"$in": followed[start : start + BATCH]}}, {"news": 1})
            for record in await found.to_list():
                await self._check(record["_id"], record.get("news", 0))

    async def _check(self, id_: PydanticObjectId, number: int) -> None:
        if self._out.get(id_) != number and await self._broker.check(channel(id_), number):
            self._out[id_] = number

    def _followed(self) -> Iterator[PydanticObjectId]:
        for name in self._broker.listened():
            if name.startswith(PREFIX):
                yield PydanticObjectId(name[len(PREFIX) :])
