"""Notes of plantings that are under way, so that what a dead one left is found, and a living one is let be.

A note is there before the first bucket is, says now and then that somebody still plants, and goes once the conversation
is there. It names the text: others may plant the same at once, as they complete each other, but nobody plants another
text while somebody is at one, or the two would mix. Sweeping first takes an old note for itself, in one write that only
succeeds if nobody has planted since; and whoever plants finds out, at the latest when the conversation is stored: then
that is taken back.
"""

from datetime import datetime, timedelta
from typing import Final

from beanie import PydanticObjectId
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from models.clock import now
from models.database import Record
from models.tree.errors import ContentionError, UnderWayError

FREE: Final = {"sweeping": {"$exists": False}}
IDLE: Final = timedelta(minutes=1)
"""Who has stored nothing for so long gives way to another text. Each call stores a few megabytes at most."""


class Planting:
    """The note of one conversation that is being planted, maybe by several at once; `text` is the same for all."""

    def __init__(self, db: AsyncDatabase[Record], conversation_id: PydanticObjectId, text: bytes) -> None:
        self._plantings = db["plantings"]
        self._conversations = db["conversations"]
        self._id = conversation_id
        self._text = text

    async def begin(self) -> bool:
        """Before anything is stored; False where the conversation is there already.

        Raises `UnderWayError` while another text is planted, `ContentionError` while what was left of it is swept away.
        """
        mine = {"_id": self._id, "text": self._text, **FREE}
        made = False
        try:
            told = await self._plantings.update_one(mine, {"$set": {"at": now()}}, upsert=True)
            made = told.upserted_id is not None
        except DuplicateKeyError:
            if not await self._taken_over() and not await self.goes_on():
                return False
        # Looked for after the note is there: who stored it had one until then, and would have kept this one waiting.
        if not await self._stored():
            return True
        if made:
            await self._plantings.delete_one({"_id": self._id, **FREE})
        return False

    async def _taken_over(self) -> bool:
        """Whether there was a note of another text at which nobody has been for long: it is this one's now."""
        note = await self._plantings.find_one({"_id": self._id})
        if note is None or "sweeping" in note or note.get("text") == self._text or note["at"] > now() - IDLE:
            return False
        mine = {"$set": {"at": now(), "text": self._text}}
        return (await self._plantings.update_one({"_id": self._id, "at": note["at"]}, mine)).matched_count > 0

    async def goes_on(self) -> bool:
        """Whether it is under way still, False where somebody else has finished it.

        Raises `UnderWayError` where another text is planted, `ContentionError` where it was taken for dead.
        """
        mine = {"_id": self._id, "text": self._text, **FREE}
        if (await self._plantings.update_one(mine, {"$set": {"at": now()}})).matched_count:
            return True
        if await self._stored():
            return False
        raise await self._overtaken()

    async def end(self) -> None:
        """The conversation was stored just now. Raises `ContentionError`, and takes it back, where parts are gone."""
        note = await self._plantings.find_one({"_id": self._id})
        if note is None or "sweeping" in note or note.get("text") != self._text:
            await self._conversations.delete_one({"_id": self._id})
            raise await self._overtaken()
        await self._plantings.delete_one({"_id": self._id, **FREE})

    async def give_up(self) -> None:
        """What was stored of it is gone: any other text may be planted at once."""
        await self._plantings.delete_one({"_id": self._id, "text": self._text, **FREE})

    async def _stored(self) -> bool:
        return await self._conversations.find_one({"_id": self._id}, {"_id": 1}) is not None

    async def _overtaken(self) -> ContentionError:
        """Note that something may have been stored after it was swept away."""
        note = await self._plantings.find_one({"_id": self._id})
        if note and "sweeping" not in note and note.get("text") != self._text:
            return UnderWayError()
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
