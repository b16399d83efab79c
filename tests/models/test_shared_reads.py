"""Reading for several requests in one call: nobody gets what is older than his question, or waits for who doesn't."""

import asyncio
from collections.abc import Collection, Mapping
from contextvars import ContextVar

import pytest

from models.shared_reads import MOST, SharedReads

LIMIT: ContextVar[str] = ContextVar("limit", default="none")


class Store:
    """Of even numbers, that tells when it was asked for what, and answers when it is let."""

    def __init__(self) -> None:
        self.asked: list[set[int]] = []
        self.limits: list[str] = []
        self.open = asyncio.Event()
        self.more = asyncio.Event()
        self.version = 0
        self.broken: BaseException | None = None

    async def read(self, keys: Collection[int]) -> Mapping[int, int]:
        version, broken = self.version, self.broken
        self.asked.append(set(keys))
        self.more.set()
        self.limits.append(LIMIT.get())
        await self.open.wait()
        if broken:
            raise broken
        return {key: version for key in keys if key % 2 == 0}

    async def begun(self, calls: int) -> None:
        async with asyncio.timeout(10):
            while len(self.asked) < calls:
                self.more.clear()
                await self.more.wait()


async def test_who_asks_together_is_answered_by_one_call_and_each_by_what_he_asked_for() -> None:
    store = Store()
    reads = SharedReads(store.read)
    store.open.set()
    got = await asyncio.gather(reads.get([2, 4]), reads.get([4, 5]), reads.get([7]))
    assert list(got) == [{2: 0, 4: 0}, {4: 0}, {}]
    assert store.asked == [{2, 4, 5, 7}]


async def test_who_asks_later_is_told_what_was_written_meanwhile() -> None:
    store = Store()
    reads = SharedReads(store.read)
    first = asyncio.create_task(reads.get([2]))
    await store.begun(1)
    store.version = 1  # after the first call has read
    second, third = asyncio.create_task(reads.get([2])), asyncio.create_task(reads.get([4]))
    await asyncio.sleep(0)
    assert len(store.asked) == 1
    store.open.set()
    assert list(await asyncio.gather(first, second, third)) == [{2: 0}, {2: 1}, {4: 1}]
    assert store.asked == [{2}, {2, 4}]


async def test_a_call_that_takes_long_keeps_nobody_waiting() -> None:
    store = Store()
    reads = SharedReads(store.read)
    asking = [asyncio.create_task(reads.get([2]))]
    await store.begun(1)
    asking.append(asyncio.create_task(reads.get([4])))
    await store.begun(2)  # though the first isn't over
    store.open.set()
    assert await asyncio.gather(*asking) == [{2: 0}, {4: 0}]


async def test_who_gives_up_takes_nothing_from_the_others_and_his_time_limit_is_his_own() -> None:
    store = Store()
    reads = SharedReads(store.read)
    LIMIT.set("short")
    one, other = asyncio.create_task(reads.get([2])), asyncio.create_task(reads.get([2]))
    await store.begun(1)
    one.cancel()
    store.open.set()
    assert await other == {2: 0}
    with pytest.raises(asyncio.CancelledError):
        await one
    assert store.limits == ["none"]


async def test_what_went_wrong_is_told_to_all_and_the_next_is_read_as_ever() -> None:
    store = Store()
    reads = SharedReads(store.read)
    store.open.set()
    store.broken = OSError("away")
    assert all(isinstance(each, OSError) for each in await asyncio.gather(*_two(reads), return_exceptions=True))
    store.broken = asyncio.CancelledError()
    got = await asyncio.gather(*_two(reads), return_exceptions=True)
    assert all(isinstance(each, asyncio.CancelledError) for each in got)
    store.broken = None
    assert await asyncio.gather(*_two(reads)) == [{2: 0}, {4: 0}]


async def test_a_call_has_an_end() -> None:
    store = Store()
    reads = SharedReads(store.read)
    store.open.set()
    await asyncio.gather(*(reads.get([key]) for key in range(MOST + 1)))
    assert [len(each) for each in store.asked] == [MOST, 1]


def _two(reads: SharedReads[int, int]) -> list[asyncio.Task[Mapping[int, int]]]:
    return [asyncio.create_task(reads.get([key])) for key in (2, 4)]
