"""Redis killed, frozen, slow, and back with nothing: what is refused, by whom, and that it heals by itself."""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from beanie import PydanticObjectId
from redis.asyncio import Redis

from models.clock import now
from models.database import Database
from permissions.authn.errors import AuthnError, AuthnUnavailableError, TokenRevokedError
from permissions.authn.gate import WhenStale, judged_of
from permissions.authn.principal import Principal, new_id
from permissions.authn.records import Session
from permissions.authn.revocation.criteria import Criteria
from permissions.authn.tokens import AccessToken
from tests.own_redis import OwnRedis
from tests.permissions.authn.revocation.workers import Worker, eventually, new_worker, serving

STALE_SECONDS = 5.0


@dataclass
class Clock:
    """Moves by a hair when it is read, and else by hand: a worker is no more stale than a test says.

    However long a busy machine takes.
    """

    seconds: float = 0.0

    def __call__(self) -> float:
        self.seconds += 1e-6  # no two moments are the same
        return self.seconds

    def pass_the_limit(self) -> None:
        self.seconds += STALE_SECONDS + 0.1


@pytest.fixture
def own() -> Iterator[OwnRedis]:
    """A Redis to be treated badly."""
    with OwnRedis() as running:
        yield running


@asynccontextmanager
async def a_worker(
    own: OwnRedis, clock: Callable[[], float] | None = None, when_stale: WhenStale = WhenStale.FAIL_CLOSED
) -> AsyncIterator[Worker]:
    """One that trusts its mirror for so long by `clock`."""
    async with (
        Redis.from_url(own.url) as client,
        serving(
            new_worker(client, stale_seconds=STALE_SECONDS, when_stale=when_stale, clock=clock or Clock())
        ) as worker,
    ):
        yield worker


async def heard_again(worker: Worker, clock: Clock) -> None:
    """Return when the worker has had an answer of Redis to what it asked after this call."""
    clock.pass_the_limit()
    assert worker.gate.stale
    await eventually(lambda: not worker.gate.stale)


def a_token() -> AccessToken:
    """Somebody's."""
    session = Session(new_id(), PydanticObjectId(), "phone", "192.0.2.7", now(), now(), now())
    principal = Principal(session.user_id, session.id)
    return AccessToken(principal, new_id(), "k1", 0, 2**40, 0, None, None, judged_of(session))


def verdict(worker: Worker, token: AccessToken) -> str:
    """What the worker says of a token."""
    try:
        worker.gate.require(token)
    except AuthnUnavailableError:
        return "unavailable"
    except TokenRevokedError as error:
        return error.reason
    return "in"


async def test_a_killed_redis_is_bridged_for_a_while_then_nobody_is_let_in_and_all_is_well_when_it_is_back(
    database: Database, own: OwnRedis
) -> None:
    clock = Clock()
    async with a_worker(own, clock) as worker:
        token, out = a_token(), a_token()
        await worker.revocations.revoke(Criteria(session_id=out.principal.session_id), "stolen", wait=False)
        own.kill()
        clock.seconds += STALE_SECONDS - 0.1
        assert (verdict(worker, token), verdict(worker, out)) == ("in", "stolen")
        clock.pass_the_limit()
        assert verdict(worker, token) == "unavailable"
        assert verdict(worker, out) == "stolen", "who is known to be out is told so"
        own.start()
        await eventually(lambda: verdict(worker, token) == "in")
        assert verdict(worker, out) == "stolen"


async def test_a_frozen_redis_is_no_better_than_a_dead_one(database: Database, own: OwnRedis) -> None:
    clock = Clock()
    async with a_worker(own, clock) as worker:
        token = a_token()
        with own.frozen():
            clock.pass_the_limit()
            assert verdict(worker, token) == "unavailable"
        await eventually(lambda: verdict(worker, token) == "in")


async def test_set_to_fail_open_it_lets_in_whom_it_does_not_know_to_be_out(database: Database, own: OwnRedis) -> None:
    clock = Clock()
    async with a_worker(own, clock, WhenStale.FAIL_OPEN) as worker:
        token, out = a_token(), a_token()
        await worker.revocations.revoke(Criteria(session_id=out.principal.session_id), "stolen", wait=False)
        own.kill()
        clock.pass_the_limit()
        assert worker.gate.stale
        assert (verdict(worker, token), verdict(worker, out)) == ("in", "stolen")


async def test_a_slow_redis_costs_requests_nothing(database: Database, own: OwnRedis) -> None:
    clock = Clock()
    async with a_worker(own, clock) as worker, Redis.from_url(own.url) as client:
        token = a_token()
        await client.client_pause(600, all=True)
        assert verdict(worker, token) == "in"
        await heard_again(worker, clock)
        assert verdict(worker, token) == "in"


async def test_a_redis_that_comes_back_empty_revives_nothing(database: Database, own: OwnRedis) -> None:
    clock = Clock()
    async with a_worker(own, clock) as worker:
        out = a_token()
        await worker.revocations.revoke(Criteria(user_id=out.principal.user_id), "stolen", wait=False)
        own.forget()
        await heard_again(worker, clock)
        assert verdict(worker, out) == "stolen"
        async with a_worker(own) as started_later:
            assert verdict(started_later, out) == "stolen", "Redis has been told again"
            assert verdict(started_later, a_token()) == "in"


async def test_what_is_revoked_while_redis_is_away_is_told_when_it_is_back(database: Database, own: OwnRedis) -> None:
    async with a_worker(own) as worker, a_worker(own) as other:
        out = a_token()
        own.kill()
        applied = await worker.revocations.revoke(Criteria(session_id=out.principal.session_id), "stolen")
        assert (applied.applied, applied.unconfirmed) == (False, ("redis",))
        assert verdict(worker, out) == "stolen", "here it counts at once"
        own.start()
        await eventually(lambda: verdict(other, out) == "stolen")


async def test_a_worker_that_starts_without_redis_knows_the_rules_and_lets_nobody_in(
    database: Database, own: OwnRedis
) -> None:
    async with a_worker(own) as worker:
        out = a_token()
        await worker.revocations.revoke(Criteria(session_id=out.principal.session_id), "stolen", wait=False)
    own.kill()
    async with a_worker(own) as blind:
        assert (verdict(blind, out), verdict(blind, a_token())) == ("stolen", "unavailable")
        own.start()
        await eventually(lambda: verdict(blind, a_token()) == "in")


async def test_a_refresh_waits_for_no_redis_and_is_refused_clearly(database: Database, own: OwnRedis) -> None:
    async with a_worker(own, time.monotonic) as worker:
        with own.frozen(), pytest.raises(AuthnError, match="Redis does not answer"):
            await worker.gate.catch_up()
