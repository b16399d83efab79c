"""The sliding window, taken by the handful: never more than the limit, however many workers spend it."""

import asyncio
import random
import time as clock
from collections.abc import Callable
from typing import Final

import pytest
from limits import RateLimitItemPerMinute
from limits.aio.storage.redis.bridge import RedisBridge
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from redis.asyncio import Redis
from redis.exceptions import RedisError

from api.rates.storage import ANSWER_SECONDS, HANDFUL, LeasingStorage, When
from models.redis import open_redis
from tests.api.rates.conftest import Time
from tests.own_redis import OwnRedis

LIMIT: Final = 1_000
ITEM: Final = RateLimitItemPerMinute(LIMIT, namespace="test")
SLACK: Final = 5.0
"""Seconds: Redis' own time goes on while a test runs."""
KEY: Final = ITEM.key_for("somebody")


class Worker:
    """Spends."""

    def __init__(self, redis: Redis, time: Callable[[], float] = clock.monotonic, when: When = "fail_open") -> None:
        self.storage = LeasingStorage(redis, when, time)
        self.limiter = SlidingWindowCounterRateLimiter(self.storage)

    async def spend(self, amount: int, who: str = "somebody") -> bool:
        return await self.limiter.hit(ITEM, who, cost=amount)

    def wait(self, amount: int) -> float:
        """Until what was refused may be had."""
        return self.storage.lease(KEY, 60).wait(LIMIT, amount, self.storage.clock())


@pytest.fixture
def workers(redis: Redis, time: Time) -> list[Worker]:
    time.keys = [f"{{{KEY}}}", f"{{{KEY}}}/-1"]
    return [Worker(redis, time) for _ in range(4)]


@pytest.mark.parametrize(("amounts", "let"), [([400, 599], True), ([400, 600], True), ([400, 601], False)])
async def test_one_below_the_limit_and_at_it_is_let_pass_and_one_over_is_not(
    workers: list[Worker], amounts: list[int], let: bool
) -> None:
    assert [await workers[0].spend(each) for each in amounts] == [True, let]


async def test_a_worker_spends_all_that_there_is_and_not_one_more(workers: list[Worker]) -> None:
    random.seed(1)
    spent = 0
    for _ in range(300):
        amount = random.randint(1, 40)
        if await workers[0].spend(amount):
            spent += amount
        else:
            assert spent + amount > LIMIT
    assert spent == LIMIT


async def test_several_workers_never_spend_more_and_together_most_of_it(workers: list[Worker]) -> None:
    random.seed(2)
    spent = [0] * len(workers)
    for _ in range(400):
        place, amount = random.randrange(len(workers)), random.randint(1, 20)
        spent[place] += amount if await workers[place].spend(amount) else 0
    assert LIMIT * (1 - len(workers) / HANDFUL) <= sum(spent) <= LIMIT


async def test_those_who_ask_at_once_get_no_more(workers: list[Worker], asked: list[str]) -> None:
    let = await asyncio.gather(*(worker.spend(10) for worker in workers for _ in range(60)))
    assert sum(let) * 10 <= LIMIT
    assert len(asked) <= 120


async def test_others_have_limits_of_their_own(workers: list[Worker]) -> None:
    assert await workers[0].spend(LIMIT)
    assert not await workers[0].spend(1)
    assert await workers[0].spend(LIMIT, "somebody else")


async def test_it_decides_as_the_script_of_the_library_does(workers: list[Worker], time: Time, redis: Redis) -> None:
    """Whoever has nothing left from before: step by step, while the windows slide."""
    theirs = redis.register_script(RedisBridge.SCRIPT_ACQUIRE_SLIDING_WINDOW.decode())
    keys = ["{theirs}/-1", "{theirs}"]
    time.keys += keys
    random.seed(3)
    decided = set[bool]()
    for _ in range(80):
        await time.passes(random.choice([0.5, 3.0, 11.0]))
        amount = random.randint(1, 400)
        expected = bool(await theirs(keys=keys, args=[LIMIT, 60, amount]))
        decided.add(expected)
        let = await Worker(redis, time).spend(amount)
        if let and not expected:  # something slid out between the two, by the clock of Redis: then theirs lets now, too
            expected = bool(await theirs(keys=keys, args=[LIMIT, 60, amount]))
        assert let == expected
    assert decided == {True, False}


@pytest.mark.parametrize("amount", [1, 100, 999])
@pytest.mark.parametrize("passed", [0.0, 20.0, 59.0])
async def test_who_waits_as_long_as_he_is_told_is_let_pass_and_not_before(
    workers: list[Worker], time: Time, redis: Redis, passed: float, amount: int
) -> None:
    assert await workers[0].spend(600)
    await time.passes(61)
    await time.passes(passed)
    while await workers[1].spend(100):
        pass
    while await workers[1].spend(1):
        pass
    slid_out = 0
    while await workers[0].spend(amount):  # one slides out every 0.1 s, by the clock of Redis, which goes on
        slid_out += amount
        assert slid_out < LIMIT
    wait = workers[0].wait(amount)
    assert 0 < wait <= 120
    if wait > 2 * SLACK:
        await time.passes(wait - SLACK)
        assert not await Worker(redis, time).spend(amount)
        wait = SLACK
    await time.passes(wait + 0.1)
    assert await workers[0].spend(amount)


async def test_redis_is_asked_seldom_and_not_at_all_by_who_is_refused(workers: list[Worker], asked: list[str]) -> None:
    for _ in range(100):
        assert await workers[0].spend(10)
    assert len(asked) <= 10 + HANDFUL
    asked.clear()
    assert not await workers[0].spend(10)
    assert asked == ["EVALSHA"]
    for _ in range(50):
        assert not await workers[0].spend(10)
    assert asked == ["EVALSHA"]


async def test_what_was_not_spent_for_long_is_asked_for_again(
    workers: list[Worker], time: Time, asked: list[str]
) -> None:
    for _ in range(5):
        assert await workers[0].spend(10)
    left = workers[0].storage.lease(KEY, 60).left
    assert left
    asked.clear()
    await time.passes(30)
    asked.clear()
    assert await workers[0].spend(1)
    assert asked == ["EVALSHA"]


async def test_it_remembers_those_who_asked_last(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.rates.storage.MOST_CALLERS", 10)
    worker = Worker(redis)
    for number in range(50):
        await worker.spend(1, str(number))
    assert len(worker.storage.leases) == 10


@pytest.mark.usefixtures("hasty")
async def test_while_redis_is_away_each_worker_counts_for_itself_and_nobody_waits_twice() -> None:
    with OwnRedis() as own:
        async with open_redis(own.url) as redis:
            worker = Worker(redis)
            assert await worker.spend(10)
            with own.frozen():
                began = clock.monotonic()
                let = await asyncio.gather(*(worker.spend(100) for _ in range(12)))
                assert sum(let) == 10
                assert clock.monotonic() - began < ANSWER_SECONDS + 2
                assert not await worker.storage.check()


async def test_while_redis_is_away_all_are_refused_where_that_is_wanted() -> None:
    with OwnRedis() as own:
        async with open_redis(own.url) as redis:
            worker = Worker(redis, when="fail_closed")
            assert await worker.spend(10)
            own.kill()
            with pytest.raises(RedisError):
                await worker.spend(100)
