"""Repair of what workers left behind: tallies left pending by one that died, and pages by one that knew no owners."""

from datetime import datetime
from typing import Any, Final

from bson import ObjectId
from pymongo import UpdateOne
from pymongo.asynchronous.database import AsyncDatabase

from models.clock import now
from models.database import Record
from models.usage.rollup import Rollup, owners_of, still_pending

AT_ONCE: Final = 500
PAGES: Final = 100
"""With pending tallies, to a round: each has twenty at most."""
NOBODY: Final = ObjectId(bytes(12))
"""Owns the pages of conversations that are gone."""


async def settle(db: AsyncDatabase[Record], before: datetime) -> int:
    """Make final, or drop, what has been pending since before that time; how many pages were looked at."""
    pages = await db.tallies.find({"pending_at": {"$lt": before}}).limit(PAGES).to_list()
    rollup = Rollup(db)
    for page in pages:
        pending = {ObjectId(name) for name, entry in page.get("buckets", {}).items() if "pending" in entry}
        await rollup.take(list(pending))
        found = db.buckets.find({"_id": {"$in": list(pending)}}, {"_id": 1}, batch_size=AT_ONCE)
        gone = pending - {bucket["_id"] async for bucket in found}
        dropped: list[Record] = [{"$unset": [f"buckets.{id_}" for id_ in gone]}] if gone else []
        # What can't be made final yet is looked at again after all others.
        await db.tallies.update_one(_place(page), [*dropped, still_pending(now())])
    return len(pages)


async def adopt(db: AsyncDatabase[Record]) -> int:
    """Say whose the pages are which don't: of an older worker, or from before it was said. How many there were."""
    count, some = 0, list[Record]()
    fields = {"conversation_id": 1, "branch": 1, "page": 1}
    async for page in db.tallies.find({"owner_id": None}, fields, batch_size=10_000):
        some.append(page)
        if len(some) == AT_ONCE:
            count, some = count + await _adopted(db, some), []
    return count + await _adopted(db, some)


async def _adopted(db: AsyncDatabase[Record], pages: list[Record]) -> int:
    owners = await owners_of(db, {page["conversation_id"] for page in pages})
    updates = []
    for page in pages:
        owner: Any = {"$ifNull": ["$owner_id", owners.get(page["conversation_id"], NOBODY)]}
        since = {"$ifNull": ["$pending_at", now()]}
        updates.append(UpdateOne(_place(page), [{"$set": {"owner_id": owner}}, still_pending(since)]))
    if updates:
        await db.tallies.bulk_write(updates, ordered=False)
    return len(updates)


async def name_owners(db: AsyncDatabase[Record]) -> int:
    """Say in all marked buckets whose they are, as new ones do; others are told when they are rolled up next."""
    count, some = 0, list[Record]()
    fields = {"conversation_id": 1, "slot": 1, "first_depth": 1}
    async for bucket in db.buckets.find({"uncounted": True, "owner_id": None}, fields, batch_size=10_000):
        some.append(bucket)
        if len(some) == AT_ONCE:
            count, some = count + await _named(db, some), []
    return count + await _named(db, some)


async def _named(db: AsyncDatabase[Record], buckets: list[Record]) -> int:
    owners = await owners_of(db, {bucket["conversation_id"] for bucket in buckets})
    updates = [
        UpdateOne(
            {name: bucket[name] for name in ("conversation_id", "slot", "first_depth")}, {"$set": {"owner_id": owner}}
        )
        for bucket in buckets
        if (owner := owners.get(bucket["conversation_id"]))
    ]
    if updates:
        await db.buckets.bulk_write(updates, ordered=False)
    return len(updates)


def _place(page: Record) -> Record:
    return {name: page[name] for name in ("conversation_id", "branch", "page")}
