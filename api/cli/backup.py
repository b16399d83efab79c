"""`parley backup`: everything that is stored, as files, and what has changed since."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from pymongo.errors import PyMongoError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from api.cli.problems import explain
from api.cli.stores import connected, reachable
from api.settings import Settings
from models.backup.backup import Report, back_up, follow
from models.backup.catalog import Generation, keep
from models.backup.copying import Copied
from models.backup.copying import Progress as Show
from models.backup.errors import moment
from models.backup.verification import verify

EVERY_SECONDS = 5.0


def backup(
    directory: Annotated[Path, typer.Argument(help="Where the backup is, or shall be.")],
    check: Annotated[bool, typer.Option("--verify", help="Only check what is there, without a database.")] = False,
    going_on: Annotated[bool, typer.Option("--follow", help="Go on until Ctrl-C or SIGTERM.")] = False,
    every: Annotated[
        float, typer.Option(min=1, help="With --follow: seconds from one time to the next.")
    ] = EVERY_SECONDS,
    fresh: Annotated[bool, typer.Option("--new", help="Copy everything anew.")] = False,
    kept: Annotated[int | None, typer.Option("--keep", min=1, help="Then remove all but so many whole copies.")] = None,
) -> None:
    """Back the database up while it is being written to; again, and only what has changed is added."""
    if check:
        _verify(directory)
        return
    with reachable(Settings()) as settings:
        asyncio.run(_back_up(settings, directory, fresh=fresh))
        removed = keep(directory, kept) if kept else 0
        if removed:
            typer.echo(f"removed {removed} older")
        if going_on:
            asyncio.run(_follow(settings, directory, every))


@contextmanager
def bar(what: str) -> Iterator[Show]:
    """Shows on standard error how far it is, once there is anything to show."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    shown = Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True))
    task = shown.add_task("", total=None)

    def show(copied: Copied) -> None:
        shown.start()
        total = max(copied.expected, copied.documents)  # more may come meanwhile
        shown.update(task, total=total, completed=copied.documents, description=f"{copied.plain / 1e6:,.0f} MB")

    try:
        yield show
    finally:
        if shown.live.is_started:
            shown.stop()


def _verify(directory: Path) -> None:
    flawed = False
    for each in verify(directory):
        if each.generation is None:
            flawed = True
            typer.echo(f"damaged: {each.flaw}", err=True)
        else:
            typer.echo(f"good: {each.path.name}: {_range(each.generation)}")
    raise typer.Exit(1 if flawed else 0)


async def _back_up(settings: Settings, directory: Path, *, fresh: bool) -> None:
    async with connected(settings) as database:
        with bar("documents") as show:
            report = await back_up(database.db, directory, fresh=fresh, progress=show)
    typer.echo(summary(report))


async def _follow(settings: Settings, directory: Path, every: float) -> None:
    """A signal is heard between two times: what has begun is written to its end."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)

    def show(outcome: Report | PyMongoError) -> None:
        if isinstance(outcome, PyMongoError):
            typer.echo(f"parley: {explain(outcome)}; going on", err=True)
        elif outcome.changes or outcome.copied is not None:
            typer.echo(summary(outcome))

    async with connected(settings) as database:
        typer.echo("following; Ctrl-C ends it")
        await follow(database.db, directory, every, stop, show)


def summary(report: Report) -> str:
    """The outcome in one line."""
    why = f" ({report.reason})" if report.reason else ""
    copied = f"{report.copied:,} documents copied{why}, and " if report.copied is not None else ""
    return f"{copied}{report.changes:,} changes noted: {_range(report.generation)}"


def _range(generation: Generation) -> str:
    return f"{moment(generation.base.complete_at)} to {moment(generation.journal.reached)} can be restored"
