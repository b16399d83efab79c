"""The database's change stream, followed into a journal up to a mark that is written for the purpose."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from secrets import token_hex
from typing import Any, Final, NamedTuple

import bson
from pymongo import UpdateOne
from pymongo.asynchronous.change_stream import AsyncDatabaseChangeStream
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure

from models.backup.changes import BREAKS, EXACT, MARKS, change_of, indexed, time_of
from models.backup.errors import HistoryLostError, StreamError
from models.backup.journal import JournalWriter
from models.clock import now
from models.database import Record

AWAIT_MS: Final = 250
SILENT_SECONDS: Final = 60.0
"""So long may the stream say nothing of a mark that is written."""
_LOST: Final = frozenset({286, 280, 260})
"""ChangeStreamHistoryLost, ChangeStreamFatalError, InvalidResumeToken."""
_NO_STREAMS: Final = frozenset({40573, 40324, 115})
"""A server that is no replica set, or knows no change streams."""


class Reached(NamedTuple):
    """A place in the stream: all before it, and nothing after it, is in the journal."""

    token: Record
    at: int


@asynccontextmanager
async def watched(db: AsyncDatabase[Record], token: Record | None) -> AsyncIterator[AsyncDatabaseChangeStream[Record]]:
    """The changes after `token`, or from now on. Raise `HistoryLostError`, `StreamError`."""
    exact = db.with_options(codec_options=EXACT)
    try:
        stream = await exact.watch(resume_after=token, show_expanded_events=True, max_await_time_ms=AWAIT_MS)
    except OperationFailure as error:
        raise _explained(error) from error
    async with stream:
        yield stream


@dataclass
class Follower:
    """Writes what the stream tells into the journal, with what indexes there are whenever that may have changed."""

    db: AsyncDatabase[Record]
    stream: AsyncDatabaseChangeStream[Record]
    journal: JournalWriter

    async def advance(self) -> Reached:
        """Take all that was written until now. Raise `HistoryLostError` where it can't be followed any further."""
        mark = token_hex(16)
        await self.db[MARKS].replace_one({"_id": "mark"}, {"mark": mark, "at": now()}, upsert=True)
        heard = time.monotonic()
        while True:
            event = await self._next()
            if event is None and time.monotonic() - heard > SILENT_SECONDS:
                raise StreamError(f"MongoDB has told of no changes for {SILENT_SECONDS:.0f} s: try again")
            if event is None:
                continue
            heard = time.monotonic()
            if event.get("fullDocument", {}).get("mark") == mark and event["ns"]["coll"] == MARKS:
                self.journal.last = time_of(event, self.journal.last)
                return Reached(event["_id"], self.journal.last)
            await self._take(event)

    async def note_indexes(self) -> None:
        """They count from the last change on."""
        self.journal.note(await indexes(self.db))

    async def _next(self) -> Record | None:
        try:
            return await self.stream.try_next()
        except OperationFailure as error:
            raise _explained(error) from error

    async def _take(self, event: Record) -> None:
        if event["operationType"] in BREAKS:
            raise HistoryLostError(f"something was renamed or dropped (`{event['operationType']}`)")
        change = change_of(event, self.journal.last)
        if change is not None:
            self.journal.append(change)
            if change.collection == "migrations":
                # A migration is noted when its indexes are there: at any moment, those it tells of are known.
                await self.note_indexes()


async def identity(db: AsyncDatabase[Record]) -> str:
    """A name that no other database has, neither a copy of this one."""
    fresh = UpdateOne({"_id": "identity"}, {"$setOnInsert": {"store": token_hex(16)}}, upsert=True)
    await db[MARKS].bulk_write([fresh])
    found = await db[MARKS].find_one({"_id": "identity"})
    if found is None:
        raise StreamError("the database forgets what is written to it: try again")
    return str(found["store"])


async def indexes(db: AsyncDatabase[Record]) -> dict[str, list[Any]]:
    """Of every collection."""
    names = sorted(filter(indexed, await db.list_collection_names(filter={"type": "collection"})))
    return {name: [dict(each) async for each in await db[name].list_indexes()] for name in names}


def position(text: str) -> Record:
    """A stream's place, as the catalog keeps it."""
    return bson.decode(bytes.fromhex(text))


def _explained(error: OperationFailure) -> Exception:
    if error.code in _LOST:
        return HistoryLostError("the database doesn't know any more what changed since the last backup")
    if error.code in _NO_STREAMS:
        return StreamError("backups need change streams: run MongoDB as a replica set, if of one member")
    return error
