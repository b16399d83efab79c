"""`parley import`: an export of Parley or of another chat system, with a progress bar."""

import asyncio
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from api.cli.problems import CommandError
from api.cli.stores import connected, reachable
from api.services import tree_limits
from api.settings import Settings
from models import migrations
from models.transfer.arrivals import import_any
from models.transfer.importing import Progress, Report
from models.user import User, email_key

Format = Literal["chatgpt", "librechat", "oasst", "openwebui", "parley"]


def import_conversations(
    file: Annotated[Path, typer.Argument(help="The export.")],
    format_name: Annotated[Format, typer.Option("--format", help="Where it comes from.")],
    owner: Annotated[str, typer.Option(help="Address of the account that shall own the conversations.")],
) -> None:
    """Import conversations with every branch. Doing it again changes nothing.

    What cannot be imported is listed; the status is then 1, and the rest is imported all the same.
    """
    with reachable(Settings()) as settings:
        report = asyncio.run(_import(settings, file, format_name, owner))
    for refusal in report.refusals:
        typer.echo(f"not imported: {refusal}", err=True)
    if report.refused > len(report.refusals):
        typer.echo(f"and {report.refused - len(report.refusals):,} more", err=True)
    typer.echo(summary(report))
    raise typer.Exit(1 if report.refused else 0)


def summary(report: Report) -> str:
    """The outcome in one line."""
    return (
        f"imported {report.imported:,} conversations with {report.messages:,} messages; "
        f"{report.unchanged:,} were there already; {report.refused:,} records were refused"
    )


async def _import(settings: Settings, file: Path, format_name: str, owner: str) -> Report:
    async with connected(settings) as database:
        await migrations.migrate(database.db)
        user = await User.find_one({"email_key": email_key(owner)})
        if user is None:
            raise CommandError(f"no account has the address `{owner}`: make one with `parley user create`")
        with _bar(file) as bar:
            task = bar.add_task(file.name, total=None)

            def show(progress: Progress) -> None:
                done = f"{progress.report.imported + progress.report.unchanged:,} conversations"
                bar.update(task, total=progress.size, completed=progress.read, description=done)

            return await import_any(database.db, file, format_name, user, tree_limits(settings), show)


def _bar(file: Path) -> Bar:
    columns = (TextColumn(file.name, markup=False), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    return Bar(*columns, TextColumn("{task.description}"), console=Console(stderr=True))
