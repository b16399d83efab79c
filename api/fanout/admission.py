"""Who comes to follow waits for his turn: ten thousand at once would each ask the stores, and none be answered in time.

As when a worker has died, and all whom it told come back to the others.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from api.round_robin import RoundRobin
from permissions.engine.facts import Id
from resolvers.live import BrokerUnavailableError

JOINING: Final = 32
"""Of a worker, that many come in at a time: each asks a handful of questions, one after the other."""
STUCK_SECONDS: Final = 30.0
"""After so long in which nobody came in, or gave up, whoever waits is told that a store does not answer."""


class Turn:
    """That of one. It is over with the block, or as soon as he says so."""

    __slots__ = ("_over",)

    def __init__(self, over: Callable[[], None]) -> None:
        self._over: Callable[[], None] | None = over

    def end(self) -> None:
        """The next may come; a second time nothing happens."""
        over, self._over = self._over, None
        if over is not None:
            over()


class Admission:
    """One a worker. Callers take turns: a thousand of one's subscriptions don't stand before another's one."""

    def __init__(self, places: int = JOINING) -> None:
        self.places: Final = RoundRobin(places)
        self._ended = 0
        """Turns that are over."""

    @asynccontextmanager
    async def turn(self, asker: Id) -> AsyncIterator[Turn]:
        """The block is entered when it is his turn. Raises `BrokerUnavailableError` where that never comes."""
        await self.places.take(asker, self._called)
        turn = Turn(partial(self._end, asker))
        try:
            yield turn
        finally:
            turn.end()

    async def _called(self, turn: asyncio.Future[None]) -> None:
        before = -1
        while not turn.done():
            if self._ended == before:
                raise BrokerUnavailableError("nobody comes in: a store does not answer")
            before = self._ended
            await asyncio.wait([turn], timeout=STUCK_SECONDS)

    def _end(self, asker: Id) -> None:
        self._ended += 1
        self.places.give(asker)
