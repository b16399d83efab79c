"""What an account holds open counts on all workers together, for as long as they live."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any, Final

import pytest
from beanie import PydanticObjectId
from redis.asyncio import Redis

from api.connections import ConnectionLimits, Connections, TooManyConnectionsError
from api.presence import SILENT_SECONDS, WORKERS, Presence, present
from models.redis import open_redis
from tests.api.rates.conftest import counted
from tests.api.test_socket_expiry import closing_of, greeted, listening, opened
from tests.own_redis import OwnRedis
from tests.served import Served

ALICE: Final = PydanticObjectId()
LIMITS: Final = ConnectionLimits(per_user=3)


OPENED: Final[list["Worker"]] = []


@pytest.fixture(autouse=True)
async def closed(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Nothing is left open, and a busy machine is not Redis that is away."""
    monkeypatch.setattr("api.presence.ANSWER_SECONDS", 10.0)
    yield
    while OPENED:
        await OPENED.pop().close_all()


class Worker:
    """Holds connections."""

    def __init__(self, redis: Redis) -> None:
        OPENED.append(self)
        self.presence = Presence(redis)
        self.connections = Connections(LIMITS)
        self._open: list[AsyncExitStack] = []

    async def open(self, user_id: PydanticObjectId = ALICE) -> bool:
        stack = AsyncExitStack()
        try:
            await stack.enter_async_context(self.connections.counted(user_id, self.presence))
        except TooManyConnectionsError:
            return False
        self._open.append(stack)
        return True

    async def close(self) -> None:
        await self._open.pop().aclose()

    async def close_all(self) -> None:
        self.connections.draining = True
        while self._open:
            await self.close()

    @property
    def count(self) -> int:
        return len(self._open)


async def workers(redis: Redis, count: int) -> list[Worker]:
    """They know each other."""
    all_ = [Worker(redis) for _ in range(count)]
    for _ in range(2):
        for each in all_:
            await each.presence.beat()
    return all_


@pytest.mark.parametrize("places", [(0, 0, 0, 0), (0, 1, 2, 0), (2, 2, 1, 1)])
async def test_one_below_the_limit_and_at_it_are_let_in_and_one_over_is_not(
    redis: Redis, places: tuple[int, ...]
) -> None:
    several = await workers(redis, 3)
    assert [await several[place].open() for place in places] == [True, True, True, False]
    assert await several[0].open(PydanticObjectId())
    await several[0].close()
    await several[places[0]].close()
    assert [await several[place].open() for place in places[:2]] == [True, False]


async def test_whatever_they_do_at_once_they_hold_no_more_together_and_all_that_they_may(redis: Redis) -> None:
    random.seed(4)
    several = await workers(redis, 4)
    for _ in range(40):
        closing = [each.close() for each in several if each.count and random.random() < 0.5]
        await asyncio.gather(*closing, *(random.choice(several).open() for _ in range(5)))
        assert sum(each.count for each in several) <= 3
        while await random.choice(several).open():
            pass
        assert sum(each.count for each in several) == 3
        written: Any = await redis.hgetall(f"parley:open:{ALICE}")
        assert {each.presence._name: each.count for each in several if each.count} == {
            name.decode(): int(count) for name, count in written.items()
        }


async def test_who_is_refused_takes_one_call(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = await workers(redis, 2)
    assert [await one.open() for _ in range(3)] == [True] * 3
    asked = counted(redis, monkeypatch)
    assert not await other.open()
    assert not await one.open()  # it knows by itself
    assert asked == ["EVALSHA"]


async def test_what_a_worker_held_that_died_counts_no_more(redis: Redis) -> None:
    dead, other = await workers(redis, 2)
    assert [await dead.open() for _ in range(3)] == [True] * 3
    assert not await other.open()
    await redis.zincrby(WORKERS, -(SILENT_SECONDS + 1) * 1000, dead.presence._name)
    await other.presence.beat()
    assert [await other.open() for _ in range(4)] == [True] * 3 + [False]


async def test_a_worker_that_nobody_has_heard_of_yet_counts(redis: Redis) -> None:
    (old,) = await workers(redis, 1)
    new = Worker(redis)
    await asyncio.sleep(0.002)  # its name begins with a millisecond
    await new.presence.beat()
    assert [await new.open() for _ in range(3)] == [True] * 3
    assert not await old.open()


async def test_a_worker_that_stops_is_gone_at_once(redis: Redis) -> None:
    (other,) = await workers(redis, 1)
    async with present(redis) as presence:
        await other.presence.beat()
        assert await presence.hold(ALICE, lambda: 3, 3)
        assert not await other.open()
    await other.presence.beat()
    assert await other.open()


async def test_what_redis_has_forgotten_is_written_down_with_the_next(redis: Redis) -> None:
    one, other = await workers(redis, 2)
    assert [await one.open() for _ in range(2)] == [True] * 2
    await redis.delete(f"parley:open:{ALICE}")
    assert await one.open()
    assert not await other.open()


async def test_while_redis_is_away_each_worker_counts_for_itself() -> None:
    with OwnRedis() as own:
        async with open_redis(own.url) as redis:
            one, other = await workers(redis, 2)
            own.kill()
            for each in (one, other):
                assert [await each.open() for _ in range(4)] == [True] * 3 + [False]
            await one.close()


async def test_a_socket_is_closed_that_another_worker_leaves_no_room_for(served: Served) -> None:
    connections = served.app.state.connections
    connections.limits = replace(connections.limits, per_user=2)
    alice = await served.as_("alice")
    assert alice.user is not None
    assert alice.token is not None
    (other,) = await workers(served.services.redis, 1)
    other.connections.limits = connections.limits
    await served.services.presence.beat()
    assert await other.open(alice.user.id)
    async with listening(served) as address, opened(address, alice.token) as first:
        async with greeted(address, alice.token) as second:
            code, reason = await closing_of(second)
            assert (code, "more than 2" in reason) == (1013, True)
        await first.send(json.dumps({"type": "ping"}))
        assert json.loads(await first.recv())["type"] == "pong"
        await other.close()
        async with opened(address, alice.token):
            assert Counter(connections._of) == {alice.user.id: 2}
