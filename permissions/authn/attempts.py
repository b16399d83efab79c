"""How many wrong logins an account and an address may make before they have to wait."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from redis.asyncio import Redis

from permissions.authn.addresses import subscriber
from permissions.authn.availability import answering
from permissions.authn.errors import BadCredentialsError, TooManyAttemptsError

TAKE: Final = """
local taken = tonumber(redis.call('GET', KEYS[1]) or '0')
if taken >= tonumber(ARGV[1]) then return math.max(1, redis.call('TTL', KEYS[1])) end
if redis.call('INCR', KEYS[1]) == 1 then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
return 0
"""
GIVE_BACK: Final = """
if redis.call('EXISTS', KEYS[1]) == 1 and redis.call('DECR', KEYS[1]) <= 0 then redis.call('DEL', KEYS[1]) end
"""


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """Failures that are let through in a window of `seconds`."""

    seconds: int = 15 * 60
    account: int = 10
    """From one address, so that a stranger elsewhere can't lock the owner out."""
    address: int = 100


class Attempts:
    """Counters in Redis, shared by all workers. Only failures count in the end: signing in often is no offence."""

    def __init__(self, redis: Redis, limits: AttemptLimits | None = None) -> None:
        self._redis = redis
        self._limits = limits or AttemptLimits()
        self._taking = redis.register_script(TAKE)
        self._giving = redis.register_script(GIVE_BACK)

    @asynccontextmanager
    async def one(self, email_key: str, ip: str | None) -> AsyncIterator[None]:
        """An attempt at signing in, made inside. Raise `TooManyAttemptsError` instead while either counter is full.

        It is counted before the password is looked at, or guesses made at once would all be let through; unless
        `BadCredentialsError` comes out, it is given back.
        """
        account, address = _account(email_key, ip), _address(ip)
        await self._take(address, self._limits.address)
        try:
            await self._take(account, self._limits.account)
        except TooManyAttemptsError:
            await self._give_back(address)
            raise
        try:
            yield
        except BadCredentialsError:
            raise
        except BaseException:
            await self._give_back(account, address)
            raise
        await self._forgive(account)
        await self._give_back(address)

    async def _take(self, key: str, limit: int) -> None:
        async with answering("Redis"):
            wait = int(await self._taking(keys=[key], args=[limit, self._limits.seconds]))
        if wait:
            raise TooManyAttemptsError(retry_after=wait)

    async def _give_back(self, *keys: str) -> None:
        async with answering("Redis"):
            for key in keys:
                await self._giving(keys=[key])

    async def _forgive(self, account: str) -> None:
        """The owner is in: earlier slips don't count."""
        async with answering("Redis"):
            await self._redis.delete(account)


def _account(email_key: str, ip: str | None) -> str:
    # A digest: it bounds the key's length, and addresses of persons don't stand in Redis.
    name = sha256(f"{subscriber(ip)}\n{email_key}".encode(errors="replace")).hexdigest()[:32]
    return f"parley:attempts:account:{name}"


def _address(ip: str | None) -> str:
    return f"parley:attempts:ip:{subscriber(ip)}"
