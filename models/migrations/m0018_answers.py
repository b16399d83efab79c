"""Answers that were asked for: by message, by asker, and those of which something is to be done."""

from typing import Final

from pymongo import ASCENDING as UP
from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record

INDEXES: Final = [
    IndexModel([("conversation_id", UP), ("message", UP)], name="message"),
    IndexModel([("asker_id", UP), ("due_at", UP)], name="waiting"),
    IndexModel([("asker_id", UP), ("asked_at", UP)], name="asked"),
    IndexModel([("due_at", UP)], name="due", sparse=True),
]


async def apply(db: AsyncDatabase[Record]) -> None:
    """Make its indexes: nobody has asked for anything yet."""
    await db.answers.create_indexes(INDEXES)
