"""Who waits for whom, and who is forgotten."""

import asyncio
import gc

from beanie import PydanticObjectId

from models.tree.address import MAIN
from models.tree.locks import PlaceLocks


async def test_nobody_waits_for_who_writes_elsewhere() -> None:
    locks, places = PlaceLocks(), [PydanticObjectId() for _ in range(500)]
    held = [locks.of(place, MAIN) for place in places]
    for lock in held:
        assert not lock.locked()
        await lock.acquire()
    assert all(locks.of(place, MAIN) is lock for place, lock in zip(places, held, strict=True))
    assert not locks.of(places[0], "00000000000000aa").locked()


async def test_who_is_at_one_place_comes_one_by_one() -> None:
    locks, there, most = PlaceLocks(), 0, 0

    async def write() -> None:
        nonlocal there, most
        async with locks.of("place", MAIN):
            there, most = there + 1, max(most, there + 1)
            await asyncio.sleep(0)
            there -= 1

    await asyncio.gather(*(write() for _ in range(20)))
    assert most == 1


async def test_places_where_nobody_writes_take_no_memory() -> None:
    locks = PlaceLocks()
    for number in range(1_000):
        async with locks.of(number, MAIN):
            assert locks.of(number, MAIN).locked()
    gc.collect()
    assert not len(locks)
