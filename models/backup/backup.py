"""Making a backup: a base, or what changed since the last one."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError

from models.backup.catalog import Base, Chunk, Generation, begin, finish, generations, sweep
from models.backup.copying import Copied, Progress, copy
from models.backup.errors import BackupError, HistoryLostError
from models.backup.files import locked
from models.backup.journal import JournalWriter
from models.backup.stream import Follower, identity, position, watched
from models.clock import now
from models.database import Record

DRAIN_SECONDS: Final = 10.0
"""How often the stream is read while a base is copied: a server keeps only so much of the past."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a backup came to. `reason`: why it is a new base, where an older one was there."""

    generation: Generation
    changes: int
    copied: int | None = None
    """Documents in the new base; None where the last one was continued."""
    reason: str | None = None


def _nobody(_: Copied) -> None:
    return


async def back_up(
    db: AsyncDatabase[Record], directory: Path, *, fresh: bool = False, progress: Progress = _nobody
) -> Report:
    """Continue the newest generation, or begin one. Raise `BackupError`; what was there before is good all the same."""
    with locked(directory):
        sweep(directory)
        return await _backed_up(db, directory, fresh, progress)


async def follow(
    db: AsyncDatabase[Record],
    directory: Path,
    seconds: float,
    stop: asyncio.Event,
    told: Callable[[Report | PyMongoError], None],
) -> None:
    """Continue every so many seconds until `stop` is set, and say what came of each time. Raise `BackupError`."""
    with locked(directory):
        sweep(directory)
        while not stop.is_set():
            try:
                told(await _backed_up(db, directory, False, _nobody))
            except PyMongoError as error:
                told(error)  # it goes on from where it was, when the database answers again
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), seconds)


async def _backed_up(db: AsyncDatabase[Record], directory: Path, fresh: bool, progress: Progress) -> Report:
    store = await identity(db)
    paths = generations(directory)
    reason = "a new base was asked for" if paths and fresh else None
    if paths and not fresh:
        newest = Generation.read(paths[-1])
        reason = _unfit(newest, store)
        if reason is None:
            try:
                return await _continued(db, newest)
            except HistoryLostError as error:
                reason = str(error)
    return replace(await _begun(db, directory, store, progress), reason=reason)


def _unfit(newest: Generation, store: str) -> str | None:
    """Why it can't be continued."""
    return "the last one is of another database" if newest.base.store != store else newest.journal.ended


async def _continued(db: AsyncDatabase[Record], generation: Generation) -> Report:
    before = generation.journal
    async with watched(db, position(before.token)) as stream:
        follower = Follower(db, stream, JournalWriter(generation.path, before))
        try:
            reached = await follower.advance()
            await follower.note_indexes()
        except HistoryLostError as error:
            # What was heard until then is good; the token isn't needed any more.
            follower.journal.commit(position(before.token), follower.journal.last, ended=str(error))
            raise
        journal = follower.journal.commit(*reached)
    return Report(replace(generation, journal=journal), journal.entries - before.entries)


async def _begun(db: AsyncDatabase[Record], directory: Path, store: str, progress: Progress) -> Report:
    began, path = now(), begin(directory)
    async with watched(db, None) as stream:
        follower = Follower(db, stream, JournalWriter(path))
        try:
            await follower.advance()
            await follower.note_indexes()
            chunks = await _copied(db, path, follower, progress)
            reached = await follower.advance()
        except HistoryLostError as error:
            raise BackupError(f"{error} while the base was copied: begin again") from error
        journal = follower.journal.commit(*reached)
    base = Base(store=store, database=db.name, began_at=began, complete_at=journal.reached, chunks=chunks)
    return Report(finish(path, base), journal.entries, sum(chunk.documents for chunk in chunks))


async def _copied(db: AsyncDatabase[Record], path: Path, follower: Follower, progress: Progress) -> list[Chunk]:
    chunks: list[Chunk] = []
    drained = time.monotonic()
    async for chunk in copy(db, path, progress):
        chunks.append(chunk)
        if time.monotonic() - drained > DRAIN_SECONDS:
            await follower.advance()
            drained = time.monotonic()
    return chunks
