"""Which message holds a file: read from the messages themselves."""

from collections.abc import AsyncIterator
from typing import Final

from beanie import PydanticObjectId
from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record
from models.tree.address import Address, slot

FIELDS: Final = {"branch": 1, "messages.depth": 1, "messages.attachments.id": 1}


async def holds(
    db: AsyncDatabase[Record], conversation_id: PydanticObjectId, address: Address, file_id: PydanticObjectId
) -> bool:
    """Whether the message there has the file."""
    found = await db.conversations.find_one({"_id": conversation_id}, {"slot_width": 1})
    if found is None:
        return False
    query = {"conversation_id": conversation_id, "slot": slot(address.branch, address.depth, found["slot_width"])}
    return address in [each async for each in _holders(db, query, file_id)]


async def holder(
    db: AsyncDatabase[Record], conversation_id: PydanticObjectId, file_id: PydanticObjectId
) -> Address | None:
    """The message of a conversation that has the file, wherever it is: reads all its buckets, and no text of them."""
    return await anext(_holders(db, {"conversation_id": conversation_id}, file_id), None)


async def _holders(db: AsyncDatabase[Record], query: Record, file_id: PydanticObjectId) -> AsyncIterator[Address]:
    async for bucket in db.buckets.find(query, FIELDS, batch_size=100):
        for message in bucket["messages"]:
            if any(each["id"] == file_id for each in message.get("attachments", ())):
                yield Address(bucket["branch"], message["depth"])
