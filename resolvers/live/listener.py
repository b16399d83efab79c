"""The one pub/sub connection of a worker: keeps it, and what it listens to, across failures."""

import asyncio
from dataclasses import dataclass, field
from typing import Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from models.redis import listening
from resolvers.live.backoff import delays
from resolvers.live.feed import Feed
from resolvers.live.gate import Gate
from resolvers.live.line import PLAIN, Dialect, Ears, Line
from resolvers.live.streams import announced

log = structlog.get_logger(__name__)


@dataclass(eq=False, slots=True)
class Topic:
    """A channel that somebody listens to. `heard`: Redis has confirmed it on the present connection."""

    name: bytes
    members: int = 0
    feeds: set[Feed] = field(default_factory=set)
    heard: asyncio.Event = field(default_factory=Gate)


class Listener:
    """Hands what Redis publishes to the feeds of its topic; after a lost connection lets them rewind.

    For a single server, and whichever server sentinels call the master; `ShardedListener` is for a cluster.
    """

    dialect: Dialect = PLAIN

    def __init__(self, redis: Redis) -> None:
        self._redis: Final = redis
        self._topics: Final = dict[bytes, Topic]()
        self._line: Final = self._new_line()

    def join(self, name: bytes) -> Topic:
        """Count one more member of a topic; its events arrive once `heard` is set."""
        topic = self._topics.get(name)
        if topic is None:
            topic = self._topics[name] = Topic(name)
            self._begin(name)
        topic.members += 1
        return topic

    def leave(self, topic: Topic) -> None:
        """Count one member less; the last one out ends the subscription."""
        topic.members -= 1
        if not topic.members:
            del self._topics[topic.name]
            self._end(topic.name)

    async def close(self) -> None:
        """End every feed; `run` must have ended."""
        for topic in self._topics.values():
            for feed in topic.feeds:
                feed.close()
        await self._redis.aclose()

    async def run(self) -> None:
        """Be connected, for ever."""
        waits = delays()
        while True:
            try:
                async with listening(self._redis) as connection:
                    waits = delays()
                    await self._line.serve(connection)
            except (RedisError, OSError) as error:
                log.warning("live.redis_lost", error=type(error).__name__)
            finally:
                self._deafen(self._line)
            await asyncio.sleep(next(waits))

    def _new_line(self) -> Line:
        return Line(self.dialect, Ears(self._publish, self._confirm, self._stray))

    def _begin(self, name: bytes) -> None:
        self._line.add(name)

    def _end(self, name: bytes) -> None:
        self._line.drop(name)

    def _stray(self, name: bytes) -> None:
        """Redis has ended it; only a cluster does that."""

    def _deafen(self, line: Line) -> None:
        for name in line.names:
            if topic := self._topics.get(name):
                topic.heard.clear()

    def _publish(self, name: bytes, data: bytes) -> None:
        topic = self._topics.get(name)
        if topic and (item := announced(data)):
            for feed in topic.feeds:
                feed.offer(item)

    def _confirm(self, name: bytes) -> None:
        if topic := self._topics.get(name):
            topic.heard.set()
            for feed in topic.feeds:
                feed.rewind()
