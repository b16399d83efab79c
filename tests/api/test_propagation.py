"""How soon a change of permissions counts on the other workers."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

from redis.asyncio import Redis
from structlog.testing import capture_logs

from api.propagation import CHANNEL, announcer, following
from models.database import Database
from models.embedded import EmbeddedStores
from permissions.changes import SYSTEM, PermissionChanges
from permissions.store import FRESH_SECONDS, PermissionStore
from resolvers.live import MemoryBroker, RedisBroker, Standings
from tests.permissions.people import role


async def seconds_until(holds: Callable[[], Awaitable[bool]], limit: float = 10.0) -> float:
    """How long it takes until `holds`."""
    started = time.monotonic()
    while not await holds():
        assert time.monotonic() - started < limit, "never"
        await asyncio.sleep(0.005)
    return time.monotonic() - started


def stopped() -> PermissionStore:
    """A worker whose clock stands: it never looks for news unless it is told that there are some."""
    return PermissionStore(lambda: 0.0)


async def test_a_change_counts_on_another_worker_at_once(
    database: Database, redis: Redis, stores: EmbeddedStores
) -> None:
    other = stopped()
    async with (
        RedisBroker(stores.redis_url) as here,
        RedisBroker(stores.redis_url) as there,
        following(there, Standings(other)),
    ):
        changes = PermissionChanges(PermissionStore(), announcer(here))
        revision = await changes.put_role(role("first"), SYSTEM)

        async def follows() -> bool:
            await here.publish(CHANNEL, b"are you there?")
            return (await other.world()).revision == revision

        await seconds_until(follows)
        for number in range(5):
            revision = await changes.put_role(role(f"r{number}"), SYSTEM)

            async def counts(wanted: int = revision) -> bool:
                return (await other.world()).revision == wanted

            assert await seconds_until(counts) < 1.0


async def test_without_a_message_it_counts_within_the_polling_interval(database: Database) -> None:
    other = PermissionStore()
    await other.world()
    revision = await PermissionChanges(PermissionStore()).put_role(role("a"), SYSTEM)

    async def counts() -> bool:
        return (await other.world()).revision == revision

    assert await seconds_until(counts) <= FRESH_SECONDS + 0.5


async def test_a_change_is_made_though_nobody_can_be_told(database: Database) -> None:
    broker = MemoryBroker()
    await broker.close()

    with capture_logs():  # an earlier test's server may have closed where it logged to
        assert await PermissionChanges(PermissionStore(), announcer(broker)).put_role(role("a"), SYSTEM) == 1


async def test_what_was_missed_before_it_listened_is_looked_for(database: Database) -> None:
    other = stopped()
    assert (await other.world()).revision == 0
    await PermissionChanges(PermissionStore()).put_role(role("a"), SYSTEM)

    async with MemoryBroker() as broker, following(broker, Standings(other)):

        async def counts() -> bool:
            return (await other.world()).revision == 1

        await seconds_until(counts)


async def test_a_worker_stops_whatever_its_listening_is_at(stores: EmbeddedStores, database: Database) -> None:
    chance = random.Random(7)
    async with RedisBroker(stores.redis_url) as broker:
        for _ in range(60):
            async with asyncio.timeout(5), following(broker, Standings(PermissionStore())):
                await asyncio.sleep(chance.random() * 0.006)
