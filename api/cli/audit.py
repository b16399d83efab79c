"""`parley audit verify`, and the log for other commands."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import typer
from pydantic import SecretStr

from api.audit import join_audit
from api.cli.errors import CommandError
from api.cli.stores import connected, reachable, require_redis
from api.settings import Settings
from models.database import Database
from models.redis import open_redis
from permissions.audit.checking import Report, check
from permissions.audit.log import AuditLog

app = typer.Typer(help="The audit log.", no_args_is_help=True)

SHOWN = 1_000
"""Findings that are listed."""


@app.callback()
def audit() -> None:
    """The audit log."""


@app.command("verify")
def verify() -> None:
    """Check every record: was any edited, deleted, inserted or moved? Status 1 says so, and the lines say which."""
    with reachable(Settings()) as settings:
        report = asyncio.run(_check(sealed(settings)))
    for finding in report.findings[:SHOWN]:
        typer.echo(str(finding))
    typer.echo(_summary(report))
    if report.findings:
        raise typer.Exit(1)


def sealed(settings: Settings) -> Settings:
    """Settings with the key of the log; the demo keeps its own with its data."""
    kept = settings.data_dir / "secret_key"
    if settings.secret_key is not None:
        return settings
    if not kept.exists():
        raise CommandError("PARLEY_SECRET_KEY is not set: the log can only be checked with the key that sealed it")
    return settings.model_copy(update={"secret_key": SecretStr(kept.read_text().strip())})


@asynccontextmanager
async def audit_log(settings: Settings, database: Database) -> AsyncIterator[AuditLog | None]:
    """The log to tell of what a command does; None where its key is not known."""
    try:
        keyed = sealed(settings)
    except CommandError:
        yield None
        return
    url = settings.redis_url.get_secret_value() if settings.redis_url else ""
    async with open_redis(url) as redis, join_audit(keyed, database, redis).log as log:
        yield log


async def _check(settings: Settings) -> Report:
    await require_redis(settings)
    url = settings.redis_url.get_secret_value() if settings.redis_url else ""
    async with connected(settings) as database, open_redis(url) as redis:
        parts = join_audit(settings, database, redis)
        return await check(parts.blocks, parts.sealer, parts.anchor)


def _summary(report: Report) -> str:
    cut = f" (blocks up to {report.start.number} were cut for their age)" if report.start.number else ""
    found = len(report.findings)
    verdict = "nothing is wrong" if found == 0 else f"{found} finding{'s' if found > 1 else ''}"
    return f"{report.records} records in {report.blocks} blocks{cut}: {verdict}"
