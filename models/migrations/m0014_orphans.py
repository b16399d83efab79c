"""What writers that died left unfinished: notes of plantings by age, and branches without an ordinal by their mark."""

from typing import Final

from pymongo import ASCENDING as UP
from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record

INDEXES: Final[dict[str, list[IndexModel]]] = {
    "plantings": [IndexModel([("at", UP)], name="age")],
    "buckets": [IndexModel([("unnumbered", UP)], name="unnumbered", sparse=True)],
}


async def apply(db: AsyncDatabase[Record]) -> None:
    """Make them."""
    for collection, indexes in INDEXES.items():
        await db[collection].create_indexes(indexes)
