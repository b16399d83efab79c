"""Databases to back up, one to restore into, and a directory between them."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pymongo.asynchronous.database import AsyncDatabase

from models.database import Database, Record
from models.embedded import EmbeddedStores
from models.migrations import migrate
from models.tree import MessageTree
from tests.models.tree.conftest import SMALL


@pytest.fixture
async def database(stores: EmbeddedStores) -> AsyncIterator[Database]:
    """Nothing is in it, not even indexes: a backup takes whatever there is."""
    async with await Database.connect(stores.mongodb_uri, f"test-{secrets.token_hex(8)}") as fresh:
        yield fresh
        await fresh.client.drop_database(fresh.db.name)


@pytest.fixture
async def tree(database: Database) -> MessageTree:
    """Of a database that has its indexes."""
    await migrate(database.db)
    return MessageTree(database.db, SMALL)


@pytest.fixture
async def target(database: Database) -> AsyncIterator[AsyncDatabase[Record]]:
    name = f"test-{secrets.token_hex(8)}"
    yield database.client.get_database(name, codec_options=database.db.codec_options)
    await database.client.drop_database(name)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "backup"
