"""`parley keys list`, `rotate` and `reseal`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated

import typer

from api.authentication import key_ring, lives
from api.cli.audit import audit_log
from api.cli.errors import CommandError
from api.cli.stores import connected, reachable, require_redis
from api.key_ring import announcer
from api.settings import Settings
from models import migrations
from models.redis import open_redis
from permissions.audit.events import SYSTEM
from permissions.authn.keys import KeyRing, Life
from permissions.authn.revocation.ledger import Ledger
from permissions.authn.revocation.revocations import Revocations
from permissions.key_rotation import KeyRotation, Rotated
from resolvers.live import RedisBroker

app = typer.Typer(help="The keys that sign access tokens.", no_args_is_help=True)


@app.callback()
def keys() -> None:
    """The keys that sign access tokens."""


@app.command("list")
def list_() -> None:
    """Print the ring, oldest first: id, algorithm, what it is good for, made when, and until when it verifies."""
    with reachable(Settings()) as settings:
        for life in asyncio.run(_list(settings)):
            key = life.key
            typer.echo("\t".join((key.id, key.algorithm, life.use, _shown(key.created_at), _shown(life.ends_at))))


@app.command("rotate")
def rotate(
    revoke_now: Annotated[
        bool, typer.Option("--revoke-now", help="Refuse the tokens of older keys now: one of them has leaked.")
    ] = False,
) -> None:
    """Have a new key sign at once. Older ones verify until the last of their tokens has expired."""
    with reachable(Settings()) as settings:
        rotated = asyncio.run(_rotate(settings, revoke_now))
    typer.echo(f"signs\t{rotated.key_id}")
    for kid in rotated.revoked:
        typer.echo(f"revoked\t{kid}")


@app.command("reseal")
def reseal() -> None:
    """Encrypt with PARLEY_SECRET_KEY what is encrypted with PARLEY_SECRET_KEY_PREVIOUS."""
    with reachable(Settings()) as settings:
        number = asyncio.run(_reseal(settings))
    typer.echo(f"{number} key{'' if number == 1 else 's'} encrypted anew")


async def _list(settings: Settings) -> list[Life]:
    async with _ring(settings) as ring:
        return list(ring.lives)


async def _rotate(settings: Settings, revoke_now: bool) -> Rotated:
    await require_redis(settings)
    url = settings.redis_url.get_secret_value() if settings.redis_url else ""
    async with (
        connected(settings) as database,
        open_redis(url) as redis,
        RedisBroker(url) as broker,
        audit_log(settings, database) as log,
    ):
        await migrations.migrate(database.db)
        ring = key_ring(settings, _secret(settings))
        await ring.ensure()
        revocations = Revocations(Ledger(redis), lives(settings))
        return await KeyRotation(ring, announcer(broker), log, revocations).rotate(SYSTEM, revoke_now=revoke_now)


async def _reseal(settings: Settings) -> int:
    if settings.secret_key_previous is None:
        raise CommandError("PARLEY_SECRET_KEY_PREVIOUS is not set: there is no other key to open the ring with")
    async with _ring(settings) as ring:
        return await ring.reseal()


@asynccontextmanager
async def _ring(settings: Settings) -> AsyncIterator[KeyRing]:
    async with connected(settings) as database:
        await migrations.migrate(database.db)
        ring = key_ring(settings, _secret(settings))
        await ring.load()
        yield ring


def _secret(settings: Settings) -> str:
    """The one that is set; the demo keeps its own with its data."""
    kept = settings.data_dir / "secret_key"
    if settings.secret_key is None and kept.exists():
        return kept.read_text().strip()
    if settings.secret_key is None:
        raise CommandError("PARLEY_SECRET_KEY is not set: the keys are encrypted with it")
    return settings.secret_key.get_secret_value()


def _shown(moment: datetime | None) -> str:
    return "-" if moment is None else f"{moment:%Y-%m-%dT%H:%M:%SZ}"
