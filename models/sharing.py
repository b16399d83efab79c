"""Giving and taking away shares: each in one write, whoever writes beside it."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from beanie import PydanticObjectId
from pymongo.asynchronous.database import AsyncDatabase

from models.clock import now
from models.conversation import Conversation
from models.database import Record
from models.list_terms import granted_terms, terms_of_grantee
from models.news import noting
from models.share import MOST_FORKS, MOST_SHARES, Share

STORED: Final[Record] = {"$ifNull": ["$shares", []]}
FORKS: Final[Record] = {"$ifNull": ["$$share.forks", []]}
KEY: Final = ["$$share.grantee", "$$share.branch", "$$share.at"]
GRANTEES: Final[Record] = {"$setUnion": [{"$map": {"input": "$shares", "as": "share", "in": "$$share.grantee"}}, []]}
"""Whom `shares` are for, each once."""


async def give(
    db: AsyncDatabase[Record],
    conversation_id: PydanticObjectId,
    share: Share,
    seen: Collection[str] | None = None,
    mark: str | None = None,
) -> Conversation | None:
    """Add a share, in place of one for the same grantee and branch, unless there are `MOST_SHARES` others.

    It keeps the forks of one that still holds: what was written on them meanwhile was written for both to see. Only
    those in `seen`, where the giver doesn't see all. The conversation afterwards, where `share` is not among its shares
    if there was no room. None where it is gone.
    """
    before: Record = {"$map": {"input": _kept(_is(share.grantee, share.branch)), "as": "share", "in": FORKS}}
    lists: Record = {"$reduce": {"input": before, "initialValue": [], "in": {"$concatArrays": ["$$value", "$$this"]}}}
    forks = lists if seen is None else {"$setIntersection": [lists, {"$literal": sorted(seen)}]}
    written: Record = {"$mergeObjects": [{"$literal": share.model_dump(exclude={"forks"})}, {"forks": forks}]}
    kept = _kept({"$not": _is(share.grantee, share.branch)})
    full = {"$gte": [{"$size": kept}, MOST_SHARES]}
    added = {"$concatArrays": [kept, [written]]}
    return await _write(db, conversation_id, {"$cond": [full, STORED, added]}, mark)


async def take(
    db: AsyncDatabase[Record],
    conversation_id: PydanticObjectId,
    grantee: str,
    branch: str | None = None,
    mark: str | None = None,
) -> Conversation | None:
    """Take away what `grantee` was given of a branch; without one, all that he was given. None where it is gone."""
    his: Record = {"$eq": ["$$share.grantee", {"$literal": grantee}]}
    return await _write(db, conversation_id, _kept({"$not": his if branch is None else _is(grantee, branch)}), mark)


async def extend(
    db: AsyncDatabase[Record], conversation_id: PydanticObjectId, shares: Sequence[Share], fork: str
) -> Conversation | None:
    """Have those of `shares` that are still there show a fork too, unless there are `MOST_FORKS` already.

    The conversation afterwards. None where it is gone.
    """
    meant: Record = {"$in": [KEY, [_key(share) for share in shares]]}
    new: Record = {"$and": [meant, {"$not": [{"$in": [{"$literal": fork}, FORKS]}]}]}
    longer: Record = {"$mergeObjects": ["$$share", {"forks": {"$concatArrays": [FORKS, [{"$literal": fork}]]}}]}
    extended = {"$map": {"input": STORED, "as": "share", "in": {"$cond": [new, longer, "$$share"]}}}
    counts = {"$map": {"input": STORED, "as": "share", "in": {"$size": FORKS}}}
    return await _write(db, conversation_id, {"$cond": [{"$gte": [{"$sum": counts}, MOST_FORKS]}, STORED, extended]})


async def ends(
    db: AsyncDatabase[Record], grantees: Collection[str], most: int
) -> list[tuple[PydanticObjectId, datetime]]:
    """When what was given to `grantees` ends, by conversation; of `most` conversations for each, one call each."""
    queries = [{"grantees": grantee, "deleted": False} for grantee in grantees]
    found = [await db.conversations.find(query, {"shares": 1}).limit(most).to_list() for query in queries]
    return [
        (record["_id"], share["until"])
        for records in found
        for record in records
        for share in record["shares"]
        if share["grantee"] in grantees
    ]


async def forget(db: AsyncDatabase[Record], grantee: str) -> int:
    """Take away all that `grantee` was given anywhere; of how many conversations."""
    his = {"shares": {"grantee": grantee}, "grantees": grantee, "terms": {"$in": terms_of_grantee(grantee)}}
    return (await db.conversations.update_many({"grantees": grantee}, {"$pull": his})).modified_count


async def _write(
    db: AsyncDatabase[Record], conversation_id: PydanticObjectId, shares: Any, mark: str | None = None
) -> Conversation | None:
    """Of a deleted conversation nothing changes: whoever deleted it may have meant to take it from all.

    `mark`: what readers are told of it by, if they are.
    """
    changed = {"$cond": ["$deleted", STORED, shares]}
    same: Record = {"$eq": [changed, STORED]}
    stages: Sequence[Record] = [
        {"$set": {"shares": changed, **(noting(mark, same) if mark else {})}},
        {"$set": {"grantees": GRANTEES}},
        {"$set": {"terms": granted_terms(conversation_id)}},
    ]
    await db.conversations.update_one({"_id": conversation_id}, stages)
    found = await db.conversations.find_one({"_id": conversation_id})
    return None if found is None or found["deleted"] else Conversation.model_validate(found)


def _kept(condition: Record) -> Record:
    """Those that have not ended, and meet `condition`."""
    holding = {"$gt": ["$$share.until", now()]}
    return {"$filter": {"input": STORED, "as": "share", "cond": {"$and": [holding, condition]}}}


def _is(grantee: str, branch: str | None) -> Record:
    same_branch = {"$eq": ["$$share.branch", {"$literal": branch}]}
    return {"$and": [{"$eq": ["$$share.grantee", {"$literal": grantee}]}, same_branch]}


def _key(share: Share) -> list[Record]:
    """By what a share is known that was not given anew since."""
    return [{"$literal": each} for each in (share.grantee, share.branch, share.at)]
