"""What one worker makes, all others know: whatever is lost on the way, in whatever order, whoever starts anew."""

import asyncio
import random
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from models.database import Database
from permissions.authn.principal import new_id
from permissions.authn.revocation import store
from permissions.authn.revocation.addresses import read_network
from permissions.authn.revocation.criteria import Criteria
from permissions.authn.revocation.judged import Judged
from permissions.authn.revocation.ledger import Ledger, Mark
from permissions.authn.revocation.revocations import Revocations
from permissions.authn.revocation.rules import Rule
from tests.permissions.authn.revocation.workers import LIVES, eventually, new_worker, serving
from tests.permissions.authn.revocation.worlds import LONG, USERS

ALICE = USERS[0]
KEYS = [f"parley:{{revocations}}:{name}" for name in ("state", "log", "ends", "tips", "workers", "acks")]
STATE, LOG = KEYS[:2]


def ids(*workers: object) -> list[set[str]]:
    """What each knows."""
    return [{rule.id for rule in worker.mirror.index} for worker in workers]  # type: ignore[attr-defined]


async def test_a_rule_is_applied_when_every_worker_has_confirmed(database: Database, redis: Redis) -> None:
    async with AsyncExitStack() as stack:
        workers = [await stack.enter_async_context(serving(new_worker(redis))) for _ in range(4)]
        await settled(redis)
        applied = await workers[0].revocations.revoke(Criteria(user_id=ALICE), "test")
        assert applied.applied
        assert applied.unconfirmed == ()
        assert ids(*workers) == [{applied.rule_id}] * 4


async def test_a_worker_that_does_not_confirm_is_named(database: Database, redis: Redis) -> None:
    async with serving(new_worker(redis)) as quick:
        stuck = new_worker(redis)
        await stuck.mirror.load()
        await settled(redis)
        applied = await quick.revocations.revoke(Criteria(user_id=ALICE), "test")
        assert (applied.applied, applied.unconfirmed) == (False, (stuck.mirror.name,))
        await stuck.mirror.leave()
        assert (await quick.revocations.revoke(Criteria(user_id=ALICE), "test")).applied


async def test_who_does_not_wait_is_told_nothing_of_the_others(database: Database, redis: Redis) -> None:
    async with serving(new_worker(redis)) as worker:
        applied = await worker.revocations.revoke(Criteria(user_id=ALICE), "test", wait=False)
        assert (applied.applied, applied.unconfirmed) == (False, ())
        assert applied.rule_id in worker.mirror.index


async def test_a_process_without_a_mirror_revokes_too(database: Database, redis: Redis) -> None:
    async with serving(new_worker(redis)) as worker:
        await settled(redis)
        applied = await Revocations(Ledger(redis), LIVES).revoke(Criteria(user_id=ALICE), "test")
        assert applied.applied
        assert applied.rule_id in worker.mirror.index


async def test_who_is_never_told_asks_by_himself(database: Database, redis: Redis) -> None:
    async with serving(new_worker(redis), pushed=False) as deaf, serving(new_worker(redis)) as other:
        applied = await other.revocations.revoke(Criteria(user_id=ALICE), "test", wait=False)
        await eventually(lambda: applied.rule_id in deaf.mirror.index)


async def test_a_new_worker_knows_everything_before_it_serves(database: Database, redis: Redis) -> None:
    async with serving(new_worker(redis)) as old:
        rules = [await old.revocations.revoke(Criteria(jti=new_id()), "test", wait=False) for _ in range(5)]
        fresh = new_worker(redis)
        await fresh.mirror.load()
        assert ids(fresh) == [{each.rule_id for each in rules}]
        assert fresh.mirror.silence < 5


