"""Making rules: written down, told to all, and confirmed."""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from weakref import WeakValueDictionary

import structlog
from beanie import PydanticObjectId

from models.clock import now
from permissions.authn.errors import AuthnUnavailableError
from permissions.authn.principal import new_id
from permissions.authn.revocation import store
from permissions.authn.revocation.criteria import Criteria, require_usable
from permissions.authn.revocation.errors import CriteriaError
from permissions.authn.revocation.ledger import Ledger, Mark
from permissions.authn.revocation.mirror import Mirror
from permissions.authn.revocation.revoker import Applied
from permissions.authn.revocation.rules import Rule

_log: Final = structlog.get_logger(__name__)

REASON_CHARACTERS: Final = 200
CONFIRM_SECONDS: Final = 2.0
"""Longest that a revocation waits for the others."""
LOOK_SECONDS: Final = 0.01
REDIS: Final = "redis"
"""Stands among the unconfirmed where Redis could not be told: nobody knows then who lives."""


@dataclass(frozen=True, slots=True)
class Lives:
    """How long tokens live, at most; `living` is how long a worker counts that is not heard of any more."""

    access: timedelta
    refresh: timedelta
    living: timedelta = timedelta(seconds=6)


@dataclass(frozen=True, slots=True)
class Revocations:
    """A `Revoker`. Without a mirror it is one of a process that serves nobody."""

    ledger: Ledger
    lives: Lives
    mirror: Mirror | None = None
    _makers: WeakValueDictionary[Criteria, asyncio.Lock] = field(
        default_factory=WeakValueDictionary, repr=False, compare=False
    )

    async def revoke(
        self,
        criteria: Criteria,
        reason: str,
        *,
        wait: bool = True,
        life: timedelta | None = None,
        unless_since: datetime | None = None,
    ) -> Applied:
        """See `Revoker`."""
        if unless_since is None:
            return await self.make(self.rule(criteria, reason, life), wait=wait)
        async with self._makers.setdefault(criteria, asyncio.Lock()):
            rule = self._standing(criteria, unless_since)
            if rule is not None and not wait:
                return Applied(False, (), rule.id)
            if rule is None:
                rule = self.rule(criteria, reason, life)
                await self._write_down(rule)
        return await self._spread(rule, wait)

    async def make(self, rule: Rule, *, wait: bool = True) -> Applied:
        """Put `rule` in force. Where Redis doesn't answer it is made all the same, and told when Redis does again.

        Raise `AuthnUnavailableError` where it can't be written down: then it is not made, as far as one can tell.
        """
        await self._write_down(rule)
        return await self._spread(rule, wait)

    async def _write_down(self, rule: Rule) -> None:
        await store.insert(rule)
        if self.mirror is not None:
            self.mirror.take(rule)

    def _standing(self, criteria: Criteria, since: datetime) -> Rule | None:
        if self.mirror is None:
            return None
        self.mirror.index.drop_ended(_ms(time.time()))
        return self.mirror.index.same(criteria, _ms(since.timestamp()))

    async def _spread(self, rule: Rule, wait: bool) -> Applied:
        try:
            mark = await self._tell(rule)
            unconfirmed = await self._unconfirmed(rule, mark) if wait else ()
        except AuthnUnavailableError as error:
            _log.warning("revocations.not_told", rule=rule.id, store=error.store)
            return Applied(False, (REDIS,), rule.id)
        return Applied(wait and not unconfirmed, unconfirmed, rule.id)

    def rule(
        self, criteria: Criteria, reason: str, life: timedelta | None = None, by: PydanticObjectId | None = None
    ) -> Rule:
        """The rule that would be made now. Raise `CriteriaError`."""
        made = now()
        require_usable(criteria, made)
        if not reason.strip() or len(reason) > REASON_CHARACTERS or not reason.isprintable():
            raise CriteriaError("reason", f"must be 1 to {REASON_CHARACTERS} printable characters")
        ends = _ms((made + life).timestamp()) if life else self._end(criteria, made.timestamp())
        return Rule(new_id(), criteria, reason, _ms(made.timestamp()), ends, by)

    def _end(self, criteria: Criteria, made: float) -> int:
        """When the last that it hits has expired. Raise `CriteriaError` if that is over."""
        life = self.lives.access if criteria.brief else self.lives.refresh + self.lives.access
        last = made if criteria.issued_before is None else criteria.issued_before
        if last + life.total_seconds() <= made:
            raise CriteriaError("issuedBefore", "is so long ago that all of it has expired")
        return _ms(last + life.total_seconds())

    async def _tell(self, rule: Rule) -> Mark:
        while (mark := await self.ledger.publish(rule)) is None:
            await self.ledger.fill(await store.living())
            await self.ledger.seal("")
        return mark

    async def _unconfirmed(self, rule: Rule, mark: Mark) -> tuple[str, ...]:
        deadline = time.monotonic() + CONFIRM_SECONDS
        own = self.mirror.name if self.mirror is not None else None
        while True:
            lagging = await self.ledger.lagging(mark, _ms(self.lives.living.total_seconds()))
            names = tuple(name for name in lagging.names if name != own)
            if lagging.epoch != mark.epoch:  # Redis has lost something meanwhile
                mark = await self._tell(rule)
            elif lagging.settled and not names:
                return ()
            if time.monotonic() > deadline:
                return names or (REDIS,)
            await asyncio.sleep(LOOK_SECONDS)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
