"""Making a fork visible: its ordinal among its siblings, and the counts that a page shows."""

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from models.clock import now
from models.database import Record
from models.tree.address import MAIN
from models.tree.buckets import Buckets
from models.tree.lineage import UNNUMBERED, Lineage, Segment
from models.tree.locks import PlaceLocks


class Forks:
    """The branches of one conversation."""

    def __init__(self, db: AsyncDatabase[Record], buckets: Buckets, locks: PlaceLocks) -> None:
        self._branches = db["branches"]
        self._conversations = db["conversations"]
        self._buckets = buckets
        self._locks = locks

    async def publish(self, lineage: Lineage) -> bool | None:
        """Give the branch its ordinal, and count it; whatever of that was done before is left as it is.

        Returns whether this call is the one that made the branch visible; None where its bucket is gone, swept away as
        the leftover of a writer that had died.
        """
        async with self._locks.of(self._buckets.conversation_id, lineage.parent):
            ordinal, fresh = await self._claimed(lineage)
            return fresh if await self.complete(lineage, ordinal) else None

    async def complete(self, lineage: Lineage, ordinal: int) -> bool:
        """Tell its parent how many there are, and its bucket the ordinal; False where the bucket is gone.

        INVARIANT: the bucket last. Until it has its ordinal, it is found by whoever completes what a dead writer began.
        """
        own, parent = lineage.own, lineage.parent
        if parent:
            await self._buckets.count_fork(parent, ordinal)
        else:
            await self._conversations.update_one(
                {"_id": self._buckets.conversation_id}, {"$max": {"root_forks": ordinal}}
            )
        return await self._buckets.number(own.branch, own.start, ordinal)

    async def numbered(self, lineage: Lineage) -> Lineage:
        """`lineage` with its ordinal, which a crash may have left out of the bucket."""
        own = lineage.own
        if own.branch == MAIN or own.ordinal != UNNUMBERED:
            return lineage
        await self.publish(lineage)
        ordinal = await self._ordinal(own.branch)
        return Lineage(Segment(own.branch, own.start, ordinal), lineage.segments, lineage.levels)

    async def _claimed(self, lineage: Lineage) -> tuple[int, bool]:
        """The branch's ordinal, and whether it was given out just now."""
        own, parent = lineage.own, lineage.parent
        siblings = {
            "conversation_id": self._buckets.conversation_id,
            "parent_branch": parent.branch if parent else None,
            "fork_depth": own.start,
        }
        ordinal = await self._counted(lineage) + 1
        while True:
            branch = {"branch": own.branch, "ordinal": ordinal, "created_at": now()}
            try:
                await self._branches.insert_one({**siblings, **branch})
            except DuplicateKeyError:
                if taken := await self._ordinal(own.branch):
                    return taken, False
                later = self._branches.find({**siblings, "ordinal": {"$gte": ordinal}}, {"ordinal": 1})
                ordinal = max([sibling["ordinal"] async for sibling in later], default=ordinal) + 1
            else:
                return ordinal, True

    async def _counted(self, lineage: Lineage) -> int:
        """How many forks the parent is known to have; after a crash, or with other writers, there may be more."""
        if parent := lineage.parent:
            return int((await self._buckets.messages_at([parent]))[parent].get("forks", 0))
        conversation = await self._conversations.find_one({"_id": self._buckets.conversation_id}, {"root_forks": 1})
        return int(conversation["root_forks"]) if conversation else 0

    async def _ordinal(self, branch: str) -> int:
        """The branch's ordinal, UNNUMBERED where it has none."""
        found = await self._branches.find_one(
            {"conversation_id": self._buckets.conversation_id, "branch": branch}, {"ordinal": 1}
        )
        return int(found["ordinal"]) if found else UNNUMBERED
