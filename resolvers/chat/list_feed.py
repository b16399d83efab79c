"""Several channels read as one: what comes on each, in order, with a cursor for all of them."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from hashlib import sha256
from typing import Final

from resolvers.live import Broker, News
from resolvers.live.broker import Item, Position


class Feeds:
    """The news of `names`. Its cursor is a position on each, and a digest of which they are."""

    def __init__(self, names: Sequence[str], feeds: Sequence[News]) -> None:
        self._names: Final = names
        self._feeds: Final = feeds
        self._at: Final = [feed.cursor for feed in feeds]
        self._coming: Final[dict[int, asyncio.Task[Item | None]]] = {}
        self._last = 0
        self.closed = False

    @property
    def cursor(self) -> str:
        """Of where they were read."""
        return ".".join([_digest(self._names), *self._at])

    async def next(self, stop: asyncio.Event, seconds: float | None) -> Item | None:
        """What comes next; None when `stop` is set, time is up, or the broker closes."""
        for number, feed in enumerate(self._feeds):
            if number not in self._coming:
                self._coming[number] = asyncio.ensure_future(anext(feed, None))
        stopping = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait([stopping, *self._coming.values()], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
        done = [number for number, task in self._coming.items() if task.done()]
        items = {number: item for number in done if (item := self._coming[number].result()) is not None}
        if stop.is_set() or not items:
            self.closed = bool(done) and not items
            return None
        number = min(items, key=lambda each: Position.of(items[each].cursor))
        del self._coming[number]
        self._at[number], self._last = items[number].cursor, number
        return items[number]

    def first_of(self, channels: Collection[str]) -> bool:
        """Whether what came last, and is told on all of `channels`, is to be taken from where it came: from the first.

        That hangs on nothing that was read before, so it is right for who comes back in the middle, too.
        """
        return self._names[self._last] == next((name for name in self._names if name in channels), None)

    async def close(self) -> None:
        """Read no more."""
        for task in self._coming.values():
            task.cancel()
        await asyncio.gather(*self._coming.values(), return_exceptions=True)


@asynccontextmanager
async def following(broker: Broker, names: Sequence[str], after: str | None) -> AsyncIterator[tuple[Feeds, str | None]]:
    """The news of `names` within the block, and why some of it is missing, if it is."""
    places, lost = _places(names, after)
    async with AsyncExitStack() as stack:
        feeds = [
            await stack.enter_async_context(broker.subscribe(name, place))
            for name, place in zip(names, places, strict=True)
        ]
        merged = Feeds(names, feeds)
        stack.push_async_callback(merged.close)
        yield merged, lost


def _places(names: Sequence[str], after: str | None) -> tuple[list[str | None], str | None]:
    if after is None:
        return [None] * len(names), None
    digest, *places = after.split(".")
    if digest != _digest(names) or len(places) != len(names):
        return [None] * len(names), "the cursor is none of this list, as you may see it now"
    return list(places), None


def _digest(names: Sequence[str]) -> str:
    return sha256("\0".join(names).encode()).hexdigest()[:12]
