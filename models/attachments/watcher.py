"""Files go for good with the messages that they belong to."""

from collections.abc import Sequence

from beanie import PydanticObjectId
from pymongo.asynchronous.database import AsyncDatabase

from models.attachments.files import Files
from models.attachments.holders import holds
from models.database import Record
from models.tree.address import Address
from models.tree.watch import Nobody


class AttachmentWatcher(Nobody):
    """Hears from the tree what goes for good; told again after a crash, it finds what is left."""

    def __init__(self, db: AsyncDatabase[Record]) -> None:
        self._db = db
        self._files = Files(db)

    async def purged(self, conversation_id: PydanticObjectId, addresses: Sequence[Address]) -> None:
        """What these messages said is gone; a message that still has its files was restored in time, and keeps them."""
        for address in addresses:
            for record in await self._files.placed(conversation_id, branch=address.branch, depth=address.depth):
                if not await holds(self._db, conversation_id, address, record["_id"]):
                    await self._files.remove(record)

    async def purging(self, conversation_id: PydanticObjectId, branch: str, start: int) -> None:
        """The messages of `branch` from depth `start` on go."""
        for record in await self._files.placed(conversation_id, branch=branch, depth={"$gte": start}):
            await self._files.remove(record)

    async def conversation_purging(self, conversation_id: PydanticObjectId) -> None:
        """All of a conversation's go, those that are only claimed too."""
        for record in await self._files.placed(conversation_id):
            await self._files.remove(record)
