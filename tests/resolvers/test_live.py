"""Both brokers over the same expectations, then what only Redis can be asked."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import pytest
from redis.asyncio import Redis

from models.embedded import EmbeddedStores
from models.embedded.stores import free_ports
from models.redis import servers as servers_of
from resolvers.live import Broker, BrokerUnavailableError, Event, MemoryBroker, RedisBroker, Resync
from resolvers.live.broker import Item, Note
from resolvers.live.streams import stream_name
from tests.processes import kill_9

Worker = Callable[..., Awaitable[Broker]]


@pytest.fixture(params=["memory", "redis", "redis over RESP3"])
async def worker(request: pytest.FixtureRequest, stores: EmbeddedStores, redis: Redis) -> AsyncIterator[Worker]:
    """Gives brokers, each as a worker of its own would have it; in memory there is but one worker."""
    url = stores.redis_url + ("?protocol=3" if "RESP3" in request.param else "")
    async with AsyncExitStack() as stack:
        memory: list[MemoryBroker] = []

        async def start(**options: int) -> Broker:
            if request.param != "memory":
                return await stack.enter_async_context(RedisBroker(url, **options))
            if not memory:
                memory.append(await stack.enter_async_context(MemoryBroker(**options)))
            return memory[0]

        yield start


async def take(events: AsyncIterator[Item], count: int, seconds: float = 15.0) -> list[Item]:
    """The next so many items."""
    async with asyncio.timeout(seconds):
        return [await anext(events) for _ in range(count)]


async def payloads(events: AsyncIterator[Item], count: int) -> list[bytes]:
    """The next so many payloads; a `Resync` among them fails."""
    items = await take(events, count)
    assert all(isinstance(item, Event) for item in items), items
    return [item.payload for item in items if isinstance(item, Event)]


async def publish(broker: Broker, channel: str, numbers: range) -> list[str]:
    cursors = []
    for number in numbers:
        cursors.append(await broker.publish(channel, b"%d" % number))
        await asyncio.sleep(0)  # in memory nothing waits, so nobody else would have a turn
    return cursors


def expected(numbers: range) -> list[bytes]:
    return [b"%d" % number for number in numbers]


async def test_every_subscriber_sees_every_event_once_and_in_order(worker: Worker) -> None:
    one, other = await worker(), await worker()
    async with one.subscribe("a") as first, other.subscribe("a") as second, other.subscribe("b") as elsewhere:
        cursors = await publish(one, "a", range(200))
        await other.publish("a", b"end")
        await other.publish("b", b"only this")
        for events in (first, second):
            assert await payloads(events, 201) == [*expected(range(200)), b"end"]
        assert await payloads(elsewhere, 1) == [b"only this"]
    assert len(set(cursors)) == 200


async def test_an_event_carries_the_cursor_that_its_publisher_got(worker: Worker) -> None:
    broker = await worker()
    async with broker.subscribe("a") as events:
        cursor = await broker.publish("a", b"\x00 any bytes \xff")
        assert await take(events, 1) == [Event(cursor, b"\x00 any bytes \xff")]


async def test_an_event_that_comes_again_is_out_once(worker: Worker) -> None:
    one, other = await worker(), await worker()
    async with one.subscribe("a") as events:
        cursor = await one.publish("a", b"once")
        await one.publish("a", b"between")
        assert await other.publish("a", b"once", again=True) == cursor
        await other.publish("a", b"never told", again=True)
        assert await payloads(events, 3) == [b"once", b"between", b"never told"]


async def test_what_is_published_together_is_told_each_in_its_place(worker: Worker) -> None:
    """Of more channels than one script takes, and twice of some; and it can be read from the history."""
    one, other = await worker(), await worker()
    start = (await publish(one, "a", range(1)))[0]
    notes = [Note("a" if number % 3 else f"{number}", b"%d \x00\xff" % number) for number in range(250)]
    of_a = [note.payload for note in notes if note.channel == "a"]
    async with one.subscribe("a") as here, other.subscribe("a") as there, other.subscribe("249") as single:
        await one.publish("a", b"before")
        await other.publish_all(notes)
        await other.publish_all([])
        await one.publish("a", b"after")
        for events in (here, there):
            assert await payloads(events, len(of_a) + 2) == [b"before", *of_a, b"after"]
        assert await payloads(single, 1) == [notes[-1].payload]
    async with other.subscribe("a", start) as events:
        assert await payloads(events, len(of_a) + 2) == [b"before", *of_a, b"after"]


async def test_what_may_wait_is_told_once(worker: Worker) -> None:
    broker = await worker()
    async with broker.subscribe("a") as events:
        for number in range(60):  # more things than are told at once
            for payload in (b"early", b"late %d" % number):
                broker.pacer.soon(f"{number}", partial(list, [Note("a", payload)]))
        await broker.pacer.flush()
        broker.pacer.soon("0", partial(list, [Note("a", b"again")]))
        await broker.pacer.flush()
        assert await payloads(events, 61) == [*(b"late %d" % number for number in range(60)), b"again"]


async def test_a_subscriber_without_cursor_sees_nothing_of_the_past(worker: Worker) -> None:
    broker = await worker()
    await publish(broker, "a", range(5))
    async with broker.subscribe("a") as events:
        await broker.publish("a", b"new")
        assert await payloads(events, 1) == [b"new"]


@pytest.mark.parametrize("seen", [1, 100, 101, 350])
async def test_what_was_missed_is_replayed_from_the_cursor(worker: Worker, seen: int) -> None:
    broker = await worker()
    cursors = await publish(broker, "a", range(350))
    async with (await worker()).subscribe("a", cursors[seen - 1]) as events:
        await broker.publish("a", b"350")
        assert await payloads(events, 351 - seen) == expected(range(seen, 351))


async def test_there_is_no_gap_and_no_double_where_replay_meets_live(worker: Worker) -> None:
    here, there = await worker(history=100_000), await worker(history=100_000)
    cursor = await here.publish("a", b"before")

    async def reader() -> list[bytes]:
        async with there.subscribe("a", cursor) as events:
            return await payloads(events, 1500)

    readers = []
    for start in range(0, 1500, 50):  # each begins at another moment of the publishing
        readers.append(asyncio.create_task(reader()))
        await publish(here, "a", range(start, start + 50))
    for seen in await asyncio.gather(*readers):
        assert seen == expected(range(1500))


async def test_a_subscriber_that_comes_and_goes_misses_nothing(worker: Worker) -> None:
    here, there = await worker(), await worker()
    cursor = await here.publish("a", b"before")
    publishing = asyncio.create_task(publish(here, "a", range(600)))
    seen: list[bytes] = []
    while len(seen) < 600:
        async with there.subscribe("a", cursor) as events:
            for item in await take(events, min(40, 600 - len(seen))):
                assert isinstance(item, Event), item
                seen.append(item.payload)
                cursor = item.cursor
    assert seen == expected(range(600))
    await publishing


async def test_waiting_may_be_given_up_and_taken_up_again(worker: Worker) -> None:
    broker = await worker()
    async with broker.subscribe("a") as events:
        for number in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(events), 0.01)
            await publish(broker, "a", range(number, number + 1))
            assert await payloads(events, 1) == expected(range(number, number + 1))


MALFORMED = [
    "",
    "0",
    "1-",
    "-1-0",
    "1-0 ",
    "01-0",
    "$",
    "+",
    "(1-1",
    "\u0661-\u0662",
    "9" * 21 + "-0",
    f"{2**64}-0",
    "x" * 9999,
]


@pytest.mark.parametrize("cursor", [*MALFORMED, "1-1", f"{2**64 - 1}-0"])
async def test_a_cursor_that_cannot_be_resumed_is_answered_by_resync(worker: Worker, cursor: str) -> None:
    broker = await worker()
    for _ in range(2):  # of an empty channel first, then of one with a past
        async with broker.subscribe("a", cursor) as events:
            [resync] = await take(events, 1)
            assert isinstance(resync, Resync)
            await broker.publish("a", b"next")
            assert await payloads(events, 1) == [b"next"]
        async with broker.subscribe("a", resync.cursor) as events:
            assert await payloads(events, 1) == [b"next"]


async def test_a_cursor_older_than_the_history_is_answered_by_resync(worker: Worker) -> None:
    broker = await worker(history=100)
    cursors = await publish(broker, "a", range(1000))  # Redis cuts by whole nodes of 100 entries
    async with broker.subscribe("a", cursors[0]) as events:
        assert await take(events, 1) == [Resync(cursors[-1], "the events since the cursor are no longer kept")]
        await broker.publish("a", b"next")
        assert await payloads(events, 1) == [b"next"]
    async with broker.subscribe("a", cursors[-50]) as events:
        assert await payloads(events, 50) == [*expected(range(951, 1000)), b"next"]


async def test_a_slow_reader_is_told_to_resync_and_others_feel_nothing(worker: Worker) -> None:
    broker = await worker(queue=10)
    async with broker.subscribe("a") as slow, broker.subscribe("a") as quick:
        await broker.publish("a", b"first")
        assert await payloads(slow, 1) == await payloads(quick, 1) == [b"first"]
        for number in range(35):
            cursor = await broker.publish("a", b"%d" % number)
            assert await take(quick, 1) == [Event(cursor, b"%d" % number)]
        [resync] = await take(slow, 1)
        assert isinstance(resync, Resync)
        async with broker.subscribe("a", resync.cursor) as again:
            await broker.publish("a", b"last")
            rest = [item async for item in until_last(slow)]
            assert rest == [item async for item in until_last(again)]
            assert len(rest) <= 10


async def until_last(events: AsyncIterator[Item]) -> AsyncIterator[bytes]:
    while (seen := await payloads(events, 1)) != [b"last"]:
        yield seen[0]


async def test_a_slow_reader_of_a_long_past_gets_it_whole(worker: Worker) -> None:
    broker = await worker(queue=10)
    cursor = (await publish(broker, "a", range(300)))[0]
    async with broker.subscribe("a", cursor) as events:
        seen = await payloads(events, 1)
        await publish(broker, "a", range(300, 330))  # more than its queue holds
        assert seen + await payloads(events, 328) == expected(range(1, 330))


async def test_closing_ends_every_subscription(worker: Worker) -> None:
    broker = await worker()
    async with broker.subscribe("a") as one, broker.subscribe("b") as other:
        waiting = [asyncio.ensure_future(anext(events, None)) for events in (one, other)]
        await broker.publish("c", b"")
        assert isinstance(broker, MemoryBroker | RedisBroker)
        await broker.close()
        assert await asyncio.wait_for(asyncio.gather(*waiting), 5) == [None, None]
    with pytest.raises(BrokerUnavailableError):
        await broker.publish("a", b"")
    with pytest.raises(BrokerUnavailableError):
        async with broker.subscribe("a"):
            pass


async def test_memory_forgets_channels_that_nobody_listens_to() -> None:
    async with MemoryBroker(channels=10) as broker:
        forgotten = await broker.publish("old", b"")
        async with broker.subscribe("kept") as events:
            for number in range(20):
                await broker.publish(f"channel {number}", b"")
            await broker.publish("kept", b"still here")
            assert await payloads(events, 1) == [b"still here"]
        async with broker.subscribe("old", forgotten) as events:
            assert isinstance((await take(events, 1))[0], Resync)


# Redis alone


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
