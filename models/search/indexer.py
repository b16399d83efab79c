"""Keeps the index true: takes what is new, merges what is small, forgets what is gone, sweeps what is left over."""

import asyncio
import math
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from pymongo.asynchronous.database import AsyncDatabase

from models.clock import now
from models.database import Record
from models.search import outbox
from models.search.documents import Stretch
from models.search.entries import Entry
from models.search.manifest import Manifest, Part, change_manifest, read_manifest
from models.search.merging import MissingPageError, merge
from models.search.removals import affected
from models.search.segments import Segment, SegmentWriter, built, new_id, sweep

FANOUT: Final = 8
"""So many segments of one size become one: a message is rewritten once for each eightfold of all."""
LARGEST: Final = 200_000
"""Messages in a segment that isn't merged any more: a merge holds some 150 bytes a message in memory."""
GRACE: Final = timedelta(seconds=60)
"""How long a replaced segment stays for those who are reading it."""
ABANDONED: Final = timedelta(hours=6)
"""After so long nobody is building any more."""


class Indexer:
    """Its methods may run beside each other, and in several workers: the manifest decides."""

    def __init__(self, db: AsyncDatabase[Record], fanout: int = FANOUT) -> None:
        self._db = db
        self._fanout = fanout

    async def take(self) -> int:
        """Index a batch of what is new, and return how many messages that were."""
        ids = await outbox.waiting(self._db)
        if not ids:
            return 0
        id_ = await self.begin()
        found = await outbox.taken(self._db, ids)
        entries = await asyncio.to_thread(found.entries)
        if entries:
            await self.publish(await self.build(entries, id_))
        else:
            await self.give_up(id_)
        await outbox.settle(self._db, found)
        return len(entries)

    async def recall(self) -> None:
        """See whether conversations have come for which buckets wait."""
        await outbox.recall(self._db)

    async def begin(self) -> str:
        """The id of a segment to be built. Messages are read after that, so that `forget` knows that they may be in it.

        What was read before, and then went for good, would be in the index with nobody left to take it out.
        """
        id_ = new_id()
        await change_manifest(self._db, lambda manifest: manifest.begin(id_))
        return id_

    async def give_up(self, id_: str) -> None:
        """It will not be built."""
        await change_manifest(self._db, lambda manifest: manifest.swept(id_))

    async def build(self, entries: Sequence[Entry], id_: str) -> Segment:
        """The segment of `entries`, not yet published."""
        keys, postings = await asyncio.to_thread(built, entries)
        writer = SegmentWriter(self._db, id_)
        await writer.documents(keys)
        await writer.postings(postings)
        return await writer.close()

    async def publish(self, segment: Segment, instead: frozenset[str] = frozenset()) -> bool:
        """Have it searched, instead of those; False where somebody was faster, and it is left to be swept."""
        part = Part(segment.id, segment.documents)
        return await change_manifest(self._db, lambda manifest: manifest.publish(part, instead)) is not None

    async def merge(self) -> bool:
        """Merge segments of one size, if there are many; whether there were."""
        chosen = mergeable(await read_manifest(self._db), self._fanout)
        if not chosen:
            return False
        await self._merge([part.id for part in chosen], ())
        return True

    async def forget(self) -> int:
        """Rewrite the segments that hold what was removed for good; return how many removals are done."""
        removals = await self._db.search_removals.find({}).limit(1_000).to_list()
        drop = [Stretch(bytes(each["low"]), bytes(each["high"])) for each in removals]
        if not drop:
            return 0
        for part in (await read_manifest(self._db)).parts:
            segment = await self._segment(part.id)
            if segment is None or await affected(self._db, segment, drop):
                await self._merge([part.id], drop)
        after = await read_manifest(self._db)
        if after.building:  # it may be in what is not searched yet: then the next round looks again
            return 0
        for id_ in (part.id for part in after.parts):  # or in what a merge beside this one has made
            segment = await self._segment(id_)
            if segment is None or await affected(self._db, segment, drop):
                return 0
        await self._db.search_removals.delete_many({"_id": {"$in": [each["_id"] for each in removals]}})
        return len(removals)

    async def sweep(self) -> None:
        """Delete segments that were replaced a while ago, or that nobody goes on building."""
        manifest = await read_manifest(self._db)
        moment = now()
        old = [each.id for each in manifest.retired if each.at < moment - GRACE]
        old += [each.id for each in manifest.building if each.at < moment - ABANDONED]
        for id_ in old:
            await sweep(self._db, id_)
            await change_manifest(self._db, lambda manifest, id_=id_: manifest.swept(id_))  # type: ignore[misc]

    async def _merge(self, ids: Sequence[str], drop: Sequence[Stretch]) -> None:
        found = [await self._segment(id_) for id_ in ids]
        segments = [segment for segment in found if segment]
        if len(segments) == len(ids):
            id_ = await self.begin()
            try:
                await self.publish(await merge(self._db, segments, id_, drop), frozenset(ids))
            except MissingPageError:
                return  # somebody else has merged and swept them

    async def _segment(self, id_: str) -> Segment | None:
        record = await self._db.search_segments.find_one({"_id": id_})
        return Segment.of(record) if record else None


def mergeable(manifest: Manifest, fanout: int = FANOUT) -> list[Part]:
    """The smallest segments of one size, if there are enough of them."""
    sizes: dict[int, list[Part]] = defaultdict(list)
    for part in manifest.parts:
        if part.documents < LARGEST:
            sizes[int(math.log(part.documents, fanout))].append(part)
    full = [size for size, parts in sizes.items() if len(parts) >= fanout]
    return sizes[min(full)] if full else []
