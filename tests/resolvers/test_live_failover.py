"""Live events while masters die and slots move: nothing twice, nothing out of order, and nothing lost in silence."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest

from models.redis import servers
from resolvers.live import BrokerUnavailableError, Event, RedisBroker, Resync
from resolvers.live.broker import Item, Note
from resolvers.live.streams import stream_name
from tests.redis_topologies import OwnCluster, OwnSentinels, whole

CHANNELS = [f"channel {number}" for number in range(12)]
"""They lie on all three masters."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[OwnCluster]:
    """Three masters, the first of which has a replica."""
    with OwnCluster(replicas=1) as running:
        yield running


@pytest.fixture
def sentinels() -> Iterator[OwnSentinels]:
    with OwnSentinels() as running:
        yield running


@dataclass
class Readers:
    """One for each channel, on a worker of their own; what each has seen."""

    broker: RedisBroker
    seen: dict[str, list[Item]] = field(default_factory=lambda: {name: [] for name in CHANNELS})

    async def read(self, stack: AsyncExitStack) -> list[asyncio.Task[None]]:
        feeds = {name: await stack.enter_async_context(self.broker.subscribe(name)) for name in CHANNELS}
        return [asyncio.create_task(self._follow(name, feed)) for name, feed in feeds.items()]

    async def _follow(self, name: str, feed: AsyncIterator[Item]) -> None:
        async for item in feed:
            self.seen[name].append(item)
            if isinstance(item, Event) and item.payload == b"last":
                return

    def numbers(self, name: str) -> list[int]:
        events = [item.payload for item in self.seen[name] if isinstance(item, Event)]
        return [int(payload) for payload in events if payload != b"last"]

    def resyncs(self, name: str) -> int:
        return sum(isinstance(item, Resync) for item in self.seen[name])


async def published(broker: RedisBroker, rounds: int, meanwhile: Callable[[], object]) -> dict[str, list[int]]:
    """What was confirmed, by channel; in the middle something happens to Redis."""
    confirmed: dict[str, list[int]] = {name: [] for name in CHANNELS}

    async def one(name: str, number: int) -> None:
        try:
            await broker.publish(name, b"%d" % number)
        except BrokerUnavailableError:
            return
        confirmed[name].append(number)

    happening = None
    for number in range(rounds):
        if number == rounds // 3:
            happening = asyncio.create_task(asyncio.to_thread(meanwhile))
        await asyncio.gather(*(one(name, number) for name in CHANNELS))
    if happening:
        await happening
    return confirmed


async def followed(url: str, rounds: int, meanwhile: Callable[[], object]) -> tuple[Readers, dict[str, list[int]]]:
    """Readers on one worker of what another publishes, until all is well again, and everybody has read on."""
    async with RedisBroker(url) as here, RedisBroker(url) as there, AsyncExitStack() as stack:
        readers = Readers(there)
        tasks = await readers.read(stack)
        confirmed = await published(here, rounds, meanwhile)
        async with asyncio.timeout(20):
            for name in CHANNELS:
                await insisted(here, name, b"last")
            await asyncio.gather(*tasks)
    return readers, confirmed


async def insisted(broker: RedisBroker, name: str, payload: bytes) -> str:
    while True:
        try:
            return await broker.publish(name, payload)
        except BrokerUnavailableError:
            await asyncio.sleep(0.05)


def accounted_for(readers: Readers, confirmed: dict[str, list[int]]) -> None:
    """Each confirmed event was seen once and in order, or the reader was told that some may be missing."""
    for name in CHANNELS:
        seen = readers.numbers(name)
        assert seen == sorted(set(seen)), name
        assert readers.resyncs(name) or set(confirmed[name]) <= set(seen), name


