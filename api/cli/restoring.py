"""`parley restore`: a backup into an empty database, as it was at a moment."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import bson
import typer

from api.authentication import key_ring, lives
from api.cli.audit import audit_log, sealed
from api.cli.backup import bar
from api.cli.errors import CommandError
from api.cli.stores import connected, reachable, require_redis
from api.settings import Settings
from models import migrations
from models.backup.catalog import Generation, chosen
from models.backup.errors import moment
from models.backup.restoring import Restoration, release
from models.clock import now
from models.database import Database
from models.redis import open_redis
from permissions.audit.events import SYSTEM, Target
from permissions.authn.errors import KeyRingError
from permissions.authn.revocation.criteria import Criteria
from permissions.authn.revocation.ledger import Ledger
from permissions.authn.revocation.revocations import Revocations

RESTORED: Final = "database.restored"
KEYS: Final = "signing_keys"


def restore(
    directory: Annotated[Path, typer.Argument(help="The backup.")],
    at: Annotated[
        str | None, typer.Option(help="A moment, as 2026-11-25T17:30:00Z; the last one if not given.")
    ] = None,
    lost_key: Annotated[
        bool, typer.Option("--lost-key", help="PARLEY_SECRET_KEY is lost: leave out what is sealed with it.")
    ] = False,
) -> None:
    """Restore into an empty database, while no server runs on it.

    All sessions are over then. Credentials, revocations, erasures and the audit log are never set back.
    """
    generation = chosen(directory, None if at is None else time(at))
    with reachable(Settings()) as settings:
        asyncio.run(_restore(settings, generation, None if at is None else time(at), lost_key=lost_key))


def time(text: str) -> datetime:
    """A moment with its offset from UTC, or `Z`."""
    try:
        at = datetime.fromisoformat(text)
        utc = at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"`{text[:50]}` is not like 2026-11-25T17:30:00Z", param_hint="--at") from None
    if at.tzinfo is None:
        raise typer.BadParameter("say the offset from UTC, or Z", param_hint="--at")
    return utc


async def _restore(settings: Settings, generation: Generation, at: datetime | None, *, lost_key: bool) -> None:
    await require_redis(settings)
    at, without = at or generation.journal.reached, frozenset({KEYS} if lost_key else ())
    with Restoration(generation, at, without) as restoration:
        if not lost_key:
            require_key(settings, [bson.decode(each) for each in restoration.documents(KEYS)])
        async with connected(settings) as database:
            with bar("documents") as show:
                done = await restoration.into(database.db, show)
            typer.echo(f"restored as of {moment(at)}: {done.documents:,} documents, read back and compared")
            await _end_sessions(settings)
            await release(database.db)
            for name in await migrations.migrate(database.db):
                typer.echo(f"migrated: {name}")
            await _tell(settings, database, at)


def require_key(settings: Settings, keys: list[dict[str, Any]]) -> None:
    """Raise `CommandError` unless PARLEY_SECRET_KEY opens the newest signing key of the backup."""
    sealed_keys = [key for key in keys if key.get("encrypted_private_key")]
    if not sealed_keys:
        return
    secret = sealed(settings).secret_key
    newest = max(sealed_keys, key=lambda key: int(key["number"]))
    try:
        vault = key_ring(settings, secret.get_secret_value() if secret else "").vault
        vault.open(newest["_id"], newest["algorithm"], newest["encrypted_private_key"])
    except KeyRingError:
        raise CommandError(
            "this backup needs the PARLEY_SECRET_KEY of the installation that it is of, and this is another one: set "
            "that one, or, if it is lost, give --lost-key"
        ) from None


async def _end_sessions(settings: Settings) -> None:
    """Nobody stays signed in: what was revoked after the last backup is known to nobody any more."""
    url = settings.redis_url.get_secret_value() if settings.redis_url else ""
    async with open_redis(url) as redis:
        everyone = Criteria(everyone=True)
        await Revocations(Ledger(redis), lives(settings)).revoke(everyone, "restored from a backup", wait=False)


async def _tell(settings: Settings, database: Database, at: datetime) -> None:
    async with audit_log(settings, database) as log:
        if log is not None:
            await log.write(RESTORED, SYSTEM, Target("database"), after={"as_of": moment(at), "at": moment(now())})
    typer.echo("all sessions are over; the search index is built by the servers as they run")
