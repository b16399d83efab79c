"""The demo mode of `parley serve`: never beyond this machine, never on anybody's real stores."""

import ipaddress
import secrets

import typer
from pydantic import SecretStr

from api import demo_world
from api.cli.errors import CommandError
from api.settings import Settings
from api.trees import tree_limits
from models.database import Database
from models.embedded import write_private
from permissions.audit.log import AuditLog
from permissions.authn.passwords import Passwords


def check(settings: Settings, embedded: bool) -> None:
    """Raise `CommandError` where the demo's public passwords would be a hole."""
    if not loopback(settings.host):
        raise CommandError(f"the demo serves this machine only, not `{settings.host}`: leave --demo, or the host, away")
    if not embedded:
        raise CommandError("the demo uses the embedded stores only: unset PARLEY_MONGODB_URI and PARLEY_REDIS_URL")


def loopback(host: str) -> bool:
    """Whether only this machine reaches `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def with_secret(settings: Settings) -> Settings:
    """The demo makes its own key once, and keeps it with its data."""
    if settings.secret_key is not None:
        return settings
    path = settings.data_dir / "secret_key"
    if not path.exists():
        write_private(path, secrets.token_urlsafe(48))
    return settings.model_copy(update={"secret_key": SecretStr(path.read_text().strip())})


async def seed(settings: Settings, database: Database, log: AuditLog) -> None:
    """Fill what is missing of the demo world."""
    typer.echo("filling the demo world …")
    passwords = Passwords(settings.password_hashers)
    try:
        planted = await demo_world.seed(database, passwords, tree_limits(settings), log)
    finally:
        passwords.close()
    if planted:
        typer.echo(f"{planted} conversations planted")


def accounts() -> str:
    """Whom to log in as."""
    width = max(len(person.email) for person in demo_world.PEOPLE)
    lines = [f"  {person.email:<{width}}  {person.about}" for person in demo_world.PEOPLE]
    return "\n".join([f"Log in with the password {demo_world.PASSWORD} as", *lines])
