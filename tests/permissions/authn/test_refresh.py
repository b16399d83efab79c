"""Refresh token families: what an honest client may do, what a thief can't, and how a session ends by itself."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from models.embedded import EmbeddedStores
from permissions.authn.accounts import Signed
from permissions.authn.errors import TokenReusedError, TokenRevokedError
from permissions.authn.principal import Client
from permissions.authn.refresh import digest
from tests.permissions.authn.conftest import PASSWORD, Parts
from tests.permissions.authn.families import AWAY, EMAIL, HOME, LEEWAY, Browser, World, principal_of, world_of

REUSED = "refresh_token_reused"


@pytest.fixture
async def world(parts: Parts, stores: EmbeddedStores) -> AsyncIterator[World]:
    async with world_of(parts, stores) as made:
        yield made


@pytest.mark.parametrize("seed", range(3))
async def test_two_tabs_and_lost_answers_never_fork_a_family_nor_end_it(world: World, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(12):
        signed = await world.login()
        browser = Browser(world, chance, signed.refresh_token)
        for _ in range(4):
            await asyncio.gather(*(browser.tab(chance.randint(1, 3)) for _ in range(2)))
            family = list(browser.family())
            assert set(family) == set(browser.given), "a token that follows none of the others"
            assert await world.counting(signed) == digest(family[-1])
            assert browser.held == family[-1], "the tabs hold the token that counts"
            world.clock.on(seconds=chance.choice([0.0, 5.0, 60.0, 3600.0]))


@pytest.mark.parametrize("seed", range(3))
async def test_whoever_replays_a_token_ends_the_family(world: World, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(16):
        signed = await world.login()
        browser = Browser(world, chance, signed.refresh_token)
        for _ in range(chance.randint(1, 3)):
            await asyncio.gather(*(browser.tab(1) for _ in range(2)))
            world.clock.on(seconds=chance.choice([0.0, 3.0]))
        stolen = chance.choice([each for each in browser.given if each != browser.held])
        within = chance.random() < 0.5
        world.clock.on(seconds=0 if within else LEEWAY.total_seconds() + 20)
        # After the leeway even from the same machine; within it from anywhere else.
        assert await world.reason(stolen, AWAY if within else HOME) == REUSED
        assert {await world.reason(each) for each in browser.given} == {REUSED}
        assert await world.counting(signed) is None


@pytest.mark.parametrize("seed", range(3))
async def test_a_thief_who_is_faster_than_the_owner_is_found_out_by_him(world: World, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(12):
        signed = await world.login()
        presented = signed.refresh_token
        askers = [HOME, AWAY]
        chance.shuffle(askers)
        answers = await asyncio.gather(
            *(chance.choice(world.workers).refresh(presented, client) for client in askers), return_exceptions=True
        )
        # One of them got a pair, the other ended the family; what was given out is worth nothing.
        given = [each for each in answers if isinstance(each, Signed)]
        refused = [each for each in answers if isinstance(each, TokenRevokedError)]
        assert (len(given), [each.reason for each in refused]) == (1, [REUSED])
        assert await world.reason(given[0].refresh_token, chance.choice([HOME, AWAY])) == REUSED


async def test_the_family_ends_in_the_same_step_that_sees_the_reuse(world: World) -> None:
    signed = await world.login()
    await world.accounts.refresh(signed.refresh_token, HOME)
    used, successor = digest(signed.refresh_token), digest("what it does not get")
    with pytest.raises(TokenReusedError):
        await world.accounts.sessions.rotate(principal_of(signed), used, successor, AWAY)
    assert await world.counting(signed) is None, "whatever the worker does, or fails to do, about it"


async def test_repeats_within_the_leeway_get_the_very_same_token(world: World) -> None:
    signed = await world.login()
    answers = await asyncio.gather(
        *(worker.refresh(signed.refresh_token, HOME) for worker in world.workers for _ in range(5))
    )
    assert len({each.refresh_token for each in answers}) == 1
    assert {each.session.id for each in answers} == {signed.session.id}


async def test_a_late_tab_gets_the_token_that_counts_and_not_one_that_is_used_up(world: World) -> None:
    first = (await world.login()).refresh_token
    second = (await world.accounts.refresh(first, HOME)).refresh_token
    third = (await world.accounts.refresh(second, HOME)).refresh_token
    assert (await world.accounts.refresh(first, HOME)).refresh_token == third


async def test_the_leeway_is_not_renewed_by_repeats(world: World) -> None:
    first = (await world.login()).refresh_token
    await world.accounts.refresh(first, HOME)
    for _ in range(3):
        world.clock.on(seconds=3)
        assert await world.reason(first) is None
    world.clock.on(seconds=2)
    assert await world.reason(first) == REUSED


@pytest.mark.parametrize(
    "thief",
    [
        Client("192.0.2.8", HOME.user_agent),
        Client("192.0.2.7", "curl/8.11"),
        Client("192.0.2.7", None),
        Client(None, HOME.user_agent),
        Client("2001:db8::1", HOME.user_agent),
    ],
)
async def test_another_network_or_program_is_another_client(world: World, thief: Client) -> None:
    first = (await world.login()).refresh_token
    await world.accounts.refresh(first, HOME)
    assert await world.reason(first, thief) == REUSED


@pytest.mark.parametrize(
    ("before", "after"),
    [("192.0.2.7", "::ffff:192.0.2.7"), ("2001:db8:1:2:aaaa::1", "2001:db8:1:2:bbbb::2")],
)
async def test_the_same_subscriber_is_the_same_client(world: World, before: str, after: str) -> None:
    first = (await world.login()).refresh_token
    await world.accounts.refresh(first, replace(HOME, ip=before))
    assert await world.reason(first, replace(HOME, ip=after)) is None


async def test_whose_address_is_unknown_has_no_leeway(world: World) -> None:
    nowhere = Client(None, HOME.user_agent)
    first = (await world.login(nowhere)).refresh_token
    await world.accounts.refresh(first, nowhere)
    world.clock.on(seconds=0.001)
    assert await world.reason(first, nowhere) == REUSED


async def test_the_tokens_between_must_be_the_same_clients_too(world: World) -> None:
    first = (await world.login()).refresh_token
    second = (await world.accounts.refresh(first, HOME)).refresh_token
    await world.accounts.refresh(second, AWAY)
    assert await world.reason(first) == REUSED


async def test_without_a_leeway_every_repeat_ends_the_family(parts: Parts, stores: EmbeddedStores) -> None:
    async with world_of(parts, stores, leeway=timedelta()) as strict:
        first = (await strict.login()).refresh_token
        await strict.accounts.refresh(first, HOME)
        strict.clock.on(seconds=0.001)
        assert await strict.reason(first) == REUSED


async def test_a_client_that_moves_keeps_its_session(world: World) -> None:
    signed = await world.login()
    moved = await world.accounts.refresh(signed.refresh_token, AWAY)
    assert (moved.session.ip, moved.session.opened_ip) == (AWAY.ip, HOME.ip)
    [listed] = await world.accounts.sessions_of(signed.user.id)
    assert (listed.ip, listed.opened_ip, listed.device) == (AWAY.ip, HOME.ip, "Firefox on Linux")


async def test_a_session_that_is_not_used_ends(world: World) -> None:
    used, unused = await world.login(), await world.login()
    token = used.refresh_token
    for _ in range(2):
        world.clock.on(days=13)
        token = (await world.accounts.refresh(token, HOME)).refresh_token
    assert await world.reason(unused.refresh_token) in {"session_expired", "session_ended"}
    assert [each.id for each in await world.accounts.sessions_of(used.user.id)] == [used.session.id]
    world.clock.on(days=5)
    assert await world.reason(token) == "session_expired", "30 days from sign-in on, however it is used"
    assert await world.accounts.sessions_of(used.user.id) == []


async def test_an_account_has_so_many_sessions_and_no_more(parts: Parts, stores: EmbeddedStores) -> None:
    async with world_of(parts, stores, most=3) as small:
        opened = []
        for _ in range(3):
            opened.append(await small.login())
            small.clock.on(minutes=1)
        await small.accounts.refresh(opened[0].refresh_token, HOME)
        opened.append(await small.login())
        living = {each.id for each in await small.accounts.sessions_of(parts.alice.id)}
        assert living == {opened[index].session.id for index in (0, 2, 3)}, "the one used longest ago has ended"
        assert await small.reason(opened[1].refresh_token) == "too_many_sessions"


async def test_logins_at_once_do_not_escape_the_cap_for_long(parts: Parts, stores: EmbeddedStores) -> None:
    async with world_of(parts, stores, most=1) as small:
        await asyncio.gather(*(worker.login(EMAIL, PASSWORD, HOME) for worker in small.workers))
        small.clock.on(seconds=1)
        last = await small.login()
        assert [each.id for each in await small.accounts.sessions_of(parts.alice.id)] == [last.session.id]


async def test_a_family_that_ended_tells_why_and_forgets_all_else(world: World, redis: Redis) -> None:
    signed = await world.login()
    await world.accounts.logout(principal_of(signed))
    key = f"parley:{{{signed.user.id}}}:session:{signed.session.id}"
    assert await redis.hgetall(key) == {b"ended": b"logged_out"}
    assert 0 < await redis.pttl(key) <= 24 * 3600 * 1000
    assert await world.reason(signed.refresh_token) == "logged_out"


async def test_a_session_of_an_earlier_release_goes_on(world: World, redis: Redis) -> None:
    signed = await world.login()
    key = f"parley:{{{signed.user.id}}}:session:{signed.session.id}"
    await redis.hdel(key, "agent", "opened_ip", "recent")
    renewed = await world.accounts.refresh(signed.refresh_token, HOME)
    assert renewed.session.opened_ip is None
    assert await world.reason(renewed.refresh_token) is None
