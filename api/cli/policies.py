"""`parley policy check` and `parley policy apply`: resource types, roles, policies and their tests from a file."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from pymongo.errors import PyMongoError

from api.cli.audit import audit_log
from api.cli.endpoints import embedded, with_endpoints
from api.cli.errors import CommandError
from api.cli.stores import connected, reachable
from api.propagation import telling
from api.settings import Settings
from models import migrations
from models.embedded import EmbeddedError, running
from models.user import User, email_key
from permissions.changes import SYSTEM, Changer, PermissionChanges, unseen
from permissions.errors import PermissionsError
from permissions.policy_files.differences import differences
from permissions.policy_files.errors import PolicyFileError
from permissions.policy_files.file import PolicyFile
from permissions.policy_files.yaml import LARGEST
from permissions.state import State
from permissions.store import PermissionStore

app = typer.Typer(help="Policy files.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="The policy file, YAML.", exists=True, dir_okay=False, readable=True)]


@app.callback()
def policies() -> None:
    """Policy files."""


@app.command("check")
def check(
    file: File,
    offline: Annotated[bool, typer.Option("--offline", help="Look at the file alone, though a store may run.")] = False,
) -> None:
    """Read a policy file, check it, and run its tests. Nothing is changed, and no store is needed.

    Where one is reachable the file is checked on top of what is in force there, and what would change is shown.
    Otherwise it can only speak of what is built in, and of what it declares itself.
    """
    parsed = _parsed(file)
    changes = None if offline else _compared(file, parsed)
    if changes is None:
        _require_right(file, parsed, State())
    typer.echo(f"{file}: {_contents(parsed)}")
    typer.echo("\n".join(changes or ["nothing would change"]) if changes is not None else "not compared with a store")


@app.command("apply")
def apply(
    file: File,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    by: Annotated[str, typer.Option(help="Address of who applies it: he can't give what he has not.")] = "",
) -> None:
    """Show what a policy file would change, and change it: all of it, or nothing if anything is refused."""
    parsed = _parsed(file)
    with reachable(Settings()) as settings:
        typer.echo(asyncio.run(_apply(settings, file, parsed, by, yes)))


def _parsed(file: Path) -> PolicyFile:
    with _refusals(file), file.open("rb") as opened:
        return PolicyFile.parse(opened.read(LARGEST + 1))


@contextmanager
def _refusals(file: Path) -> Iterator[None]:
    """What is wrong with the file, a line each; the status is then 1."""
    try:
        yield
    except* PolicyFileError as group:
        for error in _leaves(group):
            typer.echo(error.at(str(file)), err=True)
        raise typer.Exit(1) from None


def _leaves(group: BaseExceptionGroup[PolicyFileError]) -> Iterator[PolicyFileError]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def _require_right(file: Path, parsed: PolicyFile, base: State) -> None:
    for problem in (problems := parsed.problems(base)):
        typer.echo(problem.at(str(file)), err=True)
    if problems:
        raise typer.Exit(1)


def _contents(parsed: PolicyFile) -> str:
    counted = (
        _counted(len(parsed.types), "resource type", "resource types"),
        _counted(len(parsed.roles), "role", "roles"),
        _counted(len(parsed.policies), "policy", "policies"),
    )
    return f"{', '.join(counted)}; {_counted(parsed.cases, 'test passes', 'tests pass')}"


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _compared(file: Path, parsed: PolicyFile) -> list[str] | None:
    """What would change, when it is right on top of what is in force; None where no store is reachable."""
    settings = Settings()
    try:
        if embedded(settings):
            endpoints = running(settings.data_dir)
            if endpoints is None:
                return None
            settings = with_endpoints(settings, endpoints)
        return asyncio.run(_differences(settings, file, parsed))
    except (PyMongoError, EmbeddedError):
        return None


async def _differences(settings: Settings, file: Path, parsed: PolicyFile) -> list[str]:
    async with connected(settings):
        state = (await PermissionStore().ground()).state
        _require_right(file, parsed, state)
        return list(differences(parsed, state))


async def _apply(settings: Settings, file: Path, parsed: PolicyFile, by: str, yes: bool) -> str:
    async with connected(settings) as database:
        await migrations.migrate(database.db)
        ground = await PermissionStore().ground()
        _require_right(file, parsed, ground.state)
        changes = list(differences(parsed, ground.state))
        if not changes:
            return f"{file}: {_contents(parsed)}; nothing to change"
        typer.echo("\n".join(changes))
        if not yes:
            typer.confirm("Apply?", abort=True)
        changer = await _changer(by)
        redis_url = settings.redis_url.get_secret_value() if settings.redis_url else ""
        async with telling(redis_url) as announce, audit_log(settings, database) as log:
            door = PermissionChanges(PermissionStore(), announce, log.changed if log else unseen)
            try:
                reason = f"parley policy apply {file.name}"[:200]
                revision = await door.put(parsed.documents, changer, reason, tests=parsed.tests)
            except PermissionsError as error:
                raise CommandError(f"nothing was changed: {error}") from error
        return f"{file}: {_contents(parsed)}; applied, revision {revision}"


async def _changer(by: str) -> Changer:
    if not by:
        return SYSTEM
    user = await User.find_one({"email_key": email_key(by)})
    if user is None:
        raise CommandError(f"no account has the address `{by}`")
    return Changer(user.id)
