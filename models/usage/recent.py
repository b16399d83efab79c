"""What the conversations of some owners have of a time, found by that time: others of theirs aren't even listed.

Tallies and marked buckets say whose they are. An owner never changes. Those that don't say it yet (an older worker's)
are anybody's until the conversation is known, and are read first: who is told of his meanwhile is then read twice, and
never missed.
"""

from typing import Final

from bson import ObjectId
from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record
from models.usage.packing import milliseconds
from models.usage.question import UsageFilter
from models.usage.reach import Recent, UsageReach

MOST_OWNERS: Final = 10
MOST: Final = 2_000
"""Pages, and marked buckets. Where there are more, listing conversations is as cheap: so what is too much for a
question never depends on what its asker doesn't see."""


async def recent(db: AsyncDatabase[Record], reach: UsageReach, wanted: UsageFilter) -> Recent | None:
    """None where conversations are better listed."""
    owners = reach.owners(wanted)
    if wanted.since is None or wanted.conversation_id is not None or not 0 < len(owners) <= MOST_OWNERS:
        return None
    # As in `reading`: marked buckets first, so that none is missed that is rolled up meanwhile.
    query: Record = {"uncounted": True, "owner_id": {"$in": [None, *owners]}}
    marked = await db.buckets.find(query, {"conversation_id": 1}, batch_size=MOST).limit(MOST + 1).to_list()
    ids: set[ObjectId] = {bucket["conversation_id"] for bucket in marked}
    pages = 0
    for owner in (None, *owners):
        stages: list[Record] = [
            *written(owner, wanted),
            {"$limit": MOST + 1},
            {"$project": {"_id": 0, "conversation_id": 1}},
        ]
        found = await (await db.tallies.aggregate(stages, batchSize=MOST)).to_list()
        ids |= {page["conversation_id"] for page in found}
        pages += len(found)
        if max(len(marked), pages) > MOST:
            return None
    return Recent(owners, ids)


def written(owner: ObjectId | None, wanted: UsageFilter) -> list[Record]:
    """The stages that find the pages of an owner, or of those who aren't known yet, which overlap with the time."""
    since = {} if wanted.since is None else {"until": {"$gte": milliseconds(wanted.since)}}
    until = [] if wanted.until is None else [{"$match": {"since": {"$lt": milliseconds(wanted.until)}}}]
    return [{"$match": {"owner_id": owner} | since}, *until]
