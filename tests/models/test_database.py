"""The connection to MongoDB."""

import pytest
from pymongo import AsyncMongoClient

from models.database import Database, Record


async def test_a_collection_is_made_once_and_is_that_of_the_name() -> None:
    client: AsyncMongoClient[Record] = AsyncMongoClient("mongodb://127.0.0.1:1", connect=False)
    try:
        db = Database(client, "parley").db
        assert db.conversations is db.conversations
        assert db.conversations == db["conversations"]
        assert db.conversations.codec_options.tz_aware
        assert db.conversations != db.buckets
        with pytest.raises(AttributeError):
            _ = db._nothing
    finally:
        await client.close()
