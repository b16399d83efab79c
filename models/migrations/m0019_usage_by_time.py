"""Usage of a time, of all conversations: pages of tallies by when the last of their messages came."""

from pymongo import ASCENDING as UP
from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record


async def apply(db: AsyncDatabase[Record]) -> None:
    """Make its index: every page says it."""
    await db.tallies.create_indexes([IndexModel([("until", UP), ("conversation_id", UP)], name="written")])
