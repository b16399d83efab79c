"""`parley export`: conversations with every branch, into a file or a pipe."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Final, Literal

import typer
from beanie import PydanticObjectId
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from api.cli.errors import CommandError
from api.cli.stores import connected, reachable
from api.settings import Settings
from api.trees import tree_limits
from models import migrations
from models.transfer.exporting import Tally, Trees, View, Writing, export
from models.transfer.exporting_chatgpt import ChatGptWriting
from models.transfer.exporting_file import ExportFile
from models.transfer.parley.writing import ParleyWriting
from models.tree.turns import Turns
from models.user import User, email_key

Format = Literal["parley", "chatgpt"]
STANDARD_OUTPUT: Final = Path("-")
NAMES: Final = 10_000
"""Names of authors that are kept in memory."""


def export_conversations(
    file: Annotated[Path, typer.Argument(help="Where to; `-` is the standard output.", allow_dash=True)],
    owner: Annotated[str | None, typer.Option(help="Address of the account whose conversations are wanted.")] = None,
    everybody: Annotated[bool, typer.Option("--all", help="Those of all accounts.")] = False,
    format_name: Annotated[Format, typer.Option("--format", help="How they are written.")] = "parley",
) -> None:
    """Export conversations with every branch. After an interruption, the same command goes on where it ended.

    The file is there when it is whole, and only its owner may read it.
    """
    if (owner is None) != everybody:
        raise CommandError("say whose conversations: `--owner ADDRESS`, or `--all`")
    with reachable(Settings()) as settings:
        tally = asyncio.run(_export(settings, file, owner, format_name))
    typer.echo(f"exported {tally.conversations:,} conversations with {tally.messages:,} messages", err=True)


async def _export(settings: Settings, file: Path, owner: str | None, format_name: Format) -> Tally:
    writing: Writing = ParleyWriting() if format_name == "parley" else ChatGptWriting()
    async with connected(settings) as database:
        await migrations.migrate(database.db)
        of = await _account(owner) if owner is not None else None
        trees = Trees(database.db, tree_limits(settings), Turns())
        total = len(await trees.listed(of))
        view = View(metadata=True, name_of=_Names())
        with _bar(file) as bar:
            task = bar.add_task("", total=total)
            if file == STANDARD_OUTPUT:
                return await _piped(trees, of, writing, view, _Shown(bar, task))
            with ExportFile.open(file, of, format_name, writing) as opened:
                await export(trees, of, writing, view, opened.put, opened.tally, opened.known, _Shown(bar, task))
                opened.finish()
                return opened.tally


async def _piped(trees: Trees, of: PydanticObjectId | None, writing: Writing, view: View, shown: "_Shown") -> Tally:
    tally, out = Tally(), sys.stdout.buffer
    out.write(writing.first(of))
    await export(trees, of, writing, view, out.write, tally, progress=shown)
    out.flush()
    return tally


async def _account(owner: str) -> PydanticObjectId:
    user = await User.find_one({"email_key": email_key(owner)})
    if user is None:
        raise CommandError(f"no account has the address `{owner}`")
    return user.id


class _Names:
    """What authors are called. Addresses are not given away."""

    def __init__(self) -> None:
        self._known: dict[PydanticObjectId, str | None] = {}

    async def __call__(self, id_: PydanticObjectId) -> str | None:
        if id_ not in self._known:
            if len(self._known) >= NAMES:
                self._known.clear()
            user = await User.get(id_)
            self._known[id_] = user.display_name if user else None
        return self._known[id_]


class _Shown:
    """Moves the bar."""

    def __init__(self, bar: Bar, task: TaskID) -> None:
        self._bar = bar
        self._task = task

    def __call__(self, tally: Tally) -> None:
        said = f"{tally.messages:,} messages"
        self._bar.update(self._task, completed=tally.conversations, description=said)


def _bar(file: Path) -> Bar:
    columns = (TextColumn(file.name, markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Bar(*columns, TextColumn("{task.description}"), console=Console(stderr=True))
