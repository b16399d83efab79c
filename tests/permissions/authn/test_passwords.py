"""What may be a password, and how it is checked."""

import asyncio
import os
import sys
import threading
from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher, extract_parameters

from permissions.authn.errors import TooManyAttemptsError, WeakPasswordError
from permissions.authn.passwords import LOW, WAITING_PER_HASHER, Passwords, common, require_strong
from tests.permissions.authn.conftest import CHEAP, PASSWORD


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    """One thread, cheap hashes."""
    made = Passwords(1, CHEAP)
    yield made
    made.close()


@pytest.mark.parametrize(
    "password", [PASSWORD, "parley-demo-password", "пароль-довгий-12", "🦜🦉🦅🐦" * 3, "x" * 500 + "yz1"]
)
async def test_a_strong_password_is_recognised(passwords: Passwords, password: str) -> None:
    stored = await passwords.hash(password)
    assert stored.startswith("$argon2id$")
    assert await passwords.verify(password, stored)
    assert not await passwords.verify(password + "x", stored)


@pytest.mark.parametrize(
    "password",
    [
        "",
        "short",
        "elevenchars",
        "password1234",
        "PassWordPassWord",
        "x" * 40,
        "ababababababab",
        "ä" * 600,
        "a1b2" * 300,
        "\ud800" * 20,
    ],
)
def test_a_weak_password_is_refused(password: str) -> None:
    with pytest.raises(WeakPasswordError):
        require_strong(password)


async def test_one_password_typed_on_two_keyboards_is_one(passwords: Passwords) -> None:
    assert await passwords.verify("cafe\u0301 au lait, 3 x", await passwords.hash("caf\u00e9 au lait, 3 x"))


@pytest.mark.parametrize("password", [PASSWORD, "", "x" * 5000, "\ud800"])
async def test_no_password_matches_an_account_that_is_not_there(passwords: Passwords, password: str) -> None:
    assert not await passwords.verify(password, None)


@pytest.mark.parametrize("password", ["x" * 5000, "\ud800"])
async def test_what_can_be_no_password_does_not_pass_as_the_empty_one(passwords: Passwords, password: str) -> None:
    assert not await passwords.verify(password, CHEAP.hash(b""))


@pytest.mark.parametrize("stored", ["", "plain", "$argon2id$", "$2b$12$abcdefghijklmnopqrstuv", "!"])
async def test_a_broken_hash_matches_nothing(passwords: Passwords, stored: str) -> None:
    assert not await passwords.verify(PASSWORD, stored)


async def test_other_parameters_are_outdated(passwords: Passwords) -> None:
    assert not passwords.outdated(await passwords.hash(PASSWORD))
    assert passwords.outdated(PasswordHasher(time_cost=2, memory_cost=16, parallelism=1).hash(PASSWORD))


def test_the_work_for_nobody_has_the_cost_of_a_real_check(passwords: Passwords) -> None:
    assert extract_parameters(passwords._nobody) == extract_parameters(CHEAP.hash(PASSWORD))


async def test_nobody_waits_longer_than_patience_lasts() -> None:
    passwords = Passwords(2, CHEAP, patience=0)
    results = await asyncio.gather(*(passwords.verify(PASSWORD, None) for _ in range(6)), return_exceptions=True)
    passwords.close()
    assert results.count(False) == 2, "for whom a thread was idle"
    refused = [result for result in results if isinstance(result, TooManyAttemptsError)]
    assert [error.retry_after for error in refused] == [1] * 4


async def test_a_flood_is_told_to_come_back(passwords: Passwords) -> None:
    results = await asyncio.gather(
        *(passwords.verify(PASSWORD, None) for _ in range(WAITING_PER_HASHER + 20)), return_exceptions=True
    )
    assert results.count(False) == WAITING_PER_HASHER
    assert sum(isinstance(result, TooManyAttemptsError) for result in results) == 20
    assert not await passwords.verify(PASSWORD, None), "and there is room again"


def test_the_common_ones_are_long_enough_to_need_the_list() -> None:
    assert len(common()) > 50
    assert all(len(password) >= 12 and password == password.casefold() for password in common())


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread has no priority of its own")
async def test_hashing_yields_the_processor_to_everybody_else(passwords: Passwords) -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    assert await passwords._run(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id())) == max(before, LOW)
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
