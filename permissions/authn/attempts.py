"""How many wrong logins an account and an address may make before they have to wait."""

import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from redis.asyncio import Redis

from permissions.authn.addresses import subscriber
from permissions.authn.availability import answering
from permissions.authn.errors import BadCredentialsError, TooManyAttemptsError

TAKE: Final = """
-- KEYS: a counter, and where it has them the addresses that it doesn't count. ARGV: its limit, seconds, an address.
-- Answers seconds to wait; 0 if it was counted; -1 if there was no need to.
if KEYS[2] and redis.call('ZSCORE', KEYS[2], ARGV[3]) then return -1 end
local taken = tonumber(redis.call('GET', KEYS[1]) or '0')
if taken >= tonumber(ARGV[1]) then return math.max(1, redis.call('TTL', KEYS[1])) end
if redis.call('INCR', KEYS[1]) == 1 then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
return 0
"""
GIVE_BACK: Final = """
if redis.call('EXISTS', KEYS[1]) == 1 and redis.call('DECR', KEYS[1]) <= 0 then redis.call('DEL', KEYS[1]) end
"""
REMEMBER: Final = """
-- KEYS: the addresses of an account. ARGV: an address, now, seconds, how many are kept.
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[2] - ARGV[3])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -ARGV[4] - 1)
redis.call('EXPIRE', KEYS[1], ARGV[3])
"""
KNOWN: Final = 20
"""Addresses of an account that are remembered, the newest."""
KNOWN_SECONDS: Final = 90 * 24 * 3600


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """Failures that are let through in a window of `seconds`."""

    seconds: int = 15 * 60
    account: int = 10
    """From one address, so that a stranger elsewhere can't lock the owner out."""
    address: int = 100
    everywhere: int = 50
    """Of one account, from all addresses together but those from which it has signed in."""


@dataclass(frozen=True, slots=True)
class _Counter:
    key: str
    limit: int
    spares: str | None = None
    """Where the addresses stand that it doesn't count."""


class Attempts:
    """Counters in Redis, shared by all workers. Only failures count in the end: signing in often is no offence."""

    def __init__(self, redis: Redis, limits: AttemptLimits | None = None) -> None:
        self._redis = redis
        self._limits = limits or AttemptLimits()
        self._taking = redis.register_script(TAKE)
        self._giving = redis.register_script(GIVE_BACK)
        self._remembering = redis.register_script(REMEMBER)

    @asynccontextmanager
    async def one(self, account: str, ip: str | None, *, everywhere: bool = True) -> AsyncIterator[None]:
        """An attempt at signing in, made inside. Raise `TooManyAttemptsError` instead while a counter is full.

        It is counted before the password is looked at, or guesses made at once would all be let through; unless
        `BadCredentialsError` comes out, it is given back. `account` is the name that was tried, whether there is such
        an account or not; without `everywhere` it is counted for this address alone.
        """
        place = subscriber(ip)
        here = self._here(account, place)
        counters = [self._address(place), here, *([self._everywhere(account)] if everywhere else [])]
        counted = await self._take_all(counters, place)
        try:
            yield
        except BadCredentialsError:
            raise
        except BaseException:
            await self._give_back(counted)
            raise
        await self._forgive(here)
        await self._give_back(counter for counter in counted if counter != here)
        if everywhere and place is not None:
            await self._remember(account, place)

    async def spend(self, name: str, most: int, seconds: int) -> None:
        """Count what may be done `most` times in `seconds`. Raise `TooManyAttemptsError` where that is used up."""
        async with answering("Redis"):
            wait = int(await self._taking(keys=[f"parley:attempts:spent:{_digest(name)}"], args=[most, seconds, ""]))
        if wait > 0:
            raise TooManyAttemptsError(retry_after=wait)

    async def _take_all(self, counters: list[_Counter], place: str | None) -> list[_Counter]:
        """Those that counted it."""
        counted = list[_Counter]()
        for counter in counters:
            wait = await self._take(counter, place)
            if wait > 0:
                await self._give_back(counted)
                raise TooManyAttemptsError(retry_after=wait)
            counted += [counter] if wait == 0 else []
        return counted

    async def _take(self, counter: _Counter, place: str | None) -> int:
        keys = [counter.key] if counter.spares is None else [counter.key, counter.spares]
        async with answering("Redis"):
            return int(await self._taking(keys=keys, args=[counter.limit, self._limits.seconds, place or ""]))

    async def _give_back(self, counters: Iterable[_Counter]) -> None:
        async with answering("Redis"):
            for counter in counters:
                await self._giving(keys=[counter.key])

    async def _forgive(self, counter: _Counter) -> None:
        """The owner is in: earlier slips don't count."""
        async with answering("Redis"):
            await self._redis.delete(counter.key)

    async def _remember(self, account: str, place: str) -> None:
        """From here he has signed in: whatever others do to his account elsewhere, he gets in from here."""
        args: list[str | int] = [place, int(time.time()), KNOWN_SECONDS, KNOWN]
        async with answering("Redis"):
            await self._remembering(keys=[_known(account)], args=args)

    def _address(self, place: str | None) -> _Counter:
        return _Counter(f"parley:attempts:ip:{place}", self._limits.address)

    def _here(self, account: str, place: str | None) -> _Counter:
        name = _digest(f"{place}\n{account}")
        return _Counter(f"parley:attempts:account:{name}", self._limits.account)

    def _everywhere(self, account: str) -> _Counter:
        key = f"parley:attempts:{{{_digest(account)}}}:everywhere"  # one slot with the addresses that it spares
        return _Counter(key, self._limits.everywhere, _known(account))


def _known(account: str) -> str:
    return f"parley:attempts:{{{_digest(account)}}}:known"


def _digest(name: str) -> str:
    """It bounds a key's length, and addresses of persons don't stand in Redis."""
    return sha256(name.encode(errors="replace")).hexdigest()[:32]
