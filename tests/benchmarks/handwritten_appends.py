"""Appending by hand: two writes by plain operators, which leave in the store what ours leave there.

It knows no idempotency keys, no erased authors, no attachments, and no writes that the driver sends twice; nor does it
tell open lists that a conversation moved. Where a bucket ends, or somebody was faster, it leaves the rest to our tree.
"""

from collections.abc import Mapping
from typing import Any, Final

from beanie import PydanticObjectId
from pymongo.asynchronous.database import AsyncDatabase
from starlette.exceptions import HTTPException

from models.bucket import MessageRole
from models.clock import now
from models.conversation import Conversation
from models.database import Record
from models.news import REMEMBERED
from models.tree import Address, Draft, MessageTree, TreeLimits
from models.tree.draft import bson_size
from models.tree.figures import RECENT, entry_of, foretold

LIMITS: Final = TreeLimits()


class Appends:
    """To any conversation, by who may."""

    def __init__(self, db: AsyncDatabase[Record], tree: MessageTree) -> None:
        self._conversations = db["conversations"]
        self._buckets = db["buckets"]
        self._tree = tree

    async def append(
        self, conversation: Record, branch: str, content: object, author_id: PydanticObjectId
    ) -> tuple[Address, Mapping[str, Any]]:
        """After the last message of the branch: where it is, and what is stored."""
        if not isinstance(content, str) or len(content.encode()) > LIMITS.message_bytes:
            raise HTTPException(400)
        place = foretold(conversation["counted"], branch)
        if place is not None:
            message = _message(place, content, author_id)
            if await self._pushed(conversation, branch, message):
                await self._conversations.update_one({"_id": conversation["_id"]}, _counting(place, message))
                return place, message
        document = Conversation.model_construct(id=conversation["_id"], **conversation)
        draft = Draft(role=MessageRole.USER, content=content, author_id=author_id)
        appended = await self._tree.append_at_end(document, branch, draft)
        return appended.address, appended.message

    async def _pushed(self, conversation: Record, branch: str, message: Record) -> bool:
        """Whether it was the next message of the branch, and there was room in the bucket at its end."""
        depth, size = message["depth"], bson_size(message)
        end = {"conversation_id": conversation["_id"], "tail": branch, "next_depth": depth, "open": True}
        goes_on = (depth + 1) % conversation["slot_width"] != 0
        updated = await self._buckets.update_one(
            end | {"size": {"$lt": LIMITS.bucket_bytes - size}},
            {
                "$push": {"messages": message},
                "$inc": {"next_depth": 1, "size": size, "changes": 1},
                "$set": {"unindexed": True, "uncounted": True, "open": goes_on},
            },
        )
        return updated.matched_count == 1


def _message(place: Address, content: str, author_id: PydanticObjectId) -> Record:
    role = MessageRole.USER.value
    return {"depth": place.depth, "role": role, "content": content, "created_at": now(), "author_id": author_id}


def _counting(place: Address, message: Record) -> Record:
    return {
        "$inc": {"message_count": 1, "news": 1},
        "$max": {"updated_at": message["created_at"]},
        "$push": {
            "counted": {"$each": [entry_of(place, message)], "$slice": -RECENT},
            "newest": {"$each": [str(place)], "$slice": -REMEMBERED},
        },
    }
