"""Parts of buckets that are known by their ids, for several readers in one call, whichever conversations they read.

By what a page is found by otherwise, only one conversation's buckets can be read at a time.
"""

from collections.abc import Collection, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

from beanie import PydanticObjectId
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record
from models.shared_reads import SharedReads
from models.tree.buckets import TAIL_FIELDS
from models.tree.cuts import Cut, Cuts

RAW: Final = CodecOptions(document_class=RawBSONDocument)


class Slice(NamedTuple):
    """The messages of a bucket at depths `start <= depth < stop`; more of them may come."""

    conversation_id: PydanticObjectId
    bucket_id: PydanticObjectId
    start: int
    stop: int


Slices = SharedReads[Slice, Cut]


def slices(db: AsyncDatabase[Record], cuts: Cuts) -> Slices:
    """Of one worker."""
    return SharedReads(partial(_read, db.get_collection("buckets", codec_options=RAW), cuts))


async def _read(buckets: Any, cuts: Cuts, wanted: Collection[Slice]) -> Mapping[Slice, Cut]:
    spans: dict[PydanticObjectId, tuple[int, int]] = {}
    for each in wanted:
        start, stop = spans.get(each.bucket_id, (each.start, each.stop))
        spans[each.bucket_id] = min(start, each.start), max(stop, each.stop)
    stages: list[Record] = [
        {"$match": {"_id": {"$in": list(spans)}}},
        # MongoDB makes one of both, and asks only the shards that these are on.
        {"$match": {"conversation_id": {"$in": list({each.conversation_id for each in wanted})}}},
        {"$project": {"conversation_id": 1, **TAIL_FIELDS, "tail": 1, "messages": _within(spans)}},
    ]
    cursor = await buckets.aggregate(stages, batchSize=len(spans) + 1)
    # Bytes of their own: the driver gives a view, which keeps its whole reply, and compares one byte after the other.
    found = {cut.place: cut for cut in [cuts.of(bytes(each.raw)) for each in await cursor.to_list()]}
    return {each: found[each[:2]] for each in wanted if each[:2] in found}


def _within(spans: Mapping[PydanticObjectId, tuple[int, int]]) -> Record:
    """Of a bucket's messages those that are wanted of it."""
    starts, stops = zip(*spans.values(), strict=True)
    bounds = {
        name: {"$arrayElemAt": [list(values), {"$indexOfArray": [list(spans), "$_id"]}]}
        for name, values in (("start", starts), ("stop", stops))
    }
    inside = {"$and": [{"$gte": ["$$m.depth", "$$start"]}, {"$lt": ["$$m.depth", "$$stop"]}]}
    return {"$let": {"vars": bounds, "in": {"$filter": {"input": "$messages", "as": "m", "cond": inside}}}}
