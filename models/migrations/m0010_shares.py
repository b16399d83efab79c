"""Lists of what somebody was shared with, by time of change or start, as `m0001_first_indexes` has them for owners."""

from typing import Final

from pymongo import ASCENDING as UP
from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record

INDEXES: Final[dict[str, list[IndexModel]]] = {
    "conversations": [
        IndexModel([("grantees", UP), ("deleted", UP), (order, UP), ("_id", UP)])
        for order in ("updated_at", "started_at")
    ],
}


async def apply(db: AsyncDatabase[Record]) -> None:
    """Create them. A conversation without the field was shared with nobody, and is found by none of them."""
    for collection, indexes in INDEXES.items():
        await db[collection].create_indexes(indexes)
