"""Notes of plantings that are under way, so that what a dead one left is found, and a living one is let be.

A note is there before the first bucket is, says now and then that somebody still plants, and goes once the conversation
is there. Sweeping first takes an old note for itself, in one write that only succeeds if nobody has planted since; and
whoever plants finds out, at the latest when the conversation is stored: then that is taken back.
"""

from datetime import datetime
from typing import Final

from beanie import PydanticObjectId
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from models.clock import now
from models.database import Record
from models.tree.errors import ContentionError

FREE: Final = {"sweeping": {"$exists": False}}


class Planting:
    """The note of one conversation that is being planted, maybe by several at once."""

    def __init__(self, db: AsyncDatabase[Record], conversation_id: PydanticObjectId) -> None:
        self._plantings = db["plantings"]
        self._conversations = db["conversations"]
        self._id = conversation_id

    async def begin(self) -> None:
        """Before anything is stored. Raises `ContentionError` while what was left of it is swept away."""
        try:
            await self._plantings.update_one({"_id": self._id, **FREE}, {"$set": {"at": now()}}, upsert=True)
        except DuplicateKeyError:
            await self.goes_on()  # another one began at this moment, or it is swept

    async def goes_on(self) -> bool:
        """Whether it is under way still, False where somebody else has finished it.

        Raises `ContentionError` where it was taken for dead.
        """
        told = await self._plantings.update_one({"_id": self._id, **FREE}, {"$set": {"at": now()}})
        if told.matched_count:
            return True
        if await self._conversations.find_one({"_id": self._id}, {"_id": 1}):
            return False
        raise await self._overtaken()

    async def end(self) -> None:
        """The conversation was stored just now. Raises `ContentionError`, and takes it back, where parts are gone."""
        note = await self._plantings.find_one({"_id": self._id})
        if note is None or "sweeping" in note:
            await self._conversations.delete_one({"_id": self._id})
            raise await self._overtaken()
        await self._plantings.delete_one({"_id": self._id, **FREE})

    async def _overtaken(self) -> ContentionError:
        """Note that something may have been stored after it was swept away."""
        again = {"$set": {"again": True}, "$setOnInsert": {"at": now()}}
        await self._plantings.update_one({"_id": self._id}, again, upsert=True)
        return ContentionError()


async def dead(db: AsyncDatabase[Record], before: datetime, number: int) -> list[PydanticObjectId]:
    """Conversations that nobody has planted at since `before`, `number` at most; their notes are taken for sweeping."""
    taken: list[PydanticObjectId] = []
    taking: Record = {"$set": {"sweeping": True}, "$unset": {"again": ""}}
    async for note in db["plantings"].find({"at": {"$lt": before}}, batch_size=number):
        if len(taken) == number:
            break
        if await db["conversations"].find_one({"_id": note["_id"]}, {"_id": 1}):
            await db["plantings"].delete_one({"_id": note["_id"], "at": note["at"]})
            continue
        mark = await db["plantings"].update_one({"_id": note["_id"], "at": note["at"]}, taking)
        if mark.matched_count:
            taken.append(note["_id"])
    return taken


async def forget(db: AsyncDatabase[Record], conversation_id: PydanticObjectId) -> None:
    """What was left of it is swept away; unless somebody stored something meanwhile, which the next sweep takes."""
    await db["plantings"].delete_one({"_id": conversation_id, "sweeping": True, "again": {"$exists": False}})
    await db["plantings"].update_one({"_id": conversation_id, "again": True}, {"$unset": {"sweeping": "", "again": ""}})
