"""Building the index anew while it serves: what is searched changes at once, when all of the new is there."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Final

from beanie import PydanticObjectId
from pymongo.asynchronous.database import AsyncDatabase

from models.clock import now
from models.database import Record
from models.search import outbox
from models.search.analysis import VERSION
from models.search.entries import Entry
from models.search.indexer import Indexer
from models.search.manifest import Aside, Manifest, Part, change_manifest, read_manifest
from models.search.segments import Segment

CONVERSATIONS: Final = 100
"""Read at a time."""
MESSAGES: Final = 20_000
"""To a new segment, about."""


async def renewed(db: AsyncDatabase[Record]) -> int:
    """Build anew what an older release made of the texts; how many messages, 0 where there is nothing to do."""
    return await rebuild(db) if (await read_manifest(db)).analysis < VERSION else 0


async def rebuild(db: AsyncDatabase[Record], progress: Callable[[int], None] = lambda _: None) -> int:
    """Read every bucket, and return how many messages are in the new index.

    What comes meanwhile is indexed as always, and stays. A crash before the end leaves the old index as it was, and
    segments that the next sweep takes.
    """
    indexer = Indexer(db)
    whole = await indexer.begin()  # as long as it stands there, nothing counts as forgotten: it may have been read here
    before = {part.id for part in (await read_manifest(db)).parts}
    made: list[Segment] = []
    entries: dict[bytes, Entry] = {}
    count = 0
    async for found in _batches(db):
        entries |= {entry.key: entry for entry in await asyncio.to_thread(_all, found)}
        if len(entries) >= MESSAGES:
            made.append(await indexer.build(list(entries.values()), await indexer.begin()))
            count += len(entries)
            entries = {}
            progress(count)
    if entries:
        made.append(await indexer.build(list(entries.values()), await indexer.begin()))
        count += len(entries)
    await change_manifest(db, lambda manifest: replaced(manifest, before, made).swept(whole))
    progress(count)
    return count


def replaced(manifest: Manifest, before: set[str], made: list[Segment]) -> Manifest:
    """The manifest with `made` instead of what was there before.

    Segments that came meanwhile stay, those made by merging old ones among them: what they hold twice is found once.
    """
    old = [part for part in manifest.parts if part.id in before]
    kept = [part for part in manifest.parts if part.id not in before]
    new = [Part(segment.id, segment.documents) for segment in made]
    ids = {part.id for part in new}
    return replace(
        manifest,
        analysis=VERSION,
        parts=(*new, *kept),
        building=tuple(aside for aside in manifest.building if aside.id not in ids),
        retired=(*manifest.retired, *(Aside(part.id, now()) for part in old)),
    )


def _all(found: outbox.Batch) -> list[Entry]:
    return found.entries(everything=True)


async def _batches(db: AsyncDatabase[Record]) -> AsyncIterator[outbox.Batch]:
    """All buckets, a few conversations at a time: the embedded server reads what it is asked for at once."""
    ids: list[PydanticObjectId] = []
    async for conversation in db.conversations.find({}, {"_id": 1}, batch_size=10_000):
        ids.append(conversation["_id"])
        if len(ids) == CONVERSATIONS:
            async for found in _of(db, ids):
                yield found
            ids = []
    async for found in _of(db, ids):
        yield found


async def _of(db: AsyncDatabase[Record], ids: list[PydanticObjectId]) -> AsyncIterator[outbox.Batch]:
    buckets: list[Record] = []
    size = 0
    async for bucket in db.buckets.find({"conversation_id": {"$in": ids}}, batch_size=20):
        buckets.append(bucket)
        size += bucket["size"]
        if size >= outbox.BATCH_BYTES:
            yield await outbox.batch(db, buckets)
            buckets, size = [], 0
    if buckets:
        yield await outbox.batch(db, buckets)
