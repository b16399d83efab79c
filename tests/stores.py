"""Fixtures: the real stores, started once a session, and clean ones for each test."""

import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Final

import pytest
from pymongo import timeout
from pymongo.asynchronous.collection import AsyncCollection
from redis.asyncio import Redis

from models.database import Database, Record
from models.embedded import EmbeddedStores
from models.migrations import migrate
from tests.redis_topologies import ChosenStores, whole

FEW: Final = 300
"""Documents that are deleted faster than a database with all its indexes is made."""
DROP_SECONDS: Final = 120
"""What dropping a database may take: the embedded server takes documents out one by one, on shared cores."""
LEFT: Final = frozenset({"migrations"})


@dataclass
class Spare:
    """A migrated database that the last test has left, emptied: making the indexes would take most of a small test."""

    name: str | None = None
    collections: set[str] = field(default_factory=set)
    """Those that a migrated database has."""

    async def keep(self, database: Database) -> None:
        """Empty it for the next test; or drop it, if that takes longer, or it has what no migration makes.

        A test that changes an index of it drops it by itself.
        """
        db = database.db
        names = set(await db.list_collection_names())
        if names == self.collections:
            emptied = [await _empty(db[name]) for name in names - LEFT]  # at once, each would open a connection
            if all(emptied):
                self.name = db.name
                return
        with timeout(DROP_SECONDS):
            await database.client.drop_database(db.name)

    def take(self) -> str:
        """The name of the one that is there, or of a new one."""
        name, self.name = self.name or f"test-{secrets.token_hex(8)}", None
        return name


async def _empty(collection: AsyncCollection[Record]) -> bool:
    """Whether that was little to do."""
    held = await collection.find({}, {"_id": 1}).limit(FEW).to_list()
    if 0 < len(held) < FEW:
        await collection.delete_many({})
    return len(held) < FEW


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStores]:
    """Embedded MongoDB and Redis, shared by all tests: `mongodb_uri`, `redis_url`."""
    with ChosenStores(tmp_path_factory.mktemp("stores")) as running:
        yield running


@pytest.fixture(scope="session")
def spare() -> Spare:
    """Shared by all tests that take a database one after the other."""
    return Spare()


@pytest.fixture
async def database(stores: EmbeddedStores, spare: Spare) -> AsyncIterator[Database]:
    """An empty, migrated database of a test's own."""
    async with await Database.connect(stores.mongodb_uri, spare.take()) as fresh:
        await migrate(fresh.db)
        spare.collections = spare.collections or set(await fresh.db.list_collection_names())
        yield fresh
        await spare.keep(fresh)


@pytest.fixture
async def redis(stores: EmbeddedStores) -> AsyncIterator[Redis]:
    """A client of an empty Redis."""
    async with whole(stores.redis_url) as client:
        await client.flushall()
        yield client
