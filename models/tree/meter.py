"""How much of messages one request reads: counted as it comes, and stopped before it is too much."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Final, Self

from models.tree.errors import AnswerTooLargeError
from models.tree.turns import Turns

ANSWER_BYTES: Final = 32 * 1024 * 1024
"""Where nobody says otherwise."""
MESSAGE_BYTES: Final = 256
"""What a message counts as besides what it says."""
AT_ONCE: Final = 8
"""Readings of one request under way: a batch that comes of each, 16 MiB at most, is in memory before it is counted."""


class Meter:
    """One request's, or one event's."""

    __slots__ = ("_readings", "_used", "gives_way", "most")

    def __init__(self, most: int | None = ANSWER_BYTES) -> None:
        self.most: Final = most
        self.gives_way = False
        """Whether its readings let those of others go first."""
        self._used = 0
        self._readings: asyncio.Semaphore | None = None

    def fits(self, size: int) -> bool:
        """Count so many bytes more; whether they are let pass."""
        self._used += size
        return self.most is None or self._used <= self.most

    def add(self, size: int) -> None:
        """So many bytes more. Raises `AnswerTooLargeError` for good once it is too much."""
        self._used += size
        self.require()

    def require(self) -> None:
        """Raise `AnswerTooLargeError` where it is too much."""
        if self.most is not None and self._used > self.most:
            raise AnswerTooLargeError(self.most)

    def within(self, turns: Turns) -> "Turn":
        """Turns for this request's readings: who waits for one of its own holds none of the worker's."""
        if self._readings is None:
            self._readings = asyncio.Semaphore(AT_ONCE)
        return Turn(self, self._readings, turns)

    def messages(self, messages: Iterable[Mapping[str, Any]]) -> None:
        """Messages that were read."""
        self.add(size_of(messages))


def size_of(messages: Iterable[Mapping[str, Any]]) -> int:
    """What messages count as."""
    return sum([MESSAGE_BYTES + len(each.get("content") or "") for each in messages])


class Turn:
    """A reading's turn, of the request and then of the worker; there is none for who has read too much."""

    __slots__ = ("_held", "_meter", "_readings", "_turns")

    def __init__(self, meter: Meter, readings: asyncio.Semaphore, turns: Turns) -> None:
        self._meter = meter
        self._readings = readings
        self._turns = turns
        self._held: list[asyncio.Semaphore] = []

    async def __aenter__(self) -> Self:
        try:
            await self._hold(self._readings)
            if self._meter.gives_way:  # before it holds one of the worker's
                await self._turns.precedence.give_way()
            await self._hold(self._turns)
            self._meter.require()
        except BaseException:
            self._release()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._release()

    async def _hold(self, turns: asyncio.Semaphore) -> None:
        await turns.acquire()
        self._held.append(turns)

    def _release(self) -> None:
        while self._held:
            self._held.pop().release()
