"""How soon a worker knows of a rotation by another: told, or by looking."""

import asyncio
from datetime import timedelta

import pytest

from api import key_ring
from api.key_ring import announcer, following
from models.clock import now
from models.database import Database
from permissions.audit.events import SYSTEM
from permissions.authn.keys import KeyRing, Use
from permissions.key_rotation import KeyRotation
from resolvers.live import Broker, MemoryBroker
from tests.api.test_propagation import seconds_until
from tests.permissions.authn.conftest import SECRET

NEVER = 3600.0


async def worker(broker: Broker) -> KeyRotation:
    ring = KeyRing(SECRET)
    await ring.ensure()
    return KeyRotation(ring, announcer(broker))


def agrees(one: KeyRotation, other: KeyRotation) -> bool:
    return one.ring.signer().kid == other.ring.signer().kid


async def test_news_arrive_without_a_look(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_ring, "LOOK_SECONDS", NEVER)
    async with MemoryBroker() as broker:
        one, other = await worker(broker), await worker(broker)
        async with following(broker, other, days=0):

            async def knows() -> bool:
                await broker.publish(key_ring.CHANNEL, key_ring.NEWS)  # until it listens
                return agrees(one, other)

            await one.ring.rotate(1)
            await seconds_until(knows)
            await one.rotate(SYSTEM, revoke_now=True)

            async def follows() -> (
                bool
            ):  # earlier news may have it look in the middle of the rotation: not by the signer alone
                uses = [life.use for life in other.ring.lives]
                return agrees(one, other) and uses == [Use.REVOKED, Use.REVOKED, Use.SIGNS]

            assert await seconds_until(follows) < 1.0


async def test_a_look_finds_what_nobody_told(database: Database) -> None:
    silent = MemoryBroker()
    await silent.close()
    async with MemoryBroker() as broker:
        one, other = await worker(silent), await worker(broker)
        async with following(broker, other, days=0):
            await one.rotate(SYSTEM)

            async def knows() -> bool:
                return agrees(one, other)

            assert await seconds_until(knows) < 1.0


async def test_a_key_that_has_signed_long_enough_is_followed_by_one_other(database: Database) -> None:
    async with MemoryBroker() as broker:
        workers = [await worker(broker) for _ in range(3)]
        first = workers[0].ring.signer().kid
        a_day_ago = now() - timedelta(days=1)
        await database.db.signing_keys.update_one({"_id": first}, {"$set": {"created_at": a_day_ago}})
        async with following(broker, workers[0], 1), following(broker, workers[1], 1), following(broker, workers[2], 1):

            async def rotated() -> bool:
                return all(each.ring.signer().kid != first for each in workers)

            await seconds_until(rotated)
            await asyncio.gather(*(each.ring.load() for each in workers))
        assert await database.db.signing_keys.count_documents({}) == 2
        assert agrees(workers[0], workers[1])
