"""Rebuilding what is derived from the messages, with a bar that tells how far it is."""

from collections.abc import Awaitable, Callable
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from api.cli.stores import connected
from api.settings import Settings
from models import migrations
from models.database import Record

Rebuild = Callable[[AsyncDatabase[Record], Callable[[int], Any]], Awaitable[int]]
"""Is given the database and whom to tell of the number done; returns it at the end."""


async def rebuilt(settings: Settings, what: str, rebuild: Rebuild) -> int:
    """Have it rebuilt, counting `what`; how many that were."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    async with connected(settings) as database:
        await migrations.migrate(database.db)
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(what, total=None)
            return await rebuild(database.db, lambda count: bar.update(task, completed=count))
