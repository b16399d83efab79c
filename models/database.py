"""The connection to MongoDB."""

from datetime import UTC
from types import TracebackType
from typing import Any, Self

from beanie import init_beanie
from bson.codec_options import CodecOptions
from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase

from models import conditions, exchanges
from models.documents import DOCUMENTS

conditions.install()
exchanges.install()

Record = dict[str, Any]
"""A stored document, as PyMongo reads it."""

TIMEOUT_MS = 10_000
"""Longest a database call may take before it fails: the embedded server ignores `maxTimeMS`."""


class _Remembering(AsyncDatabase[Record]):
    """Makes each collection once: PyMongo makes one anew whenever it is named, for 4.5 µs."""

    def __getattr__(self, name: str) -> AsyncCollection[Record]:
        found = self.__dict__[name] = super().__getattr__(name)
        return found


class Database:
    """One client, one database, and Beanie bound to it. `async with` it, or `close` it.

    INVARIANT: Beanie binds document classes to one database a process; so does this.
    """

    def __init__(self, client: AsyncMongoClient[Record], name: str) -> None:
        self.client = client
        self.db: AsyncDatabase[Record] = _Remembering(
            client, name, codec_options=CodecOptions(tz_aware=True, tzinfo=UTC)
        )

    @classmethod
    async def connect(cls, uri: str, name: str) -> Self:
        """Connect, and bind the documents. Indexes belong to `models.migrations`."""
        client: AsyncMongoClient[Record] = AsyncMongoClient(
            uri, timeoutMS=TIMEOUT_MS, serverMonitoringMode="poll", tz_aware=True, appname="parley"
        )
        database = cls(client, name)
        try:
            await init_beanie(database=database.db, document_models=DOCUMENTS, skip_indexes=True)
        except BaseException:
            await client.close()
            raise
        return database

    async def ping(self) -> None:
        """Raise `PyMongoError` unless the server answers."""
        await self.db.command("ping")

    async def close(self) -> None:
        """Give every connection back."""
        await self.client.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
