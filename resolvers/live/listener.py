"""The one pub/sub connection of a worker: keeps it, and what it listens to, across failures."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from resolvers.live.backoff import delays
from resolvers.live.feed import Feed
from resolvers.live.streams import CONNECTION, announced

log = structlog.get_logger(__name__)

QUIET_SECONDS: Final = 10.0
"""After so long without a word the server is asked whether it is there; after twice that it counts as gone."""
NAMES: Final = 500
"""Channels to a SUBSCRIBE command."""


@dataclass(eq=False, slots=True)
class Topic:
    """A channel that somebody listens to. `heard`: Redis has confirmed it on the present connection."""

    name: bytes
    members: int = 0
    feeds: set[Feed] = field(default_factory=set)
    heard: asyncio.Event = field(default_factory=asyncio.Event)


class Listener:
    """Hands what Redis publishes to the feeds of its topic; after a lost connection lets them rewind.

    Only `run` touches the connection. `join` and `leave` leave it their commands, in order.
    """

    def __init__(self, url: str) -> None:
        self._pool = ConnectionPool.from_url(url, max_connections=1, **CONNECTION)
        self._topics: dict[bytes, Topic] = {}
        self._commands: asyncio.Queue[tuple[bytes, ...]] | None = None  # None: not connected
        self._unconfirmed: Counter[bytes] = Counter()

    def join(self, name: bytes) -> Topic:
        """Count one more member of a topic; its events arrive once `heard` is set."""
        topic = self._topics.get(name)
        if topic is None:
            topic = self._topics[name] = Topic(name)
            self._tell(b"SUBSCRIBE", name)
        topic.members += 1
        return topic

    def leave(self, topic: Topic) -> None:
        """Count one member less; the last one out ends the subscription."""
        topic.members -= 1
        if not topic.members:
            del self._topics[topic.name]
            self._tell(b"UNSUBSCRIBE", topic.name)

    async def close(self) -> None:
        """End every feed; `run` must have ended."""
        for topic in self._topics.values():
            for feed in topic.feeds:
                feed.close()
        await self._pool.aclose()

    async def run(self) -> None:
        """Be connected, for ever."""
        waits = delays()
        while True:
            try:
                async with _connected(self._pool) as connection:
                    waits = delays()
                    await self._serve(connection)
            except (RedisError, OSError) as error:
                log.warning("live.redis_lost", error=type(error).__name__)
            await asyncio.sleep(next(waits))

    async def _serve(self, connection: AbstractConnection) -> None:
        """Listen to every topic until the connection fails."""
        self._commands = asyncio.Queue()
        names = list(self._topics)
        for start in range(0, len(names), NAMES):
            self._tell(b"SUBSCRIBE", *names[start : start + NAMES])
        writer = asyncio.create_task(self._write(connection, self._commands))
        try:
            await self._read(connection)
        finally:
            self._commands = None
            self._unconfirmed.clear()
            for topic in self._topics.values():
                topic.heard.clear()
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    def _tell(self, *command: bytes) -> None:
        # Without a connection there is nobody to tell: the next one begins with all topics.
        if self._commands is not None:
            if command[0] == b"SUBSCRIBE":
                self._unconfirmed.update(command[1:])
            self._commands.put_nowait(command)

    async def _write(self, connection: AbstractConnection, commands: asyncio.Queue[tuple[bytes, ...]]) -> None:
        # Not `while True`: `asyncio.wait_for`, inside of sending, may swallow a cancellation (Python 3.11).
        while self._commands is commands:
            command = await commands.get()
            if not connection.is_connected:  # sending would connect again, behind the reader's back
                return
            await connection.send_command(*command, check_health=False)

    async def _read(self, connection: AbstractConnection) -> None:
        asked = False
        while connection.is_connected:
            answer = await connection.read_response(timeout=QUIET_SECONDS, push_request=True)
            if answer is None:
                if asked:
                    raise RedisConnectionError("Redis does not answer")
                self._tell(b"PING")
            elif isinstance(answer, list):
                self._take(answer)
            asked = answer is None

    def _take(self, answer: list[Any]) -> None:
        match answer:
            case [b"message", bytes(name), bytes(data)]:
                self._publish(name, data)
            case [b"subscribe", bytes(name), _]:
                self._confirm(name)

    def _publish(self, name: bytes, data: bytes) -> None:
        topic = self._topics.get(name)
        if topic and (item := announced(data)):
            for feed in topic.feeds:
                feed.offer(item)

    def _confirm(self, name: bytes) -> None:
        """Redis listens for us, if this answers the newest of our requests: some may have been taken back."""
        self._unconfirmed[name] -= 1
        if self._unconfirmed[name] > 0:
            return
        del self._unconfirmed[name]
        if topic := self._topics.get(name):
            topic.heard.set()
            for feed in topic.feeds:
                feed.rewind()


@asynccontextmanager
async def _connected(pool: ConnectionPool) -> AsyncIterator[AbstractConnection]:
    connection: AbstractConnection = await pool.get_connection()  # type: ignore[no-untyped-call]
    try:
        yield connection
    finally:
        await connection.disconnect(nowait=True)
        await pool.release(connection)
