"""Counting database calls: what one request costs in round trips."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from pymongo import monitoring

QUIET: Final = frozenset({"hello", "ping", "endSessions", "isMaster", "ismaster"})


@dataclass
class Calls(monitoring.CommandListener):
    """The commands that were sent while it was on."""

    sent: list[tuple[str, str]] = field(default_factory=list)
    on: bool = False

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if self.on and event.command_name not in QUIET:
            target: Any = event.command.get(event.command_name, "")
            self.sent.append((event.command_name, str(target)))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass


_CALLS: Final = Calls()
monitoring.register(_CALLS)  # for every client that is made from now on


@contextmanager
def database_calls() -> Iterator[list[tuple[str, str]]]:
    """(command, collection) of what is sent inside the block."""
    _CALLS.sent, _CALLS.on = [], True
    try:
        yield _CALLS.sent
    finally:
        _CALLS.on = False
