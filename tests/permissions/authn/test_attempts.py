"""Guesses are counted before they are looked at, however many come at once."""

import asyncio

import pytest
from redis.asyncio import Redis

from permissions.authn.attempts import KNOWN, KNOWN_SECONDS, AttemptLimits, Attempts
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
    (left,) = await redis.keys("parley:attempts:*")
    assert str(left).endswith(":known'"), "but where he was"


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


def elsewhere(number: int) -> str:
    return f"198.51.100.{number}"


@pytest.fixture
def narrow(redis: Redis) -> Attempts:
    return Attempts(redis, AttemptLimits(account=3, address=30, everywhere=5))


async def test_many_addresses_together_get_so_many_guesses_at_an_account(narrow: Attempts) -> None:
    outcomes = await asyncio.gather(*(guess(narrow, "alice", elsewhere(number)) for number in range(40)))
    assert outcomes.count(BadCredentialsError) == 5
    assert outcomes.count(TooManyAttemptsError) == 35
    assert await guess(narrow, "bob", elsewhere(1)) is BadCredentialsError, "another account is none of it"


async def test_a_botnet_does_not_lock_the_owner_out_of_where_he_has_been(narrow: Attempts) -> None:
    assert await guess(narrow, "alice", IP, right=True) is None
    for number in range(20):
        await guess(narrow, "alice", elsewhere(number))
    assert await guess(narrow, "alice", elsewhere(99), right=True) is TooManyAttemptsError
    assert await guess(narrow, "alice", IP, right=True) is None


async def test_where_the_owner_has_been_guesses_are_counted_all_the_same(narrow: Attempts) -> None:
    assert await guess(narrow, "alice", IP, right=True) is None
    outcomes = [await guess(narrow, "alice", IP) for _ in range(6)]
    assert outcomes == [BadCredentialsError] * 3 + [TooManyAttemptsError] * 3
    assert await guess(narrow, "alice", elsewhere(1), right=True) is None, "and cost nobody elsewhere a try"


async def test_a_wrong_login_makes_no_address_known(narrow: Attempts) -> None:
    for number in range(5):
        assert await guess(narrow, "alice", elsewhere(number)) is BadCredentialsError
    for number in range(5):
        assert await guess(narrow, "alice", elsewhere(number), right=True) is TooManyAttemptsError


async def test_so_many_addresses_are_remembered_the_newest(narrow: Attempts, redis: Redis) -> None:
    for number in range(KNOWN + 5):
        assert await guess(narrow, "alice", elsewhere(number), right=True) is None
    (key,) = await redis.keys("parley:attempts:*")
    assert await redis.zcard(key) == KNOWN
    assert 0 < await redis.ttl(key) <= KNOWN_SECONDS


async def test_a_name_that_nobody_has_gets_the_same_answers(narrow: Attempts) -> None:
    for name in ("alice", "nobody at all"):
        outcomes = [await guess(narrow, name, elsewhere(number)) for number in range(8)]
        assert outcomes == [BadCredentialsError] * 5 + [TooManyAttemptsError] * 3


async def test_a_service_is_not_shut_out_by_strangers(narrow: Attempts) -> None:
    for number in range(20):
        with pytest.raises(BadCredentialsError):
            async with narrow.one("billing", elsewhere(number), everywhere=False):
                raise BadCredentialsError
    async with narrow.one("billing", IP, everywhere=False):
        pass


async def test_keys_that_a_script_uses_together_lie_in_one_slot(narrow: Attempts, redis: Redis) -> None:
    await guess(narrow, "alice", IP, right=True)
    await guess(narrow, "alice", elsewhere(1))
    tagged = {key.decode() async for key in redis.scan_iter("parley:attempts:{*")}
    assert {key.rpartition(":")[2] for key in tagged} == {"everywhere", "known"}
    assert len({key.partition("{")[2].partition("}")[0] for key in tagged}) == 1
    assert "alice" not in str(await redis.keys("*"))
