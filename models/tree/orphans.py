"""Sweeps away what writers that died left where nobody finds it: plantings without a conversation, forks unnamed.

Nothing that may still be written is touched: only what nobody has worked at for long, and in writes that fail, or make
the writer begin anew, where somebody does so at this very moment.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from beanie import PydanticObjectId
from bson import ObjectId
from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record
from models.tree.buckets import Buckets
from models.tree.draft import TreeLimits
from models.tree.forks import Forks
from models.tree.lineage import Lineage
from models.tree.locks import PlaceLocks
from models.tree.plantings import dead, forget

PLANTINGS: Final = 100
FORKS: Final = 1_000
"""The most that one pass takes; the next one goes on."""


@dataclass(frozen=True, slots=True)
class Swept:
    """How much was swept away."""

    plantings: int = 0
    forks: int = 0


class Orphans:
    """Of all conversations. `sweep` takes away all that belongs to one."""

    def __init__(
        self, db: AsyncDatabase[Record], limits: TreeLimits, sweep: Callable[[PydanticObjectId], Awaitable[None]]
    ) -> None:
        self._db = db
        self._limits = limits
        self._sweep = sweep

    async def run(self, before: datetime) -> Swept:
        """Sweep away what nobody has worked at since `before`."""
        found = await dead(self._db, before, PLANTINGS)
        for conversation_id in found:
            await self._sweep(conversation_id)
            await forget(self._db, conversation_id)
        return Swept(len(found), await self._forks(before))

    async def _forks(self, before: datetime) -> int:
        """First buckets of branches that were never given their ordinal. How many were taken away."""
        swept = seen = 0
        fields = {"conversation_id": 1, "branch": 1, "unnumbered": 1, "lineage": 1}
        old = {"unnumbered": {"$lt": ObjectId.from_datetime(before)}}
        async for bucket in self._db.buckets.find(old, fields, batch_size=FORKS):
            seen += 1
            swept += await self._fork(bucket)
            if seen == FORKS:
                break
        return swept

    async def _fork(self, bucket: Record) -> bool:
        """Complete it where it has a name; else it is nobody's, and goes unless it gets one just now."""
        at = {"conversation_id": bucket["conversation_id"], "branch": bucket["branch"]}
        named = await self._db.branches.find_one(at, {"ordinal": 1})
        conversation = await self._db.conversations.find_one({"_id": bucket["conversation_id"]}, {"slot_width": 1})
        if named is None or conversation is None:
            # One, whose mark is its own; of many, as shards want it where the query has neither their key nor an `_id`.
            gone = await self._db.buckets.delete_many({"unnumbered": bucket["unnumbered"]})
            return gone.deleted_count > 0
        buckets = Buckets(self._db, bucket["conversation_id"], conversation["slot_width"], self._limits)
        lineage = Lineage.of(bucket["branch"], bucket["lineage"])
        await Forks(self._db, buckets, PlaceLocks()).complete(lineage, named["ordinal"])
        return False
