"""Reading what there is to count: marked buckets as they are, and the tallies of all others.

INVARIANT: marked buckets first. What is rolled up in between is then counted as it was read, and never missed; so all
that was acknowledged before the question is in the answer.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bson import ObjectId
from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record
from models.usage.ends import Ends
from models.usage.outbox import marked
from models.usage.packing import Tally, milliseconds, pack
from models.usage.question import UsageFilter
from models.usage.reach import Recent, Seen
from models.usage.recent import written

AT_ONCE: Final = 1_000
"""Conversations to a call."""
SHEETS: Final = 4_000
"""Tallies handed on at a time."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A tally, and what is seen of it: messages at depths below `stop`. Its first message is at `first_depth`."""

    conversation: Seen
    first_depth: int
    stop: int
    tally: Tally


async def sheets(
    db: AsyncDatabase[Record], conversations: Sequence[Seen], wanted: UsageFilter, recent: Recent | None = None
) -> AsyncIterator[list[Sheet]]:
    """All that may hold something that is wanted, in lists. Raises `TooMuchUsageError`."""
    own = {each.id: each for each in conversations if recent and recent.has(each.owner_id)}
    if own and recent:
        whose: list[Record] = [{}]
        if recent.owners is not None:
            whose = [{"owner_id": owner} for owner in (None, *recent.owners)]
        async for found in _of(db, own, [written(each, wanted) for each in whose]):
            yield found
    others = [each for each in conversations if each.id not in own]
    for start in range(0, len(others), AT_ONCE):
        some = {each.id: each for each in others[start : start + AT_ONCE]}
        async for found in _of(db, some, [_within(list(some), wanted)]):
            yield found


async def _of(
    db: AsyncDatabase[Record], conversations: Mapping[ObjectId, Seen], queries: Sequence[Sequence[Record]]
) -> AsyncIterator[list[Sheet]]:
    buckets = await marked(db, list(conversations))
    ends = await Ends.read(db, conversations.values())
    fresh = await asyncio.to_thread(_packed, buckets)

    def sheet(conversation_id: ObjectId, branch: str, first_depth: int, tally: Tally) -> Sheet:
        return Sheet(conversations[conversation_id], first_depth, ends.of(conversation_id, branch), tally)

    yield [
        sheet(bucket["conversation_id"], bucket["branch"], bucket["first_depth"], tally)
        for bucket, tally in zip(buckets, fresh, strict=True)
    ]
    known = {bucket["_id"] for bucket in buckets}
    waiting: list[Sheet] = []
    async for pages in _pages(db, conversations, queries):
        there = await _there(db, pages)
        for page in pages:
            for name, entry in page.get("buckets", {}).items():
                id_ = ObjectId(name)
                if id_ in known or ("pending" in entry and id_ not in there):
                    continue
                tally = Tally.read(entry["data"])
                waiting.append(sheet(page["conversation_id"], page["branch"], entry["depth"], tally))
        if len(waiting) >= SHEETS:
            yield waiting
            waiting = []
    yield waiting


def _packed(buckets: Sequence[Record]) -> list[Tally]:
    return [Tally.read(pack(bucket["messages"]).data) for bucket in buckets]


def _within(ids: Sequence[ObjectId], wanted: UsageFilter) -> list[Record]:
    """The stages that find the pages of these conversations which overlap with the time."""
    since = None if wanted.since is None else {"until": {"$gte": milliseconds(wanted.since)}}
    until = None if wanted.until is None else {"since": {"$lt": milliseconds(wanted.until)}}
    within: Record = {"conversation_id": ids[0]} if len(ids) == 1 else {"conversation_id": {"$in": list(ids)}}
    if len(ids) == 1 and since:
        within |= since
        since = None
    return [{"$match": within}, *({"$match": each} for each in (since, until) if each)]


async def _pages(
    db: AsyncDatabase[Record], ids: Collection[ObjectId], queries: Sequence[Sequence[Record]]
) -> AsyncIterator[list[Record]]:
    """What any of the queries finds, each once, as many at a time as a megabyte or two hold."""
    pages: list[Record] = []
    size, known = 0, set[ObjectId]()
    for stages in queries:
        async for page in await db.tallies.aggregate(stages, batchSize=1_000):
            if page["conversation_id"] not in ids or page["_id"] in known:
                continue
            known.add(page["_id"])
            pages.append(page)
            size += len(page.get("buckets", ()))
            if size >= SHEETS:
                yield pages
                pages, size = [], 0
    yield pages


async def _there(db: AsyncDatabase[Record], pages: Sequence[Record]) -> set[ObjectId]:
    """The buckets of pending tallies that are there."""
    pending = [
        ObjectId(name) for page in pages for name, entry in page.get("buckets", {}).items() if "pending" in entry
    ]
    there: set[ObjectId] = set()
    for start in range(0, len(pending), AT_ONCE):
        query = {"_id": {"$in": pending[start : start + AT_ONCE]}}
        there |= {each["_id"] async for each in db.buckets.find(query, {"_id": 1}, batch_size=AT_ONCE)}
    return there
