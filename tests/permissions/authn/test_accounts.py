"""Signing in, refreshing, signing out, on real stores."""

import asyncio
import time
from collections.abc import Callable

import pytest
from argon2 import PasswordHasher
from redis.asyncio import Redis

from models.user import User
from permissions.authn.accounts import Signed
from permissions.authn.errors import (
    AuthnUnavailableError,
    BadCredentialsError,
    EmailTakenError,
    InvalidEmailError,
    TokenRevokedError,
    TooManyAttemptsError,
    UnauthenticatedError,
)
from permissions.authn.passwords import Passwords
from permissions.authn.principal import Client, Principal
from permissions.authn.registration import NewUser
from tests.permissions.authn.conftest import CHEAP, PASSWORD, Parts, new_worker, serving

HOME = Client(ip="192.0.2.7", user_agent="Firefox on Debian", request_id="r1")
AWAY = Client(ip="198.51.100.66", user_agent="Firefox on Debian", request_id="r2")
EMAIL = "alice@demo.example"


def principal_of(signed: Signed) -> Principal:
    """Whom the pair is for."""
    return Principal(signed.user.id, signed.session.id)


async def refused_within_a_second(ask: Callable[[], object]) -> str:
    """The reason of the refusal."""
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        try:
            ask()
        except TokenRevokedError as error:
            return error.reason
        await asyncio.sleep(0.02)
    pytest.fail("still let through after a second")


async def test_a_login_gives_a_token_of_the_account_and_its_session(parts: Parts) -> None:
    signed = await parts.accounts.login(" ALICE@demo.example ", PASSWORD, HOME, "my laptop")
    token = await parts.accounts.tokens.verify(signed.access_token)
    assert token.principal == Principal(parts.alice.id, signed.session.id)
    assert signed.expires_in == 900
    assert signed.session.device == "my laptop"
    assert signed.session.ip == "192.0.2.7"


@pytest.mark.parametrize(
    ("email", "password"),
    [
        (EMAIL, "another password, long enough"),
        (EMAIL, ""),
        (EMAIL, "x" * 100_000),
        (EMAIL, "\ud800 half a pair"),
        ("nobody@demo.example", PASSWORD),
        ("", PASSWORD),
        ("\udfff@demo.example", PASSWORD),
        ("\x00", PASSWORD),
        ("a" * 100_000, PASSWORD),
    ],
)
async def test_every_wrong_login_gets_the_same_answer(parts: Parts, email: str, password: str) -> None:
    with pytest.raises(BadCredentialsError) as caught:
        await parts.accounts.login(email, password, HOME)
    assert str(caught.value) == "wrong email or password"


async def test_a_disabled_account_gets_that_answer_too(parts: Parts) -> None:
    await User.get_pymongo_collection().update_one({"_id": parts.alice.id}, {"$set": {"disabled": True}})
    with pytest.raises(BadCredentialsError):
        await parts.accounts.login(EMAIL, PASSWORD, HOME)


async def test_failures_of_an_account_from_one_address_make_it_wait(parts: Parts) -> None:
    for _ in range(3):
        with pytest.raises(BadCredentialsError):
            await parts.accounts.login(EMAIL, "wrong", HOME)
    with pytest.raises(TooManyAttemptsError) as caught:
        await parts.accounts.login(EMAIL, PASSWORD, HOME)
    assert 0 < caught.value.retry_after <= 900
    await parts.accounts.login(EMAIL, PASSWORD, Client(ip="198.51.100.1"))


async def test_failures_of_an_address_make_it_wait_whatever_the_account(parts: Parts) -> None:
    for number in range(6):
        with pytest.raises(BadCredentialsError):
            await parts.accounts.login(f"guess{number}@demo.example", "wrong", HOME)
    with pytest.raises(TooManyAttemptsError):
        await parts.accounts.login(EMAIL, PASSWORD, HOME)


async def test_a_good_login_forgives_earlier_slips(parts: Parts) -> None:
    for _ in range(2):
        for _ in range(2):
            with pytest.raises(BadCredentialsError):
                await parts.accounts.login(EMAIL, "wrong", HOME)
        await parts.accounts.login(EMAIL, PASSWORD, HOME)


