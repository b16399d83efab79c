"""Cutting a removed subtree off for good, so that what is left needs no mark any more.

Its first message leaves an empty rest: an address that was given out is never given out again. Its parent remembers
that this child is gone, and the branch that it was on, if that goes on before it, ends there.
"""

from typing import Final

from pymongo.asynchronous.database import AsyncDatabase

from models.conversation import Conversation, Removal
from models.database import Record
from models.tree.address import MAIN, Address, slot, slots
from models.tree.buckets import Buckets, Tail
from models.tree.errors import MessageNotFoundError
from models.tree.subtree import Run, Subtree, batches
from models.tree.tallies import MARK, forget_buckets
from models.tree.watch import TreeWatcher

REST: Final = ("depth", "role", "created_at", "author_id", "idempotency_key", "nonce")
"""What stays of the first message: by the key a late retry learns that its message is gone."""
SLOTS: Final = 100
"""Slots whose buckets are deleted by one call."""


class Pruning:
    """In one conversation."""

    def __init__(self, db: AsyncDatabase[Record], buckets: Buckets, watcher: TreeWatcher) -> None:
        self._db = db
        self._buckets = buckets
        self._watcher = watcher

    async def prune(self, conversation: Conversation, removal: Removal, note_id: str) -> None:
        """Delete what `removal` took out of sight, then its mark. The note with that id remembers what was counted.

        Raises `MessageNotFoundError` where another worker purges all of the conversation meanwhile.
        """
        root = Address.parse(removal.at)
        subtree = await Subtree.read(self._db, self._buckets, root)
        if subtree is None:
            raise MessageNotFoundError(removal.at)
        excess, inside = await self._counted(conversation, removal, subtree, note_id)
        for run in reversed(subtree.runs):
            await self._delete(run)
        await self._cut(root)
        await forget_buckets(self._db, conversation.id, root.branch, root.depth + 1)
        await self._tell_parent(conversation, removal)
        await self._unmark(conversation, removal.at, inside, excess)

    async def _counted(
        self, conversation: Conversation, removal: Removal, subtree: Subtree, note_id: str
    ) -> tuple[list[int], list[str]]:
        """By how much the figures are too high, and which other marks go: known only before anything is deleted."""
        messages, branches = subtree.figures(conversation.removed)
        excess = [messages - removal.messages, branches - removal.branches]
        inside = [each.at for each in subtree.inside(conversation.removed)]
        kept = {
            name: {"$ifNull": [f"${name}", {"$literal": value}]}
            for name, value in (("excess", excess), ("inside", inside))
        }
        await self._db.deletions.update_one({"_id": note_id}, [{"$set": kept}])
        note = await self._db.deletions.find_one({"_id": note_id})
        return (note["excess"], note["inside"]) if note else ([0, 0], inside)

    async def _delete(self, run: Run) -> None:
        """A branch: its buckets from the first to the last, by which the next run would find them; then itself."""
        conversation_id = self._buckets.conversation_id
        await self._watcher.purging(conversation_id, run.branch, run.start)
        await self._delete_slots(slots(run.branch, run.start, run.end + 1, self._buckets.width))
        await forget_buckets(self._db, conversation_id, run.branch, run.start)
        await self._db.branches.delete_one({"conversation_id": conversation_id, "branch": run.branch})

    async def _delete_slots(self, names: list[str]) -> None:
        for some in batches(names, SLOTS):
            query = {"conversation_id": self._buckets.conversation_id, "slot": {"$in": some}}
            await self._db.buckets.delete_many(query)

    async def _cut(self, root: Address) -> None:
        """End the root's own branch with what is left of it."""
        tail = await self._buckets.tail(root.branch)
        if tail is None or tail.next_depth <= root.depth + tail.cut:
            return
        await self._watcher.purging(self._buckets.conversation_id, root.branch, root.depth)
        here = {
            "conversation_id": self._buckets.conversation_id,
            "slot": slot(root.branch, root.depth, self._buckets.width),
        }
        firsts = [bucket["first_depth"] async for bucket in self._db.buckets.find(here, {"first_depth": 1})]
        first = max((depth for depth in firsts if depth <= root.depth), default=None)
        if first is None:
            raise MessageNotFoundError(str(root))
        await self._db.buckets.update_one({**here, "first_depth": first}, [{"$set": await self._ended(root, tail)}])
        await self._db.buckets.delete_many({**here, "first_depth": {"$gt": root.depth}})
        # The old end last: until it is gone, it tells how far there is something to delete.
        after = slots(root.branch, root.depth, tail.next_depth, self._buckets.width)[1:]
        await self._delete_slots(after)

    async def _ended(self, root: Address, tail: Tail) -> Record:
        """The fields of the bucket that becomes the branch's last one."""
        message = (await self._buckets.messages_at([root])).get(root)
        if message is None:
            raise MessageNotFoundError(str(root))
        rest = {name: message[name] for name in REST if name in message} | {"removed": True}
        before = {"$filter": {"input": "$messages", "as": "m", "cond": {"$lt": ["$$m.depth", root.depth]}}}
        fields: Record = {
            "messages": {"$concatArrays": [before, [{"$literal": rest}]]},
            "tail": {"$literal": root.branch},
            "next_depth": root.depth + 1,
            "open": False,
            "cut": True,
            **MARK,
        }
        if root.branch != MAIN:
            fields["lineage"] = {"$literal": tail.lineage.record()}
        return fields

    async def _tell_parent(self, conversation: Conversation, removal: Removal) -> None:
        if removal.parent is None:
            await self._db.conversations.update_one(
                {"_id": conversation.id}, {"$addToSet": {"root_gone": removal.ordinal}}
            )
            return
        await self._buckets.change(
            Address.parse(removal.parent), {"$addToSet": {"messages.$[m].gone": removal.ordinal}}
        )

    async def _unmark(self, conversation: Conversation, at: str, inside: list[str], excess: list[int]) -> None:
        """Take the marks away, and correct the figures, in one write that does so once."""
        places: Record = {"$map": {"input": "$removed", "as": "each", "in": "$$each.at"}}
        there: Record = {"$in": [at, places]}
        others: Record = {"$not": [{"$in": ["$$each.at", [at, *inside]]}]}
        figures = {
            name: {"$cond": [there, {"$subtract": [f"${name}", less]}, f"${name}"]}
            for name, less in zip(("message_count", "branch_count"), excess, strict=True)
        }
        left: Record = {"removed": {"$filter": {"input": "$removed", "as": "each", "cond": others}}}
        await self._db.conversations.update_one({"_id": conversation.id}, [{"$set": figures | left}])
