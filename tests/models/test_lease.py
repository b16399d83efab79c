"""Leases: one holder at a time, and nobody waits for the dead."""

import asyncio
from datetime import timedelta

from models.clock import now
from models.database import Database
from models.lease import lease


async def test_one_of_many_gets_it_and_the_next_one_when_it_is_given_back(database: Database) -> None:
    everybody = asyncio.Barrier(10)

    async def attempt() -> bool:
        async with lease(database.db, "work") as held:
            await everybody.wait()
            return held

    async with asyncio.timeout(10):
        assert sum(await asyncio.gather(*(attempt() for _ in range(10)))) == 1
    async with lease(database.db, "work") as held, lease(database.db, "other") as other:
        assert (held, other) == (True, True)


async def test_it_runs_out_when_its_holder_died_and_is_renewed_while_he_lives(database: Database) -> None:
    dead = {"_id": "work", "holder": "dead", "until": now() + timedelta(hours=1)}
    await database.db.leases.insert_one(dead)
    async with lease(database.db, "work") as held:
        assert not held
    await database.db.leases.update_one({"_id": "work"}, {"$set": {"until": now() - timedelta(seconds=1)}})
    async with lease(database.db, "work", timedelta(milliseconds=300)) as held, asyncio.timeout(10):
        assert held
        first = await database.db.leases.find_one({"_id": "work"})
        while await database.db.leases.find_one({"_id": "work"}) == first:  # noqa: ASYNC110 (a database tells nobody)
            await asyncio.sleep(0.02)
