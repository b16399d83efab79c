"""A broker for any number of workers, through Redis or Valkey."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Final, Self, TypeVar

from redis.exceptions import RedisError

from resolvers.live.backoff import delays
from resolvers.live.broker import BrokerUnavailableError, Item, Position
from resolvers.live.feed import Feed
from resolvers.live.listener import Listener, Topic
from resolvers.live.streams import EVENT, GAP, TIMEOUT_SECONDS, Streams, stream_name

Answer = TypeVar("Answer")
INSIST_SECONDS: Final = 0.1


class RedisBroker:
    """`async with RedisBroker(url)`. Keeps about `history` events a channel, `keep_seconds` from the newest on.

    `queue`: live events that may wait for one slow subscriber before it has to `Resync`. Starts without Redis too,
    and is well again by itself when Redis is.
    """

    def __init__(self, url: str, *, queue: int = 256, history: int = 1000, keep_seconds: int = 86_400) -> None:
        self._queue = queue
        self._streams = Streams(url, history, keep_seconds)
        self._listener = Listener(url)
        self._owed: set[bytes] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._open = False

    async def publish(self, channel: str, payload: bytes, *, again: bool = False) -> str:
        name = stream_name(channel)
        self._check_open()
        try:
            return await self._streams.publish(name, EVENT, payload, again=again)
        except RedisError as error:
            self._owe(name)
            raise BrokerUnavailableError(f"redis did not confirm: {type(error).__name__}") from error

    @asynccontextmanager
    async def subscribe(self, channel: str, after: str | None = None) -> AsyncIterator[Feed]:
        self._check_open()
        topic = self._listener.join(stream_name(channel))
        try:
            feed = await self._feed(topic, after)
            topic.feeds.add(feed)
            try:
                yield feed
            finally:
                topic.feeds.discard(feed)
        finally:
            self._listener.leave(topic)

    async def close(self) -> None:
        """End all subscriptions and connections."""
        self._open = False
        tasks = list(self._tasks)
        while waiting := [task for task in tasks if not task.done()]:
            for task in waiting:  # `asyncio.wait_for`, inside of connecting, may swallow a cancellation (Python 3.11)
                task.cancel()
            await asyncio.wait(waiting, timeout=INSIST_SECONDS)
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._listener.close()
        await self._streams.close()

    async def __aenter__(self) -> Self:
        self._open = True
        self._spawn(self._listener.run())
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

    def _check_open(self) -> None:
        if not self._open:
            raise BrokerUnavailableError("the broker is closed")

    def _owe(self, name: bytes) -> None:
        """Tell a channel's subscribers, once that is possible, that an event may be missing."""
        if not self._owed:
            self._spawn(self._settle())
        self._owed.add(name)

    async def _settle(self) -> None:
        for wait in delays():
            await asyncio.sleep(wait)
            with contextlib.suppress(RedisError):
                for name in list(self._owed):
                    await self._streams.publish(name, GAP, b"")
                    self._owed.discard(name)
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
