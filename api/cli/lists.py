"""`parley lists repair`: what lists find conversations by, put right."""

import asyncio

import typer

from api.cli.stores import connected, reachable
from api.settings import Settings
from models import migrations
from models.listing.filling import refill

app = typer.Typer(help="Lists of conversations.", no_args_is_help=True)


@app.callback()
def lists() -> None:
    """Lists of conversations."""


@app.command("repair")
def repair() -> None:
    """Put right what lists find conversations by: once, when the last worker of a release without it has ended."""
    with reachable(Settings()) as settings:
        count = asyncio.run(_repair(settings))
    typer.echo(f"{count:,} conversations were found by what they no longer are, or not at all")


async def _repair(settings: Settings) -> int:
    async with connected(settings) as database:
        await migrations.migrate(database.db)
        return await refill(database.db)
