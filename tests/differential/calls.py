"""What is sent to the database by an execution, and by the tasks that it begins."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from pymongo import monitoring
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from tests.database_calls import LOOK
from tests.models.commands import DATA

_SENT: Final[ContextVar[list[str] | None]] = ContextVar("sent", default=None)


class _Listener(CommandListener):
    """Keeps nothing where nobody asks: a million executions send many millions."""

    def started(self, event: CommandStartedEvent) -> None:
        sent = _SENT.get()
        if sent is None or event.command_name not in DATA:
            return
        collection = event.command["collection" if event.command_name == "getMore" else event.command_name]
        if collection != LOOK:
            sent.append(f"{event.command_name} {collection}")

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Nothing to do."""

    def failed(self, event: CommandFailedEvent) -> None:
        """Nothing to do."""


monitoring.register(_Listener())  # for every client that is made from now on


@contextmanager
def calls() -> Iterator[list[str]]:
    """As `find buckets`, as they are sent."""
    sent: list[str] = []
    token = _SENT.set(sent)
    try:
        yield sent
    finally:
        _SENT.reset(token)
