"""`parley service create` and `renew`."""

import asyncio
from typing import Annotated

import typer

from api.cli.administration import administration
from api.cli.errors import CommandError
from api.cli.stores import reachable
from api.cli.users import account, require_known_roles
from api.settings import Settings
from models.clock import now
from models.role import RoleAssignment
from permissions.builtin import decision_client
from permissions.changes import SYSTEM

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
    async with administration(settings) as office:
        await office.changes.put([decision_client()], SYSTEM, "built in", only_missing=True)
        await require_known_roles(roles)
        user, secret = await office.create_service(name, SYSTEM)
        for role in roles:
            await office.changes.assign(RoleAssignment(user_id=user.id, role=role, granted_at=now()), SYSTEM)
        return secret


async def _renew(settings: Settings, name: str) -> str:
    async with administration(settings) as office:
        service = await account(name)
        if service.client_secret is None:
            raise CommandError(f"`{name[:100]}` is no service")
        return await office.renew_secret(service.id, SYSTEM)


def _show(name: str, secret: str) -> None:
    typer.echo(f"client_id\t{name}\nclient_secret\t{secret}")