async def test_a_refresh_gives_a_new_pair_for_the_same_session(parts: Parts) -> None:
    first = await parts.accounts.login(EMAIL, PASSWORD, HOME)
    second = await parts.accounts.refresh(first.refresh_token, Client(ip="198.51.100.1"))
    third = await parts.accounts.refresh(second.refresh_token, HOME)
    assert len({first.refresh_token, second.refresh_token, third.refresh_token}) == 3
    assert third.session.id == first.session.id
    assert third.session.expires_at == first.session.expires_at, "the lifetime is absolute"
    assert second.session.ip == "198.51.100.1"


async def test_a_used_refresh_token_ends_the_family(parts: Parts) -> None:
    stolen = await parts.accounts.login(EMAIL, PASSWORD, HOME)
    honest = await parts.accounts.refresh(stolen.refresh_token, HOME)
    for token in (stolen.refresh_token, honest.refresh_token):
        with pytest.raises(TokenRevokedError) as caught:
            await parts.accounts.refresh(token, AWAY)
        assert caught.value.reason == "refresh_token_reused"
    with pytest.raises(TokenRevokedError):
        parts.accounts.gate.require(await parts.accounts.tokens.verify(honest.access_token))
    assert await parts.accounts.sessions_of(parts.alice.id) == []


async def test_other_sessions_outlive_a_family(parts: Parts) -> None:
    stolen = await parts.accounts.login(EMAIL, PASSWORD, HOME)
    other = await parts.accounts.login(EMAIL, PASSWORD, HOME)
    await parts.accounts.refresh(stolen.refresh_token, HOME)
    with pytest.raises(TokenRevokedError):
        await parts.accounts.refresh(stolen.refresh_token, AWAY)
    await parts.accounts.refresh(other.refresh_token, HOME)


@pytest.mark.parametrize(
    "forged",
    ["", "prt_", "prt_" + "A" * 102, "x" * 1_000_000, "prt_" + "ä" * 102, "prt_" + "+/" * 51, "\ud800" * 106],
)
async def test_an_invented_refresh_token_is_refused(parts: Parts, forged: str) -> None:
    with pytest.raises(UnauthenticatedError) as caught:
        await parts.accounts.refresh(forged, HOME)
    assert type(caught.value) is UnauthenticatedError


async def test_a_damaged_refresh_token_is_refused_and_hurts_nobody(parts: Parts) -> None:
    signed = await parts.accounts.login(EMAIL, PASSWORD, HOME)
    token = signed.refresh_token
    for place in range(4, len(token)):
        damaged = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        with pytest.raises(UnauthenticatedError) as caught:
            await parts.accounts.refresh(damaged, HOME)
        assert type(caught.value) is UnauthenticatedError
    await parts.accounts.refresh(token, HOME)


async def test_an_access_token_is_no_refresh_token(parts: Parts) -> None:
    signed = await parts.accounts.login(EMAIL, PASSWORD, HOME)
    with pytest.raises(UnauthenticatedError):
        await parts.accounts.refresh(signed.access_token, HOME)


async def test_a_disabled_account_is_not_refreshed(parts: Parts) -> None:
    signed = await parts.accounts.login(EMAIL, PASSWORD, HOME)
    await User.get_pymongo_collection().update_one({"_id": parts.alice.id}, {"$set": {"disabled": True}})
    with pytest.raises(TokenRevokedError) as caught:
        await parts.accounts.refresh(signed.refresh_token, HOME)
    assert caught.value.reason == "account_disabled"


async def test_redis_never_learns_a_token(parts: Parts, redis: Redis) -> None:
    signed = await parts.accounts.login(EMAIL, PASSWORD, HOME)
    renewed = await parts.accounts.refresh(signed.refresh_token, HOME)
    keys = [key async for key in redis.scan_iter("*")]
    kept = b" ".join([*keys, *[await redis.dump(key) or b"" for key in keys]])
    for token in (signed.refresh_token, renewed.refresh_token, signed.access_token):
        assert token.removeprefix("prt_").encode() not in kept
    assert PASSWORD.encode() not in kept


async def test_every_key_of_a_user_lies_in_one_cluster_slot_and_expires(parts: Parts, redis: Redis) -> None:
    await parts.accounts.login(EMAIL, PASSWORD, HOME)
    others = (b"parley:attempts:", b"parley:{revocations}:")
    keys = [key.decode() async for key in redis.scan_iter("*") if not key.startswith(others)]
    assert len(keys) == 2
    for key in keys:
        assert f"{{{parts.alice.id}}}" in key
        assert 0 < await redis.ttl(key) <= 30 * 24 * 3600


