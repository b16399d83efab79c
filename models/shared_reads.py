"""Reading for several requests in one call: most of what a call takes is the driver's, whatever is in it."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextvars import Context
from typing import Final, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

MOST: Final = 100
"""Keys of a call; who asks for more by himself gets them in one."""
PATIENCE_SECONDS: Final = 0.005
"""Longest that a call waits for the one before it."""


class _Call(Generic[K, V]):
    """One that has not begun."""

    __slots__ = ("keys", "timer", "waiters")

    def __init__(self) -> None:
        self.keys: Final[set[K]] = set()
        self.waiters: Final[list[asyncio.Future[Mapping[K, V]]]] = []
        self.timer: asyncio.TimerHandle | None = None

    def waiting(self) -> list[asyncio.Future[Mapping[K, V]]]:
        """Those who did not give up."""
        return [each for each in self.waiters if not each.done()]


class SharedReads(Generic[K, V]):
    """Of one worker. Who asks while a call is under way is answered by the next, which begins when that ends.

    INVARIANT: a call begins after all whom it answers have asked; so what they wrote, or were told of, is in it.
    """

    def __init__(self, read: Callable[[Collection[K]], Awaitable[Mapping[K, V]]]) -> None:
        """`read` leaves out what isn't there. What it gives is shared by all who asked: nobody may change it."""
        self._read: Final = read
        self._next: _Call[K, V] | None = None
        self._under_way: Final[set[asyncio.Task[None]]] = set()

    async def get(self, keys: Collection[K]) -> Mapping[K, V]:
        """What there is for `keys`. Raises what the call raised."""
        loop = asyncio.get_running_loop()
        call = self._next
        if call is None:
            call = self._next = _Call()
            if self._under_way:
                call.timer = loop.call_later(PATIENCE_SECONDS, self._begin, call)
            else:
                loop.call_soon(self._begin, call)  # with all who ask in this round of the event loop
        call.keys.update(keys)
        waiter: asyncio.Future[Mapping[K, V]] = loop.create_future()  # his own: he may be cancelled, and nobody else
        call.waiters.append(waiter)
        if len(call.keys) >= MOST:
            self._begin(call)
        found = await waiter
        return {key: found[key] for key in keys if key in found}

    def _begin(self, call: _Call[K, V]) -> None:
        if call is not self._next:  # it has begun
            return
        self._next = None
        if call.timer is not None:
            call.timer.cancel()
        # Not within the time limit, or anything else, of the one who happened to ask first.
        task = asyncio.get_running_loop().create_task(self._filled(call), context=Context())
        self._under_way.add(task)
        task.add_done_callback(self._ended)

    async def _filled(self, call: _Call[K, V]) -> None:
        try:
            found = await self._read(call.keys)
        except Exception as error:  # theirs who asked
            for waiter in call.waiting():
                waiter.set_exception(error)
        except BaseException:
            for waiter in call.waiting():
                waiter.cancel()
            raise
        else:
            for waiter in call.waiting():
                waiter.set_result(found)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if self._next is not None and not self._under_way:
            self._begin(self._next)
