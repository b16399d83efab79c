"""Who is counted, by what, and how much he may have done: an account, its address, or the address of nobody."""

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from redis.asyncio import Redis

from api.documents.executing import budget_of
from api.documents.limits import CostBudgets
from api.rates.storage import Clock, LeasingStorage, When
from permissions.access import Access
from permissions.authn.addresses import subscriber

NAMESPACE: Final = "parley:rates"


@dataclass(frozen=True, slots=True)
class RateLimits:
    """`budgets` are those of an operation that a caller may use up in a minute, `budgets_address` all accounts at one
    address together; `least` is what anything counts, however little it does."""

    budgets: int = 60
    budgets_address: int = 600
    least: int = 50
    when_away: When = "fail_open"
    costs: CostBudgets = field(default_factory=CostBudgets)


@dataclass(frozen=True, slots=True)
class Claim:
    """Something is counted for somebody."""

    item: RateLimitItem
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a caller has left of `limit` in this minute, as far as this worker knows; `reset` in seconds."""

    limit: int
    remaining: int
    reset: int
    retry_after: int | None = None
    """Seconds; None where it was let pass."""


class Rates:
    """One a worker."""

    def __init__(self, redis: Redis, limits: RateLimits | None = None, clock: Clock = time.monotonic) -> None:
        self.limits: Final = limits or RateLimits()
        self._storage: Final = LeasingStorage(redis, self.limits.when_away, clock)
        self._limiter: Final = SlidingWindowCounterRateLimiter(self._storage)

    async def spend(self, access: Access, ip: str | None, cost: int) -> Verdict:
        """Count what costs so much. Raises `RedisError` where it can't be counted and must be."""
        claims = self._claims(access, ip)
        passed = await self._hit_all(claims, max(cost, self.limits.least))
        refused = next((claim for claim, let in zip(claims, passed, strict=True) if not let), None)
        return self._verdict(refused or claims[0], refused=refused is not None)

    def known(self, access: Access, ip: str | None) -> Verdict | None:
        """Why not even the least is let pass, where that is known without asking."""
        now = self._storage.clock()
        for claim in self._claims(access, ip):
            lease = self._storage.lease(_key(claim), claim.item.get_expiry())
            if lease.refuses(self.limits.least - lease.left, now):
                return self._verdict(claim, refused=True)
        return None

    def _claims(self, access: Access, ip: str | None) -> Sequence[Claim]:
        """The first one is told of."""
        costs, limits, place = self.limits.costs, self.limits, subscriber(ip)
        own = limits.budgets * budget_of(access, costs)
        if access.subject is None:
            return (Claim(_item(own), "nobody", str(place)),)
        account = Claim(_item(own), "account", str(access.subject.id))
        if place is None:  # a proxy that tells nothing
            return (account,)
        return account, Claim(_item(limits.budgets_address * costs.signed_in), "address", place)

    async def _hit_all(self, claims: Sequence[Claim], cost: int) -> Sequence[bool]:
        """Those for which Redis has to be asked are asked for together."""
        asking = [claim for claim in claims if not self._covered(claim, cost)]
        if len(asking) > 1:
            return await asyncio.gather(*(self._hit(claim, cost) for claim in claims))
        return [await self._hit(claim, cost) for claim in claims]

    async def _hit(self, claim: Claim, cost: int) -> bool:
        return await self._limiter.hit(claim.item, claim.kind, claim.name, cost=min(cost, claim.item.amount))

    def _covered(self, claim: Claim, cost: int) -> bool:
        return self._storage.lease(_key(claim), claim.item.get_expiry()).left >= cost

    def _verdict(self, claim: Claim, *, refused: bool) -> Verdict:
        now, lease = self._storage.clock(), self._storage.lease(_key(claim), claim.item.get_expiry())
        remaining = lease.left + lease.window.free(claim.item.amount, now)
        reset = math.ceil(lease.window.reset(now))
        if not refused:
            return Verdict(claim.item.amount, remaining, reset)
        wait = max(1, math.ceil(lease.wait(now)))
        return Verdict(claim.item.amount, remaining, max(reset, wait), wait)


def _key(claim: Claim) -> str:
    return claim.item.key_for(claim.kind, claim.name)


@lru_cache(maxsize=256)
def _item(amount: int) -> RateLimitItem:
    return RateLimitItemPerMinute(amount, namespace=NAMESPACE)
