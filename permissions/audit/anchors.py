"""The head of the chain, kept in another store: a chain that is cut at its end does not reach it any more."""

from typing import Final, Protocol

from redis.asyncio import Redis

from permissions.audit.chain import Head, Sealer, anchor, anchored

MOVE: Final = """
local kept = redis.call('GET', KEYS[1])
local number = kept and tonumber(string.match(kept, '^%[(%d+),'))
if not number or number < tonumber(ARGV[2]) then redis.call('SET', KEYS[1], ARGV[1]) end
"""
"""Workers come in any order: it only ever moves forward."""


class Anchor(Protocol):
    """Where the head is kept."""

    async def read(self) -> Head | None:
        """The head, unless there is none, or it isn't ours."""

    async def move(self, head: Head) -> None:
        """Keep `head`, unless a later one is kept."""


class RedisAnchor:
    """One key for a database; no expiry."""

    def __init__(self, redis: Redis, sealer: Sealer, database: str) -> None:
        self._redis: Final = redis
        self._sealer: Final = sealer
        self._key: Final = f"parley:audit:{database}:head"
        self._move: Final = redis.register_script(MOVE)

    async def read(self) -> Head | None:
        """See `Anchor`."""
        kept = await self._redis.get(self._key)
        return anchored(kept.decode() if isinstance(kept, bytes) else kept, self._sealer) if kept else None

    async def move(self, head: Head) -> None:
        """See `Anchor`."""
        await self._move(keys=[self._key], args=[anchor(head, self._sealer), head.number])


class MemoryAnchor:
    """The same in memory, for tests and for commands that run without Redis."""

    def __init__(self, head: Head | None = None) -> None:
        self.kept = head

    async def read(self) -> Head | None:
        """See `Anchor`."""
        return self.kept

    async def move(self, head: Head) -> None:
        """See `Anchor`."""
        if self.kept is None or self.kept.number < head.number:
            self.kept = head
