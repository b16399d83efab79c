"""Leases: work that one worker at a time should do.

They save work twice done; nothing may depend on them. Times are the workers' own, so a clock that is wrong, or a
worker that stood still, may let two hold one lease.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from secrets import token_hex
from typing import Final

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError

from models.clock import now
from models.database import Record

LIFETIME: Final = timedelta(seconds=60)
"""So long after its holder died somebody else gets it."""


@asynccontextmanager
async def lease(db: AsyncDatabase[Record], name: str, lifetime: timedelta = LIFETIME) -> AsyncIterator[bool]:
    """Whether it is ours for the length of the block; it is renewed meanwhile, and given back then."""
    holder = token_hex(8)
    held = await _take(db, name, holder, lifetime)
    renewing = asyncio.create_task(_renew(db, name, holder, lifetime)) if held else None
    try:
        yield held
    finally:
        if renewing is not None:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
            with suppress(PyMongoError):  # else it runs out by itself
                await _take(db, name, holder, timedelta(0))


async def _take(db: AsyncDatabase[Record], name: str, holder: str, lifetime: timedelta) -> bool:
    """Take it, or prolong it, if nobody else has it; in one write by its id."""
    at = now()
    free = {"$or": [{"$eq": ["$holder", holder]}, {"$lt": [{"$ifNull": ["$until", at - timedelta(1)]}, at]}]}
    fields = {"holder": holder, "until": at + lifetime}
    taken = {field: {"$cond": ["$free", value, f"${field}"]} for field, value in fields.items()}
    stages: list[Record] = [{"$set": {"free": free}}, {"$set": taken}, {"$unset": "free"}]
    await db.leases.update_one({"_id": name}, stages, upsert=True)
    found = await db.leases.find_one({"_id": name})
    return found is not None and found["holder"] == holder


async def _renew(db: AsyncDatabase[Record], name: str, holder: str, lifetime: timedelta) -> None:
    while True:
        await asyncio.sleep(lifetime.total_seconds() / 3)
        with suppress(PyMongoError):
            await _take(db, name, holder, lifetime)
