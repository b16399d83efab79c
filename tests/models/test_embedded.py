"""The embedded stores keep what they acknowledged, and leave nothing behind."""

from redis.asyncio import Redis

from models.database import Database


async def test_a(database: Database, redis: Redis) -> None:
    assert await database.db.command("ping")
    assert await redis.ping()


async def test_b(database: Database, redis: Redis) -> None:
    assert await database.db.command("ping")
    assert await redis.ping()
