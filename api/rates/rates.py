"""Who is counted, by what, and how much he may have done: an account, its address, or the address of nobody."""

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from redis.asyncio import Redis

from api.documents.executing import budget_for, budget_of
from api.documents.limits import CostBudgets
from api.rates.lease import Lease
from api.rates.storage import MOST_CALLERS, Clock, LeasingStorage, When
from permissions.access import Access
from permissions.authn.addresses import subscriber
from permissions.engine.facts import Id, Subject

NAMESPACE: Final = "parley:rates"


@dataclass(frozen=True, slots=True)
class RateLimits:
    """`budgets` are those of an operation that a caller may use up in a minute, `budgets_address` all accounts at one
    address together; `least` is what anything counts, however little it does, and `denial` each line of the audit log
    that a refusal takes."""

    budgets: int = 60
    budgets_address: int = 600
    least: int = 50
    denial: int = 200
    when_away: When = "fail_open"
    costs: CostBudgets = field(default_factory=CostBudgets)


@dataclass(frozen=True, slots=True)
class Claim:
    """Something is counted for somebody."""

    item: RateLimitItem
    kind: str
    name: str
    key: str
    """As the library makes it of the others."""
    amount: int
    seconds: int
    """So much in so long: the item's."""


class Verdict(NamedTuple):
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
        return self.spent(claims := self.claims(access, ip), cost) or await self.claim(claims, cost)

    def spent(self, claims: Sequence[Claim], cost: int) -> Verdict | None:
        """Count it, where this worker has so much of all of them: the common case. None where it has to be claimed."""
        storage, cost = self._storage, max(cost, self.limits.least)
        now = storage.clock()
        wanted = [(storage.lease(claim.key, claim.seconds), min(claim.amount, cost)) for claim in claims]
        if not Lease.spend_all(wanted, now):
            return None
        lease, limit = wanted[0][0], claims[0].amount
        return Verdict(limit, lease.left + lease.window.free(limit, now), math.ceil(lease.window.reset(now)))

    async def claim(self, claims: Sequence[Claim], cost: int) -> Verdict:
        """Count it, and ask Redis for what this worker has not."""
        cost = max(cost, self.limits.least)
        passed = await self._hit_all(claims, cost)
        refused = next((claim for claim, let in zip(claims, passed, strict=False) if not let), None)
        if refused is None:
            return self._verdict(claims[0])
        for claim, let in zip(claims, passed, strict=False):
            if let:
                self._lease(claim).give_back(min(cost, claim.item.amount))
        return self._verdict(refused, cost)

    def known(self, claims: Sequence[Claim]) -> Verdict | None:
        """Why not even the least is let pass, where that is known without asking."""
        leases, least = self._storage.leases, self.limits.least
        for claim in claims:
            lease = leases.get(claim.key)
            if lease is not None and lease.refused and lease.refuses(claim.amount, least, self._storage.clock()):
                return self._verdict(claim, least)
        return None

    def claims(self, access: Access, ip: str | None) -> Sequence[Claim]:
        """What is counted for somebody. The first one is told of."""
        return self._claimed(access.subject, ip, budget_of(access, self.limits.costs))

    def claims_for(self, subject: Subject, ip: str | None) -> Sequence[Claim]:
        """The same of an account, as of now."""
        return self._claimed(subject, ip, budget_for(subject, self.limits.costs))

    def _claimed(self, subject: Subject | None, ip: str | None, budget: int) -> Sequence[Claim]:
        limits = self.limits
        everybodys = limits.budgets_address * limits.costs.signed_in
        return _claims(None if subject is None else subject.id, ip, limits.budgets * budget, everybodys)

    async def _hit_all(self, claims: Sequence[Claim], cost: int) -> Sequence[bool]:
        """Up to the first that is refused; those for which Redis has to be asked are asked for together."""
        asking = [claim for claim in claims if not self._covered(claim, cost)]
        if len(asking) > 1:
            return await asyncio.gather(*(self._hit(claim, cost) for claim in claims))
        passed = list[bool]()
        for claim in claims:
            passed.append(await self._hit(claim, cost))
            if not passed[-1]:
                break
        return passed

    async def _hit(self, claim: Claim, cost: int) -> bool:
        return await self._limiter.hit(claim.item, claim.kind, claim.name, cost=min(cost, claim.item.amount))

    def _covered(self, claim: Claim, cost: int) -> bool:
        lease = self._lease(claim)
        return lease.left >= cost or lease.refuses(claim.item.amount, cost, self._storage.clock())

    def _lease(self, claim: Claim) -> Lease:
        return self._storage.lease(claim.key, claim.seconds)

    def _verdict(self, claim: Claim, refused: int | None = None) -> Verdict:
        """`refused` is what was wanted in vain."""
        now, lease, limit = self._storage.clock(), self._lease(claim), claim.item.amount
        remaining = lease.left + lease.window.free(limit, now)
        reset = math.ceil(lease.window.reset(now))
        if refused is None:
            return Verdict(limit, remaining, reset)
        wait = max(1, math.ceil(lease.wait(limit, min(refused, limit), now)))
        return Verdict(limit, remaining, max(reset, wait), wait)


@lru_cache(maxsize=MOST_CALLERS)
def _claims(account: Id | None, ip: str | None, own: int, everybodys: int) -> Sequence[Claim]:
    """`everybodys` is what all accounts at one address may spend together."""
    place = subscriber(ip)
    if account is None:
        return (_claim("nobody", str(place), own),)
    if place is None:  # a proxy that tells nothing
        return (_claim("account", str(account), own),)
    return _claim("account", str(account), own), _claim("address", place, everybodys)


def _claim(kind: str, name: str, amount: int) -> Claim:
    item = RateLimitItemPerMinute(amount, namespace=NAMESPACE)
    return Claim(item, kind, name, item.key_for(kind, name), item.amount, item.get_expiry())
