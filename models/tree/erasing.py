"""Erasing what somebody wrote in other people's conversations: tombstones without a word, and without his id."""

from typing import Final

from beanie import PydanticObjectId
from pymongo.asynchronous.database import AsyncDatabase

from models.clock import now
from models.database import Record
from models.news import new_mark, noting
from models.tree.address import Address
from models.tree.tallies import marked
from models.tree.watch import TreeWatcher

PERSONAL: Final = ("content", "metadata", "attachments", "status", "idempotency_key", "nonce")
BUCKETS: Final = 100


async def erase_author(
    db: AsyncDatabase[Record], conversation_id: PydanticObjectId, author_id: PydanticObjectId, watcher: TreeWatcher
) -> None:
    """Erase it for good, bucket by bucket. What is erased has no author: so the next try goes on where this ended.

    No event tells of it: its readers are told to read anew, for the conversation's number grows, before and after.
    """
    fields = {"slot": 1, "first_depth": 1, "branch": 1, "messages.depth": 1, "messages.author_id": 1}
    noted = False
    async for bucket in db.buckets.find({"conversation_id": conversation_id}, fields, batch_size=BUCKETS):
        if addresses := _written(bucket, author_id):
            if not noted:
                noted = await _note(db, conversation_id)
            await watcher.purged(conversation_id, addresses)
            await _erase(db, conversation_id, bucket, author_id)
            await watcher.purged(conversation_id, addresses)  # files go with what has gone
            await _forget(db, conversation_id, bucket, author_id)
            await watcher.changed(conversation_id, addresses)
    if noted:
        await _note(db, conversation_id)


async def count_author(
    db: AsyncDatabase[Record], conversation_id: PydanticObjectId, author_id: PydanticObjectId
) -> int:
    """How many messages of his there are in the conversation."""
    fields = {"branch": 1, "messages.depth": 1, "messages.author_id": 1}
    found = db.buckets.find({"conversation_id": conversation_id}, fields, batch_size=BUCKETS)
    return sum([len(_written(bucket, author_id)) async for bucket in found])


async def _note(db: AsyncDatabase[Record], conversation_id: PydanticObjectId) -> bool:
    await db.conversations.update_one({"_id": conversation_id}, [{"$set": noting(new_mark())}])
    return True


def _written(bucket: Record, author_id: PydanticObjectId) -> list[Address]:
    return [
        Address(bucket["branch"], each["depth"]) for each in bucket["messages"] if each.get("author_id") == author_id
    ]


async def _erase(
    db: AsyncDatabase[Record], conversation_id: PydanticObjectId, bucket: Record, author_id: PydanticObjectId
) -> None:
    key = {"conversation_id": conversation_id, "slot": bucket["slot"], "first_depth": bucket["first_depth"]}
    await db.buckets.update_one(
        key,
        marked({"$set": {"messages.$[m].deleted_at": now()}}),
        array_filters=[{"m.author_id": author_id, "m.deleted_at": {"$exists": False}}],
    )
    gone = {f"messages.$[m].{name}": "" for name in PERSONAL}
    await db.buckets.update_one(key, {"$unset": gone}, array_filters=[{"m.author_id": author_id}])


async def _forget(
    db: AsyncDatabase[Record], conversation_id: PydanticObjectId, bucket: Record, author_id: PydanticObjectId
) -> None:
    """The author last: by him the next try finds what is left to do. Who wrote meanwhile is found by the next look."""
    depths = [message["depth"] for message in bucket["messages"] if message.get("author_id") == author_id]
    written = {"m.author_id": author_id, "m.depth": {"$in": depths}}
    key = {"conversation_id": conversation_id, "slot": bucket["slot"], "first_depth": bucket["first_depth"]}
    await db.buckets.update_one(key, {"$unset": {"messages.$[m].author_id": ""}}, array_filters=[written])
