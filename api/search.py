"""Keeps the full-text index while a worker serves: one worker at a time, whichever holds the lease."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final

import structlog
from pymongo.errors import PyMongoError

from api.background import running
from api.settings import Settings
from models.database import Database
from models.search.indexer import Indexer
from models.search.manifest import LEASE_SECONDS, Lease
from models.search.merging import MissingPageError
from models.search.rebuild import renewed
from permissions.authn.derivation import derive
from permissions.authn.errors import KeyRingError
from resolvers.sealing import CursorSeal

_log: Final = structlog.get_logger(__name__)


@asynccontextmanager
async def keeping_index(database: Database, seconds: float) -> AsyncIterator[None]:
    """Take part in keeping the index within the block; not at all where `seconds` is 0."""
    if not seconds:
        yield
        return
    async with running(IndexKeeper(database, seconds).run()):
        yield


def cursor_seal(settings: Settings) -> CursorSeal:
    """What seals the cursors of searches and of lists of conversations, the same in all workers."""
    if settings.secret_key is None:
        raise KeyRingError("set PARLEY_SECRET_KEY: it seals the cursors of lists")
    return CursorSeal(derive(settings.secret_key.get_secret_value(), "search cursors"))


KEEP_SECONDS: Final = LEASE_SECONDS / 4
"""How often the lease is taken anew, or tried for."""
TIDY_SECONDS: Final = 5.0
"""How often what is gone is taken out, and conversations that came late are looked for."""


class IndexKeeper:
    """One worker's part of it. `seconds`: how often new messages are looked for."""

    def __init__(self, database: Database, seconds: float) -> None:
        self._db = database.db
        self._indexer = Indexer(database.db)
        self._lease = Lease(database.db, secrets.token_hex(8))
        self._seconds = seconds

    async def run(self) -> None:
        """Until cancelled. Merging goes on beside, so that new messages don't wait for it."""
        try:
            while True:
                if await self._taken():
                    async with running(self._tidy()):
                        await self._follow()
                await asyncio.sleep(KEEP_SECONDS)
        finally:
            with contextlib.suppress(PyMongoError):
                await self._lease.give_up()

    async def _follow(self) -> None:
        """Index what comes, as long as the lease is held."""
        until = time.monotonic() + KEEP_SECONDS
        while time.monotonic() < until or await self._taken():
            if time.monotonic() >= until:
                until = time.monotonic() + KEEP_SECONDS
            if not await self._done(self._indexer.take()):
                await asyncio.sleep(self._seconds)

    async def _tidy(self) -> None:
        while True:
            await self._done(renewed(self._db))
            while await self._done(self._indexer.merge()):
                pass
            await self._done(self._indexer.forget())
            await self._done(self._indexer.recall())
            await self._done(self._indexer.sweep())
            await asyncio.sleep(TIDY_SECONDS)

    async def _taken(self) -> bool:
        try:
            return await self._lease.take()
        except PyMongoError:
            return False

    async def _done(self, work: Coroutine[Any, Any, int | None]) -> bool:
        """Whether there was something to do, and it is done; a store that fails now is asked again later."""
        try:
            return bool(await work)
        except (PyMongoError, MissingPageError) as error:
            _log.warning("search index not kept", kind=type(error).__name__)
            return False
