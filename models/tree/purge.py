"""Purging: what was deleted long enough ago goes for good. Each step may run again, and a crash leaves it to do so.

Nothing here is seen by anybody while it happens: it was out of sight before. So only that order of steps counts by
which the next run finds what this one left: a branch goes after those that leave it, a subtree's mark after its
branches, the note of a deletion last of all.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from beanie import PydanticObjectId
from pymongo.asynchronous.database import AsyncDatabase

from models.clock import now
from models.conversation import Conversation
from models.database import Record
from models.deletion import Deletion, DeletionKind
from models.tree.address import Address
from models.tree.buckets import Buckets
from models.tree.draft import TreeLimits
from models.tree.errors import MessageNotFoundError
from models.tree.orphans import Orphans, Swept
from models.tree.pruning import Pruning
from models.tree.recount import recount
from models.tree.tallies import forget_conversation
from models.tree.watch import TreeWatcher

SAID: Final = ("content", "metadata", "attachments", "status")
"""The fields of a message that go when it is purged; its place, its author and its time stay."""


@dataclass(slots=True)
class Purged:
    """How many deletions were made final."""

    messages: int = 0
    subtrees: int = 0
    conversations: int = 0
    unfinished: int = 0
    """Writes that died in the middle, and what they left."""

    @property
    def any(self) -> bool:
        """Whether there was anything to do."""
        return bool(self.messages or self.subtrees or self.conversations or self.unfinished)


class Purge:
    """Of all conversations. Two at once do no harm, but the work twice."""

    def __init__(self, db: AsyncDatabase[Record], limits: TreeLimits, watcher: TreeWatcher) -> None:
        self._db = db
        self._limits = limits
        self._watcher = watcher

    async def run(self, before: datetime | None) -> Purged:
        """Purge what was deleted before that time, and what is due at once."""
        purged = Purged()
        old: list[Record] = [{"deleted_at": {"$lt": before}}] if before else []
        for due in (*old, {"due_at": {"$lt": now()}}):
            async for record in self._db.deletions.find(due, batch_size=100):
                with suppress(MessageNotFoundError):  # another worker purges all of the conversation; look again later
                    await self._take(Deletion.model_validate(record), before or now(), purged)
        return purged

    async def orphans(self, before: datetime) -> Swept:
        """Sweep away what writers that died before that time left unfinished."""
        return await Orphans(self._db, self._limits, self._all_of).run(before)

    async def _all_of(self, conversation_id: PydanticObjectId) -> None:
        await self._watcher.conversation_purging(conversation_id)
        await self._sweep(conversation_id)

    async def _take(self, note: Deletion, before: datetime, purged: Purged) -> None:
        if note.due_at is not None and note.due_at < now():
            before = max(before, now())
        if note.kind is DeletionKind.FIGURES:
            if not await recount(self._db, note.conversation_id):
                return
        elif note.kind is DeletionKind.CONVERSATION:
            purged.conversations += await self._conversation(note, before)
        elif found := await self._db.conversations.find_one({"_id": note.conversation_id}):
            conversation = Conversation.model_validate(found)
            if note.kind is DeletionKind.MESSAGE:
                purged.messages += await self._message(conversation, Address.parse(note.address or ""), before)
            else:
                purged.subtrees += await self._subtree(conversation, note, before)
        # Whoever deleted it again meanwhile has written a later time.
        await self._db.deletions.delete_one({"deleted_at": note.deleted_at, "_id": note.id})

    def _buckets(self, conversation: Conversation) -> Buckets:
        return Buckets(self._db, conversation.id, conversation.slot_width, self._limits)

    async def _message(self, conversation: Conversation, address: Address, before: datetime) -> bool:
        """One that was restored meanwhile doesn't meet the condition, and nobody is told of it."""
        gone = {f"messages.$[m].{name}": "" for name in SAID}
        buckets = self._buckets(conversation)
        changed = await buckets.change(address, {"$unset": gone}, deleted_at={"$lt": before})
        there = (await buckets.messages_at([address])).get(address)
        if there and there.get("deleted_at") and not there.keys() & set(SAID):
            await self._watcher.changed(conversation.id, [address])
            await self._watcher.purged(conversation.id, [address])
        return changed

    async def _subtree(self, conversation: Conversation, note: Deletion, before: datetime) -> bool:
        await self._db.conversations.update_one(
            {"_id": conversation.id},
            {"$set": {"removed.$[r].purging": True}},
            array_filters=[{"r.at": note.address, "r.deleted_at": {"$lt": before}}],
        )
        # From here on it can't be restored; who restored it before that has taken the mark away.
        found = await self._db.conversations.find_one({"_id": conversation.id})
        current = Conversation.model_validate(found) if found else conversation
        removal = next((each for each in current.removed if each.at == note.address and each.purging), None)
        if removal is not None:
            await Pruning(self._db, self._buckets(current), self._watcher).prune(current, removal, note.id)
        return removal is not None

    async def _conversation(self, note: Deletion, before: datetime) -> bool:
        conversation_id = note.conversation_id
        due: Record = {"$and": ["$deleted", {"$lt": ["$deleted_at", before]}]}
        await self._db.conversations.update_one({"_id": conversation_id}, [{"$set": {"purging": due}}])
        found = await self._db.conversations.find_one({"_id": conversation_id}, {"purging": 1})
        if found is None or not found["purging"]:
            return False
        await self._all_of(conversation_id)
        await self._db.conversations.delete_one({"_id": conversation_id})
        return True

    async def _sweep(self, conversation_id: PydanticObjectId) -> None:
        """Everything that belongs to it. In lists of bounded length: a call may take ten seconds, no more."""
        within: Record = {"conversation_id": conversation_id}
        for collection, key, size in (("buckets", "slot", 100), ("branches", "branch", 1_000)):
            names: list[str] = []
            async for record in self._db[collection].find(within, {"_id": 0, key: 1}, batch_size=size):
                names.append(record[key])
                if len(names) == size:
                    await self._db[collection].delete_many({**within, key: {"$in": names}})
                    names = []
            await self._db[collection].delete_many({**within, key: {"$in": names}})
        await forget_conversation(self._db, conversation_id)
        await self._db.readers.delete_many(within)
        await self._db.answers.delete_many(within)
