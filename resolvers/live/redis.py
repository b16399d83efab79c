"""A broker for any number of workers, through Redis or Valkey."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Self, TypeVar

from redis.exceptions import RedisError

from models.pubsub import Listener, open_listener
from models.pubsub.ending import end
from models.redis.backoff import delays
from resolvers.live.broker import BrokerUnavailableError, Item, Note, Position
from resolvers.live.feed import Feed
from resolvers.live.numbers import HOLE_MS
from resolvers.live.pacing import Pacer
from resolvers.live.streams import EVENT, GAP, TIMEOUT_SECONDS, Streams, stream_name
from resolvers.live.topics import Topic, Topics

Answer = TypeVar("Answer")


class RedisBroker:
    """`async with RedisBroker(url)`. Keeps about `history` events a channel, `keep_seconds` from the newest on.

    `queue`: live events that may wait for one slow subscriber before it has to `Resync`. Starts without Redis too,
    and is well again by itself when Redis is. `listener`: one that others listen by as well; else it opens its own.
    """

    def __init__(
        self,
        url: str,
        *,
        listener: Listener | None = None,
        queue: int = 256,
        history: int = 1000,
        keep_seconds: int = 86_400,
        hole_ms: int = HOLE_MS,
    ) -> None:
        self.pacer = Pacer(self.publish_all)
        self._queue = queue
        self._streams = Streams(url, history, keep_seconds, hole_ms)
        self._url = url
        self._topics = None if listener is None else Topics(listener)
        self._stack = AsyncExitStack()
        self._listened: Counter[str] = Counter()
        self._owed: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._open = False

    async def publish(self, channel: str, payload: bytes, *, again: bool = False, number: int | None = None) -> str:
        self._check_open()
        try:
            return await self._streams.publish(channel, EVENT, payload, again=again, number=number)
        except RedisError as error:
            self._owe(channel)
            raise BrokerUnavailableError(f"redis did not confirm: {type(error).__name__}") from error

    async def publish_all(self, notes: Sequence[Note]) -> None:
        self._check_open()
        try:
            await self._streams.publish_all(notes)
        except RedisError as error:
            for note in notes:
                self._owe(note.channel)
            raise BrokerUnavailableError(f"redis did not confirm: {type(error).__name__}") from error

    async def check(self, channel: str, number: int) -> bool:
        self._check_open()
        try:
            return await self._streams.check(channel, number)
        except RedisError as error:
            raise BrokerUnavailableError(f"redis did not confirm: {type(error).__name__}") from error

    def listened(self) -> list[str]:
        return list(self._listened)

    @asynccontextmanager
    async def subscribe(self, channel: str, after: str | None = None) -> AsyncIterator[Feed]:
        topics = self._check_open()
        topic = topics.join(stream_name(channel))
        self._listened[channel] += 1
        try:
            feed = await self._feed(topic, after)
            topic.feeds.add(feed)
            try:
                yield feed
            finally:
                topic.feeds.discard(feed)
        finally:
            topics.leave(topic)
            self._listened[channel] -= 1
            if not self._listened[channel]:
                del self._listened[channel]

    async def close(self) -> None:
        """End all subscriptions and connections."""
        await self.pacer.flush()
        self._open = False
        await end(self._tasks)
        await self._stack.aclose()
        if self._topics is not None:
            self._topics.close()
        await self._streams.close()

    async def __aenter__(self) -> Self:
        if self._topics is None:
            self._topics = Topics(await self._stack.enter_async_context(open_listener(self._url)))
        self._open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _feed(self, topic: Topic, after: str | None) -> Feed:
        history = Stream(self._streams, topic.name, lambda: self._open)
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await topic.heard.wait()
                position = await history.end() if after is None else Position.parse(after)
        except TimeoutError as error:
            raise BrokerUnavailableError("redis does not answer") from error
        return Feed(history, position, self._queue)

    def _check_open(self) -> Topics:
        if not self._open or self._topics is None:
            raise BrokerUnavailableError("the broker is closed")
        return self._topics

    def _owe(self, channel: str) -> None:
        """Tell a channel's subscribers, once that is possible, that an event may be missing."""
        if not self._owed:
            self._spawn(self._settle())
        self._owed.add(channel)

    async def _settle(self) -> None:
        for wait in delays():
            await asyncio.sleep(wait)
            with contextlib.suppress(RedisError):
                for channel in list(self._owed):
                    await self._streams.publish(channel, GAP, b"")
                    self._owed.discard(channel)
                if not self._owed:
                    return

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class Stream:
    """One channel's history, read with patience: a subscriber outlives the absence of Redis."""

    def __init__(self, streams: Streams, name: bytes, wanted: Callable[[], bool]) -> None:
        self._streams = streams
        self._name = name
        self._wanted = wanted

    async def read(self, after: Position, limit: int) -> list[Item] | None:
        return await self._patiently(lambda: self._streams.read(self._name, after, limit))

    async def end(self) -> Position:
        return await self._patiently(lambda: self._streams.end(self._name))

    async def _patiently(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        for wait in delays():
            if not self._wanted():
                break
            with contextlib.suppress(RedisError):
                return await ask()
            await asyncio.sleep(wait)
        raise BrokerUnavailableError("the broker is closed")
