"""Thousands who come at once: so many at a time, in their order, and nobody holds up the others."""

import asyncio
from typing import Any

import pytest

from api.fanout import admission
from api.fanout.admission import Admission
from api.fanout.room import Room
from resolvers.live import BrokerUnavailableError
from tests.api.fanout.crowds import Reader, crowd_of
from tests.api.fanout.test_rooms import PLAIN
from tests.resolvers.chat.documents import start
from tests.served import Served


class Comers:
    """Who comes is noted, and goes when he is told to."""

    def __init__(self, places: int) -> None:
        self.admission = Admission(places)
        self.came: list[int] = []
        self._going: dict[int, asyncio.Event] = {}

    async def come(self, number: int, name: str | None = None) -> None:
        """Each is somebody else, unless he has a name."""
        going = self._going[number] = asyncio.Event()
        async with self.admission.turn(name or str(number)):
            self.came.append(number)
            await going.wait()

    def go(self, number: int) -> None:
        self._going[number].set()


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_so_many_at_a_time_in_their_order() -> None:
    comers = Comers(2)
    tasks = [asyncio.create_task(comers.come(number)) for number in range(6)]
    await settled()
    assert comers.came == [0, 1]
    tasks[2].cancel()  # he leaves while he waits
    comers.go(1)
    await settled()
    assert comers.came == [0, 1, 3]
    comers.go(0)
    tasks[3].cancel()  # and he while he comes in
    await settled()
    assert comers.came == [0, 1, 3, 4, 5]
    comers.go(4)
    comers.go(5)
    await asyncio.gather(*tasks, return_exceptions=True)
    late = [asyncio.create_task(comers.come(number)) for number in (6, 7, 8)]
    await settled()
    assert comers.came == [0, 1, 3, 4, 5, 6, 7]
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)


async def test_one_who_comes_a_hundred_times_does_not_stand_before_others() -> None:
    comers = Comers(1)
    tasks = [asyncio.create_task(comers.come(number, "many")) for number in range(100)]
    tasks += [asyncio.create_task(comers.come(number, "other")) for number in (100, 101)]
    tasks += [asyncio.create_task(comers.come(102, "third"))]
    await settled()
    for task in tasks[1:50]:
        task.cancel()
    for _ in range(len(tasks) - 49):
        comers.go(comers.came[-1])
        await settled()
    assert comers.came[:7] == [0, 50, 100, 102, 51, 101, 52]
    assert sorted(comers.came) == [0, *range(50, 103)]
    assert not comers.admission.places.waiting
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_who_leaves_in_the_moment_of_his_turn_passes_it_on() -> None:
    comers = Comers(1)
    tasks = [asyncio.create_task(comers.come(number)) for number in range(3)]
    await settled()
    comers.go(0)
    await tasks[0]
    tasks[1].cancel()
    await settled()
    assert comers.came[-1] == 2
    comers.go(2)
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_turn_ends_once() -> None:
    comers = Comers(1)
    async with comers.admission.turn("first") as turn:
        turn.end()
        turn.end()
        tasks = [asyncio.create_task(comers.come(number)) for number in range(2)]
        await settled()
        assert comers.came == [0]
    await settled()
    assert comers.came == [0]
    comers.go(0)
    await settled()
    assert comers.came == [0, 1]
    comers.go(1)
    await asyncio.gather(*tasks)


async def test_nobody_waits_where_nobody_comes_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "STUCK_SECONDS", 0.01)
    comers = Comers(1)
    stuck = asyncio.create_task(comers.come(0))
    await settled()
    with pytest.raises(BrokerUnavailableError):
        await comers.come(1)
    comers.go(0)
    await stuck
    comers.go(1)
    again = asyncio.create_task(comers.come(2))
    await settled()
    assert comers.came == [0, 2]
    comers.go(2)
    await again


async def test_a_crowd_comes_a_few_at_a_time_and_all_come(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    coming, most, join = 0, 0, Room.join

    async def counted(room: Room, *given: Any) -> None:
        nonlocal coming, most
        coming += 1
        most = max(most, coming)
        try:
            await join(room, *given)
        finally:
            coming -= 1

    monkeypatch.setattr(Room, "join", counted)
    alice = await served.as_("alice")
    conversation = await start(alice)
    async with crowd_of(served) as crowd:
        crowd.rooms.admission = Admission(3)  # type: ignore[misc]
        entered = await asyncio.gather(*(crowd.enter("alice", PLAIN, id=conversation) for _ in range(20)))
        await crowd.heard(conversation, *(reader for _, reader in entered))
    assert 1 < most <= 3


async def test_who_reads_slowly_what_he_missed_holds_up_nobody_who_comes(served: Served) -> None:
    alice = await served.as_("alice")
    conversation = await start(alice)
    async with crowd_of(served) as crowd:
        crowd.rooms.admission = Admission(1)  # type: ignore[misc]
        _, first = await crowd.enter("alice", PLAIN, id=conversation)
        left = await crowd.heard(conversation, first)
        await crowd.heard(conversation, first)
        slow = Reader()
        slow.stick()
        asked = crowd.questions.asked(PLAIN, None, {"id": conversation, "after": left})
        assert asked is not None
        context = await crowd.context("alice")
        coming = asyncio.create_task(crowd.rooms.enter(asked, context, slow))
        _, second = await asyncio.wait_for(crowd.enter("alice", PLAIN, id=conversation), 30)
        await crowd.heard(conversation, first, second)
        assert not coming.done()
        slow.go_on()
        (await asyncio.wait_for(coming, 30)).leave()
