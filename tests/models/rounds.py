"""Counts how often a list waits for the database: calls that it makes beside each other are one round."""

import asyncio
from typing import Any, Final, cast

from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record

TURNS: Final = 50
"""Of the event loop, in which all who go on with what they were given ask for what comes next."""


class Rounds:
    """A database of whose conversations is asked in rounds: what comes before one begins is in it, and all of it ends
    together. So their number is that of calls of which each waits for the one before, however quick they are.
    """

    def __init__(self, db: AsyncDatabase[Record]) -> None:
        self._collection: Final = db.conversations
        self._waiting: list[tuple[Any, Any, asyncio.Future[Any]]] = []
        self._turning: asyncio.Task[None] | None = None
        self.rounds = 0
        self.matches: list[Record] = []
        """Of each call, what it looks up first."""

    @property
    def db(self) -> AsyncDatabase[Record]:
        """The same, for whoever asks."""
        return cast(AsyncDatabase[Record], self)

    @property
    def conversations(self) -> "Rounds":
        """The collection."""
        return self

    async def aggregate(self, *stages: Any, **options: Any) -> Any:
        """What the collection's own gives, at the end of the round."""
        given: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((stages, options, given))
        if self._turning is None:
            self._turning = asyncio.create_task(self._turn())
        return await given

    async def _turn(self) -> None:
        for _ in range(TURNS):
            await asyncio.sleep(0)
        round_, self._waiting, self._turning = self._waiting, [], None
        self.rounds += 1
        self.matches += [stages[0][0]["$match"] for stages, _, _ in round_]
        found = await asyncio.gather(*(self._collection.aggregate(*stages, **options) for stages, options, _ in round_))
        for cursor, (_, _, given) in zip(found, round_, strict=True):
            given.set_result(cursor)
