"""What is done to accounts, for commands: with the stores of a running server, and without serving anybody."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from api.authentication import credentials, lives
from api.cli.audit import audit_log
from api.cli.stores import connected, require_redis
from api.propagation import telling
from api.settings import Settings
from models import migrations
from models.redis import open_redis
from permissions.administration import Administration, nobody
from permissions.authn.passwords import Passwords
from permissions.authn.revocation.ledger import Ledger
from permissions.authn.revocation.revocations import Revocations
from permissions.changes import PermissionChanges, unseen
from permissions.store import PermissionStore


@asynccontextmanager
async def administration(settings: Settings) -> AsyncIterator[Administration]:
    """On an up-to-date database. What is done is told to the workers, and written down where the log's key is known."""
    await require_redis(settings)
    url = settings.redis_url.get_secret_value() if settings.redis_url else ""
    passwords = Passwords(hashers=1)
    try:
        async with connected(settings) as database, open_redis(url) as redis:
            await migrations.migrate(database.db)
            revocations = Revocations(Ledger(redis), lives(settings))
            async with audit_log(settings, database) as log, telling(url) as announce:
                changes = PermissionChanges(PermissionStore(), announce, log.changed if log else unseen)
                parts = credentials(settings, redis, passwords, revocations)
                yield Administration(changes, parts, log.write if log else nobody)
    finally:
        passwords.close()
