"""`parley operations register`, `list`, `check` and `remove`: documents that clients may name."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer

from api.cli.audit import audit_log
from api.cli.errors import CommandError
from api.cli.stores import connected, reachable
from api.settings import Settings
from models import migrations
from models.trusted_document import TrustedDocument
from permissions.audit.events import SYSTEM
from permissions.operations import manifest
from permissions.operations.registry import (
    FlawedManifestError,
    Judge,
    OperationRegister,
    Registered,
    flaws,
)

app = typer.Typer(help="Trusted documents, which clients name instead of sending them.", no_args_is_help=True)


@app.callback()
def operations() -> None:
    """Trusted documents, which clients name instead of sending them."""


@app.command("register")
def register(
    file: Annotated[Path, typer.Argument(help="A manifest, JSON.", exists=True, dir_okay=False, readable=True)],
    client: Annotated[str | None, typer.Option(help="Whose they are: an application, by any word.")] = None,
) -> None:
    """Trust the documents of a manifest, all or none: Apollo's, relay-compiler's or graphql-codegen's."""
    with file.open("rb") as opened:
        entries = manifest.parse(opened.read(manifest.LARGEST + 1))
    settings = Settings()
    judge = _judge(settings)
    with reachable(settings) as reached:
        try:
            done = asyncio.run(_register(reached, entries, judge, client))
        except FlawedManifestError as error:
            for flaw in error.flaws:
                typer.echo(f"{flaw.id}\t{flaw.reason}", err=True)
            raise CommandError(f"nothing was registered: {len(error.flaws)} of {len(entries)} are not sound") from None
    typer.echo(f"{file}: {done.added} registered, {done.known} known already")


@app.command("list")
def list_() -> None:
    """Print them by their ids: id, operation, client, registered when."""
    with reachable(Settings()) as settings:
        for each in asyncio.run(_all(settings)):
            moment = f"{each.registered_at:%Y-%m-%dT%H:%M:%SZ}"
            typer.echo("\t".join((each.id, each.name or "-", each.client or "-", moment)))


@app.command("check")
def check() -> None:
    """Say which can't be run any more, by the schema and the limits of this release and these settings: status 1."""
    settings = Settings()
    judge = _judge(settings)
    with reachable(settings) as reached:
        stored = asyncio.run(_all(reached))
    found = list(flaws(stored, judge))
    for flaw in found:
        typer.echo(f"{flaw.id}\t{flaw.reason}")
    typer.echo(f"{len(stored)} documents, {len(found)} can't be run")
    if found:
        raise typer.Exit(1)


@app.command("remove")
def remove(
    ids: Annotated[list[str] | None, typer.Argument(help="Ids of documents.")] = None,
    client: Annotated[str | None, typer.Option(help="All of this application.")] = None,
) -> None:
    """Trust documents no more: servers go by it within a second."""
    if not ids and client is None:
        raise CommandError("name documents by their ids, or an application by `--client`")
    with reachable(Settings()) as settings:
        removed = asyncio.run(_remove(settings, ids or [], client))
    typer.echo(f"{removed} removed")


async def _register(settings: Settings, entries: list[manifest.Entry], judge: Judge, client: str | None) -> Registered:
    async with _open(settings) as found:
        return await found.register(entries, judge, SYSTEM, client=client)


async def _all(settings: Settings) -> list[TrustedDocument]:
    async with connected(settings):
        return await OperationRegister().all()


async def _remove(settings: Settings, ids: list[str], client: str | None) -> int:
    async with _open(settings) as found:
        theirs = [each.id for each in await found.all() if client is not None and each.client == client]
        return await found.remove([*ids, *theirs], SYSTEM)


@asynccontextmanager
async def _open(settings: Settings) -> AsyncIterator[OperationRegister]:
    async with connected(settings) as database:
        await migrations.migrate(database.db)
        async with audit_log(settings, database) as log:
            yield OperationRegister(log)


def _judge(settings: Settings) -> Judge:
    from api.schema import build_schema  # building it takes a second that other commands should not

    return build_schema(settings.document_limits)
