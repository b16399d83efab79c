"""Whether a token still counts: asked on each request, and answered from memory."""

import time
from enum import StrEnum
from typing import Final

from permissions.authn.errors import AuthnUnavailableError, TokenRevokedError
from permissions.authn.records import Session
from permissions.authn.revocation.judged import Judged, addresses_of
from permissions.authn.revocation.mirror import Mirror
from permissions.authn.revocation.rules import Rule
from permissions.authn.tokens import AccessToken

REMEMBERED: Final = 50_000
"""Tokens that passed the broad rules and need not be judged by them again."""


class WhenStale(StrEnum):
    """What to do where nobody can tell what has been revoked lately."""

    FAIL_CLOSED = "fail_closed"
    FAIL_OPEN = "fail_open"


class SessionGate:
    """One a worker. `stale_seconds` is how long it believes its mirror without news of Redis."""

    def __init__(
        self, mirror: Mirror, *, stale_seconds: float = 5.0, when_stale: WhenStale = WhenStale.FAIL_CLOSED
    ) -> None:
        self.mirror: Final = mirror
        self._stale_seconds: Final = stale_seconds
        self._closes: Final = when_stale is WhenStale.FAIL_CLOSED
        self._passed: set[str] = set()
        self._passed_at = -1

    @property
    def stale(self) -> bool:
        """Whether Redis has been silent for too long."""
        return self.mirror.silence > self._stale_seconds

    def require(self, token: AccessToken) -> None:
        """Raise `TokenRevokedError` if it was taken back, `AuthnUnavailableError` if nobody can tell."""
        index, at = self.mirror.index, time.time_ns() // 1_000_000
        hit = index.narrow_hit(token.judged, at)
        if hit is None and not (self._passed_at == index.broad and token.jti in self._passed):
            hit = index.broad_hit(token.judged, at)
            if hit is None:
                self._remember(token.jti, index.broad)
        if hit is not None:
            raise TokenRevokedError(hit.reason)
        if self._closes and self.stale:
            raise AuthnUnavailableError("Redis")

    async def catch_up(self) -> None:
        """Know all that was told to anybody before this call. Raise `AuthnUnavailableError` where that can't be."""
        await self.mirror.catch_up()

    def hit(self, session: Session, ip: str | None = None) -> Rule | None:
        """The rule that ends `session`, which is used from `ip` now; `catch_up` before a new token comes of it."""
        return self.mirror.find(judged_of(session, ip))

    def _remember(self, jti: str, broad: int) -> None:
        if self._passed_at != broad or len(self._passed) >= REMEMBERED:
            self._passed, self._passed_at = set(), broad
        self._passed.add(jti)


def judged_of(session: Session, ip: str | None = None) -> Judged:
    """What rules look at in a session: with every address that it is known to have been used from."""
    return Judged(
        session_id=session.id,
        user_id=session.user_id,
        opened=round(session.created_at.timestamp() * 1000),
        addresses=addresses_of(session.opened_ip, session.ip, ip),
        device=session.device,
    )
