"""Counting database calls: what one request costs in round trips."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar
from typing import Final
from unittest.mock import patch

from pymongo import monitoring
from pymongo.monitoring import CommandStartedEvent

from models import shared_reads
from tests.models.commands import Command, Commands

LOOK: Final = "permission_changes"
"""Read by whichever request comes first when a worker has not looked for a second: never a request's own cost."""
_INSIDE: Final[ContextVar[bool]] = ContextVar("inside", default=False)


class _Calls(Commands):
    """`own`: without those of tasks that were begun outside of the block."""

    own = False

    def started(self, event: CommandStartedEvent) -> None:
        if _INSIDE.get() or not self.own:
            super().started(event)


_COMMANDS: Final = _Calls()
_COMMANDS.on = False
monitoring.register(_COMMANDS)  # for every client that is made from now on


def _begun() -> Context:
    """Of a call that several requests share: it is the own one of him who began it."""
    context = Context()
    context.run(_INSIDE.set, _INSIDE.get())
    return context


@contextmanager
def database_calls(*, own: bool = False) -> Iterator[list[tuple[str, str]]]:
    """(command, collection) of what is sent inside the block, filled when it ends.

    `own`: only of what is done there, and by tasks that begin there: nothing that a worker does beside requests, nor
    the look whether the rules have changed, which some request does for all of a second.
    """
    calls: list[tuple[str, str]] = []
    _COMMANDS.on, _COMMANDS.own = True, own
    token = _INSIDE.set(True)
    try:
        with _COMMANDS.during() as sent, patch.object(shared_reads, "Context", _begun):
            yield calls
    finally:
        _INSIDE.reset(token)
        _COMMANDS.on = False
    calls += [(command.name, command.collection) for command in sent if not (own and command.collection == LOOK)]


@contextmanager
def database_commands() -> Iterator[list[Command]]:
    """All that is sent inside the block, with what it says, filled when it ends."""
    _COMMANDS.on, _COMMANDS.own = True, False
    try:
        with _COMMANDS.during() as sent:
            yield sent
    finally:
        _COMMANDS.on = False
