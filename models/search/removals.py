"""Messages that go for good: noted before they go, and taken out of the index by the next rewriting."""

from collections.abc import Sequence

import numpy as np
from beanie import PydanticObjectId
from bson import Binary
from pymongo.asynchronous.database import AsyncDatabase

from models.clock import now
from models.database import Record
from models.search.documents import DocumentPage, MessageKey, Stretch, page_of
from models.search.segments import Segment, read_pages
from models.tree.address import MAX_DEPTH, Address
from models.tree.watch import Nobody


class IndexWatcher(Nobody):
    """Hears from the tree what goes for good. What comes, the tree's own writes mark (`outbox`)."""

    def __init__(self, db: AsyncDatabase[Record]) -> None:
        self._db = db

    async def purged(self, conversation_id: PydanticObjectId, addresses: Sequence[Address]) -> None:
        """These messages' contents go, or are gone."""
        if owner_id := await self._owner(conversation_id):
            packed = [MessageKey(owner_id, conversation_id, address).packed for address in addresses]
            await self._note([Stretch(key, key) for key in packed])

    async def purging(self, conversation_id: PydanticObjectId, branch: str, start: int) -> None:
        """Those of `branch` from depth `start` on go."""
        if owner_id := await self._owner(conversation_id):
            ends = [MessageKey(owner_id, conversation_id, Address(branch, depth)) for depth in (start, MAX_DEPTH)]
            await self._note([Stretch(ends[0].packed, ends[1].packed)])

    async def conversation_purging(self, conversation_id: PydanticObjectId) -> None:
        """All of a conversation's go."""
        if owner_id := await self._owner(conversation_id):
            await self._note([Stretch.of(owner_id.binary + conversation_id.binary)])

    async def _owner(self, conversation_id: PydanticObjectId) -> PydanticObjectId | None:
        found = await self._db.conversations.find_one({"_id": conversation_id}, {"owner_id": 1})
        return found["owner_id"] if found else None

    async def _note(self, stretches: Sequence[Stretch]) -> None:
        if stretches:
            notes = [{"low": Binary(low), "high": Binary(high), "at": now()} for low, high in stretches]
            await self._db.search_removals.insert_many(notes)


async def affected(db: AsyncDatabase[Record], segment: Segment, drop: Sequence[Stretch]) -> bool:
    """Whether the segment holds a message that `drop` covers."""
    for low, high in drop:
        first, last = page_of(segment.key_firsts, low), page_of(segment.key_firsts, high)
        if last > first + 1:
            return True
        ids = [segment.document_page(number) for number in range(first, last + 1)]
        for data in (await read_pages(db, ids)).values():
            keys = DocumentPage(data).keys
            if np.searchsorted(keys, np.bytes_(low)) < np.searchsorted(keys, np.bytes_(high), "right"):
                return True
    return False
