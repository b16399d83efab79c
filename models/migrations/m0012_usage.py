"""Usage: tallies of buckets, by page and by time; and buckets whose tally isn't true, found by their mark."""

from typing import Final

from pymongo import ASCENDING as UP
from pymongo import IndexModel, UpdateOne
from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record
from models.tree.tallies import FRESH

INDEXES: Final[dict[str, list[IndexModel]]] = {
    "buckets": [IndexModel([("uncounted", UP), ("conversation_id", UP)], name="uncounted")],
    "tallies": [
        IndexModel([("conversation_id", UP), ("branch", UP), ("page", UP)], name="page", unique=True),
        IndexModel([("conversation_id", UP), ("until", UP)], name="time"),
    ],
}
CALL: Final = 500


async def apply(db: AsyncDatabase[Record]) -> None:
    """Make them, and mark what was stored before there were any: some at a time, a call may take ten seconds."""
    for collection, indexes in INDEXES.items():
        await db[collection].create_indexes(indexes)
    fields = {"conversation_id": 1, "slot": 1, "first_depth": 1, "changes": 1}
    marks: list[UpdateOne] = []
    async for bucket in db.buckets.find({}, fields, batch_size=10_000):
        if "changes" not in bucket:
            key = {name: bucket[name] for name in ("conversation_id", "slot", "first_depth")}
            fresh = {name: {"$ifNull": [f"${name}", value]} for name, value in FRESH.items()}
            marks.append(UpdateOne(key, [{"$set": fresh}]))
        if len(marks) == CALL:
            await db.buckets.bulk_write(marks, ordered=False)
            marks = []
    if marks:
        await db.buckets.bulk_write(marks, ordered=False)