async def test_a_logout_ends_the_session_at_once_here_and_within_a_second_elsewhere(parts: Parts, redis: Redis) -> None:
    passwords = Passwords(1, CHEAP)
    async with serving(new_worker(redis, parts.keys, passwords)) as elsewhere:
        signed = await parts.accounts.login(EMAIL, PASSWORD, HOME)
        token = await parts.accounts.tokens.verify(signed.access_token)
        parts.accounts.gate.require(token)
        elsewhere.gate.require(token)
        assert await parts.accounts.logout(token.principal)
        with pytest.raises(TokenRevokedError):
            parts.accounts.gate.require(token)
        assert await refused_within_a_second(lambda: elsewhere.gate.require(token)) == "logged_out"
        with pytest.raises(TokenRevokedError):
            await elsewhere.refresh(signed.refresh_token, HOME)
        assert not await parts.accounts.logout(token.principal), "it has ended before"
    passwords.close()


async def test_a_token_tells_what_conditions_read_of_its_session(parts: Parts) -> None:
    named = await parts.accounts.login(EMAIL, PASSWORD, HOME, "Alice's phone")
    unnamed = await parts.accounts.login(EMAIL, PASSWORD, HOME)

    circumstances = (await parts.accounts.tokens.verify(named.access_token)).circumstances()

    assert circumstances["device"] == "Alice's phone"
    assert 0 <= circumstances["session_age"] < 60
    assert (await parts.accounts.tokens.verify(unnamed.access_token)).circumstances()["device"] == HOME.user_agent


async def test_a_session_is_as_old_as_its_first_token_however_often_it_is_refreshed(parts: Parts) -> None:
    first = await parts.accounts.login(EMAIL, PASSWORD, HOME)
    second = await parts.accounts.refresh(first.refresh_token, Client(ip="198.51.100.1", user_agent=HOME.user_agent))
    before, after = [await parts.accounts.tokens.verify(each.access_token) for each in (first, second)]
    assert after.judged.opened == before.judged.opened
    assert (before.ip, after.ip) == (HOME.ip, "198.51.100.1")


async def test_without_redis_nobody_is_let_in_on_a_guess(parts: Parts) -> None:
    token = await parts.accounts.tokens.verify((await parts.accounts.login(EMAIL, PASSWORD, HOME)).access_token)
    async with Redis(host="127.0.0.1", port=1) as nowhere:
        passwords = Passwords(1, CHEAP)
        cut_off = new_worker(nowhere, parts.keys, passwords)
        await cut_off.gate.mirror.load()
        with pytest.raises(AuthnUnavailableError):
            cut_off.gate.require(token)
        with pytest.raises(AuthnUnavailableError):
            await cut_off.login(EMAIL, PASSWORD, HOME)
        passwords.close()


async def test_sessions_are_listed_newest_first(parts: Parts) -> None:
    names = ["phone", "laptop", "desk"]
    opened = [await parts.accounts.login(EMAIL, PASSWORD, HOME, name) for name in names]
    await parts.accounts.logout(principal_of(opened[1]))
    listed = await parts.accounts.sessions_of(parts.alice.id)
    assert {session.device for session in listed} == {"phone", "desk"}
    assert [session.created_at for session in listed] == sorted(
        (session.created_at for session in listed), reverse=True
    )


async def test_an_old_hash_is_renewed_when_its_owner_comes(parts: Parts, redis: Redis) -> None:
    passwords = Passwords(1, PasswordHasher(time_cost=2, memory_cost=8, parallelism=1))
    today = new_worker(redis, parts.keys, passwords)
    before = parts.alice.password_hash
    await today.login(EMAIL, PASSWORD, HOME)
    after = await User.find_one({"email_key": EMAIL})
    assert after is not None
    assert after.password_hash != before
    assert not passwords.outdated(after.password_hash)
    await today.login(EMAIL, PASSWORD, HOME)
    passwords.close()


async def test_an_address_is_taken_however_it_is_written(parts: Parts) -> None:
    with pytest.raises(EmailTakenError):
        await parts.accounts.create_user(NewUser("ALICE@DEMO.example ", "Another", PASSWORD))


@pytest.mark.parametrize("email", ["", "alice", "@", "a@", "a b@c", "a@b@c", "a\x00@b", "\ud800@b", "a" * 400 + "@b"])
async def test_what_is_no_address_makes_no_account(parts: Parts, email: str) -> None:
    with pytest.raises(InvalidEmailError):
        await parts.accounts.create_user(NewUser(email, "Nobody", PASSWORD))