async def test_more_rules_than_one_answer_holds_arrive_all_the_same(
    database: Database, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("permissions.authn.revocation.ledger._MOST", 7)
    rules = [Rule(new_id(), Criteria(jti=new_id()), "test", 1, 10 * LONG * LONG) for _ in range(1_200)]
    async with serving(new_worker(redis)) as worker:
        assert await worker.mirror.ledger.fill(rules) == len(rules)
        await eventually(lambda: len(worker.mirror.index) == len(rules))
        late = new_worker(redis)
        await late.mirror.catch_up()
        assert ids(late) == [{rule.id for rule in rules}]


async def test_a_rule_that_was_written_down_and_never_told_is_found(database: Database, redis: Redis) -> None:
    async with serving(new_worker(redis)) as worker:
        rule = worker.revocations.rule(Criteria(user_id=ALICE), "its maker died")
        await store.insert(rule)
        worker.mirror._reconcile_at = 0
        await eventually(lambda: rule.id in worker.mirror.index)
        assert await redis.zcard(LOG) == 1 + 1


async def test_redis_keeps_no_rule_longer_than_what_it_hits(database: Database, redis: Redis) -> None:
    worker = new_worker(redis)
    await worker.mirror.catch_up()
    now = round((await redis.time())[0] * 1000)
    rules = [Rule(new_id(), Criteria(jti=new_id()), "test", now, now - 1) for _ in range(3)]
    await worker.mirror.ledger.fill(rules)
    await worker.mirror.catch_up()
    assert [await redis.zcard(f"parley:{{revocations}}:{name}") for name in ("log", "ends")] == [1, 1]


@pytest.mark.parametrize("lost", [1, 3])
async def test_a_redis_that_lost_its_newest_rules_is_noticed_though_others_took_their_numbers(
    database: Database, redis: Redis, lost: int
) -> None:
    """As after a fail-over to a replica that lagged behind: the same epoch, and a version that was there before."""
    worker = new_worker(redis)
    await worker.mirror.load()
    first = await worker.revocations.revoke(Criteria(jti=new_id()), "kept", wait=False)
    saved = {key: await redis.dump(key) or b"" for key in KEYS[:4]}
    gone = [await worker.revocations.revoke(Criteria(jti=new_id()), "lost", wait=False) for _ in range(lost)]
    await worker.mirror.catch_up()
    for key, content in saved.items():
        await redis.restore(key, 0, content, replace=True)
    elsewhere = Revocations(Ledger(redis), LIVES)
    new = [await elsewhere.revoke(Criteria(jti=new_id()), "new", wait=False) for _ in range(lost)]
    everything = {each.rule_id for each in (first, *gone, *new)}
    await worker.mirror.catch_up()
    late = new_worker(redis)
    await late.mirror.catch_up()
    assert ids(worker, late) == [everything] * 2


@pytest.mark.parametrize("seed", range(4))
async def test_mirrors_converge_whatever_is_lost_on_the_way(database: Database, redis: Redis, seed: int) -> None:
    chance = random.Random(seed)
    workers = [new_worker(redis) for _ in range(3)]
    for worker in workers:
        await worker.mirror.load()
    made: set[str] = set()

    async def step() -> None:
        which = chance.choice(workers)
        match chance.randrange(10):
            case 0:
                await redis.flushall()
            case 1:
                await redis.delete(chance.choice(KEYS))
            case 2:
                workers[workers.index(which)] = fresh = new_worker(redis)
                await fresh.mirror.load()
            case 3 | 4 | 5:
                await which.mirror.catch_up()
            case _:
                criteria = chance.choice([Criteria(jti=new_id()), Criteria(network=read_network("192.0.2.0/24"))])
                made.add((await which.revocations.revoke(criteria, "test", wait=False)).rule_id)

    for _ in range(25):
        await asyncio.gather(*(step() for _ in range(chance.choice([1, 1, 3]))))
        for worker in workers:  # nothing that was known is ever forgotten
            assert made >= {rule.id for rule in worker.mirror.index}
    for worker in workers:
        worker.mirror._mark = Mark() if chance.random() < 0.3 else worker.mirror._mark
        await worker.mirror._reconcile()
        await worker.mirror.catch_up()
    assert ids(*workers) == [made] * 3


async def test_listeners_are_told_of_what_hits_them_and_nothing_else(database: Database, redis: Redis) -> None:
    async with serving(new_worker(redis)) as worker, serving(new_worker(redis)) as other:
        told: list[str] = []
        mine = Judged("s1", ALICE, opened=0, device="phone")
        with worker.mirror.listeners.listening(mine, lambda rule: told.append(rule.reason)):
            for criteria, reason in (
                (Criteria(session_id="s2"), "another session"),
                (Criteria(user_id=USERS[1]), "somebody else"),
                (Criteria(device="desk"), "another device"),
                (Criteria(session_id="s1"), "session"),
                (Criteria(user_id=ALICE), "user"),
                (Criteria(device="phone"), "device"),
                (Criteria(everyone=True), "everyone"),
            ):
                await other.revocations.revoke(criteria, reason)
            await eventually(lambda: len(told) == 4)
        assert told == ["session", "user", "device", "everyone"]
        await other.revocations.revoke(Criteria(everyone=True), "nobody listens any more")
        assert len(told) == 4
        assert not worker.mirror.listeners._by


async def settled(redis: Redis) -> None:
    """Make the epoch look old: who lives is known."""
    await redis.hset(STATE, "born", 1)


async def test_what_was_made_early_in_a_long_outage_of_redis_is_found_afterwards(
    database: Database, redis: Redis
) -> None:
    """Its maker could tell nobody, and this worker heard nothing for ten minutes."""
    worker, ahead = new_worker(redis), Ahead()
    worker.mirror._clock = ahead  # type: ignore[misc]
    async with serving(worker):
        await eventually(lambda: worker.mirror._reconcile_at > 0)
        made = worker.revocations.rule(Criteria(user_id=ALICE), "made amid the outage")
        early = replace(made, made_at=made.made_at - 400_000)
        await store.insert(early)
        ahead.seconds = 600
        worker.mirror._troubled("Redis")
        await eventually(lambda: worker.mirror._reconcile_at > time.monotonic() + 600)
        assert early.id in worker.mirror.index


async def test_a_rule_that_has_ended_is_not_told_again(database: Database, redis: Redis) -> None:
    async with serving(new_worker(redis)) as worker:
        made = worker.revocations.rule(Criteria(user_id=ALICE), "short", timedelta(milliseconds=1))
        await store.insert(made)
        await worker.mirror._reconcile()
        assert await redis.zcard(LOG) == 1


class Ahead:
    """A clock."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.seconds
