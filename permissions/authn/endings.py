"""How sessions end before their time: the family first, so that nothing new comes of it, then what it gave out."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from beanie import PydanticObjectId

from models.clock import now
from permissions.authn.errors import AuthnUnavailableError
from permissions.authn.principal import Principal
from permissions.authn.revocation.criteria import Criteria
from permissions.authn.revocation.revoker import Applied, Revoker
from permissions.authn.sessions import LISTED, TOO_MANY, Ended, Session, Sessions
from permissions.authn.tokens import MAX_LIFETIME_SECONDS

ACCESS_TOKENS: Final = timedelta(seconds=MAX_LIFETIME_SECONDS)
"""After so long, every access token of today has expired."""
AGAIN: Final = timedelta(seconds=10)
"""Who has just ended all sessions and finds none left, needs no further rule."""
EVER: Final = datetime.min.replace(tzinfo=UTC)


class _Unheard:
    async def revoke(
        self,
        criteria: Criteria,
        reason: str,
        *,
        wait: bool = True,
        life: timedelta | None = None,
        unless_since: datetime | None = None,
    ) -> Applied:
        return Applied(applied=False)


UNHEARD: Final = _Unheard()
"""Nobody is told: for who only makes accounts."""


@dataclass(frozen=True, slots=True)
class Over:
    """`ended` sessions ended by this call; `applied`: every worker has confirmed that it refuses their tokens."""

    ended: tuple[str, ...]
    applied: bool


@dataclass(frozen=True, slots=True)
class Endings:
    """One a worker. Each may be called again where it failed half-way."""

    sessions: Sessions
    revoker: Revoker

    async def one(self, principal: Principal, reason: str, *, wait: bool = True) -> Over:
        """End the session; its access tokens are refused here when this returns, and elsewhere within 1 s."""
        begun, ended = now(), await self.sessions.end(principal, reason)
        return await self._over(principal, reason, begun, ended, wait=wait)

    async def known(self, principal: Principal, reason: str) -> Over | None:
        """The same, of a session that somebody names; None where there is no such session, and none was lately."""
        begun, ended = now(), await self.sessions.end(principal, reason)
        return await self._over(principal, reason, begun, ended, wait=True) if ended.known else None

    async def others(self, principal: Principal, reason: str) -> Over:
        """End the user's other sessions."""
        return await self._all(principal.user_id, reason, spared=principal.session_id)

    async def all(self, user_id: PydanticObjectId, reason: str, *, lasting: bool = False) -> Over:
        """End the user's sessions. `lasting`: none of them comes back, even out of an old copy of Redis."""
        return await self._all(user_id, reason, lasting=lasting)

    async def surplus(self, living: Iterable[Session]) -> list[Session]:
        """End those that were used longest ago, until one more has room; those that ended."""
        by_use = sorted(living, key=lambda session: session.last_used_at)
        ending = by_use[: max(0, len(by_use) + 1 - self.sessions.limits.most)]
        for session in ending:
            await self.one(session.principal, TOO_MANY, wait=False)
        return ending

    async def _all(
        self, user_id: PydanticObjectId, reason: str, *, spared: str | None = None, lasting: bool = False
    ) -> Over:
        begun, everything = now(), Criteria(user_id=user_id, spared=spared)
        try:
            living = await self.sessions.of(user_id)
            ended = [
                session.id
                for session in living
                if session.id != spared and (await self.sessions.end(session.principal, reason)).now
            ]
        except AuthnUnavailableError:
            # The families are left: a rule that outlives them ends them when Redis is back, should nobody ask again.
            await self.revoker.revoke(everything, reason, wait=False)
            raise
        # One rule for all. It need not outlive the access tokens where every family is known to have ended: who
        # ends his sessions again and again must not fill the workers' memory for a month, nor with a rule each time.
        life = None if lasting or len(living) >= LISTED else ACCESS_TOKENS
        since = None if ended or lasting else begun - AGAIN
        applied = await self.revoker.revoke(everything, reason, life=life, unless_since=since)
        return Over(tuple(ended), applied.applied)

    async def _over(self, principal: Principal, reason: str, begun: datetime, ended: Ended, *, wait: bool) -> Over:
        # What had ended before has its rule already, unless whoever ended it died before he made it. A new one each
        # time would let anybody who keeps an old token of his fill the workers' memory.
        applied = await self.revoker.revoke(
            Criteria(session_id=principal.session_id), reason, wait=wait, unless_since=begun if ended.now else EVER
        )
        return Over((principal.session_id,) if ended.now else (), applied.applied)
