"""What a revocation hits, as a value."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from beanie import PydanticObjectId

from permissions.authn.revocation.addresses import Network
from permissions.authn.revocation.errors import CriteriaError

KEY_AHEAD_SECONDS: Final = 60
"""Who has a leaked key dates his tokens as he likes: a rule by key may reach so far ahead, if the key signs no more."""


@dataclass(frozen=True, slots=True)
class Criteria:
    """All that are given must match. At least one must be given besides `issued_before` and `spared`, or `everyone`.

    By `user_id`, `network`, `device` and `everyone`, a rule hits sessions that were opened at or before its moment:
    their tokens, whenever issued, and at their next use their refresh tokens. By `session_id` it hits the session,
    without regard to time. By `jti` it hits one access token, by `key_id` the access tokens that were issued at or
    before its moment. The moment is `issued_before`, seconds since 1970, which itself is not hit any more; when that
    isn't given, it is the one at which the rule is made.
    """

    jti: str | None = None
    session_id: str | None = None
    user_id: PydanticObjectId | None = None
    network: Network | None = None
    """An address counts that the token was issued to; at refresh also those that the session was used from."""
    device: str | None = None
    """The session's device name, exactly."""
    key_id: str | None = None
    issued_before: float | None = None
    everyone: bool = False
    spared: str | None = None
    """The id of the one session that is not hit: who changes his password stays signed in here."""

    @property
    def of_tokens(self) -> bool:
        """Whether it hits single access tokens, and leaves the session alone."""
        return self.jti is not None or self.key_id is not None

    @property
    def brief(self) -> bool:
        """Whether a rule need not outlive the access tokens: the session has been ended in its own record."""
        return self.of_tokens or self.session_id is not None


def require_usable(criteria: Criteria, at: datetime) -> None:
    """Raise `CriteriaError` for what hits nobody in particular, or what isn't there yet."""
    given = (
        criteria.jti,
        criteria.session_id,
        criteria.user_id,
        criteria.network,
        criteria.device,
        criteria.key_id,
    )
    chosen = any(each is not None for each in given)
    if criteria.everyone and chosen:
        raise CriteriaError("everyone", "excludes all other criteria but `issuedBefore`")
    if not criteria.everyone and not chosen:
        raise CriteriaError("input", "names nobody: give a criterion, or `everyone: true`")
    latest = at.timestamp() + (0 if criteria.key_id is None else KEY_AHEAD_SECONDS)
    if criteria.issued_before is not None and criteria.issued_before > latest:
        raise CriteriaError("issuedBefore", "lies in the future: what isn't issued yet can't be taken back")
