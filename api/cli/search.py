"""`parley search rebuild`: the full-text index, made anew."""

import asyncio

import typer

from api.cli.rebuilding import rebuilt
from api.cli.stores import reachable
from api.settings import Settings
from models.search.rebuild import rebuild as rebuild_index

app = typer.Typer(help="The full-text index.", no_args_is_help=True)


@app.callback()
def search() -> None:
    """The full-text index."""


@app.command("rebuild")
def rebuild() -> None:
    """Build the index anew from the messages, while it goes on serving: it changes over when all is there."""
    with reachable(Settings()) as settings:
        count = asyncio.run(rebuilt(settings, "messages", rebuild_index))
    typer.echo(f"{count:,} messages are in the index")
