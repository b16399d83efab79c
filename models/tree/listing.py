"""The list of a conversation's branches, oldest first, read in bounded windows of time.

An index answers each window. The embedded server reads all that a filter matches, whatever the limit: so the windows
begin small, and grow where little is found.
"""

from collections.abc import Collection
from datetime import timedelta
from typing import Final, NamedTuple

from beanie import PydanticObjectId
from bson import ObjectId
from pymongo.asynchronous.database import AsyncDatabase

from models.clock import now
from models.database import Record
from models.tree.address import MAIN

BATCH: Final = 1_000
MINUTE: Final = timedelta(minutes=1)
GROWTH: Final = 16
SKEW: Final = timedelta(days=1)
"""Ids begin with the time of the worker that made them, and workers' clocks differ."""


class Listed(NamedTuple):
    """A branch's place in the list, and its name."""

    place: PydanticObjectId
    branch: str


async def list_branches(
    db: AsyncDatabase[Record], conversation_id: PydanticObjectId, after: PydanticObjectId | None, size: int
) -> list[Listed]:
    """`size` branches that come after the place `after`."""
    found: list[Listed] = []
    start = after or await _beginning(db, conversation_id)
    window = MINUTE if after else MINUTE + SKEW
    while len(found) < size:
        end = start.generation_time + window
        bounds: Record = {"$gt": start}
        if end < now() + SKEW:
            bounds["$lt"] = ObjectId.from_datetime(end)
        query = {"conversation_id": conversation_id, "_id": bounds}
        some = db.branches.find(query, {"branch": 1}).sort("_id").limit(size - len(found))
        found += [Listed(each["_id"], each["branch"]) async for each in some]
        if "$lt" not in bounds:
            return found
        start, window = PydanticObjectId(ObjectId.from_datetime(end - timedelta(seconds=1))), window * GROWTH
        start = max(start, found[-1].place) if found else start
    return found


async def list_named(
    db: AsyncDatabase[Record],
    conversation_id: PydanticObjectId,
    branches: Collection[str],
    after: PydanticObjectId | None,
    size: int,
) -> list[Listed]:
    """The same of those of `branches` that exist."""
    query = {"conversation_id": conversation_id, "branch": {"$in": list(branches)}}
    cursor = db.branches.find(query, {"branch": 1}, batch_size=BATCH)
    found = [Listed(each["_id"], each["branch"]) async for each in cursor]
    return sorted(each for each in found if after is None or each.place > after)[:size]


async def _beginning(db: AsyncDatabase[Record], conversation_id: PydanticObjectId) -> PydanticObjectId:
    """Before any branch: the first one is made with the conversation."""
    first = await db.branches.find_one({"conversation_id": conversation_id, "branch": MAIN}, {"_id": 1})
    begun = first["_id"].generation_time if first else now()
    return PydanticObjectId(ObjectId.from_datetime(begun - SKEW))
