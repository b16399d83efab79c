"""Passwords changed and replaced, and what whoever guesses can learn of it: nothing."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from argon2 import PasswordHasher, extract_parameters
from redis.asyncio import Redis

from models.clock import now
from models.user import User
from permissions.authn.accounts import Accounts, Signed
from permissions.authn.credentials import CHANGED, CHANGES_A_DAY, RESET, Credentials
from permissions.authn.errors import (
    AuthnError,
    AuthnUnavailableError,
    BadCredentialsError,
    PasswordChangeRequiredError,
    TokenRevokedError,
    TooManyAttemptsError,
    WeakPasswordError,
)
from permissions.authn.passwords import Passwords
from permissions.authn.principal import Client, Principal
from permissions.authn.records import ms
from permissions.authn.registration import NewUser
from permissions.authn.services import ServiceAccounts, register_service, renew_secret
from tests.own_redis import OwnRedis
from tests.permissions.authn.conftest import CHEAP, PASSWORD, Parts, new_worker

HOME = Client(ip="192.0.2.7", user_agent="Firefox on Debian", request_id="r1")
AWAY = Client(ip="198.51.100.9", user_agent="Safari", request_id="r2")
EMAIL = "alice@demo.example"
ANOTHER = "another password, long enough"


def principal_of(signed: Signed) -> Principal:
    return Principal(signed.user.id, signed.session.id)


async def set_fields(parts: Parts, **fields: object) -> None:
    await User.get_pymongo_collection().update_one({"_id": parts.alice.id}, {"$set": fields})


async def ends(accounts: Accounts, signed: Signed) -> str:
    """Why its refresh token is refused."""
    with pytest.raises(TokenRevokedError) as caught:
        await accounts.refresh(signed.refresh_token, HOME)
    return caught.value.reason


async def test_who_changes_his_password_stays_and_his_other_sessions_end(parts: Parts) -> None:
    here, there = [await parts.accounts.login(EMAIL, PASSWORD, client) for client in (HOME, AWAY)]
    over = await parts.accounts.credentials.change(EMAIL, PASSWORD, ANOTHER, HOME, principal_of(here))
    assert over.ended == (there.session.id,)
    assert await ends(parts.accounts, there) == CHANGED
    await parts.accounts.refresh(here.refresh_token, HOME)
    await parts.accounts.login(EMAIL, ANOTHER, HOME)
    with pytest.raises(BadCredentialsError):
        await parts.accounts.login(EMAIL, PASSWORD, HOME)


async def test_who_is_not_signed_in_ends_all_of_them(parts: Parts) -> None:
    signed = await parts.accounts.login(EMAIL, PASSWORD, HOME)
    await parts.accounts.credentials.change(EMAIL, PASSWORD, ANOTHER, HOME)
    assert await ends(parts.accounts, signed) == CHANGED


@pytest.mark.parametrize(
    ("email", "current"), [(EMAIL, "wrong"), (EMAIL, ""), ("nobody@demo.example", PASSWORD), ("\udfff", PASSWORD)]
)
async def test_the_old_password_must_be_shown_and_guesses_count(parts: Parts, email: str, current: str) -> None:
    credentials = parts.accounts.credentials
    for _ in range(3):
        with pytest.raises(BadCredentialsError):
            await credentials.change(email, current, ANOTHER, HOME)
    with pytest.raises(TooManyAttemptsError):
        await credentials.change(email, current, ANOTHER, HOME)
    with pytest.raises(TooManyAttemptsError):
        await parts.accounts.login(email, current, HOME)


@pytest.mark.parametrize("new", ["short", "password1234", PASSWORD, "x" * 2_000])
async def test_a_password_that_may_not_be_chosen_changes_nothing(parts: Parts, new: str) -> None:
    signed = await parts.accounts.login(EMAIL, PASSWORD, HOME)
    with pytest.raises(WeakPasswordError):
        await parts.accounts.credentials.change(EMAIL, PASSWORD, new, HOME)
    await parts.accounts.refresh(signed.refresh_token, HOME)


async def test_a_weak_choice_tells_nobody_whether_the_account_is_there(parts: Parts) -> None:
    for email in (EMAIL, "nobody@demo.example"):
        with pytest.raises(WeakPasswordError, match="at least"):
            await parts.accounts.credentials.change(email, "wrong", "short", HOME)


async def test_a_reset_shuts_out_who_knew_the_password_and_hands_over_another(parts: Parts) -> None:
    signed = await parts.accounts.login(EMAIL, PASSWORD, HOME)
    handed = await parts.accounts.credentials.reset(parts.alice.id)
    assert await ends(parts.accounts, signed) == "password_reset"
    for password, error in ((PASSWORD, BadCredentialsError), (handed.password, PasswordChangeRequiredError)):
        with pytest.raises(error):
            await parts.accounts.login(EMAIL, password, HOME)
    with pytest.raises(BadCredentialsError):
        await parts.accounts.credentials.change(EMAIL, PASSWORD, ANOTHER, HOME)

    await parts.accounts.credentials.change(EMAIL, handed.password, ANOTHER, HOME)
    await parts.accounts.login(EMAIL, ANOTHER, HOME)
    with pytest.raises(BadCredentialsError):
        await parts.accounts.login(EMAIL, handed.password, HOME)


async def test_a_one_time_password_dies_of_age(parts: Parts) -> None:
    handed = await parts.accounts.credentials.reset(parts.alice.id)
    assert timedelta(hours=23) < handed.expires_at - now() <= timedelta(hours=24)
    await set_fields(parts, password_expires_at=now() - timedelta(seconds=1))
    with pytest.raises(BadCredentialsError):
        await parts.accounts.login(EMAIL, handed.password, HOME)
    with pytest.raises(BadCredentialsError):
        await parts.accounts.credentials.change(EMAIL, handed.password, ANOTHER, HOME)


async def test_only_the_right_password_learns_that_it_is_for_one_time(parts: Parts) -> None:
    await parts.accounts.credentials.reset(parts.alice.id)
    with pytest.raises(BadCredentialsError) as caught:
        await parts.accounts.login(EMAIL, "wrong", HOME)
    assert type(caught.value) is BadCredentialsError


@dataclass(frozen=True, slots=True)
class Meanwhile(Credentials):
    """Somebody resets the password after it was proven, and before anything comes of that."""

    async def prove(self, email: str, password: str, client: Client) -> User:
        user = await Credentials.prove(self, email, password, client)
        await Credentials.reset(self, user.id)
        return user


class Slow(Accounts):
    """Signs in, or changes a password, while an administrator resets it."""

    @property
    def credentials(self) -> Credentials:
        return Meanwhile(self.passwords, self.attempts, self.endings, self.witness)


async def test_who_changes_his_password_all_day_fills_no_memory_with_rules(parts: Parts) -> None:
    """Each change makes a rule that every worker keeps for a month."""
    current, next_one = PASSWORD, ANOTHER
    for _ in range(CHANGES_A_DAY):
        await parts.accounts.credentials.change(EMAIL, current, next_one, HOME)
        current, next_one = next_one, current
    with pytest.raises(TooManyAttemptsError) as caught:
        await parts.accounts.credentials.change(EMAIL, current, next_one, HOME)
    assert 23 * 3600 < caught.value.retry_after <= 24 * 3600
    with pytest.raises(BadCredentialsError):
        await parts.accounts.credentials.change(EMAIL, "not the password at all", next_one, HOME)
    await parts.accounts.login(EMAIL, current, HOME)


async def test_a_redis_that_is_away_leaves_no_session_of_a_thief(parts: Parts) -> None:
    with OwnRedis() as own:
        async with Redis.from_url(own.url) as client:
            accounts = new_worker(client, parts.keys, parts.accounts.passwords)
            thief = await accounts.login(EMAIL, PASSWORD, AWAY)
            own.kill()
            with pytest.raises(AuthnUnavailableError):
                await accounts.credentials.reset(parts.alice.id)
            own.start()
            restarted = new_worker(client, parts.keys, parts.accounts.passwords)
            await restarted.gate.mirror.load()
            hit = restarted.gate.hit(thief.session)
            assert hit is not None
            assert (hit.reason, hit.expires_at > ms(thief.session.expires_at)) == (RESET, True)


def slow(accounts: Accounts) -> Accounts:
    names = ("passwords", "tokens", "refresh_tokens", "sessions", "attempts", "gate", "witness", "revoker")
    return Slow(*(getattr(accounts, name) for name in names))


async def test_a_thief_who_is_half_in_when_the_password_is_reset_is_out(parts: Parts) -> None:
    with pytest.raises(BadCredentialsError):
        await slow(parts.accounts).login(EMAIL, PASSWORD, AWAY)
    assert await parts.accounts.sessions_of(parts.alice.id) == []


async def test_a_thief_can_not_change_the_password_over_its_reset(parts: Parts) -> None:
    with pytest.raises(BadCredentialsError):
        await slow(parts.accounts).credentials.change(EMAIL, PASSWORD, ANOTHER, AWAY)
    with pytest.raises(BadCredentialsError):
        await parts.accounts.login(EMAIL, ANOTHER, AWAY)
    stored = await User.find_one({"_id": parts.alice.id})
    assert stored is not None
    assert stored.must_change_password


async def test_of_changes_at_once_one_counts(parts: Parts) -> None:
    results = await asyncio.gather(
        *(
            parts.accounts.credentials.change(EMAIL, PASSWORD, f"{ANOTHER} {number}", Client(ip=f"192.0.2.{number}"))
            for number in range(5)
        ),
        return_exceptions=True,
    )
    assert sum(not isinstance(result, BaseException) for result in results) == 1
    assert all(isinstance(result, BadCredentialsError) for result in results if isinstance(result, BaseException))


async def test_a_login_while_a_hash_is_renewed_is_not_mistaken_for_an_old_one(parts: Parts) -> None:
    passwords = Passwords(2, PasswordHasher(time_cost=2, memory_cost=8, parallelism=1))
    today = replace(parts.accounts, passwords=passwords)
    await set_fields(parts, password_changed_at=None)  # an account of an older release
    results = await asyncio.gather(*(today.login(EMAIL, PASSWORD, HOME) for _ in range(3)))
    assert len(results) == 3
    passwords.close()


class Counting(PasswordHasher):
    """Notes the cost of each check."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.done: list[object] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]  # always true there
        self.done.append(extract_parameters(str(hash)))
        return super().verify(hash, password)

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self.done.append("hash")
        return super().hash(password, salt=salt)


