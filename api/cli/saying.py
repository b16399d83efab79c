"""What a command that goes on for long tells whoever began it."""

import contextlib

import typer


def say(line: str) -> None:
    """Tell whoever still listens: a terminal that has gone must not keep us from stopping in order."""
    with contextlib.suppress(OSError):
        typer.echo(line)
