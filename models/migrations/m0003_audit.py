"""The indexes of the audit log. Blocks are walked by number, and searched by time and by one thing in their records."""

from typing import Final

from pymongo import ASCENDING as UP
from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record

INDEXES: Final = [
    IndexModel([("at", UP)], name="at"),
    *(
        IndexModel([(f"records.{field}", UP), ("at", UP)], name=field)
        for field in ("decision", "by", "resource_id", "kind")
    ),
]


async def apply(db: AsyncDatabase[Record]) -> None:
    """Create them; the server skips those that exist."""
    await db.audit_blocks.create_indexes(INDEXES)
