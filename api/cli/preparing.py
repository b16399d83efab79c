"""What a database needs before it is served: the migrations, what every installation has, and the demo's own."""

from api.cli.audit import audit_log
from api.cli.saying import say
from api.cli.stores import connected, require_redis
from api.settings import Settings
from models import migrations
from models.database import Database
from permissions.audit.log import AuditLog
from permissions.builtin import ensure_policies, ensure_super_admin


async def prepare(settings: Settings) -> None:
    """Look whether the stores answer, and put in what is missing."""
    await require_redis(settings)
    async with connected(settings) as database:
        for name in await migrations.migrate(database.db):
            say(f"migrated: {name}")
        async with audit_log(settings, database) as log:
            await _put_in(settings, database, log)


async def _put_in(settings: Settings, database: Database, log: AuditLog | None) -> None:
    """What every installation has, and the demo's own."""
    witness = log.changed if log else None
    await ensure_policies(witness)
    if settings.demo and log:  # its own super admin inherits from the others
        from api.cli import demo  # and what plants trees

        await demo.seed(settings, database, log)
    await ensure_super_admin(witness)
