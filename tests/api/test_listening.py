"""A worker listens to Redis by one connection, for live news and for news of revocations; neither keeps the other."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest
from redis.asyncio import Redis

from models.redis import servers
from permissions.authn.principal import new_id
from permissions.authn.revocation import mirror as mirrors
from permissions.authn.revocation.criteria import Criteria
from permissions.authn.revocation.ledger import CHANNEL, Ledger
from permissions.authn.revocation.mirror import Mirror
from permissions.authn.revocation.revocations import Revocations
from resolvers.live import Event
from tests.models.pubsub.ears import Slow, say
from tests.permissions.authn.revocation.workers import LIVES, eventually
from tests.served import Served

MANY = 500
NEVER = 3_600.0


async def ears(redis: Redis) -> list[int]:
    """Of each connection that listens, to how many channels; sentinels listen to each other by their masters."""
    clients = [each for each in await redis.client_list() if not each["name"].startswith("sentinel-")]
    return [number for each in clients if (number := int(each["sub"]) + int(each["ssub"]))]


def mirror_of(served: Served) -> Mirror:
    return served.services.authentication.authenticator.gate.mirror


async def revoked_elsewhere(served: Served, redis: Redis) -> str:
    """By a process that serves nobody, and waits for nobody; the rule's id."""
    elsewhere = Revocations(Ledger(redis), LIVES)
    return (await elsewhere.revoke(Criteria(session_id=new_id()), "test", wait=False)).rule_id


async def known(served: Served, rule: str) -> None:
    await eventually(lambda: rule in mirror_of(served).index)


async def test_it_is_one_connection_to_a_server_however_many_subscribe(served: Served, redis: Redis) -> None:
    most = len(await servers(redis))
    await known(served, await revoked_elsewhere(served, redis))
    none = await ears(redis)
    assert 1 <= len(none) <= most
    for number in (1, MANY):
        async with AsyncExitStack() as stack:
            subscribing = [served.services.broker.subscribe(f"{each}") for each in range(number)]
            await asyncio.gather(*(stack.enter_async_context(each) for each in subscribing))
            some = await ears(redis)
            assert len(some) <= most
            assert sum(some) == sum(none) + number


async def test_of_a_flood_of_live_news_revocations_do_not_wait_for_the_end(
    served: Served, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What tells that there is something new stands behind all of it, and is asked for before that is read."""
    monkeypatch.setattr(mirrors, "ASK_SECONDS", 0.05)
    broker: Any = served.services.broker
    listener = broker._topics._listener
    name = b"%b:flood" % CHANNEL.encode()  # on the same server
    listener.listen(name, slow := Slow())
    await slow.listening.wait()
    mirror = mirror_of(served)
    await say(redis, name, b"x", 150)
    rule = await revoked_elsewhere(served, redis)
    await known(served, rule)
    assert len(slow.heard) < 150
    assert mirror.silence < 1
    listener.leave(name)


async def test_where_the_connection_is_cut_both_come_back_and_nothing_is_lost(
    served: Served, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirrors, "ASK_SECONDS", NEVER)  # so that nothing but being told makes it ask
    mirror, broker = mirror_of(served), served.services.broker
    mirror.connected()
    async with broker.subscribe("events") as events:
        for number in range(5):
            await redis.client_kill_filter(_type="pubsub")
            rule = await revoked_elsewhere(served, redis)
            cursor = await broker.publish("events", b"%d" % number)
            async with asyncio.timeout(15):
                assert await anext(events) == Event(cursor, b"%d" % number)
            await known(served, rule)
        assert len(await ears(redis)) <= len(await servers(redis))


async def test_told_by_the_connection_it_asks_at_once(
    served: Served, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirrors, "ASK_SECONDS", NEVER)
    mirror_of(served).connected()
    for _ in range(3):
        await known(served, await revoked_elsewhere(served, redis))
