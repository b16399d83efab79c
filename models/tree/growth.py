"""Messages that grow while they are written: saved in steps, and made whole in one write.

A bucket that holds such a message is marked by the write that stored it (`growing`: when something was last saved), so
none can be forgotten, however its writer dies. Each method is one write to the message's slot, and does nothing where
the message grows no more: it is whole, or purged, or erased.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from beanie import PydanticObjectId
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase

from models.bucket import MessageStatus
from models.conversation import Conversation
from models.database import Record
from models.tree.address import Address, slot
from models.tree.draft import TreeLimits, bson_size
from models.tree.growing import GROWING, STREAMING, having, mark

SOME: Final = 1_000
"""Buckets looked at together; the next look finds the others."""


class Texts(Protocol):
    """Knows what growing messages say by now; what is stored may be some steps behind."""

    async def texts(self, conversation_id: PydanticObjectId, addresses: Sequence[Address]) -> Mapping[Address, str]:
        """As much as is known; nothing rather than an error."""


class Stored:
    """Knows no more than what is stored."""

    async def texts(self, conversation_id: PydanticObjectId, addresses: Sequence[Address]) -> Mapping[Address, str]:
        """See `Texts`."""
        return {}


STORED: Final = Stored()


@dataclass(frozen=True, slots=True)
class Growing:
    """A message that grows, in a bucket in which nothing was saved for a while."""

    conversation_id: PydanticObjectId
    address: Address
    author_id: PydanticObjectId | None


class Growth:
    """Of the messages of one conversation."""

    def __init__(self, db: AsyncDatabase[Record], conversation: Conversation, limits: TreeLimits) -> None:
        self._collection: AsyncCollection[Record] = db["buckets"]
        self._conversation = conversation
        self._limits = limits

    async def save(self, address: Address, text: str) -> bool:
        """It says `text` by now; False where it grows no more."""
        return await self._write(address, {"content": text}, len(text.encode()), {})

    async def end(
        self, address: Address, text: str | None, status: MessageStatus, metadata: Mapping[str, Any] | None = None
    ) -> bool:
        """It says `text` (None: what was saved), and that is all; False where it grew no more.

        Interrupted, it says what was saved if that is more. `metadata` replaces what it had.

        Whoever indexes and counts looks at it again: while it grows it isn't in the index, and has no tokens.
        """
        said = {} if text is None else {"content": text}
        fields = {**said, "status": status.value, **({"metadata": metadata} if metadata else {})}
        size = len((text or "").encode()) + bson_size(metadata or {})
        known = {"$ifNull": ["$indexed_to", 0]}
        marks: Record = {
            "uncounted": True,
            "changes": {"$add": [{"$ifNull": ["$changes", 0]}, 1]},
            "unindexed": True,
            "indexed_to": {"$min": [known, address.depth]},
            "revised": {"$add": [{"$ifNull": ["$revised", 0]}, 1]},
        }
        return await self._write(address, fields, size, marks)

    async def _write(self, address: Address, fields: Record, size: int, marks: Record) -> bool:
        this: Record = {"$and": [{"$eq": ["$$m.depth", address.depth]}, GROWING]}
        within = having(this)
        old = {"$map": {"input": within, "as": "m", "in": {"$strLenBytes": {"$ifNull": ["$$m.content", ""]}}}}
        # `$literal`: what a user writes is never read as an expression.
        new = {"$cond": [this, {"$mergeObjects": ["$$m", {"$literal": fields}, _kept(fields)]}, "$$m"]}
        found = self._limits.bucket_bytes
        stages: list[Record] = [
            {"$set": {"here": {"$gt": [{"$size": within}, 0]}, "grown": {"$subtract": [size, {"$sum": old}]}}},
            {
                "$set": {
                    "messages": {"$map": {"input": "$messages", "as": "m", "in": new}},
                    # Counted as it grows, so that the bucket closes in time: a closed one never opens again.
                    "size": {"$cond": ["$here", {"$add": ["$size", {"$max": ["$grown", 0]}]}, "$size"]},
                    **{name: _if_here(name, value) for name, value in marks.items()},
                }
            },
            {
                "$set": {
                    "growing": {"$cond": ["$here", mark(), {"$ifNull": ["$growing", "$$REMOVE"]}]},
                    "open": {
                        "$cond": [
                            {"$and": ["$here", {"$eq": ["$open", True]}]},
                            {"$lt": ["$size", found]},
                            {"$ifNull": ["$open", "$$REMOVE"]},
                        ]
                    },
                }
            },
            {"$unset": ["here", "grown"]},
        ]
        place = slot(address.branch, address.depth, self._conversation.slot_width)
        # A slot may have several buckets, one of them has the message.
        query = {"conversation_id": self._conversation.id, "slot": place}
        return (await self._collection.update_many(query, stages)).modified_count > 0


async def silent(db: AsyncDatabase[Record], before: datetime) -> list[Growing]:
    """The messages that grow in buckets in which nothing was saved since `before`.

    One that shares its bucket with another that does go on is found when that ends.
    """
    names = ("conversation_id", "slot", "first_depth", "branch", *(f"messages.{name}" for name in _OF_MESSAGES))
    fields = dict.fromkeys(names, 1)
    found: list[Growing] = []
    async for bucket in db.buckets.find({"growing": {"$lt": before}}, fields, batch_size=SOME).limit(SOME):
        growing = [each for each in bucket["messages"] if each.get("status") == STREAMING]
        for each in growing:
            address = Address(bucket["branch"], each["depth"])
            found.append(Growing(bucket["conversation_id"], address, each.get("author_id")))
        if not growing:  # what grew was purged, or erased
            key = {name: bucket[name] for name in ("conversation_id", "slot", "first_depth")}
            await db.buckets.update_one(key, [{"$set": {"growing": mark()}}])
    return found


def _kept(fields: Record) -> Record:
    """What an interrupted message `$$m` says if more of it was saved than Redis has: that may have lost some."""
    if fields.get("status") != MessageStatus.INTERRUPTED.value or "content" not in fields:
        return {}
    longer = {"$gt": [{"$strLenBytes": {"$ifNull": ["$$m.content", ""]}}, len(fields["content"].encode())]}
    return {"content": {"$cond": [longer, "$$m.content", {"$literal": fields["content"]}]}}


_OF_MESSAGES: Final = ("depth", "status", "author_id")


def _if_here(name: str, value: Any) -> Record:
    return {"$cond": ["$here", value, {"$ifNull": [f"${name}", "$$REMOVE"]}]}
