"""`parley user create`, `disable`, `enable` and `reset-password`."""

import asyncio
import sys
from typing import Annotated

import typer

from api.cli.administration import administration
from api.cli.audit import audit_log
from api.cli.errors import CommandError
from api.cli.stores import connected, reachable
from api.propagation import telling
from api.settings import Settings
from api.trees import message_tree
from models import migrations
from models.clock import now
from models.erasure import Erasure
from models.role import Role, RoleAssignment
from models.user import User, email_key
from permissions.audit.events import SYSTEM as HERE
from permissions.audit.events import Target
from permissions.audit.log import AuditLog
from permissions.authn.credentials import OneTime
from permissions.authn.passwords import Passwords, require_strong
from permissions.authn.registration import NewUser, register
from permissions.authn.witness import SignIn
from permissions.builtin import ensure_super_admin
from permissions.changes import SYSTEM, PermissionChanges, unseen
from permissions.erasure import Eraser
from permissions.store import PermissionStore

Email = Annotated[str, typer.Option(help="The account's address, or a service's name.")]
Reason = Annotated[str | None, typer.Option(help="Why, for the audit log.")]
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


@app.command("disable")
def disable(email: Email, reason: Reason = None) -> None:
    """Close an account, or a service's: its sessions are over, and nobody signs in to it."""
    with reachable(Settings()) as settings:
        asyncio.run(_switch(settings, email, reason, disabled=True))
    typer.echo(f"disabled {email}")


@app.command("enable")
def enable(email: Email, reason: Reason = None) -> None:
    """Open an account again."""
    with reachable(Settings()) as settings:
        asyncio.run(_switch(settings, email, reason, disabled=False))
    typer.echo(f"enabled {email}")


@app.command("reset-password")
def reset_password(email: Email) -> None:
    """Make a password worthless and end its owner's sessions; print one that is good for `changePassword`."""
    with reachable(Settings()) as settings:
        handed = asyncio.run(_reset_password(settings, email))
    typer.echo(f"password\t{handed.password}\nexpires\t{handed.expires_at.isoformat(timespec='seconds')}")


@app.command("erase")
def erase(email: Email, reason: Reason = None) -> None:
    """Forget somebody for good, with all that he wrote. Nothing of it can be restored."""
    with reachable(Settings()) as settings:
        erasure = asyncio.run(_erase(settings, email, reason))
    typer.echo(
        f"erased: {erasure.conversations} conversations, {erasure.messages} messages in others', "
        f"{erasure.sessions} sessions, {erasure.assignments} roles\n"
        "kept: records of the audit log and of the history of permissions, under an id that leads to nobody"
    )


async def _erase(settings: Settings, email: str, reason: str | None) -> Erasure:
    """Begin, and go on until it is done: writes of servers that are under way have to end first."""
    async with administration(settings) as office, connected(settings) as database:
        eraser = Eraser(database.db, message_tree(settings, database), office)
        erasure = await eraser.erase((await account(email)).id, SYSTEM, reason)
        while erasure.done_at is None:
            await asyncio.sleep(1)
            await eraser.resume()
            erasure = await eraser.report(erasure.id)
        return erasure


async def _switch(settings: Settings, email: str, reason: str | None, *, disabled: bool) -> None:
    async with administration(settings) as office:
        switch = office.disable if disabled else office.enable
        await switch((await account(email)).id, SYSTEM, reason)


async def _reset_password(settings: Settings, email: str) -> OneTime:
    async with administration(settings) as office:
        person = await account(email)
        if person.client_secret is not None:
            raise CommandError(f"`{email[:100]}` is a service: `parley service renew` gives it another secret")
        return await office.reset_password(person.id, SYSTEM)


async def account(name: str) -> User:
    """By its address, or the name of a service. Raise `CommandError` if there is none."""
    user = await User.find_one({"email_key": email_key(name)})
    if user is None:
        raise CommandError(f"no account `{name[:100]}`")
    return user


async def _create(settings: Settings, new: NewUser, roles: list[str]) -> User:
    passwords = Passwords(hashers=1)
    try:
        async with connected(settings) as database:
            await migrations.migrate(database.db)
            async with audit_log(settings, database) as log:
                await ensure_super_admin(log.changed if log else None)
                await require_known_roles(roles)
                user = await register(passwords, new)
                await _tell_and_assign(settings, log, user, roles)
                return user
    finally:
        passwords.close()


async def _tell_and_assign(settings: Settings, log: AuditLog | None, user: User, roles: list[str]) -> None:
    if log is not None:
        await log.write(SignIn.CREATED, HERE, Target("user", user.id))
    url = settings.redis_url.get_secret_value() if settings.redis_url else ""
    async with telling(url) as announce:
        changes = PermissionChanges(PermissionStore(), announce, log.changed if log else unseen)
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
