"""What somebody was shared with; lists find it by its terms."""

from typing import Final

from pymongo import ASCENDING as UP
from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record

INDEXES: Final[dict[str, list[IndexModel]]] = {
    "conversations": [IndexModel([("grantees", UP), ("deleted", UP)], name="grantees")],
}


async def apply(db: AsyncDatabase[Record]) -> None:
    """Create it. A conversation without the field was shared with nobody, and is found by none of them."""
    for collection, indexes in INDEXES.items():
        await db[collection].create_indexes(indexes)
