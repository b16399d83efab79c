"""`parley service create` and `renew`."""

import asyncio
from typing import Annotated

import typer

from api.cli.stores import connected, reachable
from api.cli.users import require_known_roles
from api.settings import Settings
from models import migrations
from models.clock import now
from models.role import RoleAssignment
from permissions.authn.passwords import Passwords
from permissions.authn.services import register_service, renew_secret
from permissions.builtin import ensure_decision_client
from permissions.changes import SYSTEM, PermissionChanges
from permissions.store import PermissionStore

app = typer.Typer(help="Accounts of other services, which sign in by `POST /oauth/token`.", no_args_is_help=True)
Name = Annotated[str, typer.Option(help="The service's name: its `client_id`.")]


@app.callback()
def services() -> None:
    """Accounts of other services."""


@app.command("create")
def create(
    name: Name,
    role: Annotated[
        list[str] | None,
        typer.Option(help="A role to hold; may be repeated. `policy_decision_client` lets it ask for decisions."),
    ] = None,
) -> None:
    """Make an account for a service, and print its secret: it can't be shown again."""
    with reachable(Settings()) as settings:
        secret = asyncio.run(_create(settings, name, role or []))
    _show(name, secret)


@app.command("renew")
def renew(name: Name) -> None:
    """Give a service another secret, and print it; the old one is worth nothing from now on."""
    with reachable(Settings()) as settings:
        secret = asyncio.run(_renew(settings, name))
    _show(name, secret)


async def _create(settings: Settings, name: str, roles: list[str]) -> str:
    passwords = Passwords(hashers=1)
    try:
        async with connected(settings) as database:
            await migrations.migrate(database.db)
            await ensure_decision_client()
            await require_known_roles(roles)
            user, secret = await register_service(passwords, name)
            changes = PermissionChanges(PermissionStore())
            for role in roles:
                await changes.assign(RoleAssignment(user_id=user.id, role=role, granted_at=now()), SYSTEM)
            return secret
    finally:
        passwords.close()


async def _renew(settings: Settings, name: str) -> str:
    async with connected(settings):
        return await renew_secret(name)


def _show(name: str, secret: str) -> None:
    typer.echo(f"client_id\t{name}\nclient_secret\t{secret}")
