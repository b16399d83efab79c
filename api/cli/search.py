"""`parley search rebuild`: the full-text index, made anew."""

import asyncio

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from api.cli.stores import connected, reachable
from api.settings import Settings
from models import migrations
from models.search.rebuild import rebuild as rebuild_index

app = typer.Typer(help="The full-text index.", no_args_is_help=True)


@app.callback()
def search() -> None:
    """The full-text index."""


@app.command("rebuild")
def rebuild() -> None:
    """Build the index anew from the messages, while it goes on serving: it changes over when all is there."""
    with reachable(Settings()) as settings:
        count = asyncio.run(_rebuild(settings))
    typer.echo(f"{count:,} messages are in the index")


async def _rebuild(settings: Settings) -> int:
    columns = (TextColumn("messages"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    async with connected(settings) as database:
        await migrations.migrate(database.db)
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task("messages", total=None)
            return await rebuild_index(database.db, lambda count: bar.update(task, completed=count))
