"""Fixtures: the real stores, started once a session, and clean ones for each test."""

import secrets
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from pymongo import timeout
from pymongo.asynchronous.database import AsyncDatabase
from redis.asyncio import Redis

from models.database import Database, Record
from models.embedded import EmbeddedStores
from models.migrations import migrate
from models.pubsub import Listener, listening_by
from tests.redis_topologies import ChosenStores, whole

FEW: Final = 300
"""Documents that are deleted faster than a database with all its indexes is made."""
DROP_SECONDS: Final = 120
"""What dropping a database may take: the embedded server takes documents out one by one, on shared cores."""
LEFT: Final = frozenset({"migrations"})
ERASURES: Final = "erasures"
"""Where somebody was erased his account has another address. The embedded server keeps the one that it had in the
unique index for ever, in an emptied collection, too: nobody could have it again."""


@dataclass
class Spare:
    """A migrated database that the last test has left, emptied: making the indexes would take most of a small test."""

    name: str | None = None
    collections: dict[str, Any] = field(default_factory=dict)
    """Those that a migrated database has, and their options."""

    async def keep(self, database: Database) -> None:
        """Empty it for the next test, and drop what no migration makes; or drop all of it, if that takes longer.

        A test that changes an index of it drops it by itself.
        """
        db = database.db
        with timeout(DROP_SECONDS):
            found = await options(db)
            if found.items() >= self.collections.items() and await _emptied(db, found):
                for name in found.keys() - self.collections.keys():
                    await db.drop_collection(name)
                self.name = db.name
            else:
                await database.client.drop_database(db.name)

    def take(self) -> str:
        """The name of the one that is there, or of a new one."""
        name, self.name = self.name or f"test-{secrets.token_hex(8)}", None
        return name


async def options(db: AsyncDatabase[Record]) -> dict[str, Any]:
    """The collections, and how they were made."""
    return {each["name"]: each["options"] async for each in await db.list_collections()}


async def _emptied(db: AsyncDatabase[Record], names: Iterable[str]) -> bool:
    """Empty all but those that are left, and say so; or let it be, where that is much to do, or not enough."""
    first, *others = ((name, _marked(name)) for name in sorted(names))
    united = [{"$unionWith": {"coll": name, "pipeline": pipeline}} for name, pipeline in others]
    held = await db[first[0]].aggregate([*first[1], *united, {"$sortByCount": "$in"}])  # a find in each: 20 ms
    sizes = {each["_id"]: each["count"] async for each in held}
    if max(sizes.values(), default=0) >= FEW or ERASURES in sizes:
        return False
    for name in sizes.keys() - LEFT:
        await db[name].delete_many({})
    return True


def _marked(name: str) -> list[Record]:
    """Of what is there, no more than matters, each as the name of where it is."""
    return [{"$limit": FEW}, {"$project": {"_id": 0, "in": {"$literal": name}}}]


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
        spare.collections = spare.collections or await options(fresh.db)
        yield fresh
        await spare.keep(fresh)


@pytest.fixture
async def redis(stores: EmbeddedStores) -> AsyncIterator[Redis]:
    """A client of an empty Redis."""
    async with whole(stores.redis_url) as client:
        await client.flushall()
        yield client


@pytest.fixture
async def listener(redis: Redis) -> AsyncIterator[Listener]:
    """What a worker listens by."""
    async with listening_by(redis) as running:
        yield running
