"""The one pub/sub connection of a process: keeps it, and what it listens to, across failures."""

import asyncio
from typing import Final, Protocol

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from models.pubsub.line import PLAIN, Dialect, Ears, Line
from models.redis import listening
from models.redis.backoff import delays

log = structlog.get_logger(__name__)


class Ear(Protocol):
    """Hears one channel. Nothing of it may block or raise: all that is published waits meanwhile."""

    def hear(self, message: bytes, /) -> None:
        """What was published."""
        ...

    def connected(self) -> None:
        """Redis listens for us from now on; what was published before may have been missed."""
        ...

    def cut_off(self) -> None:
        """It doesn't any more, until `connected`."""
        ...


class Listener:
    """Hands what Redis publishes to the ear of its channel.

    For a single server, and whichever server sentinels call the master; `ShardedListener` is for a cluster.
    """

    dialect: Dialect = PLAIN

    def __init__(self, redis: Redis) -> None:
        self._redis: Final = redis
        self._ears: Final = dict[bytes, Ear]()
        self._line: Final = self._new_line()

    def listen(self, name: bytes, ear: Ear) -> None:
        """From `connected` on the channel's messages go to `ear`. Raise `ValueError` where somebody has the channel."""
        if name in self._ears:
            raise ValueError("the channel has an ear")
        self._ears[name] = ear
        self._begin(name)

    def leave(self, name: bytes) -> None:
        """Its ear hears nothing any more."""
        del self._ears[name]
        self._end(name)

    async def close(self) -> None:
        """End what `run` has begun; `run` must have ended."""

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
        return Line(self.dialect, Ears(self._hear, self._confirm, self._stray))

    def _begin(self, name: bytes) -> None:
        self._line.add(name)

    def _end(self, name: bytes) -> None:
        self._line.drop(name)

    def _stray(self, name: bytes) -> None:
        """Redis has ended it; only a cluster does that."""

    def _deafen(self, line: Line) -> None:
        for name in line.names:
            self._cut_off(name)

    def _hear(self, name: bytes, message: bytes) -> None:
        if ear := self._ears.get(name):
            ear.hear(message)

    def _confirm(self, name: bytes) -> None:
        if ear := self._ears.get(name):
            ear.connected()

    def _cut_off(self, name: bytes) -> None:
        if ear := self._ears.get(name):
            ear.cut_off()
