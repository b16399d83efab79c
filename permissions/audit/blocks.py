"""The chain in MongoDB: read by number, grown at its end by whoever is first."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError, DuplicateKeyError

from models.clock import now
from models.database import Record
from permissions.audit.chain import GENESIS, Head, Sealer

WINDOW: Final = 100
"""Blocks to read at once."""
DUPLICATE_KEY: Final = 11000
HEADS: Final = {"_id": 1, "digest": 1, "at": 1}


class Blocks:
    """Numbers have no gaps, so blocks are asked for by number: on no store does that need a scan or a sort."""

    def __init__(self, db: AsyncDatabase[Record]) -> None:
        self._blocks: Final = db.audit_blocks
        self._checkpoints: Final = db.audit_checkpoints

    async def append(
        self, head: Head, parts: Sequence[Sequence[Record]], sealer: Sealer, maybe: frozenset[str] = frozenset()
    ) -> Head:
        """Put a block of each part at the end, which may have moved on from `head`, and return the new end.

        They are stored in their order, with one call: whoever dies on the way leaves the first of them. Decisions in
        `maybe` may have come before: those that are there are left out.
        """
        at = now()  # a block that is made again is the same
        if maybe:
            head = await self.end(head)
            parts = await self._new(parts, maybe)
        while parts:
            blocks = sealer.chain(head, parts, at)
            try:
                await self._blocks.insert_many(blocks)
                return Head.of(blocks[-1])
            except BulkWriteError as error:
                failed = _duplicate(error)
                block, before = blocks[failed], Head.of(blocks[failed - 1]) if failed else head
                # Another worker was first; or we were, and the answer got lost on its way.
                there = await self.head(block["_id"])
                if there is not None and there.digest == block["digest"]:
                    head, parts = there, parts[failed + 1 :]
                else:
                    head, parts = await self.end(there or before), parts[failed:]
                    # An earlier try may have arrived just now: not later, for its place is taken.
                    parts = await self._new(parts, maybe)
        return head

    async def _new(self, parts: Sequence[Sequence[Record]], maybe: frozenset[str]) -> Sequence[Sequence[Record]]:
        """The same without the decisions in `maybe` that are stored, or come a second time."""
        asked = [record["decision"] for part in parts for record in part if record.get("decision") in maybe]
        if not asked:
            return parts
        blocks = await self._blocks.find({"records.decision": {"$in": asked}}, {"records.decision": 1}).to_list()
        there = {record.get("decision") for block in blocks for record in block["records"]} & maybe
        left: list[list[Record]] = []
        for part in parts:
            left.append([])
            for record in part:
                decision = record.get("decision")
                if decision not in there:
                    left[-1].append(record)
                if decision in maybe:
                    there.add(decision)
        return [part for part in left if part]

    async def head(self, number: int) -> Head | None:
        """The block of that number, as a head."""
        found = await self._blocks.find_one({"_id": number}, HEADS)
        return Head.of(found) if found else None

    async def end(self, head: Head) -> Head:
        """The end of the chain, going on from `head`."""
        while True:
            numbers = range(head.number + 1, head.number + 1 + WINDOW)
            following = {each.number: each for each in await self._heads(numbers)}
            for number in numbers:
                if number not in following:
                    return head
                head = following[number]

    async def search_end(self) -> Head:
        """The end of the chain, when nothing is known of it. A gap may mislead it: verifying finds gaps."""
        last = await self.start()
        step = 1
        while found := await self._heads([last.number + step * number for number in range(1, WINDOW)]):
            last, step = max(found), step * WINDOW
        while step > 1:
            step //= WINDOW
            found = await self._heads([last.number + step * number for number in range(1, WINDOW)])
            last = max([last, *found])
        return await self.end(last)

    async def start(self) -> Head:
        """What comes before the oldest block: what was cut, as its newest checkpoint has it."""
        checkpoints = await self.checkpoints()
        if not checkpoints:
            return GENESIS
        newest = max(checkpoints, key=lambda each: int(each["_id"]))
        return Head.of(newest)

    async def checkpoints(self) -> list[Record]:
        """All of them: one a cut, and only the newest is kept."""
        return await self._checkpoints.find({}).to_list()

    async def keep_checkpoint(self, checkpoint: Record) -> None:
        """Store it, unless another worker just did, and let go of older ones."""
        older = [each["_id"] for each in await self.checkpoints() if each["_id"] < checkpoint["_id"]]
        with suppress(DuplicateKeyError):
            await self._checkpoints.insert_one(checkpoint)
        await self._checkpoints.delete_many({"_id": {"$in": older}})

    async def walk(self, after: int, last: int) -> AsyncIterator[Record]:
        """The blocks from the one that follows `after` to `last`, by number."""
        for first in range(after + 1, last + 1, WINDOW):
            numbers = range(first, min(first + WINDOW, last + 1))
            found = await self._blocks.find({"_id": {"$in": list(numbers)}}).to_list()
            for block in sorted(found, key=lambda each: int(each["_id"])):
                yield block

    async def strangers(self, last: int) -> list[Any]:
        """The ids of what is in the collection, and can't be in a chain that ends with `last`. Reads them all."""
        ids = [each["_id"] async for each in self._blocks.find({}, {"_id": 1})]
        return [each for each in ids if not isinstance(each, int) or isinstance(each, bool) or not 0 < each <= last]

    async def older_than(self, moment: datetime) -> Head | None:
        """The last block from before `moment`, if there is any."""
        pipeline: list[Record] = [
            {"$match": {"at": {"$lt": moment}}},
            {"$project": HEADS},
            {"$sort": {"_id": -1}},
            {"$limit": 1},
        ]
        found = await (await self._blocks.aggregate(pipeline)).to_list()
        return Head.of(found[0]) if found else None

    async def delete_to(self, last: Head) -> int:
        """Remove the blocks up to `last`, and return how many there were. The oldest go first."""
        removed = 0
        while oldest := await self._not_after(last):
            for first in range(0, len(oldest), WINDOW):
                result = await self._blocks.delete_many({"_id": {"$in": oldest[first : first + WINDOW]}})
                removed += result.deleted_count
        return removed

    async def _not_after(self, last: Head) -> list[int]:
        """Numbers of a good many blocks up to `last`."""
        pipeline: list[Record] = [
            {"$match": {"at": {"$lte": last.at}}},
            {"$match": {"_id": {"$lte": last.number}}},
            {"$project": {"_id": 1}},
            {"$sort": {"_id": 1}},
            {"$limit": 100 * WINDOW},
        ]
        return [each["_id"] for each in await (await self._blocks.aggregate(pipeline)).to_list()]

    async def find(self, decision_id: str) -> tuple[int, Record] | None:
        """The block's number, and the record of that decision."""
        block = await self._blocks.find_one({"records.decision": decision_id})
        if block is None:
            return None
        number, records = block["_id"], block["records"]
        return next(((number, each) for each in records if each.get("decision") == decision_id), None)

    async def _heads(self, numbers: Iterable[int]) -> list[Head]:
        found = self._blocks.find({"_id": {"$in": list(numbers)}}, HEADS)
        return [Head.of(each) for each in await found.to_list()]


def _duplicate(error: BulkWriteError) -> int:
    """Which of them had a number that is taken; those before it are stored. Raises `error` if that isn't why."""
    wrong = (error.details or {}).get("writeErrors") or [{}]
    if wrong[0].get("code") != DUPLICATE_KEY:
        raise error
    return int(wrong[0]["index"])
