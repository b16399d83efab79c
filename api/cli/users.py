"""`parley user create`."""

import asyncio
import sys
from typing import Annotated

import typer

from api.cli.audit import audit_log
from api.cli.problems import CommandError
from api.cli.stores import connected, reachable
from api.settings import Settings
from models import migrations
from models.clock import now
from models.role import Role, RoleAssignment
from models.user import User
from permissions.audit.events import SYSTEM as HERE
from permissions.audit.events import Target
from permissions.audit.log import AuditLog
from permissions.authn.passwords import Passwords, require_strong
from permissions.authn.registration import NewUser, register
from permissions.authn.witness import SignIn
from permissions.builtin import ensure_super_admin
from permissions.changes import SYSTEM, PermissionChanges
from permissions.store import PermissionStore

app = typer.Typer(help="Accounts.", no_args_is_help=True)


@app.callback()
def accounts() -> None:
    """Accounts."""


@app.command("create")
def create(
    email: Annotated[str, typer.Option(help="Address to log in with.")],
    name: Annotated[str, typer.Option(help="Name that others see; the address if not given.")] = "",
    role: Annotated[list[str] | None, typer.Option(help="A role to hold; may be repeated.")] = None,
    attribute: Annotated[
        list[str] | None, typer.Option(help="KEY=VALUE that policies look at; may be repeated.")
    ] = None,
) -> None:
    """Make an account. The password is asked for, or read from standard input where that is no terminal."""
    new = NewUser(email, name or email, _password(), dict(map(_attribute, attribute or [])))
    with reachable(Settings()) as settings:
        user = asyncio.run(_create(settings, new, role or []))
    typer.echo(f"created {user.email}")


async def _create(settings: Settings, new: NewUser, roles: list[str]) -> User:
    passwords = Passwords(hashers=1)
    try:
        async with connected(settings) as database:
            await migrations.migrate(database.db)
            await ensure_super_admin()
            await require_known_roles(roles)
            user = await register(passwords, new)
            async with audit_log(settings, database) as log:
                await _tell_and_assign(log, user, roles)
            return user
    finally:
        passwords.close()


async def _tell_and_assign(log: AuditLog | None, user: User, roles: list[str]) -> None:
    changes = PermissionChanges(PermissionStore())
    if log is not None:
        changes = PermissionChanges(PermissionStore(), witness=log.changed)
        await log.write(SignIn.CREATED, HERE, Target("user", user.id))
    for role in roles:
        await changes.assign(RoleAssignment(user_id=user.id, role=role, granted_at=now()), SYSTEM)


async def require_known_roles(roles: list[str]) -> None:
    """Raise `CommandError` naming one that there isn't."""
    known = {role.id async for role in Role.find_all()}
    unknown = sorted(set(roles) - known)
    if unknown:
        raise CommandError(f"no role `{unknown[0]}`; there are: {', '.join(sorted(known)) or 'none yet'}")


def _password() -> str:
    if sys.stdin.isatty():
        password: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    require_strong(password)
    return password


def _attribute(text: str) -> tuple[str, str | int]:
    """`clearance=2` is a number, `region=EMEA` a text."""
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise typer.BadParameter(f"`{text}` is not KEY=VALUE", param_hint="--attribute")
    return key, int(value) if value.isdecimal() else value
