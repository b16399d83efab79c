"""`parley import`: an export of Parley or of another chat system, with a progress bar."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Final, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from api.cli.errors import CommandError
from api.cli.stores import connected, reachable
from api.settings import Settings
from api.trees import tree_limits
from models import migrations
from models.transfer.arrivals import import_any
from models.transfer.importing import Control, Progress, Report
from models.user import User, email_key
from resolvers.chat.list_news import announce_many
from resolvers.live import RedisBroker

Format = Literal["chatgpt", "librechat", "oasst", "openwebui", "parley"]
STOPPED: Final = 130
"""Exit status, as shells have it for what SIGINT ended."""


def import_conversations(
    file: Annotated[Path, typer.Argument(help="The export.")],
    format_name: Annotated[Format, typer.Option("--format", help="Where it comes from.")],
    owner: Annotated[str, typer.Option(help="Address of the account that shall own the conversations.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only check the file: nothing is written.")] = False,
) -> None:
    """Import conversations with every branch. Doing it again changes nothing, and goes on where it was cut short.

    What cannot be imported is listed; the status is then 1, and the rest is imported all the same. Ctrl-C ends it
    after the conversation that it is at, with status 130; once more ends it at once.
    """
    with reachable(Settings()) as settings:
        report = asyncio.run(_import(settings, file, format_name, owner, dry_run))
    for refusal in report.refusals:
        typer.echo(f"not imported: {refusal}", err=True)
    if report.refused > len(report.refusals):
        typer.echo(f"and {report.refused - len(report.refusals):,} more", err=True)
    typer.echo(summary(report, dry_run))
    if report.stopped:
        typer.echo("stopped before the end of the file: the same command goes on from here", err=True)
        raise typer.Exit(STOPPED)
    raise typer.Exit(1 if report.refused else 0)


def summary(report: Report, dry_run: bool = False) -> str:
    """The outcome in one line."""
    done = "would import" if dry_run else "imported"
    return (
        f"{done} {report.imported:,} conversations with {report.messages:,} messages; "
        f"{report.unchanged:,} were there already; {report.refused:,} records were refused"
    )


async def _import(settings: Settings, file: Path, format_name: str, owner: str, dry_run: bool) -> Report:
    async with connected(settings) as database:
        if not dry_run:
            await migrations.migrate(database.db)
        user = await User.find_one({"email_key": email_key(owner)})
        if user is None:
            raise CommandError(f"no account has the address `{owner}`: make one with `parley user create`")
        with _bar(file) as bar, _interruptible() as stop:
            task = bar.add_task("", total=None)

            def show(progress: Progress) -> None:
                bar.update(task, total=progress.size, completed=progress.read, description=counts(progress.report))

            limits, control = tree_limits(settings), Control(stop, dry_run)
            async with AsyncExitStack() as stack:
                if not dry_run:
                    stack.push_async_callback(_tell, settings, user)
                return await import_any(database.db, file, format_name, user, limits, show, control=control)


async def _tell(settings: Settings, owner: User) -> None:
    """Whoever has them on his list reads it anew; without Redis nobody follows one."""
    if settings.redis_url is not None:
        async with RedisBroker(settings.redis_url.get_secret_value()) as broker:
            await announce_many(broker, owner.id)


def counts(report: Report) -> str:
    """What came of it so far."""
    done = f"{report.imported + report.unchanged:,} conversations, {report.messages:,} messages"
    return f"{done}, {report.refused:,} refused" if report.refused else done


@contextmanager
def _interruptible() -> Iterator[asyncio.Event]:
    """An event that the first Ctrl-C sets; the second one does what it always does."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def ask() -> None:
        stop.set()
        loop.remove_signal_handler(signal.SIGINT)

    loop.add_signal_handler(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        loop.remove_signal_handler(signal.SIGINT)


def _bar(file: Path) -> Bar:
    columns = (TextColumn(file.name, markup=False), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    return Bar(*columns, TextColumn("{task.description}"), console=Console(stderr=True))
