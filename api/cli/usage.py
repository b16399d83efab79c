"""`parley usage rebuild`: the tallies that usage is counted from, made anew."""

import asyncio

import typer

from api.cli.rebuilding import rebuilt
from api.cli.stores import reachable
from api.settings import Settings
from models.usage.rebuild import rebuild as rebuild_tallies

app = typer.Typer(help="What usage is counted from.", no_args_is_help=True)


@app.callback()
def usage() -> None:
    """What usage is counted from."""


@app.command("rebuild")
def rebuild() -> None:
    """Make the tallies anew from the messages, conversation by conversation, while the server goes on serving."""
    with reachable(Settings()) as settings:
        count = asyncio.run(rebuilt(settings, "buckets", rebuild_tallies))
    typer.echo(f"tallies made: {count:,}")
