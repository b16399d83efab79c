"""What only the broker over Redis can be asked: connections, histories that end, and what comes of losing Redis."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import pytest
from redis.asyncio import Redis

from models.embedded import EmbeddedStores
from models.embedded.stores import free_ports
from models.redis import servers as servers_of
from resolvers.live import Broker, BrokerUnavailableError, Event, RedisBroker, Resync
from resolvers.live.broker import Note
from resolvers.live.streams import stream_name
from tests.processes import kill_9
from tests.resolvers.test_live import expected, payloads, publish, take


async def connections(redis: Redis, kind: str) -> int:
    return len(await redis.client_list(_type=kind))


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 15.0) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 (it changes in another process)
            await asyncio.sleep(0.01)


async def test_a_thousand_channels_take_one_connection_to_a_server(stores: EmbeddedStores, redis: Redis) -> None:
    before, ears = await connections(redis, "normal"), await connections(redis, "pubsub")
    async with RedisBroker(stores.redis_url) as broker, AsyncExitStack() as stack:
        subscribing = [broker.subscribe(f"{number}") for number in range(1000)]
        feeds = await asyncio.gather(*(stack.enter_async_context(each) for each in subscribing))
        await asyncio.gather(*(broker.publish(f"{number}", b"%d" % number) for number in range(1000)))
        for number, events in enumerate(feeds):
            assert await payloads(events, 1) == [b"%d" % number]
        servers = len(await servers_of(redis))
        assert await connections(redis, "pubsub") == ears + servers
        assert await connections(redis, "normal") <= before + (4 if servers == 1 else 5) * servers


async def test_channels_that_nobody_listens_to_any_more_are_given_up(stores: EmbeddedStores, redis: Redis) -> None:
    async def heard() -> int:
        return sum(b"parley" in name for name in await redis.pubsub_channels())

    async def nothing_is_heard() -> bool:
        return await heard() == 0

    async with RedisBroker(stores.redis_url) as broker:
        for _ in range(3):
            async with broker.subscribe("a"), broker.subscribe("a"), broker.subscribe("b"):
                assert await heard() == 2
        await until(nothing_is_heard)
        # Leaving and coming back at once: the new subscription holds.
        for number in range(100):
            async with broker.subscribe("a") as events:
                await publish(broker, "a", range(number, number + 1))
                assert await payloads(events, 1) == expected(range(number, number + 1))


async def test_a_history_ends_by_itself(stores: EmbeddedStores, redis: Redis) -> None:
    async with RedisBroker(stores.redis_url, history=100, keep_seconds=60) as broker:
        await publish(broker, "a", range(500))
        assert await redis.xlen(stream_name("a")) < 250
        for key in await redis.keys():
            assert 0 < await redis.ttl(key) <= 60


async def test_a_lost_connection_loses_no_event(stores: EmbeddedStores, redis: Redis) -> None:
    async with (
        RedisBroker(stores.redis_url) as broker,
        RedisBroker(stores.redis_url) as writer,
        broker.subscribe("a") as events,
        broker.subscribe("quiet") as quiet,
    ):
        for start in range(0, 500, 50):
            await redis.client_kill_filter(_type="pubsub")
            await publish(writer, "a", range(start, start + 50))
            assert await payloads(events, 25) == expected(range(start // 2, start // 2 + 25))
        assert await payloads(events, 250) == expected(range(250, 500))
        await redis.client_kill_filter(_type="pubsub")
        await writer.publish("quiet", b"the first there")
        assert await payloads(quiet, 1) == [b"the first there"]


async def test_redis_without_its_data_is_answered_by_resync(stores: EmbeddedStores, redis: Redis) -> None:
    async with RedisBroker(stores.redis_url) as broker, broker.subscribe("a") as events:
        cursor = await broker.publish("a", b"seen")
        assert await payloads(events, 1) == [b"seen"]
        await redis.flushall()
        await redis.client_kill_filter(_type="pubsub")
        [resync] = await take(events, 1)
        assert isinstance(resync, Resync)
        await broker.publish("a", b"after")
        assert await payloads(events, 1) == [b"after"]
        async with broker.subscribe("a", cursor) as old, broker.subscribe("a", resync.cursor) as new:
            assert isinstance((await take(old, 1))[0], Resync)
            assert await payloads(new, 1) == [b"after"]


async def test_redis_may_die_and_come_back(tmp_path: Path) -> None:
    async with (
        EmbeddedStores(tmp_path) as own,
        RedisBroker(own.redis_url) as one,
        RedisBroker(own.redis_url) as other,
        one.subscribe("a") as first,
        other.subscribe("a") as second,
        other.subscribe("b") as untouched,
        other.subscribe("c") as together,
        other.subscribe("d") as later,
    ):
        await publish(one, "a", range(10))
        assert await payloads(first, 10) == expected(range(10))
        kill_9(own.pids()["Redis"])
        with pytest.raises(BrokerUnavailableError):
            await one.publish("a", b"maybe lost")
        with pytest.raises(BrokerUnavailableError):
            await one.publish_all([Note("c", b"maybe lost"), Note("a", b"maybe lost")])
        one.pacer.soon("thing", partial(list, [Note("d", b"maybe lost")]))
        await one.pacer.flush()
        await until(lambda: came_back(one))
        await one.publish("b", b"last")
        # One reader had seen all, the other nothing: both hear that something may be missing, neither sees doubles.
        assert [type(item) for item in await take(first, 1)] == [Resync]
        assert [type(item) for item in await take(second, 11)] == [Event] * 10 + [Resync]
        assert [type(item) for feed in (together, later) for item in await take(feed, 1)] == [Resync] * 2
        assert await payloads(untouched, 1) == [b"last"]


async def came_back(broker: Broker) -> bool:
    try:
        await broker.publish("elsewhere", b"")
    except BrokerUnavailableError:
        return False
    return True


async def test_without_redis_a_subscription_fails_and_the_broker_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resolvers.live.redis.TIMEOUT_SECONDS", 0.2)
    [port] = free_ports(1)
    async with RedisBroker(f"redis://127.0.0.1:{port}") as broker:
        with pytest.raises(BrokerUnavailableError):
            async with broker.subscribe("a"):
                pass


@pytest.mark.parametrize("passes", range(4, 14))
async def test_a_broker_closes_though_it_is_about_to_connect(stores: EmbeddedStores, passes: int) -> None:
    """What connects may swallow one cancellation, in the moment in which its answer is there: all are tried out."""
    async with asyncio.timeout(20):
        async with RedisBroker(stores.redis_url):
            for _ in range(passes):
                await asyncio.sleep(0)
                time.sleep(0.002)  # noqa: ASYNC251 - what Redis answers meanwhile is there in the next pass
