"""Who gives up a call of Redis is let go at once, and nobody else gets the answer that he didn't wait for."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from models.embedded import EmbeddedStores
from models.redis import open_redis

STEPS = 40
"""More often than a call waits for anything."""


@pytest.fixture
async def one(stores: EmbeddedStores) -> AsyncIterator[Redis]:
    """A client that has one connection: whatever is left on it the next call would read."""
    async with open_redis(stores.redis_url, connections=1) as client:
        yield client


async def test_a_call_given_up_at_any_step_ends_and_leaves_nothing_to_the_next(one: Redis) -> None:
    for step in range(STEPS):
        await one.set(f"{{given}}{step}", step)
        call = asyncio.ensure_future(one.getset(f"{{given}}{step}", "the answer of another"))
        for _ in range(step):
            await asyncio.sleep(0)
        given_up = call.cancel()
        await asyncio.wait({call})
        assert call.cancelled() == given_up, f"after {step} steps it went on"
        assert await one.set("{given}mine", step) is True
        assert await one.get("{given}mine") == str(step).encode()
