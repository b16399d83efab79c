"""The one place that opens what listens."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from redis.asyncio import Redis

from models.pubsub.ending import end
from models.pubsub.listener import Listener
from models.pubsub.shards import ShardedListener
from models.redis import ClusterClient, open_redis

CONNECTIONS: Final = 2
"""To a server: one that listens, and in a cluster one that asks who has which slot."""
TIMEOUT_SECONDS: Final = 5.0


@asynccontextmanager
async def open_listener(url: str) -> AsyncIterator[Listener]:
    """Within the block it is connected, or tries to be. Raise `RedisAddressError` where `url` is no address."""
    # RESP2: redis-py hands RESP3's pushes to a logger first.
    client = open_redis(url, connections=CONNECTIONS, retries=0, seconds=TIMEOUT_SECONDS, protocol=2)
    async with client, listening_by(client) as listener:
        yield listener


@asynccontextmanager
async def listening_by(redis: Redis) -> AsyncIterator[Listener]:
    """The same over a client, which stays open."""
    listener = ShardedListener(redis) if isinstance(redis, ClusterClient) else Listener(redis)
    task = asyncio.create_task(listener.run())
    try:
        yield listener
    finally:
        await end([task])
        await listener.close()