@pytest.fixture
async def counting(parts: Parts) -> AsyncIterator[tuple[Accounts, Counting]]:
    hasher = Counting()
    passwords = Passwords(1, hasher)
    yield replace(parts.accounts, passwords=passwords), hasher
    passwords.close()


async def test_every_wrong_login_costs_one_check_of_the_same_price(
    parts: Parts, counting: tuple[Accounts, Counting], redis: Redis
) -> None:
    accounts, hasher = counting
    await accounts.create_user(NewUser("closed@demo.example", "Closed", PASSWORD))
    await accounts.create_user(
        NewUser("once@demo.example", "Once", PASSWORD, must_change_password=True, password_expires_at=now())
    )
    await User.get_pymongo_collection().update_one({"email_key": "closed@demo.example"}, {"$set": {"disabled": True}})
    _, secret = await register_service(accounts.passwords, "billing")
    costs = {}
    for name, password in (
        (EMAIL, "wrong"),
        (EMAIL, ""),
        (EMAIL, "x" * 5_000),
        (EMAIL, "\ud800"),
        ("nobody@demo.example", PASSWORD),
        ("closed@demo.example", PASSWORD),
        ("closed@demo.example", "wrong"),
        ("once@demo.example", PASSWORD),
        ("billing", secret),
        ("billing", "wrong"),
        ("\udfff", PASSWORD),
        ("a" * 10_000, PASSWORD),
    ):
        hasher.done.clear()
        await redis.flushall()
        with pytest.raises(BadCredentialsError) as caught:
            await accounts.login(name, password, HOME)
        costs[name[:30], password[:30]] = [str(each) for each in hasher.done]
        assert str(caught.value) == "wrong email or password"
        assert caught.value.reason == "wrong email or password"
    assert set(map(tuple, costs.values())) == {(str(extract_parameters(CHEAP.hash("x"))),)}


async def test_an_old_secret_of_a_service_is_worth_nothing(parts: Parts) -> None:
    _, secret = await register_service(parts.accounts.passwords, "billing")
    services = ServiceAccounts.beside(parts.accounts)
    await services.grant("billing", secret, HOME)
    renewed = await renew_secret("billing")
    outcome: list[type[AuthnError]] = []
    for presented in (secret, renewed):
        try:
            await services.grant("billing", presented, HOME)
        except AuthnError as error:
            outcome.append(type(error))
    assert outcome == [BadCredentialsError]
