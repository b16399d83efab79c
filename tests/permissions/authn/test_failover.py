"""Signing in, refreshing and revoking while a master dies: what was confirmed, and copied to a replica, is kept."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack

import pytest
from redis.asyncio import Redis

from models.database import Database
from models.pubsub import listening_by
from models.redis import ClusterClient, open_redis
from models.user import User
from permissions.authn.accounts import Accounts, Signed
from permissions.authn.errors import AuthnUnavailableError, TokenRevokedError
from permissions.authn.keys import KeyRing
from permissions.authn.passwords import Passwords
from permissions.authn.principal import Client
from permissions.authn.records import index_of
from permissions.authn.registration import NewUser
from permissions.authn.revocation.criteria import Criteria
from permissions.authn.revocation.ledger import CHANNEL
from tests.models.pubsub.ears import Ear
from tests.permissions.authn.conftest import CHEAP, PASSWORD, SECRET, new_worker, serving
from tests.permissions.authn.revocation.workers import eventually
from tests.redis_topologies import OwnCluster, OwnSentinels

HOME = Client("192.0.2.7", "Firefox")


# Both take their time: `make test-redis` tries the other one, too.
@pytest.fixture(params=[os.environ.get("PARLEY_TEST_REDIS") or "cluster"])
def own(request: pytest.FixtureRequest) -> Iterator[OwnSentinels | OwnCluster]:
    """Redis that stays when a server dies: in the cluster, the one that has the revocations."""
    with OwnSentinels() if request.param == "sentinel" else OwnCluster(1, key="revocations") as running:
        yield running


async def someone(accounts: Accounts, own: OwnSentinels | OwnCluster) -> User:
    """Whose sessions are on the server that is going to die."""
    for number in range(50):
        user = await accounts.create_user(NewUser(f"user{number}@demo.example", "Someone", PASSWORD, {}))
        if isinstance(own, OwnSentinels) or own.owner(index_of(user.id)) == own.replicated:
            return user
    raise AssertionError("no such slot")


async def insisted(ask: Callable[[], Awaitable[Signed]]) -> Signed:
    """As a client does: it is told to come back later, and nothing else."""
    async with asyncio.timeout(15):
        while True:
            try:
                return await ask()
            except AuthnUnavailableError:
                await asyncio.sleep(0.05)


async def test_sessions_and_revocations_outlive_the_server_that_had_them(
    database: Database, own: OwnSentinels | OwnCluster
) -> None:
    keys, passwords = KeyRing(SECRET), Passwords(2, CHEAP)
    await keys.ensure()
    async with AsyncExitStack() as stack:
        clients: list[Redis] = [await stack.enter_async_context(open_redis(own.url)) for _ in range(2)]
        assert isinstance(clients[0], ClusterClient) == isinstance(own, OwnCluster)
        one, other = [
            await stack.enter_async_context(serving(new_worker(client, keys, passwords))) for client in clients
        ]
        async with listening_by(clients[1]) as listener:
            listener.listen(CHANNEL.encode(), news := Ear())
            await asyncio.wait_for(news.listening.wait(), 10)
            await one.revoker.revoke(Criteria(session_id="none"), "told")
            await asyncio.wait_for(news.come.wait(), 10)
        user = await someone(one, own)
        kept = await one.login(user.email, PASSWORD, HOME)
        out = await one.login(user.email, PASSWORD, HOME)
        refreshed = await other.refresh(kept.refresh_token, HOME)
        await one.revoker.revoke(Criteria(session_id=out.session.id), "stolen")

        failing = asyncio.create_task(asyncio.to_thread(own.fail_over))
        during = await insisted(lambda: one.refresh(refreshed.refresh_token, HOME))
        await failing
        after = await insisted(lambda: other.refresh(during.refresh_token, HOME))
        again = await insisted(lambda: other.login(user.email, PASSWORD, HOME))
        assert after.session.id == kept.session.id
        assert {each.id for each in await one.sessions.of(user.id)} >= {kept.session.id, again.session.id}

        # What was revoked before is so still, and what is revoked now counts everywhere.
        with pytest.raises(TokenRevokedError):
            await insisted(lambda: other.refresh(out.refresh_token, HOME))
        await one.revoker.revoke(Criteria(user_id=user.id), "left")
        await eventually(lambda: any(rule.reason == "left" for rule in other.gate.mirror.index))
        with pytest.raises(TokenRevokedError):
            await insisted(lambda: other.refresh(after.refresh_token, HOME))
    passwords.close()
