"""The parts that sign people in, on real stores, with cheap password hashes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from redis.asyncio import Redis

from api.background import running
from models.database import Database
from models.pubsub import listening_by
from models.user import User
from permissions.authn.accounts import Accounts
from permissions.authn.attempts import AttemptLimits, Attempts
from permissions.authn.gate import SessionGate
from permissions.authn.keys import KeyRing
from permissions.authn.passwords import Passwords
from permissions.authn.refresh import RefreshTokens
from permissions.authn.registration import NewUser
from permissions.authn.revocation.ledger import Ledger
from permissions.authn.revocation.mirror import Mirror
from permissions.authn.revocation.revocations import Lives, Revocations
from permissions.authn.sessions import Sessions
from permissions.authn.tokens import Tokens

SECRET = "a secret of more than thirty-two characters"
PASSWORD = "a quiet parley at noon"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


LIVES = Lives(access=timedelta(minutes=15), refresh=timedelta(days=30))


@dataclass(frozen=True, slots=True)
class Parts:
    """One worker's parts, and an account."""

    accounts: Accounts
    keys: KeyRing
    alice: User


def new_worker(redis: Redis, keys: KeyRing, passwords: Passwords) -> Accounts:
    """What a further worker process would build."""
    ledger = Ledger(redis)
    mirror = Mirror(ledger)
    return Accounts(
        passwords,
        Tokens(keys, issuer="parley", audience="parley", lifetime=900),
        RefreshTokens(SECRET),
        Sessions(redis),
        Attempts(redis, AttemptLimits(account=3, address=6)),
        SessionGate(mirror),
        revoker=Revocations(ledger, LIVES, mirror),
    )


@asynccontextmanager
async def serving(accounts: Accounts) -> AsyncIterator[Accounts]:
    """Within the block, the worker knows of what is revoked."""
    mirror = accounts.gate.mirror
    await mirror.load()
    async with listening_by(mirror.ledger.redis) as listener, running(mirror.follow()):
        with mirror.listening(listener):
            yield accounts
    await mirror.leave()


@pytest.fixture
async def parts(database: Database, redis: Redis) -> AsyncIterator[Parts]:
    """A worker, and Alice's account."""
    keys, passwords = KeyRing(SECRET), Passwords(2, CHEAP)
    await keys.ensure()
    accounts = new_worker(redis, keys, passwords)
    alice = await accounts.create_user(
        NewUser("Alice@demo.example", "Alice", PASSWORD, {"region": "EMEA", "clearance": 2})
    )
    async with serving(accounts):
        yield Parts(accounts, keys, alice)
    passwords.close()
