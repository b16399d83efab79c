"""How sessions end before their time: the family first, so that nothing new comes of it, then what it gave out."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from beanie import PydanticObjectId

from permissions.authn.principal import Principal
from permissions.authn.revocation.criteria import Criteria
from permissions.authn.revocation.revoker import Applied, Revoker
from permissions.authn.sessions import LISTED, TOO_MANY, Session, Sessions
from permissions.authn.tokens import MAX_LIFETIME_SECONDS

ACCESS_TOKENS: Final = timedelta(seconds=MAX_LIFETIME_SECONDS)
"""After so long, every access token of today has expired."""


class _Unheard:
    async def revoke(
        self, criteria: Criteria, reason: str, *, wait: bool = True, life: timedelta | None = None
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
        ended = await self.sessions.end(principal, reason)
        return Over((principal.session_id,) if ended.now else (), (await self._revoke(principal, reason, wait)).applied)

    async def known(self, principal: Principal, reason: str) -> Over | None:
        """The same, of a session that somebody names; None where there is no such session, and none was lately."""
        ended = await self.sessions.end(principal, reason)
        if not ended.known:
            return None
        applied = await self._revoke(principal, reason, wait=True)
        return Over((principal.session_id,) if ended.now else (), applied.applied)

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
        living = await self.sessions.of(user_id)
        ended = [
            session.id
            for session in living
            if session.id != spared and (await self.sessions.end(session.principal, reason)).now
        ]
        # One rule for all. It need not outlive the access tokens where every family is known to have ended: who
        # ends his sessions again and again must not fill the workers' memory for a month.
        life = None if lasting or len(living) >= LISTED else ACCESS_TOKENS
        applied = await self.revoker.revoke(Criteria(user_id=user_id, spared=spared), reason, life=life)
        return Over(tuple(ended), applied.applied)

    async def _revoke(self, principal: Principal, reason: str, wait: bool) -> Applied:
        return await self.revoker.revoke(Criteria(session_id=principal.session_id), reason, wait=wait)
