"""`parley migrate` and `parley schema`."""

import asyncio

import typer

from api.cli.stores import connected, reachable
from api.settings import Settings
from models import migrations


def migrate() -> None:
    """Bring the database's indexes and stored shape up to this release."""
    with reachable(Settings()) as settings:
        done = asyncio.run(_migrate(settings))
    typer.echo("\n".join(f"applied {name}" for name in done) or "nothing to do")


def schema() -> None:
    """Print the GraphQL schema."""
    from api.schema import build_schema  # building it takes a second that other commands should not

    typer.echo(build_schema().as_str())


async def _migrate(settings: Settings) -> list[str]:
    async with connected(settings) as database:
        return await migrations.migrate(database.db)
