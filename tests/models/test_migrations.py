"""Migrations, on a database that has something in it already."""

import secrets

import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import NetworkTimeout

from models.database import Record
from models.embedded import EmbeddedStores
from models.migrations import migrate

CALL_MS = 2_000
SLOW_MS = 2_500


async def test_an_index_may_take_longer_to_build_than_a_call_may_take(stores: EmbeddedStores) -> None:
    slow = {"failCommands": ["createIndexes"], "blockConnection": True, "blockTimeMS": SLOW_MS}
    client: AsyncMongoClient[Record] = AsyncMongoClient(
        stores.mongodb_uri, timeoutMS=CALL_MS, serverMonitoringMode="poll"
    )
    async with client:
        db = client[f"test-{secrets.token_hex(8)}"]
        block = {"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": slow}
        await client.admin.command(block)
        with pytest.raises(NetworkTimeout):
            await db.things.create_index("name")
        await client.admin.command(block)
        assert await migrate(db)
        assert "slot" in await db.buckets.index_information()
        await client.drop_database(db.name)
