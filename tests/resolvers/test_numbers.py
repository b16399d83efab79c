"""Numbered events, over both brokers: what never comes is told as a gap, once, and what is only late is not."""

import asyncio
import random

import pytest

from resolvers.live import Broker, Event, Resync
from tests.resolvers.test_live import Worker, payloads, take, worker

__all__ = ["worker"]

SOON_MS = 60


async def checked(broker: Broker, number: int) -> None:
    """Ask until all is out, or given up."""
    async with asyncio.timeout(10):
        while not await broker.check("a", number):  # noqa: ASYNC110 (time passes)
            await asyncio.sleep(0.01)


async def test_an_event_that_never_comes_is_a_gap_for_all_and_once(worker: Worker) -> None:
    one, other = await worker(hole_ms=SOON_MS), await worker(hole_ms=SOON_MS)
    await one.check("a", 7)
    async with one.subscribe("a") as here, other.subscribe("a") as there:
        await one.publish("a", b"8", number=8)
        assert not await other.check("a", 9)  # it may be on its way
        await asyncio.gather(checked(one, 9), checked(other, 9))
        cursor = await other.publish("a", b"10", number=10)
        assert await other.check("a", 10)
        for news in (here, there):
            event, gap, last = await take(news, 3)
            assert isinstance(event, Event)
            assert isinstance(gap, Resync)
            assert last == Event(cursor, b"10")
        async with one.subscribe("a", event.cursor) as back:
            assert [type(each) for each in await take(back, 2)] == [Resync, Event]


async def test_what_was_lost_while_nobody_listened_is_told_to_who_comes_back(worker: Worker) -> None:
    broker = await worker(hole_ms=SOON_MS)
    left = await broker.publish("a", b"1", number=1)
    async with broker.subscribe("a", left) as news:
        await checked(broker, 2)
        assert [type(each) for each in await take(news, 1)] == [Resync]


async def test_a_late_event_fills_its_hole(worker: Worker) -> None:
    broker = await worker(hole_ms=60_000)
    async with broker.subscribe("a") as news:
        await broker.publish("a", b"1", number=1)
        await broker.publish("a", b"3", number=3)
        assert not await broker.check("a", 3)
        await broker.publish("a", b"2", number=2)
        assert await broker.check("a", 3)
        await broker.publish("a", b"2", number=2, again=True)  # its writer tries again
        await broker.publish("a", b"late", number=None)
        assert await payloads(news, 4) == [b"1", b"3", b"2", b"late"]


@pytest.mark.parametrize("seed", range(3))
async def test_writers_beside_each_other_make_no_gap(worker: Worker, seed: int) -> None:
    broker, chance = await worker(hole_ms=60_000), random.Random(seed)
    await broker.check("a", 0)
    numbers = list(range(1, 41))
    for start in range(0, 40, 8):
        some = numbers[start : start + 8]
        chance.shuffle(some)
        numbers[start : start + 8] = some
    async with broker.subscribe("a") as news:
        for place, number in enumerate(numbers, 1):
            await broker.publish("a", b"%d" % number, number=number)
            out = set(numbers[:place])
            assert await broker.check("a", number) is (out == set(range(1, max(out) + 1)))
        assert sorted(map(int, await payloads(news, 40))) == list(range(1, 41))
