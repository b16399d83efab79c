"""How many wrong logins an account and an address may make before they have to wait."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from redis.asyncio import Redis

from permissions.authn.availability import answering
from permissions.authn.errors import TooManyAttemptsError

COUNT: Final = """
if redis.call('INCR', KEYS[1]) == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
"""


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """Failures that are let through in a window of `seconds`."""

    seconds: int = 15 * 60
    account: int = 10
    """From one address, so that a stranger elsewhere can't lock the owner out."""
    address: int = 100


class Attempts:
    """Counters in Redis, shared by all workers. Only failures count: signing in often is no offence."""

    def __init__(self, redis: Redis, limits: AttemptLimits | None = None) -> None:
        self._redis = redis
        self._limits = limits or AttemptLimits()
        self._count = redis.register_script(COUNT)

    async def require_room(self, email_key: str, ip: str | None) -> None:
        """Raise `TooManyAttemptsError` while either counter is full."""
        await self._require(_account(email_key, ip), self._limits.account)
        await self._require(_address(ip), self._limits.address)

    async def failed(self, email_key: str, ip: str | None) -> None:
        """Count a wrong login."""
        async with answering("Redis"):
            for key in (_account(email_key, ip), _address(ip)):
                await self._count(keys=[key], args=[self._limits.seconds])

    async def succeeded(self, email_key: str, ip: str | None) -> None:
        """The owner is in: earlier slips are forgiven."""
        async with answering("Redis"):
            await self._redis.delete(_account(email_key, ip))

    async def _require(self, key: str, limit: int) -> None:
        async with answering("Redis"):
            failures = int(await self._redis.get(key) or 0)
            if failures < limit:
                return
            left = await self._redis.ttl(key)
        raise TooManyAttemptsError(retry_after=max(1, left))


def _account(email_key: str, ip: str | None) -> str:
    # A digest: it bounds the key's length, and addresses of persons don't stand in Redis.
    name = sha256(f"{ip}\n{email_key}".encode(errors="replace")).hexdigest()[:32]
    return f"parley:attempts:account:{name}"


def _address(ip: str | None) -> str:
    return f"parley:attempts:ip:{ip}"
