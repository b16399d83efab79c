"""News that may wait a moment: of much that comes of one thing the last is told, once; and nobody is told too fast."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import Final

PACE_SECONDS: Final = 1.0

Tell = Callable[[], Awaitable[None]]


class Pacer:
    """One a broker. What waits when the worker is killed is not told."""

    def __init__(self, seconds: float = PACE_SECONDS) -> None:
        self._seconds: Final = seconds
        self._waiting: Final[dict[str, Tell]] = {}
        self._tasks: Final[set[asyncio.Task[None]]] = set()
        self._hurry: Final = asyncio.Event()

    def soon(self, key: str, tell: Tell) -> None:
        """Call `tell` in a moment, unless another comes with that key till then: that one instead."""
        known = key in self._waiting
        self._waiting[key] = tell
        if not known:
            task = asyncio.create_task(self._later(key), context=Context())  # it is nobody's request
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def flush(self) -> None:
        """Tell all that waits."""
        self._hurry.set()
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        self._hurry.clear()

    async def _later(self, key: str) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await self._hurry.wait()
        except TimeoutError:
            pass
        await self._waiting.pop(key)()


class Throttle:
    """`burst` things at once, and `per_second` from then on (a token bucket)."""

    def __init__(self, burst: int, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._room: Final = burst / per_second
        self._second: Final = 1 / per_second
        self._clock: Final = clock
        self._until = 0.0
        """When all is forgotten."""

    async def keep(self) -> None:
        """Another one: wait until the next may come."""
        moment = self._clock()
        self._until = max(self._until, moment) + self._second
        if (over := self._until - moment - self._room) > 0:
            await asyncio.sleep(over)
