"""The indexes of revocation rules: those that live, those that are new, and the end of dead ones."""

from typing import Final

from pymongo import ASCENDING as UP
from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record

KEPT_SECONDS: Final = 24 * 3600
"""How long a dead rule stays: what was done is in the audit log."""

INDEXES: Final = [
    IndexModel([("expires_at", UP)], name="expiry", expireAfterSeconds=KEPT_SECONDS),
    IndexModel([("made_at", UP)], name="made"),
]


async def apply(db: AsyncDatabase[Record]) -> None:
    """Create them; the server skips those that exist."""
    await db.revocation_rules.create_indexes(INDEXES)
