"""A broker for one process: the memory twin of Redis."""

import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from types import TracebackType
from typing import Self

from resolvers.live.broker import BrokerUnavailableError, Event, Item, Note, Position, Resync
from resolvers.live.feed import Feed
from resolvers.live.numbers import HOLE_MS, Numbers
from resolvers.live.pacing import Pacer


class Clock:
    """Positions that only grow, as Redis gives them."""

    def __init__(self) -> None:
        self._last = Position(0, 0)

    def tick(self) -> Position:
        now = Position(time.time_ns() // 1_000_000, 0)
        self._last = max(now, Position(self._last.ms, self._last.seq + 1))
        return self._last


class Channel:
    """The newest events of one channel and those who listen; a `History`."""

    def __init__(self, clock: Clock, history: int) -> None:
        self.feeds: set[Feed] = set()
        self.numbers = Numbers()
        self._clock = clock
        self._items: deque[tuple[Position, Item | None]] = deque(maxlen=history)

    def add(self, payload: bytes) -> Event:
        position = self._clock.tick()
        event = Event(str(position), payload)
        self._put(position, event)
        return event

    def gap(self) -> None:
        """Something may be missing here."""
        position = self._clock.tick()
        self._put(position, Resync(str(position), "events may be missing"))

    def _put(self, position: Position, item: Item) -> None:
        self._items.append((position, item))
        for feed in self.feeds:
            feed.offer(item)

    def find(self, payload: bytes) -> Event | None:
        """An event that says the same."""
        return next((item for _, item in self._items if isinstance(item, Event) and item.payload == payload), None)

    async def read(self, after: Position, limit: int) -> list[Item] | None:
        for index, (position, _) in enumerate(self._items):
            if position == after:
                newer = islice(self._items, index + 1, index + 1 + limit)
                return [item for _, item in newer if item]
        return None

    async def end(self) -> Position:
        if not self._items:
            self._items.append((self._clock.tick(), None))
        return self._items[-1][0]


class MemoryBroker:
    """Keeps the newest `history` events of each channel, and at most `channels` channels nobody listens to."""

    def __init__(
        self, *, queue: int = 256, history: int = 1000, channels: int = 10_000, hole_ms: int = HOLE_MS
    ) -> None:
        self.pacer = Pacer(self.publish_all)
        self._queue = queue
        self._hole_ms = hole_ms
        self._history = history
        self._limit = channels
        self._clock = Clock()
        self._channels: OrderedDict[str, Channel] = OrderedDict()
        self._closed = False

    async def publish(self, channel: str, payload: bytes, *, again: bool = False, number: int | None = None) -> str:
        history = self._channel(channel)
        known = history.find(payload) if again else None
        event = known or history.add(payload)
        if number is not None:
            self._heard(history, number, out=True)
        return event.cursor

    async def publish_all(self, notes: Sequence[Note]) -> None:
        for note in notes:
            self._channel(note.channel).add(note.payload)

    async def check(self, channel: str, number: int) -> bool:
        return self._heard(self._channel(channel), number, out=False)

    def listened(self) -> list[str]:
        return [name for name, channel in self._channels.items() if channel.feeds]

    @asynccontextmanager
    async def subscribe(self, channel: str, after: str | None = None) -> AsyncIterator[Feed]:
        history = self._channel(channel)
        position = await history.end() if after is None else Position.parse(after)
        feed = Feed(history, position, self._queue)
        history.feeds.add(feed)
        try:
            yield feed
        finally:
            history.feeds.discard(feed)

    async def close(self) -> None:
        """End all subscriptions."""
        await self.pacer.flush()
        self._closed = True
        for channel in self._channels.values():
            for feed in channel.feeds:
                feed.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _heard(self, channel: Channel, number: int, *, out: bool) -> bool:
        whole = channel.numbers.heard(number, out=out, hole_ms=self._hole_ms)
        if whole is None:
            channel.gap()
        return whole is not False

    def _channel(self, name: str) -> Channel:
        if self._closed:
            raise BrokerUnavailableError("the broker is closed")
        if name not in self._channels:
            self._make_room()
            self._channels[name] = Channel(self._clock, self._history)
        self._channels.move_to_end(name)
        return self._channels[name]

    def _make_room(self) -> None:
        """Forget the channel that was used longest ago among those without listeners."""
        if len(self._channels) >= self._limit:
            idle = (name for name, channel in self._channels.items() if not channel.feeds)
            if (oldest := next(idle, None)) is not None:
                del self._channels[oldest]
