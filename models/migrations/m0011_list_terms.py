"""What lists find conversations by: the indexes of terms, and the terms of what was stored before there were any."""

from typing import Final

from pymongo import ASCENDING as UP
from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record
from models.listing.filling import fill

INDEXES: Final = [
    # Lists by a term, of everybody and of an owner, by either time: `models.listing.lines`.
    *(
        IndexModel([*((field, UP) for field in prefix), ("terms", UP), ("deleted", UP), (time, UP), ("_id", UP)])
        for prefix in ((), ("owner_id",))
        for time in ("updated_at", "started_at")
    ),
    # The pieces of titles: some thirty a conversation, hence neither for each owner nor by what each message changes.
    IndexModel([("title_terms", UP), ("deleted", UP), ("started_at", UP), ("_id", UP)]),
]


async def apply(db: AsyncDatabase[Record]) -> None:
    """Create them, and go on with what has no terms yet.

    The indexes of `m0001_first_indexes` stay, for workers of the release before.
    """
    await db.conversations.create_indexes(INDEXES)
    await fill(db)
