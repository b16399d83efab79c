"""What the conversations of some owners, or all, have of a time, found by that time: others aren't even listed.

Tallies and marked buckets say whose they are. An owner never changes. Those that don't say it yet (an older worker's)
are anybody's until the conversation is known, and are read first: who is told of his meanwhile is then read twice, and
never missed.
"""

from collections.abc import Sequence
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
MOST_OF_ALL: Final = 20_000
"""The same for whoever sees everything: listing is dearer then."""


async def recent(db: AsyncDatabase[Record], reach: UsageReach, wanted: UsageFilter) -> Recent | None:
    """None where conversations are better listed."""
    if wanted.since is None or wanted.conversation_id is not None:
        return None
    if reach.is_everything and wanted.owner_id is None:
        found = await _written_in(db, {}, [written({}, wanted)], MOST_OF_ALL)
        return None if found is None else Recent(None, found)
    owners = reach.owners(wanted)
    if not 0 < len(owners) <= MOST_OWNERS:
        return None
    queries = [written({"owner_id": owner}, wanted) for owner in (None, *owners)]
    found = await _written_in(db, {"owner_id": {"$in": [None, *owners]}}, queries, MOST)
    return None if found is None else Recent(owners, found)


async def _written_in(
    db: AsyncDatabase[Record], whose: Record, queries: Sequence[Sequence[Record]], most: int
) -> set[ObjectId] | None:
    """The conversations of marked buckets, and of what the queries find; None where that is more than `most`.

    As in `reading`: marked buckets first, so that none is missed that is rolled up meanwhile.
    """
    query: Record = {"uncounted": True, **whose}
    marked = await db.buckets.find(query, {"conversation_id": 1}, batch_size=MOST).limit(most + 1).to_list()
    ids: set[ObjectId] = {bucket["conversation_id"] for bucket in marked}
    pages = 0
    for stages in queries:
        named: list[Record] = [{"$limit": most + 1}, {"$project": {"_id": 0, "conversation_id": 1}}]
        found = await (await db.tallies.aggregate([*stages, *named], batchSize=MOST)).to_list()
        ids |= {page["conversation_id"] for page in found}
        pages += len(found)
        if max(len(marked), pages) > most:
            return None
    return ids


def written(whose: Record, wanted: UsageFilter) -> list[Record]:
    """The stages that find the pages of an owner, of those who aren't known yet, or all that overlap with the time."""
    since = {} if wanted.since is None else {"until": {"$gte": milliseconds(wanted.since)}}
    until = [] if wanted.until is None else [{"$match": {"since": {"$lt": milliseconds(wanted.until)}}}]
    return [{"$match": whose | since}, *until]
