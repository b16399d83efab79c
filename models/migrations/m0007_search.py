"""The full-text index: buckets whose messages it doesn't know are marked, and found by the mark."""

from pymongo import ASCENDING as UP
from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record


async def apply(db: AsyncDatabase[Record]) -> None:
    """Make the index of marks, and mark what was stored before there were any."""
    await db.buckets.create_indexes([IndexModel([("unindexed", UP)], name="unindexed", sparse=True)])
    await db.buckets.update_many({"unindexed": None, "indexed_to": None}, {"$set": {"unindexed": True}})
