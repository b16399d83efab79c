"""A revocation as it is kept: criteria with a moment, a reason and an end. Judging by it is pure."""

import math
from dataclasses import dataclass

from beanie import PydanticObjectId

from permissions.authn.revocation.addresses import BITS, Network
from permissions.authn.revocation.criteria import Criteria
from permissions.authn.revocation.judged import Judged


@dataclass(frozen=True, slots=True)
class Rule:
    """Moments in ms since 1970. Rules are never changed, and never taken back: they end."""

    id: str
    criteria: Criteria
    reason: str
    made_at: int
    expires_at: int
    by: PydanticObjectId | None = None
    """Who made it by hand; None for one that follows from a logout and the like."""

    @property
    def moment(self) -> float:
        """The last ms that it hits; of a token or a session by its id every one, for no id is given again."""
        wanted = self.criteria
        if wanted.issued_before is not None:
            return math.ceil(wanted.issued_before * 1000) - 1
        return math.inf if wanted.jti is not None or wanted.session_id is not None else self.made_at

    def hits(self, judged: Judged) -> bool:
        """Whether all its criteria match. Its end is not looked at."""
        wanted = self.criteria
        return (
            wanted.jti in (None, judged.jti)
            and wanted.session_id in (None, judged.session_id)
            and wanted.user_id in (None, judged.user_id)
            and wanted.device in (None, judged.device)
            and wanted.key_id in (None, judged.key_id)
            and wanted.spared != judged.session_id
            and (wanted.network is None or _within(judged, wanted.network))
            and self._in_time(judged)
        )

    def covers(self, other: "Rule") -> bool:
        """Whether it makes `other`, of the same criteria but for times and the spared one, superfluous."""
        same = self.criteria.spared in (None, other.criteria.spared)
        return same and self.moment >= other.moment and self.expires_at >= other.expires_at

    def _in_time(self, judged: Judged) -> bool:
        if self.criteria.of_tokens:
            return judged.issued is not None and judged.issued <= self.moment
        return judged.opened <= self.moment


def _within(judged: Judged, network: Network) -> bool:
    shift = BITS[network.version] - network.prefixlen
    start = int(network.network_address) >> shift
    return any(version == network.version and value >> shift == start for version, value in judged.addresses)
