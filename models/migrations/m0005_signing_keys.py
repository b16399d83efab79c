"""Signing keys get numbers, and each number is given once."""

from pymongo import ASCENDING as UP
from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record


async def apply(db: AsyncDatabase[Record]) -> None:
    """Number the one key that earlier releases made, and create the index."""
    unnumbered = [key["_id"] async for key in db.signing_keys.find({}, {"number": 1}) if "number" not in key]
    for kid in unnumbered:
        await db.signing_keys.update_one({"_id": kid}, {"$set": {"number": 1}})
    await db.signing_keys.create_indexes([IndexModel([("number", UP)], name="number", unique=True)])
