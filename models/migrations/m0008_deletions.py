"""The notes of deletions, by age; and who wrote in other people's conversations, so that he can be erased from them."""

from typing import Final

from pymongo import ASCENDING as UP
from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record

INDEXES: Final[dict[str, list[IndexModel]]] = {
    "deletions": [
        # What is old enough to be purged; and one note, if it is still the same.
        IndexModel([("deleted_at", UP), ("_id", UP)], name="age"),
        IndexModel([("due_at", UP)], name="due"),
    ],
    "erasures": [IndexModel([("done_at", UP)], name="done")],
    "readers": [IndexModel([("user_id", UP)], name="user")],
}


async def apply(db: AsyncDatabase[Record]) -> None:
    """Create them; note who wrote where, which from now on is done before a message is stored."""
    for collection, indexes in INDEXES.items():
        await db[collection].create_indexes(indexes)
    known: set[str] = set()
    async for bucket in db.buckets.find({}, {"conversation_id": 1, "messages.author_id": 1}):
        for author in {message.get("author_id") for message in bucket["messages"]} - {None}:
            reader = {"conversation_id": bucket["conversation_id"], "user_id": author, "chosen_branch": None}
            id_ = f"{bucket['conversation_id']}:{author}"
            if id_ not in known:
                await db.readers.update_one({"_id": id_}, {"$setOnInsert": reader}, upsert=True)
                known.add(id_)
