"""Collecting: files that no message wants, and claims that a crash left open."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from beanie import PydanticObjectId
from pymongo.asynchronous.database import AsyncDatabase

from models.attachments.files import Claim, Files, FileState
from models.attachments.holders import holders
from models.clock import now
from models.database import Record

GRACE: Final = timedelta(minutes=2)
"""So old is a claim that whoever made it is done, or dead."""


async def forget(db: AsyncDatabase[Record], owner_id: PydanticObjectId) -> None:
    """Delete what a user has sent that is in no message."""
    files = Files(db)
    for record in await files.loose(owner_id):
        if await files.doom(record):
            await files.remove(record)


@dataclass(slots=True)
class Collected:
    """What there was to do."""

    orphans: int = 0
    settled: int = 0


class Collector:
    """Two at once do no harm, but the work twice."""

    def __init__(self, db: AsyncDatabase[Record]) -> None:
        self._db = db
        self._files = Files(db)

    async def run(self, before: datetime, claims_before: datetime | None = None) -> Collected:
        """Delete what has waited since before that time; settle the claims of crashed workers."""
        collected = Collected()
        collected.settled = await self._settle(claims_before or now() - GRACE)
        for state in (FileState.UPLOADING, FileState.WAITING):
            async for record in self._files.old(state, before):
                await self._files.doom(record)
        async for record in self._files.old(FileState.DOOMED, now()):
            await self._files.remove(record)
            collected.orphans += 1
        return collected

    async def _settle(self, before: datetime) -> int:
        """By what is in the conversation: the message was stored, or it was not. Each conversation is read once."""
        claims: dict[PydanticObjectId, list[Claim]] = defaultdict(list)
        async for record in self._files.old(FileState.CLAIMED, before):
            claim = Claim(record["owner_id"], record["conversation_id"], record["claim"], [record["_id"]])
            claims[claim.conversation_id].append(claim)
        for conversation_id, some in claims.items():
            held = await holders(self._db, conversation_id, {claim.ids[0] for claim in some})
            for claim in some:
                if (address := held.get(claim.ids[0])) is None:
                    await self._files.release(claim)
                else:
                    await self._files.attach(claim, address)
        return sum(map(len, claims.values()))
