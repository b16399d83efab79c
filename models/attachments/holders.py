"""Which message holds a file: read from the messages themselves."""

from collections.abc import AsyncIterator, Collection
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
    return address in [each async for _, each in _held(db, query, [file_id])]


async def holders(
    db: AsyncDatabase[Record], conversation_id: PydanticObjectId, file_ids: Collection[PydanticObjectId]
) -> dict[PydanticObjectId, Address]:
    """Which messages of a conversation have these files, wherever they are: reads all its buckets once, and no text."""
    return {id_: address async for id_, address in _held(db, {"conversation_id": conversation_id}, file_ids)}


async def _held(
    db: AsyncDatabase[Record], query: Record, file_ids: Collection[PydanticObjectId]
) -> AsyncIterator[tuple[PydanticObjectId, Address]]:
    async for bucket in db.buckets.find(query, FIELDS, batch_size=100):
        for message in bucket["messages"]:
            for each in message.get("attachments", ()):
                if each["id"] in file_ids:
                    yield each["id"], Address(bucket["branch"], message["depth"])
