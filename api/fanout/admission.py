"""Who comes to follow waits for his turn: ten thousand at once would each ask the stores, and none be answered in time.

As when a worker has died, and all whom it told come back to the others.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

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
    """One a worker. Callers take turns: a thousand of one's subscriptions don't stand before another's one.

    Of one caller, first come, first served; who leaves while he waits is passed over.
    """

    def __init__(self, places: int = JOINING) -> None:
        self._free = places
        self._waiting: Final = OrderedDict[Id, deque[asyncio.Future[None]]]()
        """By caller, in the order of their turns."""
        self._ended = 0
        """Turns that are over."""

    @asynccontextmanager
    async def turn(self, asker: Id) -> AsyncIterator[Turn]:
        """The block is entered when it is his turn. Raises `BrokerUnavailableError` where that never comes."""
        await self._take(asker)
        turn = Turn(self._give)
        try:
            yield turn
        finally:
            turn.end()

    async def _take(self, asker: Id) -> None:
        if self._free:
            self._free -= 1
            return
        place = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(asker, deque()).append(place)
        try:
            await self._called(place)
        except BaseException:
            if not place.cancel():
                self._give()
            raise

    async def _called(self, place: asyncio.Future[None]) -> None:
        before = -1
        while not place.done():
            if self._ended == before:
                raise BrokerUnavailableError("nobody comes in: a store does not answer")
            before = self._ended
            await asyncio.wait([place], timeout=STUCK_SECONDS)

    def _give(self) -> None:
        self._ended += 1
        while self._waiting:
            asker, places = self._waiting.popitem(last=False)
            while places and places[0].done():
                places.popleft()
            if places:
                places.popleft().set_result(None)
                if places:
                    self._waiting[asker] = places
                return
        self._free += 1
