"""Guesses are counted before they are looked at, however many come at once."""

import asyncio

import pytest
from redis.asyncio import Redis

from permissions.authn.attempts import AttemptLimits, Attempts
from permissions.authn.errors import AuthnError, BadCredentialsError, TooManyAttemptsError

IP = "192.0.2.1"


@pytest.fixture
def attempts(redis: Redis) -> Attempts:
    return Attempts(redis, AttemptLimits(account=10, address=30))


async def guess(attempts: Attempts, account: str, ip: str, *, right: bool = False) -> type[AuthnError] | None:
    try:
        async with attempts.one(account, ip):
            await asyncio.sleep(0)
            if not right:
                raise BadCredentialsError
    except AuthnError as error:
        return type(error)
    return None


async def test_guesses_at_once_count_as_guesses_in_a_row(attempts: Attempts) -> None:
    results = await asyncio.gather(*(guess(attempts, "bob", IP) for _ in range(40)))
    assert results.count(BadCredentialsError) == 10
    assert results.count(TooManyAttemptsError) == 30
    assert await guess(attempts, "alice", IP) is BadCredentialsError  # what was refused took nothing from the address


async def test_whoever_is_right_leaves_nothing_behind(attempts: Attempts, redis: Redis) -> None:
    for _ in range(50):
        assert await guess(attempts, "alice", IP, right=True) is None
    assert await redis.keys("parley:attempts:*") == []


async def test_what_fails_for_another_reason_is_no_guess(attempts: Attempts) -> None:
    for _ in range(50):
        with pytest.raises(RuntimeError):
            async with attempts.one("alice", IP):
                raise RuntimeError
    assert await guess(attempts, "alice", IP, right=True) is None


@pytest.mark.parametrize(
    ("others", "refused"),
    [
        ("2001:db8:1:2::{}", True),
        ("2001:db8:1:{:x}::1", False),
        ("::ffff:192.0.2.1", True),
        ("192.0.2.{}", False),
    ],
)
async def test_an_ipv6_network_is_one_guesser(attempts: Attempts, others: str, refused: bool) -> None:
    outcomes = {await guess(attempts, "alice", others.format(number)) for number in range(1, 25)}
    assert (TooManyAttemptsError in outcomes) is refused
