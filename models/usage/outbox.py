"""Buckets whose tallies aren't true: marked by the write that changed them, read as they are until a tally is."""

from collections.abc import Iterable, Sequence
from typing import Final

from bson import ObjectId
from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record
from models.tree.address import MAIN

FIELDS: Final = {
    "conversation_id": 1,
    "branch": 1,
    "slot": 1,
    "first_depth": 1,
    "changes": 1,
    **{
        f"messages.{name}": 1
        for name in (
            *("depth", "role", "created_at", "author_id", "deleted_at", "removed", "nonce"),
            *(f"metadata.{name}" for name in ("llm_model", "tokens_used", "tokens_in", "tokens_out", "latency_ms")),
        )
    },
}
"""What a tally is made of: no word of what was said."""
SOME: Final = 2_000
"""As many marked buckets are looked at for whoever asks about many conversations, instead of asking for each."""
AT_ONCE: Final = 500


async def marked(db: AsyncDatabase[Record], conversation_ids: Sequence[ObjectId]) -> list[Record]:
    """The marked buckets of these conversations which can be read: those of a fork that is half made can't yet."""
    ids = conversation_ids
    if len(ids) > AT_ONCE:
        keys = await db.buckets.find({"uncounted": True}, {"conversation_id": 1}).limit(SOME).to_list()
        if len(keys) < SOME:
            wanted = set(ids)
            ids = list({key["conversation_id"] for key in keys} & wanted)
    found: list[Record] = []
    for start in range(0, len(ids), AT_ONCE):
        query = {"uncounted": True, "conversation_id": {"$in": list(ids[start : start + AT_ONCE])}}
        found += await db.buckets.find(query, FIELDS, batch_size=AT_ONCE).to_list()
    return await published(db, found)


async def published(db: AsyncDatabase[Record], buckets: Iterable[Record]) -> list[Record]:
    """Those that are on a branch which somebody can find: a fork's bucket is stored before its branch."""
    there = list(buckets)
    forks = [bucket for bucket in there if bucket["branch"] != MAIN]
    known: set[tuple[ObjectId, str]] = set()
    for start in range(0, len(forks), AT_ONCE):
        some = forks[start : start + AT_ONCE]
        stages: list[Record] = [
            {"$match": {"conversation_id": {"$in": list({bucket["conversation_id"] for bucket in some})}}},
            {"$match": {"branch": {"$in": list({bucket["branch"] for bucket in some})}}},  # MongoDB makes one of both
            {"$project": {"conversation_id": 1, "branch": 1}},
        ]
        cursor = await db.branches.aggregate(stages, batchSize=AT_ONCE)
        known |= {(branch["conversation_id"], branch["branch"]) for branch in await cursor.to_list()}
    return [each for each in there if each["branch"] == MAIN or (each["conversation_id"], each["branch"]) in known]
