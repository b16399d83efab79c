"""Counting database calls: what one request costs in round trips."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from pymongo import monitoring

from tests.models.commands import Commands

_COMMANDS: Final = Commands()
_COMMANDS.on = False
monitoring.register(_COMMANDS)  # for every client that is made from now on


@contextmanager
def database_calls() -> Iterator[list[tuple[str, str]]]:
    """(command, collection) of what is sent inside the block, filled when it ends."""
    calls: list[tuple[str, str]] = []
    _COMMANDS.on = True
    try:
        with _COMMANDS.during() as sent:
            yield calls
    finally:
        _COMMANDS.on = False
    calls += [(command.name, command.collection) for command in sent]
