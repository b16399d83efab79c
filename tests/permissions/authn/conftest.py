"""The parts that sign people in, on real stores, with cheap password hashes."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from argon2 import PasswordHasher
from redis.asyncio import Redis

from models.database import Database
from models.user import User
from permissions.authn.accounts import Accounts
from permissions.authn.attempts import AttemptLimits, Attempts
from permissions.authn.gate import SessionGate
from permissions.authn.keys import KeyRing
from permissions.authn.passwords import Passwords
from permissions.authn.refresh import RefreshTokens
from permissions.authn.registration import NewUser
from permissions.authn.sessions import Sessions
from permissions.authn.tokens import Tokens

SECRET = "a secret of more than thirty-two characters"
PASSWORD = "a quiet parley at noon"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@dataclass(frozen=True, slots=True)
class Parts:
    """One worker's parts, and an account."""

    accounts: Accounts
    keys: KeyRing
    alice: User


def new_worker(redis: Redis, keys: KeyRing, passwords: Passwords) -> Accounts:
    """What a further worker process would build."""
    sessions = Sessions(redis)
    return Accounts(
        passwords,
        Tokens(keys, issuer="parley", audience="parley", lifetime=900),
        RefreshTokens(SECRET),
        sessions,
        Attempts(redis, AttemptLimits(account=3, address=6)),
        SessionGate(sessions),
    )


@pytest.fixture
async def parts(database: Database, redis: Redis) -> AsyncIterator[Parts]:
    """A worker, and Alice's account."""
    keys, passwords = KeyRing(SECRET), Passwords(2, CHEAP)
    await keys.ensure()
    accounts = new_worker(redis, keys, passwords)
    alice = await accounts.create_user(
        NewUser("Alice@demo.example", "Alice", PASSWORD, {"region": "EMEA", "clearance": 2})
    )
    yield Parts(accounts, keys, alice)
    passwords.close()
