"""What a revocation hits, as a value."""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from beanie import PydanticObjectId

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Criteria:
    """All that are given must match. At least one must be given besides `issued_before` and `spared`, or `everyone`.

    By `user_id`, `network`, `device` and `everyone`, a rule hits sessions that were opened at or before its moment:
    their tokens, whenever issued, and at their next use their refresh tokens. By `session_id` it hits the session,
    without regard to time. By `jti` and `key_id` it hits access tokens only. The moment is `issued_before`, seconds
    since 1970, and when that isn't given, the one at which the rule is made.
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
