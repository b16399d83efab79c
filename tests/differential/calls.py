"""What is sent to the database by an execution, and by the tasks that it begins."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from pymongo import monitoring
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from tests.database_calls import LOOK
from tests.models.commands import DATA

WRITES: Final = frozenset({"insert", "update", "delete", "findAndModify"})
_WRITTEN: Final[set[str]] = set()
_PENDING: Final[dict[int, str]] = {}
_UNWATCHED: Final[ContextVar[bool]] = ContextVar("unwatched", default=False)
_SENT: Final[ContextVar[list[str] | None]] = ContextVar("sent", default=None)


class _Listener(CommandListener):
    """Keeps nothing where nobody asks: a million executions send many millions."""

    def started(self, event: CommandStartedEvent) -> None:
        _note(event)
        sent = _SENT.get()
        if sent is None or event.command_name not in DATA:
            return
        collection = event.command["collection" if event.command_name == "getMore" else event.command_name]
        if collection != LOOK:
            sent.append(f"{event.command_name} {collection}")

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Whoever read between the two has not seen it."""
        _note_end(event)

    def failed(self, event: CommandFailedEvent) -> None:
        """It may have been done all the same."""
        _note_end(event)


def _note(event: CommandStartedEvent) -> None:
    if event.command_name in WRITES and not _UNWATCHED.get():
        _PENDING[event.request_id] = event.command[event.command_name]
        _WRITTEN.add(event.command[event.command_name])


def _note_end(event: CommandSucceededEvent | CommandFailedEvent) -> None:
    if (collection := _PENDING.pop(event.request_id, None)) is not None:
        _WRITTEN.add(collection)


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


def written_since() -> list[str]:
    """To which collections something was written since it was asked for last, by anything in this process."""
    found = sorted(_WRITTEN)
    _WRITTEN.clear()
    return found


@contextmanager
def unwatched() -> Iterator[None]:
    """What is written in the block is not told."""
    token = _UNWATCHED.set(True)
    try:
        yield
    finally:
        _UNWATCHED.reset(token)
