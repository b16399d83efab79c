"""Taking back tokens by hand: counted, made, confirmed, and written down."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog
from beanie import PydanticObjectId
from redis.asyncio import Redis

from permissions.audit.events import Origin, Target
from permissions.audit.log import AuditLog
from permissions.authn import census
from permissions.authn.census import Count
from permissions.authn.errors import AuthnUnavailableError
from permissions.authn.revocation.criteria import Criteria
from permissions.authn.revocation.judged import Judged
from permissions.authn.revocation.mirror import Mirror
from permissions.authn.revocation.revocations import Revocations
from permissions.authn.revocation.revoker import Applied
from permissions.authn.revocation.rules import Rule
from permissions.authn.revocation.wire import fields_of

_log: Final = structlog.get_logger(__name__)

REVOKED: Final = "tokens.revoked"
RULE: Final = "revocation"


@dataclass(frozen=True, slots=True)
class Hit:
    """`sessions` that end, and that no earlier rule had ended; `own`: the caller's own is hit, or its token."""

    sessions: Count
    own: bool


@dataclass(frozen=True, slots=True)
class TokenRevocation:
    """One a worker. `own`, below, is the token with which the caller asks."""

    revocations: Revocations
    mirror: Mirror
    redis: Redis
    log: AuditLog

    async def try_out(self, criteria: Criteria, reason: str, own: Judged | None) -> Hit:
        """What a rule would hit. Raise `CriteriaError`, and `AuthnUnavailableError` without Redis."""
        rule = self.revocations.rule(criteria, reason)
        return Hit(await self._count(rule), own is not None and rule.hits(own))

    async def revoke(
        self, criteria: Criteria, reason: str, by: Origin, own: Judged | None = None
    ) -> tuple[Applied, Hit]:
        """Make the rule: it holds before anything is counted. Raise `CriteriaError`, `AuthnUnavailableError`."""
        maker = PydanticObjectId(by.user_id) if by.user_id is not None else None
        rule = self.revocations.rule(criteria, reason, self._life(criteria), maker)
        applied = await self.revocations.make(rule)
        await self.log.write(REVOKED, by, Target(RULE, rule.id), after=fields_of(criteria), reason=reason)
        try:
            sessions = await self._count(rule)
        except AuthnUnavailableError as error:
            # It is done; who asked must not think that it isn't.
            _log.warning("revocations.not_counted", rule=rule.id, store=error.store)
            sessions = Count(0, complete=False)
        return applied, Hit(sessions, own is not None and rule.hits(own))

    def living(self) -> Sequence[Rule]:
        """The rules that are in force, newest first."""
        return sorted(self.mirror.index, key=lambda rule: (rule.made_at, rule.id), reverse=True)

    def _life(self, criteria: Criteria) -> timedelta | None:
        """The record of a session knows nothing of a rule by hand, which therefore outlives its refresh tokens."""
        lives = self.revocations.lives
        session = criteria.session_id is not None and not criteria.of_tokens
        return lives.refresh + lives.access if session else None

    async def _count(self, rule: Rule) -> Count:
        if rule.criteria.of_tokens:
            return Count(0, complete=True)
        earlier = self.mirror.index.made_before(rule)

        def newly_hit(judged: Judged) -> bool:
            return rule.hits(judged) and earlier.hit(judged, rule.made_at) is None

        return await census.count(self.redis, rule.criteria, newly_hit)
