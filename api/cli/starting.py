"""The command `parley serve`: a worker begins to import before anything else is done, which takes as long."""

import gc
from contextlib import ExitStack
from typing import Annotated, Any

import typer

from api.supervisor import early


def serve(
    context: typer.Context,
    demo_mode: Annotated[
        bool | None, typer.Option("--demo", help="Fill an empty database with a demo world; loopback only.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen to (PARLEY_HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen to, 0 for any (PARLEY_PORT).")] = None,
    workers: Annotated[int | None, typer.Option(help="Server processes (PARLEY_WORKERS).")] = None,
) -> None:
    """Serve the API until Ctrl-C or SIGTERM; stores that we started stop with us."""
    given: dict[str, Any] = {"demo": demo_mode, "host": host, "port": port, "workers": workers}
    gc.disable()  # hardly anything of what is imported is garbage
    try:
        with ExitStack() as ours:
            begun = ours.enter_context(early()) if context.obj is None else context.obj
            from api.cli import serve as serving  # meanwhile

            serving.serve({name: value for name, value in given.items() if value is not None}, begun)
    finally:
        gc.enable()  # also where it was refused before it served: who called it may go on
