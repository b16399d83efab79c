"""Making all tallies anew while they serve: whatever may be wrong with them, answers become right one by one."""

from collections.abc import Callable
from secrets import token_hex
from typing import Final

from bson import ObjectId
from pymongo.asynchronous.database import AsyncDatabase

from models.clock import now
from models.database import Record
from models.usage.rollup import AT_ONCE, Rollup, still_pending

DOUBTED: Final = -1
"""The number of changes that a tally in doubt is of: any other replaces it."""


async def rebuild(db: AsyncDatabase[Record], progress: Callable[[int], None] = lambda _: None) -> int:
    """Make those of every conversation; how many buckets there are. What comes meanwhile is rolled up as always."""
    rollup, count = Rollup(db), 0
    async for conversation in db.conversations.find({}, {"_id": 1}, batch_size=10_000):
        within = {"conversation_id": conversation["_id"]}
        doubted = {"buckets": _mapped(_doubted(token_hex(8))), "pending_at": now()}
        await db.tallies.update_many(within, [{"$set": doubted}])
        ids: list[ObjectId] = []
        async for bucket in db.buckets.find(within, {"_id": 1}, batch_size=10_000):
            ids.append(bucket["_id"])
            if len(ids) == AT_ONCE:
                count, ids = count + await rollup.take(ids), []
                progress(count)
        count += await rollup.take(ids) if ids else 0
        # What is still in doubt is of no bucket.
        known: Record = {"$ne": ["$$each.v.changes", DOUBTED]}
        await db.tallies.update_many(
            within,
            [{"$set": {"buckets": {"$arrayToObject": _entries("$filter", cond=known)}}}, still_pending("$pending_at")],
        )
        progress(count)
    return count


def _doubted(by: str) -> Record:
    """As if it were pending: whoever counts looks whether its bucket is there."""
    return {"k": "$$each.k", "v": {"$mergeObjects": ["$$each.v", {"changes": DOUBTED, "pending": by}]}}


def _mapped(entry: Record) -> Record:
    return {"$arrayToObject": _entries("$map", **{"in": entry})}


def _entries(operator: str, **more: Record) -> Record:
    return {operator: {"input": {"$objectToArray": "$buckets"}, "as": "each", **more}}
