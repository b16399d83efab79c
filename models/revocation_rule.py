"""Rules that take tokens back: what workers are told anew when Redis has forgotten."""

from datetime import datetime
from typing import Any

from beanie import Document, PydanticObjectId


class RevocationRule(Document):
    """Never changed, never deleted by hand: it ends, and is dropped a day later."""

    id: str  # type: ignore[assignment]  # Beanie's ids may be of any type
    criteria: dict[str, Any]
    """As `permissions.authn.revocation.wire` writes them."""
    reason: str
    made_at: datetime
    expires_at: datetime
    by: PydanticObjectId | None = None

    class Settings:
        name = "revocation_rules"
