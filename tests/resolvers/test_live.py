"""Both brokers over the same expectations."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import pytest
from redis.asyncio import Redis

from models.embedded import EmbeddedStores
from resolvers.live import Broker, BrokerUnavailableError, Event, MemoryBroker, RedisBroker, Resync
from resolvers.live.broker import Item, Note

Worker = Callable[..., Awaitable[Broker]]


@pytest.fixture(params=["memory", "redis", "redis over RESP3"])
async def worker(request: pytest.FixtureRequest, stores: EmbeddedStores, redis: Redis) -> AsyncIterator[Worker]:
    """Gives brokers, each as a worker of its own would have it; in memory there is but one worker."""
    url = stores.redis_url + ("?protocol=3" if "RESP3" in request.param else "")
    async with AsyncExitStack() as stack:
        memory: list[MemoryBroker] = []

        async def start(**options: Any) -> Broker:
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
