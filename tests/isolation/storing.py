"""The world as it was planted, put in again for each test: planting it takes seconds."""

from dataclasses import dataclass, field
from typing import Any, Final

from redis.asyncio import Redis

from models.database import Database, Record
from tests.isolation.tenants import World
from tests.stores import LEFT

OWN: Final = LEFT | {"leases"}
"""What belongs to a server that has ended."""


@dataclass
class Stored:
    """All that the stores held when it was planted; nothing before that."""

    world: World | None = None
    documents: dict[str, list[Record]] = field(default_factory=dict)
    keys: dict[bytes, tuple[int, bytes]] = field(default_factory=dict)
    """What is in Redis, as it dumps it, and for how many milliseconds yet, or 0."""

    async def keep(self, world: World, redis: Redis) -> None:
        """Before anything is asked of it."""
        db = world.served.services.database.db
        for name in sorted(set(await db.list_collection_names()) - OWN):
            self.documents[name] = await db[name].find({}).to_list()
        async for key in redis.scan_iter():
            if (dumped := await redis.dump(key)) is not None:
                self.keys[key] = max(await redis.pttl(key), 0), dumped
        self.world = world

    async def put(self, database: Database, redis: Redis) -> None:
        """Into empty stores, before a server starts on them."""
        for name, documents in self.documents.items():
            if documents:
                await database.db[name].insert_many(documents)
        for key, (left, dumped) in self.keys.items():
            await _restored(redis, key, left, dumped)


async def _restored(redis: Any, key: bytes, left: int, dumped: bytes) -> None:
    await redis.restore(key, left, dumped, replace=True)
