"""What the index doesn't know yet. Buckets are their own outbox: the write that stores a message marks its bucket.

So no message can be stored and forgotten, however a worker dies. A mark goes when the message is in a published
segment; dying before that only means that it is indexed twice, which readers and merges see through.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from beanie import PydanticObjectId
from pymongo import UpdateMany, UpdateOne
from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record
from models.search.documents import MessageKey
from models.search.entries import Entry, entry
from models.tree.address import Address

BUCKETS: Final = 400
"""Buckets taken at a time."""
BATCH_BYTES: Final = 8 * 1024 * 1024
"""Of messages, taken at a time."""
WAITING: Final = "waiting"
"""The mark of a bucket whose conversation isn't there yet: an import stores that last, or was cut short."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Buckets with messages that aren't indexed, and who owns their conversations."""

    buckets: Sequence[Record]
    owners: dict[PydanticObjectId, PydanticObjectId]

    def entries(self, *, everything: bool = False) -> list[Entry]:
        """Of their new messages; `everything`: of all."""
        made: dict[bytes, Entry] = {}
        for bucket in self.buckets:
            owner = self.owners.get(bucket["conversation_id"])
            start = 0 if everything else bucket.get("indexed_to", 0)
            for message in bucket["messages"] if owner else ():
                address = Address(bucket["branch"], message["depth"])
                found = entry(MessageKey(owner, bucket["conversation_id"], address), message) if owner else None
                if found and message["depth"] >= start:
                    made[found.key] = found
        return list(made.values())


async def waiting(db: AsyncDatabase[Record]) -> list[PydanticObjectId]:
    """The ids of a batch of buckets that are marked."""
    ids: list[PydanticObjectId] = []
    size = 0
    async for record in db.buckets.find({"unindexed": True}, {"size": 1}, limit=BUCKETS):
        if ids and size + record["size"] > BATCH_BYTES:
            break
        ids.append(record["_id"])
        size += record["size"]
    return ids


async def taken(db: AsyncDatabase[Record], ids: Sequence[PydanticObjectId]) -> Batch:
    """The buckets with these ids."""
    return await batch(db, await db.buckets.find({"_id": {"$in": list(ids)}}).to_list())


async def batch(db: AsyncDatabase[Record], buckets: Sequence[Record]) -> Batch:
    """These buckets, with the owners of their conversations."""
    conversations = list({bucket["conversation_id"] for bucket in buckets})
    found = db.conversations.find({"_id": {"$in": conversations}}, {"owner_id": 1})
    return Batch(buckets, {record["_id"]: record["owner_id"] async for record in found})


async def settle(db: AsyncDatabase[Record], done: Batch) -> None:
    """The messages of `done` are indexed: unmark its buckets, unless more have come."""
    changes = [
        _indexed(bucket) if bucket["conversation_id"] in done.owners else _set_aside(bucket) for bucket in done.buckets
    ]
    if changes:
        await db.buckets.bulk_write(changes, ordered=False)


async def recall(db: AsyncDatabase[Record]) -> None:
    """Look at those again that waited for their conversation and have got it."""
    held = db.buckets.find({"unindexed": WAITING}, {"conversation_id": 1})
    by_conversation: dict[PydanticObjectId, list[Any]] = {}
    async for bucket in held:
        by_conversation.setdefault(bucket["conversation_id"], []).append(bucket["_id"])
    ids = list(by_conversation)
    for start in range(0, len(ids), BUCKETS):
        async for there in db.conversations.find({"_id": {"$in": ids[start : start + BUCKETS]}}, {"_id": 1}):
            await _mark(db, by_conversation[there["_id"]])


async def _mark(db: AsyncDatabase[Record], ids: Iterable[Any]) -> None:
    await db.buckets.bulk_write([UpdateMany({"_id": {"$in": list(ids)}}, {"$set": {"unindexed": True}})])


def _key(bucket: Record) -> Record:
    return {name: bucket[name] for name in ("conversation_id", "slot", "first_depth")}


def _set_aside(bucket: Record) -> "UpdateOne":
    return UpdateOne(_key(bucket), {"$set": {"unindexed": WAITING}})


def _indexed(bucket: Record) -> "UpdateOne":
    """Unless a message has become whole since the bucket was read: then it is read again."""
    stop = max((message["depth"] for message in bucket["messages"]), default=-1) + 1
    newer = {"$filter": {"input": "$messages", "as": "m", "cond": {"$gte": ["$$m.depth", stop]}}}
    same = {"$eq": [{"$ifNull": ["$revised", 0]}, bucket.get("revised", 0)]}
    mark = {"$cond": [{"$or": [{"$not": [same]}, {"$gt": [{"$size": newer}, 0]}]}, True, "$$REMOVE"]}
    reached = {"$cond": [same, stop, "$indexed_to"]}
    return UpdateOne(_key(bucket), [{"$set": {"indexed_to": reached, "unindexed": mark}}])
