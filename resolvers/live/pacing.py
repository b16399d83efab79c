"""News that may wait a moment: of much that comes of one thing the last is told, once; and nobody is told too fast."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Final

import structlog

from resolvers.live.broker import BrokerUnavailableError, Note, Notes

_log: Final = structlog.get_logger(__name__)

PACE_SECONDS: Final = 1.0
TOGETHER: Final = 25
"""Things whose news is made and told at once; then others have their turn."""


class Pacer:
    """One a broker, which `publish` is of. What waits when the worker is killed is not told.

    Whatever comes within a moment is told at its end, together: each thing at most once in so many seconds, and all of
    them by few calls.
    """

    def __init__(self, publish: Callable[[Sequence[Note]], Awaitable[None]], seconds: float = PACE_SECONDS) -> None:
        self._publish: Final = publish
        self._seconds: Final = seconds
        self._waiting: dict[str, Notes] = {}
        self._tasks: Final[set[asyncio.Task[None]]] = set()
        self._hurry: Final = asyncio.Event()

    def soon(self, key: str, notes: Notes) -> None:
        """Publish `notes` in a moment, unless others come with that key till then: those instead."""
        if not self._waiting:
            task = asyncio.create_task(self._later(), context=Context())  # it is nobody's request
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._waiting[key] = notes

    async def flush(self) -> None:
        """Tell all that waits."""
        self._hurry.set()
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        self._hurry.clear()

    async def _later(self) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await self._hurry.wait()
        except TimeoutError:
            pass
        waiting, self._waiting = list(self._waiting.values()), {}
        for start in range(0, len(waiting), TOGETHER):
            notes = [note for made in waiting[start : start + TOGETHER] for note in made()]
            try:
                await self._publish(notes)
            except BrokerUnavailableError:  # those who listen will be told to read anew
                _log.warning("news not told", notes=len(notes))


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
