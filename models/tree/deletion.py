"""Deleting and restoring. Each is one atomic write; the note for the purge comes before it.

A crash in between leaves a note of what was never deleted, which the purge throws away.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from beanie import PydanticObjectId
from pymongo.asynchronous.database import AsyncDatabase

from models.clock import now
from models.conversation import Conversation, Removal
from models.database import Record
from models.deletion import DeletionKind
from models.news import deleted, new_mark, noting, restored
from models.tree.address import MAIN, Address
from models.tree.buckets import Buckets
from models.tree.draft import TreeLimits
from models.tree.errors import MessageNotFoundError, PurgedError, TooManyRemovalsError
from models.tree.forks import Forks
from models.tree.lineage import UNNUMBERED
from models.tree.locks import PlaceLocks
from models.tree.removals import MOST, Removals
from models.tree.subtree import COUNTED, Subtree

GONE: Final = 1_000
"""Children of one message that may be removed for good: it remembers each of them, in ten bytes."""

SETTLED: Final = timedelta(minutes=1)
"""Whoever began to write before a subtree was removed is done by then, and the figures can be made exact."""


@dataclass(frozen=True, slots=True)
class Child:
    """A message as a child of its parent."""

    parent: Address | None
    ordinal: int


class Deleter:
    """Deletes in one conversation, as it was read, and restores."""

    def __init__(
        self, db: AsyncDatabase[Record], conversation: Conversation, limits: TreeLimits, locks: PlaceLocks
    ) -> None:
        self._db = db
        self._conversation = conversation
        self._buckets = Buckets(db, conversation.id, conversation.slot_width, limits)
        self._forks = Forks(db, self._buckets, locks)
        self._removals = Removals(conversation, self._buckets)

    async def bury(self, address: Address, by: PydanticObjectId | None) -> None:
        """Make a tombstone of the message, unless it is one already. Raises `MessageNotFoundError`."""
        there = await self._in_sight(address)
        if there.get("deleted_at"):
            return
        moment = now()
        await self._note(DeletionKind.MESSAGE, moment, by, address)
        await self._touched(moment, deleted(address))
        await self._buckets.bury(address, moment)

    async def unbury(self, address: Address) -> bool:
        """Make a message of the tombstone again; False where it is none. Raises `PurgedError`."""
        there = await self._in_sight(address)
        if there.get("deleted_at") is None:
            return False
        await self._touched(now(), restored(address))
        await self._buckets.unbury(address)
        if (await self._in_sight(address)).get("deleted_at") == there["deleted_at"]:
            raise PurgedError
        await self._forget(DeletionKind.MESSAGE, there["deleted_at"], address)
        return True

    async def remove(self, address: Address, by: PydanticObjectId | None) -> bool:
        """Take the message and all below it out of sight; False where others removed something meanwhile.

        The figures depend on what else is removed: then read the conversation, and try again. Raises
        `MessageNotFoundError` and `TooManyRemovalsError`.
        """
        if self._removals.at(address):
            return True
        await self._in_sight(address)
        if len(self._conversation.removed) >= MOST:
            raise TooManyRemovalsError(MOST)
        child, moment = await self._child(address), now()
        if await self._gone(child.parent) >= GONE:
            raise TooManyRemovalsError(GONE, "followed the same message")
        messages, branches = await self._figures(address)
        await self._note(DeletionKind.SUBTREE, moment, by, address)
        await self._note(DeletionKind.FIGURES, moment, None, due_at=moment + SETTLED)
        removal = Removal(
            at=str(address),
            parent=str(child.parent) if child.parent else None,
            ordinal=child.ordinal,
            deleted_at=moment,
            messages=messages,
            branches=branches,
        )
        return await self._marked(removal)

    async def recover(self, address: Address) -> bool:
        """Bring a removed subtree back; False where it was not removed. Raises `PurgedError`.

        `MessageNotFoundError` for what lies below another one: that has to come back first.
        """
        removal = self._removals.at(address)
        if removal is None:
            return False
        tail = await self._buckets.tail(address.branch)
        if tail is None or self._removals.end(tail) < address.depth or await self._removals.cut_off([tail]):
            raise MessageNotFoundError(str(address))
        if not await self._unmarked(removal) and await self._is_marked(removal):
            raise PurgedError
        await self._forget(DeletionKind.SUBTREE, removal.deleted_at, address)
        return True

    async def close(self, by: PydanticObjectId | None, due_at: datetime | None = None, mark: str | None = None) -> bool:
        """Take the whole conversation out of everybody's sight; False where it is."""
        moment = now()
        await self._note(DeletionKind.CONVERSATION, moment, by, due_at=due_at)
        fields = {"deleted": True, "deleted_at": moment, "updated_at": moment}
        closed = {name: {"$cond": ["$deleted", f"${name}", value]} for name, value in fields.items()}
        return await self._changed([{"$set": closed | noting(mark or new_mark(), "$deleted")}])

    async def reopen(self) -> bool:
        """Bring a deleted conversation back; False where it isn't deleted.

        Raises `PurgedError`, also for one that goes at a set time: somebody is promised that.
        """
        note = await self._db.deletions.find_one({"_id": self._id(DeletionKind.CONVERSATION, None)}, {"due_at": 1})
        if self._conversation.deleted and note and note.get("due_at"):
            raise PurgedError
        kept: Record = {"$or": [{"$ifNull": ["$purging", False]}, {"$not": ["$deleted"]}]}
        fields = {"deleted": False, "deleted_at": None}
        opened = {name: {"$cond": [kept, f"${name}", {"$literal": value}]} for name, value in fields.items()}
        if await self._changed([{"$set": opened}]):
            await self._forget(DeletionKind.CONVERSATION, self._conversation.deleted_at)
            return True
        found = await self._db.conversations.find_one({"_id": self._conversation.id}, {"deleted": 1})
        if found is None or found["deleted"]:
            raise PurgedError
        return False

    async def _in_sight(self, address: Address) -> Mapping[str, Any]:
        """The stored message, if it is there for anybody to see."""
        there = (await self._buckets.messages_at([address])).get(address)
        tail = await self._buckets.tail(address.branch) if there else None
        if there is None or tail is None or there.get("removed") or address.depth >= self._removals.end(tail):
            raise MessageNotFoundError(str(address))
        if await self._removals.cut_off([tail]):
            raise MessageNotFoundError(str(address))
        return there

    async def _gone(self, parent: Address | None) -> int:
        """How many children of it were purged."""
        if parent is None:
            return len(self._conversation.root_gone)
        return len((await self._buckets.messages_at([parent]))[parent].get("gone", ()))

    async def _child(self, address: Address) -> Child:
        tail = await self._buckets.tail(address.branch)
        if tail is None:
            raise MessageNotFoundError(str(address))
        if address.branch != MAIN and address.depth == tail.lineage.own.start:
            first = (await self._buckets.first_lineages({address.branch: address.depth}))[address.branch]
            lineage = await self._forks.numbered(first) if first.own.ordinal == UNNUMBERED else first
            return Child(lineage.parent, lineage.own.ordinal)
        return Child(Address(address.branch, address.depth - 1) if address.depth else None, 0)

    async def _figures(self, address: Address) -> tuple[int, int]:
        """Messages and branches to take off the conversation's figures now; those of a vast subtree go when it does."""
        subtree = await Subtree.read(self._db, self._buckets, address, COUNTED)
        return subtree.figures(self._conversation.removed) if subtree else (0, 0)

    async def _marked(self, removal: Removal) -> bool:
        """Note the removal, and take its messages off the figures, in one write; False where others came first."""
        seen = [each.at for each in self._conversation.removed]
        others: Record = {"$ne": [_places(), {"$literal": seen}]}
        added: Record = {"$concatArrays": [_removed(), [{"$literal": removal.model_dump()}]]}
        return await self._changed(
            [
                {
                    "$set": {
                        "removed": {"$cond": [others, _removed(), added]},
                        "message_count": _less("message_count", others, removal.messages),
                        "branch_count": _less("branch_count", others, removal.branches),
                        **noting(deleted(removal.at), others),
                    }
                }
            ],
        )

    async def _unmarked(self, removal: Removal) -> bool:
        """Forget the removal, and count its messages again; False where it is being purged."""
        this: Record = {
            "$and": [{"$eq": ["$$each.at", removal.at]}, {"$not": [{"$ifNull": ["$$each.purging", False]}]}]
        }
        others: Record = {"$filter": {"input": _removed(), "as": "each", "cond": {"$not": [this]}}}
        none: Record = {"$eq": [{"$size": others}, {"$size": _removed()}]}
        return await self._changed(
            [
                {
                    "$set": {
                        "removed": others,
                        "message_count": _less("message_count", none, -removal.messages),
                        "branch_count": _less("branch_count", none, -removal.branches),
                        **noting(restored(removal.at), none),
                    }
                }
            ],
        )

    async def _is_marked(self, removal: Removal) -> bool:
        found = await self._db.conversations.find_one({"_id": self._conversation.id}, {"removed": 1})
        return found is not None and any(each["at"] == removal.at for each in found["removed"])

    async def _changed(self, stages: list[Record]) -> bool:
        """Update the conversation; whether that changed it."""
        updated = await self._db.conversations.update_one({"_id": self._conversation.id}, stages)
        return updated.modified_count > 0

    async def _touched(self, moment: datetime, mark: str) -> None:
        """Note when it changed, and that its readers are told; before it does, so that no crash leaves them untold."""
        await self._changed([{"$set": {"updated_at": {"$max": ["$updated_at", moment]}, **noting(mark)}}])

    async def _note(
        self,
        kind: DeletionKind,
        moment: datetime,
        by: PydanticObjectId | None,
        address: Address | None = None,
        due_at: datetime | None = None,
    ) -> None:
        fields: Record = {
            "kind": kind.value,
            "conversation_id": self._conversation.id,
            "address": str(address) if address else None,
            "by": by,
            "due_at": due_at,
            "excess": None,
            "inside": None,
        }
        # Of two who delete at once, either's time may be the one that is stored: the note is never due before that.
        update = {"$set": fields, "$max": {"deleted_at": moment}}
        await self._db.deletions.update_one({"_id": self._id(kind, address)}, update, upsert=True)

    async def _forget(self, kind: DeletionKind, deleted_at: datetime | None, address: Address | None = None) -> None:
        """Throw the note of that deletion away; not of a later one: it may have been deleted again meanwhile."""
        await self._db.deletions.delete_one({"deleted_at": deleted_at, "_id": self._id(kind, address)})

    def _id(self, kind: DeletionKind, address: Address | None) -> str:
        return f"{kind}:{self._conversation.id}:{address or ''}"


def _removed() -> Record:
    return {"$ifNull": ["$removed", []]}


def _places() -> Record:
    return {"$map": {"input": _removed(), "as": "each", "in": "$$each.at"}}


def _less(figure: str, unless: Record, number: int) -> Record:
    return {"$cond": [unless, f"${figure}", {"$subtract": [f"${figure}", number]}]}
