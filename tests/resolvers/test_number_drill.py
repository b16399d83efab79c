"""Two workers, writers that die, a killed Redis, subscribers that come and go: nothing is missing in silence."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import pytest

from resolvers.live import BrokerUnavailableError, Event, RedisBroker, Resync
from tests.own_redis import OwnRedis

WRITERS: Final = 6
WRITES: Final = 240
END: Final = b"end"


@dataclass
class Store:
    """What is written: the number of the last, and of those that nobody told."""

    news: int = 0
    untold: set[int] = field(default_factory=set)


@dataclass
class Subscriber:
    """Who reads again whatever there is when he is told to."""

    chance: random.Random
    store: Store
    cursor: str
    seen: Counter[bytes] = field(default_factory=Counter)
    read_to: int = 0
    resyncs: int = 0

    async def follow(self, brokers: list[RedisBroker]) -> None:
        """To the end, now on one worker and now on another."""
        while END not in self.seen:
            with contextlib.suppress(BrokerUnavailableError):
                async with self.chance.choice(brokers).subscribe("a", self.cursor) as news:
                    for _ in range(self.chance.randrange(1, 60)):
                        item = await anext(news)
                        self.cursor = item.cursor
                        if isinstance(item, Resync):
                            self.resyncs, self.read_to = self.resyncs + 1, self.store.news
                        elif isinstance(item, Event):
                            self.seen[item.payload] += 1
                        if END in self.seen:
                            break
            await asyncio.sleep(0)

    @property
    def missing(self) -> set[int]:
        """What he neither was told nor read."""
        return {number for number in range(self.read_to + 1, self.store.news + 1) if not self.seen[b"%d" % number]}


async def write(store: Store, brokers: list[RedisBroker], chance: random.Random, deaths: float) -> None:
    """A part of all; told in whatever order it comes to."""
    while store.news < WRITES:
        store.news += 1
        number = store.news
        await asyncio.sleep(chance.random() * 0.005)
        if chance.random() < deaths:
            store.untold.add(number)
            continue
        try:
            await chance.choice(brokers).publish("a", b"%d" % number, number=number)
        except BrokerUnavailableError:
            store.untold.add(number)


async def settled(store: Store, brokers: list[RedisBroker]) -> None:
    """Until all is out, or given up."""
    for broker in brokers:
        while True:
            with contextlib.suppress(BrokerUnavailableError):
                if await broker.check("a", store.news):
                    break
            await asyncio.sleep(0.02)


async def drill(redis: OwnRedis, seed: int, *, deaths: float, killed: bool, hole_ms: int) -> list[Subscriber]:
    chance, store = random.Random(seed), Store()
    async with (
        asyncio.timeout(60),
        RedisBroker(redis.url, hole_ms=hole_ms) as one,
        RedisBroker(redis.url, hole_ms=hole_ms) as two,
    ):
        brokers = [one, two]
        async with one.subscribe("a") as news:
            begin = news.cursor
        await one.check("a", 0)
        everybody = [Subscriber(random.Random(seed + each), store, begin) for each in range(5)]
        async with asyncio.TaskGroup() as group:
            for subscriber in everybody:
                group.create_task(subscriber.follow(brokers))
            writing = [asyncio.create_task(write(store, brokers, chance, deaths)) for _ in range(WRITERS)]
            if killed:
                while store.news < WRITES / 2:  # noqa: ASYNC110 (they write)
                    await asyncio.sleep(0)
                redis.kill()
                await asyncio.sleep(0)
                await asyncio.to_thread(redis.start)
            await asyncio.gather(*writing)
            await settled(store, brokers)
            while True:
                with contextlib.suppress(BrokerUnavailableError):
                    await one.publish("a", END)
                    break
    return everybody


@pytest.fixture(scope="module")
def own_redis() -> Iterator[OwnRedis]:
    with OwnRedis() as redis:
        yield redis


@pytest.mark.parametrize(("seed", "killed"), [(1, False), (2, True), (3, True)])
async def test_nothing_is_missing_in_silence_and_nothing_comes_twice(
    own_redis: OwnRedis, seed: int, killed: bool
) -> None:
    own_redis.forget()
    for each in await drill(own_redis, seed, deaths=0.03, killed=killed, hole_ms=100):
        assert each.missing == set()
        assert max(each.seen.values()) == 1
        assert each.store.untold
        assert each.resyncs


async def test_who_only_overtake_each_other_make_no_gap(own_redis: OwnRedis) -> None:
    own_redis.forget()
    for each in await drill(own_redis, 4, deaths=0, killed=False, hole_ms=30_000):
        assert (each.resyncs, each.missing, len(each.seen)) == (0, set(), WRITES + 1)
