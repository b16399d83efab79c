"""Who takes tokens back: all that the rest of authentication needs to know of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from permissions.authn.revocation.criteria import Criteria


@dataclass(frozen=True, slots=True)
class Applied:
    """`applied` only if every live worker has confirmed; `unconfirmed` names those that haven't."""

    applied: bool
    unconfirmed: tuple[str, ...] = ()
    rule_id: str = ""


class Revoker(Protocol):
    """This worker refuses what is hit when `revoke` returns; the others within half a second, and mostly at once."""

    async def revoke(
        self,
        criteria: Criteria,
        reason: str,
        *,
        wait: bool = True,
        life: timedelta | None = None,
        unless_since: datetime | None = None,
    ) -> Applied:
        """Make a rule. `wait` for the other workers' confirmations, 2 s at most.

        `reason` is told to who is cut off: a short word for programs, or up to 200 printable characters.
        `life` is how long the rule is kept. By default, rules by `jti`, `session_id` or `key_id` are kept as long as
        an access token lives: end the session yourself. All others as long as a refresh token may live.
        `unless_since`: a living rule of just these criteria that this worker knows, made then or later, will do. Whose
        clients may ask again and again must name a moment, or they fill the memory of all workers.
        Raise `CriteriaError` for what can't be a rule, `AuthnUnavailableError` where it can't be written down.
        """
