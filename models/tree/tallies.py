"""What the tree owes to whoever counts its messages (`models.usage`), in the writes that change what counts.

Each bucket has a tally, kept with those of its neighbours in a page of the collection `tallies`. A write that adds a
message, deletes one or restores it marks its bucket, and raises the number of the bucket's changes: so a tally is true
as long as its bucket isn't marked, and one made of an older reading never replaces a newer one.
"""

from collections.abc import Mapping
from typing import Any, Final

from beanie import PydanticObjectId
from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record

PAGE_DEPTHS: Final = 1_000
"""Depths whose buckets share a page: at most so many tallies, some 20 bytes a message."""
FRESH: Final[Record] = {"uncounted": True, "changes": 0}
"""Fields of a new bucket."""
MARK: Final[Record] = {"uncounted": True, "changes": {"$add": [{"$ifNull": ["$changes", 0]}, 1]}}
"""The same of one that changes, for an update that is a pipeline."""


def marked(update: Mapping[str, Any]) -> Record:
    """An update by operators that marks the bucket as well."""
    return {
        **update,
        "$set": {**update.get("$set", {}), "uncounted": True},
        "$inc": {**update.get("$inc", {}), "changes": 1},
    }


def page(first_depth: int) -> int:
    """The number, within its branch, of the page of a bucket that begins there."""
    return first_depth // PAGE_DEPTHS


async def forget_buckets(db: AsyncDatabase[Record], conversation_id: PydanticObjectId, branch: str, start: int) -> None:
    """Forget the tallies of the branch's buckets that begin at depth `start` or below.

    INVARIANT: after the buckets are deleted. Who was at work on one of them finds it gone, or finds its tally gone.
    """
    place: Record = {"conversation_id": conversation_id, "branch": branch}
    kept = {
        "$filter": {"input": {"$objectToArray": "$buckets"}, "as": "each", "cond": {"$lt": ["$$each.v.depth", start]}}
    }
    await db.tallies.delete_many({**place, "page": {"$gt": page(start)}})
    await db.tallies.update_one({**place, "page": page(start)}, [{"$set": {"buckets": {"$arrayToObject": kept}}}])


async def forget_conversation(db: AsyncDatabase[Record], conversation_id: PydanticObjectId) -> None:
    """Forget all of its tallies; when its buckets are deleted."""
    await db.tallies.delete_many({"conversation_id": conversation_id})
