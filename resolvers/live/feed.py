"""One subscriber's view of a channel: what was missed, then what comes, without gap or double at the seam."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Final, Protocol, Self

from resolvers.live.broker import BrokerUnavailableError, Item, Position, Resync
from resolvers.live.gate import Gate

PAGE: Final = 100
"""Items read from the history at a time, so that a slow reader of a long history holds few of them."""


class History(Protocol):
    """The newest events of one channel, as far as they are kept. `BrokerUnavailableError` once it is closed."""

    async def read(self, after: Position, limit: int) -> list[Item] | None:
        """At most `limit` items that follow the one at `after`; None if that one is no longer kept."""
        ...

    async def end(self) -> Position:
        """The position of the newest item. An empty history gets a mark first, to have one."""
        ...


class Feed(AsyncIterator[Item]):
    """Reads the history from where the subscriber stands up to now, then hands on what is offered.

    INVARIANT: it is offered every event from its first `read` on, or else told to `rewind`. Whatever is both
    read and offered is recognised by its position, which only grows.
    """

    def __init__(self, history: History, after: Position | None, capacity: int) -> None:
        self._history = history
        self._after = after
        self._capacity = capacity
        # Lists and gates, for all of them are empty nearly always: an empty deque weighs more than all else here.
        self._page: list[Item] = []  # the next comes last
        self._queue: list[Item] = []
        self._unread = True  # the history holds more than the page and the queue do
        self._dropped = False  # the queue was emptied since the last reading began
        self._closing = Gate()
        self._wake = Gate()

    def offer(self, item: Item) -> None:
        """Take a live event. Never waits: a subscriber that is too slow loses its queue, nobody else feels it."""
        if len(self._queue) >= self._capacity:
            self._queue.clear()
            if self._unread or self._page:
                self._unread = self._dropped = True  # still reading the history: it is found there
                return
            item = Resync(item.cursor, f"more than {self._capacity} events were waiting to be read")
        self._queue.append(item)
        self._wake.set()

    def rewind(self) -> None:
        """Something may have been missed: read the history again from where the subscriber stands."""
        self._queue.clear()
        self._unread = self._dropped = True
        self._wake.set()

    @property
    def cursor(self) -> str:
        """Of the item that was handed on last, or of where the subscriber came in."""
        return str(self._after or Position(0, 0))

    def close(self) -> None:
        """End the iteration; nothing that waits is handed on any more."""
        self._closing.set()
        self._wake.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        # State changes only between awaits, so a caller may give up waiting and ask again.
        while not self._closing.is_set():
            if self._page:
                return self._deliver(self._page.pop())
            if self._unread:
                with contextlib.suppress(BrokerUnavailableError):  # it closes; so shall we
                    await self._unless_closing(self._read())
            elif self._queue:
                item = self._queue.pop(0)
                if self._follows(item):
                    return self._deliver(item)
            else:
                self._wake.clear()
                await self._wake.wait()
        raise StopAsyncIteration

    async def _unless_closing(self, reading: Coroutine[None, None, None]) -> None:
        """The history may be away, and whoever closes doesn't wait until it is back."""
        tasks = [asyncio.ensure_future(reading), asyncio.ensure_future(self._closing.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended = [task for task in tasks if not task.done() and task.cancel()]
            await asyncio.gather(*ended, return_exceptions=True)
        if not tasks[0].cancelled():
            tasks[0].result()

    async def _read(self) -> None:
        self._dropped = False
        if self._after is None:
            page = await self._lost("the cursor is not one of this service")
        else:
            found = await self._history.read(self._after, PAGE)
            page = await self._lost("the events since the cursor are no longer kept") if found is None else found
        self._page = page[::-1]
        self._unread = self._dropped or len(page) >= PAGE

    async def _lost(self, reason: str) -> list[Item]:
        return [Resync(str(await self._history.end()), reason)]

    def _follows(self, item: Item) -> bool:
        return self._after is None or Position.of(item.cursor) > self._after

    def _deliver(self, item: Item) -> Item:
        self._after = Position.of(item.cursor)
        return item
