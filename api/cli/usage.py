"""`parley usage rebuild`: the tallies that usage is counted from, made anew."""

import asyncio

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from api.cli.stores import connected, reachable
from api.settings import Settings
from models import migrations
from models.usage.rebuild import rebuild as rebuild_tallies

app = typer.Typer(help="What usage is counted from.", no_args_is_help=True)


@app.callback()
def usage() -> None:
    """What usage is counted from."""


@app.command("rebuild")
def rebuild() -> None:
    """Make the tallies anew from the messages, conversation by conversation, while the server goes on serving."""
    with reachable(Settings()) as settings:
        count = asyncio.run(_rebuild(settings))
    typer.echo(f"tallies made: {count:,}")


async def _rebuild(settings: Settings) -> int:
    columns = (TextColumn("buckets"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    async with connected(settings) as database:
        await migrations.migrate(database.db)
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task("buckets", total=None)
            return await rebuild_tallies(database.db, lambda count: bar.update(task, completed=count))
