"""Giving and taking away shares: each in one write, whoever writes beside it."""

from collections.abc import Sequence
from typing import Any, Final

from beanie import PydanticObjectId
from pymongo.asynchronous.database import AsyncDatabase

from models.clock import now
from models.conversation import Conversation
from models.database import Record
from models.share import MOST_SHARES, Share

STORED: Final[Record] = {"$ifNull": ["$shares", []]}
GRANTEES: Final[Record] = {"$setUnion": [{"$map": {"input": "$shares", "as": "share", "in": "$$share.grantee"}}, []]}
"""Whom `shares` are for, each once."""


async def give(db: AsyncDatabase[Record], conversation_id: PydanticObjectId, share: Share) -> Conversation | None:
    """Add a share, in place of one for the same grantee and branch, unless there are `MOST_SHARES` others.

    The conversation afterwards, where `share` is not among its shares if there was no room. None where it is gone.
    """
    written = share.model_dump()
    kept = _kept({"$not": _is(share.grantee, share.branch)})
    full = {"$gte": [{"$size": kept}, MOST_SHARES]}
    added = {"$concatArrays": [kept, [{"$literal": written}]]}
    return await _write(db, conversation_id, {"$cond": [full, STORED, added]})


async def take(
    db: AsyncDatabase[Record], conversation_id: PydanticObjectId, grantee: str, branch: str | None = None
) -> Conversation | None:
    """Take away what `grantee` was given of a branch; without one, all that he was given. None where it is gone."""
    his: Record = {"$eq": ["$$share.grantee", {"$literal": grantee}]}
    return await _write(db, conversation_id, _kept({"$not": his if branch is None else _is(grantee, branch)}))


async def forget(db: AsyncDatabase[Record], grantee: str) -> int:
    """Take away all that `grantee` was given anywhere; of how many conversations."""
    his = {"shares": {"grantee": grantee}, "grantees": grantee}
    return (await db.conversations.update_many({"grantees": grantee}, {"$pull": his})).modified_count


async def _write(db: AsyncDatabase[Record], conversation_id: PydanticObjectId, shares: Any) -> Conversation | None:
    """Of a deleted conversation nothing changes: whoever deleted it may have meant to take it from all."""
    changed = {"$cond": ["$deleted", STORED, shares]}
    stages: Sequence[Record] = [{"$set": {"shares": changed}}, {"$set": {"grantees": GRANTEES}}]
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