@pytest.mark.parametrize("kind", ["cluster", "sentinels"])
async def test_what_is_published_together_is_told_wherever_its_channels_lie(
    kind: str, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue(kind).url
    async with RedisBroker(url) as broker, RedisBroker(url) as other, AsyncExitStack() as stack:
        feeds = {name: await stack.enter_async_context(other.subscribe(name)) for name in CHANNELS}
        await broker.publish_all([Note(name, b"%d" % number) for number in range(3) for name in CHANNELS])
        async with asyncio.timeout(20):
            for feed in feeds.values():
                assert [item.payload async for item in first(feed, 3) if isinstance(item, Event)] == [b"0", b"1", b"2"]


async def first(feed: AsyncIterator[Item], count: int) -> AsyncIterator[Item]:
    for _ in range(count):
        yield await anext(feed)


async def test_a_slot_that_moves_takes_its_readers_along_and_nothing_is_missed(cluster: OwnCluster) -> None:
    def move() -> None:
        for name in CHANNELS[:4]:
            key = stream_name(name)
            source = cluster.owner(key)
            cluster.move(key, next(port for port in cluster.ports[:3] if port != source))

    readers, confirmed = await followed(cluster.url, 150, move)
    accounted_for(readers, confirmed)
    assert [readers.numbers(name) for name in CHANNELS] == [list(range(150))] * len(CHANNELS)
    assert not any(readers.resyncs(name) for name in CHANNELS), "nothing was lost: nobody need read anew"


async def test_while_a_slot_is_moving_what_has_one_key_goes_on_and_what_has_several_waits(cluster: OwnCluster) -> None:
    """Halfway, its old server sends on to the new one who asks for what is not there (ASK); scripts hear TRYAGAIN."""
    key = stream_name("moving")
    source = cluster.owner(key)
    target = next(port for port in cluster.ports[:3] if port != source)
    async with RedisBroker(cluster.url) as broker, whole(cluster.url) as redis, broker.subscribe("moving") as events:
        first = await broker.publish("moving", b"0")
        cluster.move(key, target, halfway=True)
        for _ in range(5):  # on any of the connections that there are
            await asyncio.gather(*(redis.set(b"new:{moving}:%d" % number, number) for number in range(20)))
        waiting = [asyncio.create_task(broker.publish("moving", b"1"))]
        assert [await redis.get(b"new:{moving}:%d" % number) for number in (0, 19)] == [b"0", b"19"]
        assert not waiting[0].done()
        await asyncio.to_thread(cluster.finish_move, key, source, target)
        async with asyncio.timeout(10):
            cursors = [first, *await asyncio.gather(*waiting)]
            assert [await anext(events) for _ in cursors] == [Event(cursors[0], b"0"), Event(cursors[1], b"1")]


async def test_a_master_of_a_cluster_dies(cluster: OwnCluster) -> None:
    died, replica = cluster.ports[0], cluster.ports[3]
    hit = {name for name in CHANNELS if cluster.owner(stream_name(name)) == died}
    assert hit

    def die() -> None:
        cluster.kill_master(died)
        cluster.until_master(replica)

    readers, confirmed = await followed(cluster.url, 60, die)
    accounted_for(readers, confirmed)
    assert {name for name in CHANNELS if readers.resyncs(name)} >= hit, "a replica may lack what was confirmed"
    async with whole(cluster.url) as redis:
        assert len(await servers(redis)) == 3


async def test_sentinels_make_the_replica_the_master(sentinels: OwnSentinels) -> None:
    died = sentinels.master()
    assert died

    def die() -> None:
        sentinels.kill_master(died)
        sentinels.until_master(other_than=died)

    readers, confirmed = await followed(sentinels.url, 60, die)
    accounted_for(readers, confirmed)
    assert all(readers.resyncs(name) for name in CHANNELS)


async def test_what_was_confirmed_and_is_lost_with_the_master_is_told_to_all_who_come_after(
    sentinels: OwnSentinels,
) -> None:
    """The replica is frozen when the event is confirmed: it becomes the master without having heard of it."""
    died = sentinels.master()
    assert died
    replica = next(port for port in sentinels.ports if port != died)
    async with RedisBroker(sentinels.url) as broker:
        async with broker.subscribe("a") as events:
            cursor = await broker.publish("a", b"kept")
            assert (await anext(events)) == Event(cursor, b"kept")
            sentinels.copied(died)
            with sentinels.frozen(replica):
                sentinels.cut_off_replicas(died)
                await broker.publish("a", b"lost")
                sentinels.kill_master(died)
            sentinels.until_master(other_than=died)
            await insisted(broker, "b", b"elsewhere")
            async with asyncio.timeout(10):
                items = [await anext(events)]
                while not isinstance(items[-1], Resync):
                    items.append(await anext(events))
            assert items[:-1] in ([], [Event(items[0].cursor, b"lost")])
        # Who comes back now, and was away all the time, is told as well.
        async with broker.subscribe("a", cursor) as events, asyncio.timeout(10):
            assert isinstance(await anext(events), Resync)
