"""Usage by owner and time: whose tallies and uncounted buckets are, and which tallies a worker left pending."""

from typing import Final

from pymongo import ASCENDING as UP
from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record

INDEXES: Final[dict[str, list[IndexModel]]] = {
    "tallies": [
        IndexModel([("owner_id", UP), ("until", UP), ("conversation_id", UP)], name="owner"),
        IndexModel([("pending_at", UP)], name="pending", sparse=True),
    ],
    "buckets": [IndexModel([("uncounted", UP), ("owner_id", UP)], name="uncounted_owner")],
}


async def apply(db: AsyncDatabase[Record]) -> None:
    """Make them, and say it in what is stored: some at a time. What an older worker adds, the next one puts right."""
    from models.usage.repair import adopt, name_owners  # and with them numpy, which few starts need

    for collection, indexes in INDEXES.items():
        await db[collection].create_indexes(indexes)
    await name_owners(db)
    await adopt(db)
