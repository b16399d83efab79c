"""Who gives up a call of MongoDB, and is told to twice, leaves the driver as it was: others are answered as before."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.lock import _async_cond_wait, _async_create_condition, _async_create_lock

from models.database import Record
from models.embedded import EmbeddedStores

STEPS = 60
"""More often than a call waits for anything."""
CALLS = 5
"""Each of them but one has to wait for the only connection."""
PATIENCE_SECONDS = 20
"""Twice what the driver has: what has not ended by then never ends."""


@pytest.mark.parametrize("release_first", [True, False])
@pytest.mark.parametrize("between", range(5))
@pytest.mark.parametrize("limit", [10.0, 0.0, None])
async def test_a_lock_is_free_after_who_waited_was_cancelled_twice(
    between: int, limit: float | None, *, release_first: bool
) -> None:
    """The second time as whoever has it lets it go: what had yet to take it for him took it for nobody."""
    lock = _async_create_lock()
    condition = _async_create_condition(lock)

    async def wait() -> None:
        async with condition:
            await _async_cond_wait(condition, limit)

    waiting = asyncio.create_task(wait())
    await _turns(3)
    await lock.acquire()
    waiting.cancel()
    await _turns(between)
    if release_first:
        lock.release()
    waiting.cancel()
    if not release_first:
        lock.release()
    [given_up] = await asyncio.gather(waiting, return_exceptions=True)
    assert given_up is None or isinstance(given_up, asyncio.CancelledError)
    await _turns(5)
    assert not lock.locked()


async def test_who_waits_holds_no_lock() -> None:
    """Else all others have to wait for it, and may be cancelled as they give back what they have."""
    condition = _async_create_condition(_async_create_lock())

    async def wait() -> bool:
        async with condition:
            return await _async_cond_wait(condition, 10.0)

    waiting = asyncio.create_task(wait())
    await _turns(1)
    assert not condition.locked()
    async with condition:
        condition.notify()
    assert await waiting


async def test_a_wait_has_its_limit() -> None:
    condition = _async_create_condition(_async_create_lock())
    async with condition:
        assert await _async_cond_wait(condition, 0.001) is False
        assert await _async_cond_wait(condition, -1.0) is False
        assert condition.locked()


@pytest.fixture
async def one(stores: EmbeddedStores) -> AsyncIterator[AsyncMongoClient[Record]]:
    """A client that has one connection."""
    client: AsyncMongoClient[Record] = AsyncMongoClient(
        stores.mongodb_uri, timeoutMS=10_000, serverMonitoringMode="poll", maxPoolSize=1
    )
    yield client
    async with asyncio.timeout(PATIENCE_SECONDS):  # a pool that is stuck can't even be closed
        await client.close()


async def test_calls_given_up_twice_at_any_step_leave_the_pool_as_it_was(one: AsyncMongoClient[Record]) -> None:
    await one.admin.command("ping")
    pool = _pool(one)
    for step in range(STEPS):
        calls = [asyncio.ensure_future(one.admin.command("ping")) for _ in range(CALLS)]
        await _turns(step)
        for _ in range(3):
            for call in calls:
                call.cancel()
            await _turns(step % 3)
        _, stuck = await asyncio.wait(calls, timeout=PATIENCE_SECONDS)
        assert not stuck, f"after {step} steps the pool is stuck"
        taken = pool.requests, pool.active_sockets, pool._pending, pool.operation_count
        assert taken == (0, 0, 0, 0), f"after {step} steps something is kept"
        assert not pool.lock.locked()
    await one.admin.command("ping")


def _pool(client: AsyncMongoClient[Record]) -> Any:
    [server] = client._topology._servers.values()
    return server.pool


async def _turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)
