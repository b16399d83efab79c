"""Fixtures: the real stores, started once a session, and clean ones for each test."""

import secrets
from collections.abc import AsyncIterator, Iterator

import pytest
from redis.asyncio import Redis

from models.database import Database
from models.embedded import EmbeddedStores
from models.migrations import migrate


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStores]:
    """Embedded MongoDB and Redis, shared by all tests: `mongodb_uri`, `redis_url`."""
    with EmbeddedStores(tmp_path_factory.mktemp("stores")) as running:
        yield running


@pytest.fixture
async def database(stores: EmbeddedStores) -> AsyncIterator[Database]:
    """An empty, migrated database of a test's own."""
    async with await Database.connect(stores.mongodb_uri, f"test-{secrets.token_hex(8)}") as fresh:
        await migrate(fresh.db)
        yield fresh
        await fresh.client.drop_database(fresh.db.name)


@pytest.fixture
async def redis(stores: EmbeddedStores) -> AsyncIterator[Redis]:
    """A client of an empty Redis."""
    async with Redis.from_url(stores.redis_url) as client:
        await client.flushall()
        yield client
