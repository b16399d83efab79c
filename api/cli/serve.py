"""`parley serve`: the stores if they are ours, the migrations, the demo world, then the workers."""

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import Callable, Coroutine, Iterator, Mapping
from importlib import import_module
from typing import Any

from api.cli.endpoints import embedded, with_endpoints
from api.cli.errors import CommandError
from api.cli.listening import listen
from api.cli.saying import say
from api.settings import Settings
from api.supervisor import Supervisor, WorkerProcess, stopping
from models.embedded import EmbeddedStores

Health = Callable[[], None]


def serve(given: Mapping[str, Any], begun: list[WorkerProcess]) -> None:
    """Serve by the settings that are `given`, and else by those of the environment, with workers that have `begun`."""
    settings = Settings(**given)
    with _tidy_exit() as unless_stopped:
        check(settings)
        begun += [WorkerProcess() for _ in range(1, settings.workers)]
        with listen(settings.host, settings.port) as listener, _stores(settings) as (at_stores, healthy):
            unless_stopped()
            _run(at_stores, listener, healthy, begun)
    say("stopped")


def check(settings: Settings) -> None:
    """Raise `CommandError` for what can't be served, before anything is started."""
    ours = embedded(settings)
    if settings.demo:
        from api.cli import demo  # here and below: what only the demo needs

        demo.check(settings, ours)
    elif settings.secret_key is None:
        raise CommandError(
            "PARLEY_SECRET_KEY is not set: give it 32 characters or more "
            "(python3 -c 'import secrets; print(secrets.token_urlsafe(48))') and keep it, or try `parley serve --demo`"
        )


def environment(settings: Settings) -> dict[str, str]:
    """Settings as the variables that make them: how they get to a worker, without a trace in its command line."""
    plain = settings.model_dump(exclude_none=True)
    return {f"PARLEY_{name.upper()}": _text(value) for name, value in plain.items()}


def _text(value: Any) -> str:
    reveal = getattr(value, "get_secret_value", None)
    return str(reveal() if reveal else value)


def _importing() -> None:
    """Import what prepares the stores: while they start, if they are ours."""
    import_module("api.cli.preparing")


def _run(settings: Settings, listener: socket.socket, healthy: Health, begun: list[WorkerProcess]) -> None:
    from api.cli.preparing import prepare

    gc.freeze()
    gc.enable()
    settings, accounts = _of_demo(settings, _address(listener)) if settings.demo else (settings, None)
    if not asyncio.run(done(prepare(settings))):
        return

    def ready() -> None:
        say(f"Parley serves {_address(listener)}/graphql (in a browser: GraphiQL)")
        if accounts:
            say(accounts)
        say("Ctrl-C stops it.")

    Supervisor(listener, environment(settings), settings.workers, begun).run(ready, healthy)
    say("stopping …")


def _of_demo(settings: Settings, address: str) -> tuple[Settings, str]:
    """The demo's settings, and whom to log in as."""
    from api.assistant import echo_address as echo
    from api.cli import demo

    settings = demo.with_secret(settings)
    if settings.assistant_base_url is None:
        echoing = {"assistant_base_url": address + echo.BASE, "assistant_model": echo.MODEL}
        settings = settings.model_copy(update=echoing)
    return settings, demo.accounts()


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


@contextlib.contextmanager
def _stores(settings: Settings) -> Iterator[tuple[Settings, Health]]:
    """Settings with the addresses of stores that answer, and a check that they still run."""
    if not embedded(settings):
        yield settings, lambda: None
        return
    with EmbeddedStores(settings.data_dir, meanwhile=_importing) as stores:
        say(f"embedded MongoDB and Redis keep their data in {stores.directory}")
        yield with_endpoints(settings, stores.endpoints), stores.check


@contextlib.contextmanager
def _tidy_exit() -> Iterator[Callable[[], None]]:
    """Until the supervisor listens to signals, each of them unwinds what is started.

    What is raised amid a finaliser gets lost: so what takes long is begun after asking once more, by what it gives.
    """
    asked = False

    def unless_stopped() -> None:
        if asked:
            raise SystemExit(0)

    def unwind(number: int, frame: object) -> None:
        nonlocal asked
        asked = True
        for other in before:
            signal.signal(other, signal.SIG_IGN)  # once is enough: what follows shall end in order
        raise SystemExit(0)

    before = {number: signal.signal(number, unwind) for number in stopping()}
    try:
        yield unless_stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
