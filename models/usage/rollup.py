"""Rolling up: marked buckets get true tallies. It may be done anywhere, by several at once, and die at any point.

A tally counts as long as its bucket isn't marked, and is never older than the unmarking of its bucket says. It is
stored as pending, with who stored it; then the bucket is unmarked, if it is what was read; then, if the bucket is still
there, the tally is made final. Whoever counts looks whether a pending tally has a bucket: so none is counted whose
bucket was deleted meanwhile.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from dataclasses import dataclass
from secrets import token_hex
from typing import Any, Final

from bson import Binary, Int64, ObjectId
from pymongo import UpdateOne
from pymongo.asynchronous.database import AsyncDatabase

from models.clock import now
from models.database import Record
from models.tree.latecomers import caught_up
from models.tree.tallies import page
from models.usage.outbox import FIELDS, published
from models.usage.packing import Packed, pack

AT_ONCE: Final = 200
"""Buckets: some megabytes of what a tally is made of."""
LISTED: Final = 20_000
"""Marked buckets looked up at a time."""


@dataclass(frozen=True, slots=True)
class _Made:
    bucket: Record
    packed: Packed
    owner_id: ObjectId

    @property
    def place(self) -> Record:
        """Of its page."""
        bucket = self.bucket
        return {
            "conversation_id": bucket["conversation_id"],
            "branch": bucket["branch"],
            "page": page(bucket["first_depth"]),
        }

    @property
    def field(self) -> str:
        return f"buckets.{self.bucket['_id']}"

    @property
    def changes(self) -> int:
        return int(self.bucket.get("changes", 0))

    def entry(self, by: str | None = None) -> Record:
        """What is stored; `by` whom, as long as it is pending."""
        data = Binary(self.packed.data)
        entry: Record = {"depth": self.bucket["first_depth"], "changes": self.changes, "data": data}
        return entry if by is None else entry | {"pending": by}


class Rollup:
    """Makes tallies."""

    def __init__(self, db: AsyncDatabase[Record]) -> None:
        self._db = db

    async def run(self) -> int:
        """Take all that is marked, and return how many buckets that were. What is marked meanwhile may be left."""
        done, after = 0, ObjectId(bytes(12))
        while True:
            query = {"uncounted": True, "conversation_id": {"$gte": after}}
            keys = await self._db.buckets.find(query, {"conversation_id": 1}, batch_size=5_000).limit(LISTED).to_list()
            for some in _batches([key["_id"] for key in keys]):
                done += await self.take(some)
            last = max((key["conversation_id"] for key in keys), default=after)
            if len(keys) < LISTED:
                return done
            after = last if last > after else _next(last)

    async def take(self, ids: Sequence[ObjectId]) -> int:
        """Roll these up, marked or not; how many. Those that nobody can find yet are left, marked as they are.

        So are those with a message that was stored just now, and isn't counted on its conversation.
        """
        found = await self._db.buckets.find({"_id": {"$in": list(ids)}}, FIELDS, batch_size=AT_ONCE).to_list()
        owners = await owners_of(self._db, {bucket["conversation_id"] for bucket in found})
        # Without those of conversations that aren't there yet: an import stores these last.
        buckets = await published(self._db, [each for each in found if each["conversation_id"] in owners])
        buckets = await caught_up(self._db, buckets)
        made = await asyncio.to_thread(
            lambda: [_Made(each, pack(each["messages"]), owners[each["conversation_id"]]) for each in buckets]
        )
        if not made:
            return 0
        by = token_hex(8)
        await self._db.tallies.bulk_write([_stored(each, by) for each in made], ordered=False)
        await self._db.buckets.bulk_write([_unmarked(each) for each in made], ordered=False)
        there = {each["_id"] async for each in self._there(each.bucket["_id"] for each in made)}
        final = [_final(each, by) if each.bucket["_id"] in there else _dropped(each) for each in made]
        await self._db.tallies.bulk_write(final, ordered=False)
        return len(made)

    async def _there(self, ids: Iterable[ObjectId]) -> AsyncIterator[Record]:
        async for each in self._db.buckets.find({"_id": {"$in": list(ids)}}, {"_id": 1}, batch_size=AT_ONCE):
            yield each


async def owners_of(db: AsyncDatabase[Record], conversation_ids: Collection[ObjectId]) -> dict[ObjectId, ObjectId]:
    """Whose those of the conversations are that are there."""
    found = db.conversations.find({"_id": {"$in": list(conversation_ids)}}, {"owner_id": 1}, batch_size=1_000)
    return {each["_id"]: each["owner_id"] async for each in found}


def _next(id_: ObjectId) -> ObjectId:
    return ObjectId(((int.from_bytes(id_.binary) + 1) % 2**96).to_bytes(12))


def _batches(ids: Sequence[ObjectId]) -> list[Sequence[ObjectId]]:
    return [ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE)]


def _stored(made: _Made, by: str) -> UpdateOne:
    """As pending, unless a newer one is there, or a final one of the same reading."""
    there = f"${made.field}"
    newer: Record = {"$gt": [made.changes, {"$ifNull": [f"{there}.changes", -2]}]}
    same: Record = {"$eq": [made.changes, f"{there}.changes"]}
    pending: Record = {"$gt": [{"$ifNull": [f"{there}.pending", None]}, None]}
    replaces: Record = {"$or": [newer, {"$and": [same, pending]}]}
    entry = {"$cond": [replaces, {"$literal": made.entry(by)}, there]}
    fields: Record = {made.field: entry, "owner_id": made.owner_id, "pending_at": now()}
    if made.packed.since is not None and made.packed.until is not None:
        fields["since"] = {"$min": ["$since", Int64(made.packed.since)]}
        fields["until"] = {"$max": ["$until", Int64(made.packed.until)]}
    return UpdateOne(made.place, [{"$set": fields}], upsert=True)


def _unmarked(made: _Made) -> UpdateOne:
    """If it is as it was read."""
    bucket = made.bucket
    key = {name: bucket[name] for name in ("conversation_id", "slot", "first_depth")}
    same: Any = {
        "$and": [
            {"$eq": ["$_id", bucket["_id"]]},
            {"$eq": [{"$ifNull": ["$changes", 0]}, bucket.get("changes", 0)]},
        ]
    }
    mark = {"$cond": [same, "$$REMOVE", "$uncounted"]}
    return UpdateOne(key, [{"$set": {"uncounted": mark, "owner_id": {"$ifNull": ["$owner_id", made.owner_id]}}}])


def _final(made: _Made, by: str) -> UpdateOne:
    there = f"${made.field}"
    mine = {"$eq": [f"{there}.pending", by]}
    entry = {"$cond": [mine, {"$literal": made.entry()}, there]}
    return UpdateOne(made.place, [{"$set": {made.field: entry}}, still_pending("$pending_at")])


def _dropped(made: _Made) -> UpdateOne:
    return UpdateOne(made.place, [{"$unset": made.field}, still_pending("$pending_at")])


def still_pending(since: Any) -> Record:
    """The stage that says since when a page has pending tallies, or that it has none: so they can be found."""
    entries = {"$objectToArray": {"$ifNull": ["$buckets", {}]}}
    some = {"$filter": {"input": entries, "as": "each", "cond": {"$gt": ["$$each.v.pending", None]}}}
    return {"$set": {"pending_at": {"$cond": [{"$gt": [{"$size": some}, 0]}, since, "$$REMOVE"]}}}
