"""`parley serve`: the stores if they are ours, the migrations, the demo world, then the workers."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Coroutine, Iterator
from typing import Annotated, Any

import typer

from api.assistant import echo
from api.cli import demo
from api.cli.audit import audit_log
from api.cli.listening import listen
from api.cli.problems import CommandError
from api.cli.stores import connected, embedded, require_redis, with_endpoints
from api.settings import Settings
from api.supervisor import Supervisor, stopping
from models import migrations
from models.database import Database
from models.embedded import EmbeddedStores
from permissions.audit.log import AuditLog
from permissions.builtin import ensure_policies, ensure_super_admin

Health = Callable[[], None]


def serve(
    demo_mode: Annotated[
        bool | None, typer.Option("--demo", help="Fill an empty database with a demo world; loopback only.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen to (PARLEY_HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen to, 0 for any (PARLEY_PORT).")] = None,
    workers: Annotated[int | None, typer.Option(help="Server processes (PARLEY_WORKERS).")] = None,
) -> None:
    """Serve the API until Ctrl-C or SIGTERM; stores that we started stop with us."""
    given: dict[str, Any] = {"demo": demo_mode, "host": host, "port": port, "workers": workers}
    settings = Settings(**{name: value for name, value in given.items() if value is not None})
    check(settings)
    with (
        _tidy_exit(),
        listen(settings.host, settings.port) as listener,
        _stores(settings) as (at_stores, healthy),
    ):
        _run(_with_secret(at_stores), listener, healthy)
    say("stopped")


def check(settings: Settings) -> None:
    """Raise `CommandError` for what can't be served, before anything is started."""
    ours = embedded(settings)
    if settings.demo:
        demo.check(settings, ours)
    elif settings.secret_key is None:
        raise CommandError(
            "PARLEY_SECRET_KEY is not set: give it 32 characters or more "
            "(python3 -c 'import secrets; print(secrets.token_urlsafe(48))') and keep it, or try `parley serve --demo`"
        )


def say(line: str) -> None:
    """Tell whoever still listens: a terminal that has gone must not keep us from stopping in order."""
    with contextlib.suppress(OSError):
        typer.echo(line)


def environment(settings: Settings) -> dict[str, str]:
    """Settings as the variables that make them: how they get to a worker, without a trace in its command line."""
    plain = settings.model_dump(exclude_none=True)
    return {f"PARLEY_{name.upper()}": _text(value) for name, value in plain.items()}


def _text(value: Any) -> str:
    reveal = getattr(value, "get_secret_value", None)
    return str(reveal() if reveal else value)


def _with_secret(settings: Settings) -> Settings:
    return demo.with_secret(settings) if settings.demo else settings


def _run(settings: Settings, listener: socket.socket, healthy: Health) -> None:
    if not asyncio.run(done(_prepare(settings))):
        return
    address = _address(listener)

    def ready() -> None:
        say(f"Parley serves {address}/graphql (in a browser: GraphiQL)")
        if settings.demo:
            say(demo.accounts())
        say("Ctrl-C stops it.")

    if settings.demo and settings.assistant_base_url is None:
        echoing = {"assistant_base_url": address + echo.BASE, "assistant_model": echo.MODEL}
        settings = settings.model_copy(update=echoing)

    Supervisor(listener, environment(settings), settings.workers).run(ready, healthy)
    say("stopping …")


async def done(work: Coroutine[Any, Any, None]) -> bool:
    """Whether `work` came to its end; a signal that means to stop cancels it.

    Raised from a handler amid a library's coroutine, an exception would leave its locks held, and its clean-up waiting.
    """
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work)
    asked = False

    def stop() -> None:
        nonlocal asked
        if not asked:  # once: the clean-up is not to be cancelled
            asked = task.cancel()

    before = {number: signal.getsignal(number) for number in stopping()}
    for number in before:
        loop.add_signal_handler(number, stop)
    try:
        await asyncio.wait([task])
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
    if not task.cancelled() and (error := task.exception()) and not asked:
        raise error
    return not asked


async def _prepare(settings: Settings) -> None:
    await require_redis(settings)
    async with connected(settings) as database:
        for name in await migrations.migrate(database.db):
            say(f"migrated: {name}")
        async with audit_log(settings, database) as log:
            await _put_in(settings, database, log)


async def _put_in(settings: Settings, database: Database, log: AuditLog | None) -> None:
    """What every installation has, and the demo's own."""
    witness = log.changed if log else None
    await ensure_policies(witness)
    if settings.demo and log:  # its own super admin inherits from the others
        await demo.seed(settings, database, log)
    await ensure_super_admin(witness)


@contextlib.contextmanager
def _stores(settings: Settings) -> Iterator[tuple[Settings, Health]]:
    """Settings with the addresses of stores that answer, and a check that they still run."""
    if not embedded(settings):
        yield settings, lambda: None
        return
    with EmbeddedStores(settings.data_dir) as stores:
        say(f"embedded MongoDB and Redis keep their data in {stores.directory}")
        yield with_endpoints(settings, stores.endpoints), stores.check


@contextlib.contextmanager
def _tidy_exit() -> Iterator[None]:
    """Until the supervisor listens to signals, each of them unwinds what is started."""

    def unwind(number: int, frame: object) -> None:
        for other in before:
            signal.signal(other, signal.SIG_IGN)  # once is enough: what follows shall end in order
        raise SystemExit(0)

    before = {number: signal.signal(number, unwind) for number in stopping()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
