"""Messages that are being written: their buckets are found by a mark."""

from pymongo import ASCENDING as UP
from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record


async def apply(db: AsyncDatabase[Record]) -> None:
    """Make its index: nobody has marked anything yet."""
    await db.buckets.create_indexes([IndexModel([("growing", UP)], name="growing", sparse=True)])
