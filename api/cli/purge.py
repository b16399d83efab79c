"""`parley purge`."""

import asyncio
from datetime import timedelta

import typer

from api.cli.errors import CommandError
from api.cli.stores import connected, reachable
from api.purging import purge as purge_now
from api.settings import Settings
from api.trees import message_tree
from models.tree import Purged


def purge() -> None:
    """Make final what was deleted longer than PARLEY_RETENTION_DAYS ago. Servers do so by themselves, too."""
    with reachable(Settings()) as settings:
        purged = asyncio.run(_purge(settings))
    typer.echo(
        f"gone for good: {purged.messages} messages, {purged.subtrees} subtrees, {purged.conversations} conversations"
        + (f", and what {purged.unfinished} writers left that died" if purged.unfinished else "")
    )


async def _purge(settings: Settings) -> Purged:
    async with connected(settings) as database:
        tree = message_tree(settings, database)
        purged = await purge_now(database.db, tree, timedelta(days=settings.retention_days))
    if purged is None:
        raise CommandError("another worker is purging already")
    return purged
