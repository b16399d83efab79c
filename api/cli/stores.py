"""Which stores a command works on: the configured ones, those of a running server, or its own for a while."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import pymongo

from api.cli.endpoints import embedded, with_endpoints
from api.cli.errors import CommandError
from api.settings import Settings
from models.database import Database
from models.embedded import attach_or_start
from models.redis import open_redis

PATIENCE_SECONDS: Final = 5.0
"""How long a store may take to answer a command that has just begun."""
FEW: Final = 3
"""Retries: people wait."""


@contextmanager
def reachable(settings: Settings) -> Iterator[Settings]:
    """Settings whose stores answer inside the block."""
    if not embedded(settings):
        yield settings
        return
    with attach_or_start(settings.data_dir) as endpoints:
        yield with_endpoints(settings, endpoints)


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[Database]:
    """The database of `settings`, whose stores are reachable."""
    if settings.mongodb_uri is None:
        raise CommandError("no MongoDB: set PARLEY_MONGODB_URI")
    uri = settings.mongodb_uri.get_secret_value()
    with pymongo.timeout(PATIENCE_SECONDS):  # binding the documents asks the server
        database = await Database.connect(uri, settings.database)
    async with database:
        yield database


async def require_redis(settings: Settings) -> None:
    """Raise unless Redis answers."""
    if settings.redis_url is None:
        raise CommandError("no Redis: set PARLEY_REDIS_URL")
    url = settings.redis_url.get_secret_value()
    async with open_redis(url, retries=FEW, seconds=PATIENCE_SECONDS) as client:
        await client.ping()
