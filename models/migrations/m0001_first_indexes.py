"""The indexes of the first release. Every query that the code sends lies on one of them (tests/models/test_indexes)."""

from typing import Final

from pymongo import ASCENDING as UP
from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record

INDEXES: Final[dict[str, list[IndexModel]]] = {
    "buckets": [
        # Pages: every slot that a page touches, by `$in`. Its uniqueness lets one writer start a bucket.
        IndexModel([("conversation_id", UP), ("slot", UP), ("first_depth", UP)], name="slot", unique=True),
        # The end of a branch, and the condition of an append.
        IndexModel([("conversation_id", UP), ("tail", UP), ("next_depth", UP), ("open", UP)], name="tail"),
    ],
    "branches": [
        IndexModel([("conversation_id", UP), ("branch", UP)], name="branch", unique=True),
        # Siblings; its uniqueness gives each ordinal out once.
        IndexModel(
            [("conversation_id", UP), ("parent_branch", UP), ("fork_depth", UP), ("ordinal", UP)],
            name="sibling",
            unique=True,
        ),
        IndexModel([("conversation_id", UP), ("_id", UP)], name="listed"),
    ],
    # Lists, by time of change or start: of everybody, of an owner, of a region.
    "conversations": [
        IndexModel([*((field, UP) for field in prefix), ("deleted", UP), (order, UP), ("_id", UP)])
        for prefix in ((), ("owner_id",), ("attributes.region",))
        for order in ("updated_at", "started_at")
    ],
    "readers": [IndexModel([("conversation_id", UP)], name="conversation")],
    "users": [
        IndexModel([("email_key", UP)], name="email", unique=True),
        IndexModel([("name_key", UP), ("email_key", UP)], name="name"),
    ],
    "role_assignments": [IndexModel([("user_id", UP), ("ended_at", UP)], name="user")],
    "append_receipts": [IndexModel([("created_at", UP)], name="expiry", expireAfterSeconds=24 * 3600)],
}


async def apply(db: AsyncDatabase[Record]) -> None:
    """Create them; the server skips those that exist."""
    for collection, indexes in INDEXES.items():
        await db[collection].create_indexes(indexes)
