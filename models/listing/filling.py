"""Gives terms to conversations that have none, or not the right ones, while others write."""

from collections.abc import Mapping
from typing import Any, Final

from pymongo import UpdateOne
from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record
from models.list_terms import TERMED, stored_terms

BATCH: Final = 100
"""Conversations read, and written, at a time: the embedded server hangs on calls that change some 100,000 entries."""
PATIENCE: Final = 50
"""Batches in a row of which nothing could be written: more, and it would go on for ever."""
SEEN: Final = dict.fromkeys(TERMED, 1)


class FillingError(Exception):
    """Whatever is tried, others are faster."""


async def fill(db: AsyncDatabase[Record]) -> int:
    """Give terms to all that have none, and return how many that were.

    After a crash it goes on where it was: what has terms isn't found again. Raises `FillingError`.
    """
    filled = fruitless = 0
    for deleted in (False, True):
        while batch := await db.conversations.find({"terms": None, "deleted": deleted}, SEEN).limit(BATCH).to_list():
            written = await db.conversations.bulk_write([_update(record) for record in batch], ordered=False)
            filled += written.modified_count
            fruitless = 0 if written.modified_count else fruitless + 1  # another worker may have been at the same
            if fruitless > PATIENCE:
                raise FillingError("conversations can't be given terms")
    return filled


async def refill(db: AsyncDatabase[Record]) -> int:
    """Look through all conversations for terms that aren't theirs, put them right, and return how many that were.

    A worker of the release before changes tags, titles, attributes and archives without their terms.
    """
    wrong = 0
    batch: list[UpdateOne] = []
    async for record in db.conversations.find({}, SEEN | {"terms": 1, "title_terms": 1}):
        right = stored_terms(record["_id"], record)
        if any(sorted(record.get(name) or []) != sorted(right[name]) for name in right):
            batch.append(_update(record))
            wrong += 1
        if len(batch) == BATCH:
            await db.conversations.bulk_write(batch, ordered=False)
            batch = []
    if batch:
        await db.conversations.bulk_write(batch, ordered=False)
    return wrong


def _update(record: Mapping[str, Any]) -> UpdateOne:
    """Set the record's terms, unless what they follow from has changed since it was read: then it is found again."""
    same = {"$and": [_unchanged(name, record) for name in sorted(TERMED)]}
    terms = {
        name: {"$cond": [same, {"$literal": value}, {"$ifNull": [f"${name}", "$$REMOVE"]}]}
        for name, value in stored_terms(record["_id"], record).items()
    }
    return UpdateOne({"_id": record["_id"]}, [{"$set": terms}])


def _unchanged(name: str, record: Mapping[str, Any]) -> Record:
    return {"$eq": [{"$ifNull": [f"${name}", None]}, {"$literal": record.get(name)}]}
