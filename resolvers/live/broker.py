"""What a broker promises, and the few values that cross it."""

import re
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol, Self


class BrokerUnavailableError(Exception):
    """Redis can't be reached; an event that was to be published may or may not be out."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened. `cursor` is where to go on from after it."""

    cursor: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Thinned(Event):
    """After `cursor` pieces of texts are missing, and nothing else: what follows of each text is to begin anew."""

    payload: bytes = b"{}"


@dataclass(frozen=True, slots=True)
class Resync:
    """Events up to `cursor` are missing: read the present state, then what follows is exact again."""

    cursor: str
    reason: str


Item = Event | Resync


class News(Protocol):
    """What a subscriber reads, item by item."""

    def __aiter__(self) -> AsyncIterator[Item]: ...

    async def __anext__(self) -> Item: ...

    @property
    def cursor(self) -> str:
        """Of the item that was handed on last, or of where the subscriber came in."""
        ...

    def close(self) -> None:
        """End the iteration; nothing that waits is handed on any more."""
        ...


class Note(NamedTuple):
    """What is to be announced, and where."""

    channel: str
    payload: bytes


Notes = Callable[[], Iterable[Note]]
"""Made when they are told."""


class Paced(Protocol):
    """News that may wait a moment; see `pacing`."""

    def soon(self, key: str, notes: Notes) -> None:
        """Publish them in a moment, unless others come with that key till then: those instead."""
        ...

    async def flush(self) -> None:
        """Tell all that waits."""
        ...


class Broker(Protocol):
    """Carries events to whoever subscribed to their channel, on any worker.

    A subscriber sees each event once, in the order of publication, or a `Resync` in place of those that it can't
    have; never silence. The database is the truth: publish after the write, so that what is read at a
    `Resync` holds all that the skipped events were about. Payloads should be small (an address, not a text).
    """

    @property
    def pacer(self) -> Paced:
        """For news that may wait a moment."""
        ...

    async def publish(self, channel: str, payload: bytes, *, again: bool = False, number: int | None = None) -> str:
        """Announce, and return the event's cursor.

        `number`: that of a change of which the store counts each; see `check`.

        `again`: an earlier try may have announced it, and died before it could say so. An equal event that the
        history still holds stands for this one then.

        Raises `BrokerUnavailableError`; the subscribers are then told to `Resync` once Redis is back, so a
        caller whose write is done may go on. Never tries twice: an event is never out twice.
        """
        ...

    async def publish_all(self, notes: Sequence[Note]) -> None:
        """Announce them in their order, by as few calls as that takes.

        Raises `BrokerUnavailableError` where one of them may not be out; see `publish`.
        """
        ...

    async def check(self, channel: str, number: int) -> bool:
        """Whether all events up to that number are out, where the store has counted so many.

        One that never comes, for its writer died, is a gap after a moment: the subscribers of all workers get a
        `Resync`, once. Raises `BrokerUnavailableError`.
        """
        ...

    def listened(self) -> list[str]:
        """The channels that somebody subscribes to on this worker."""
        ...

    def subscribe(self, channel: str, after: str | None = None) -> AbstractAsyncContextManager[News]:
        """Listen: inside the block, everything published after it was entered arrives.

        With a cursor in `after`, first comes what was published since; if that isn't known exactly (too old, not
        a cursor, Redis lost its data), a `Resync` comes first. The iterator ends when the broker closes; it may
        be awaited by one task at a time. Raises `BrokerUnavailableError` on entering.
        """
        ...


class Position(NamedTuple):
    """A cursor as it sorts: an entry id of a Redis stream, milliseconds and a number within them."""

    ms: int
    seq: int

    @classmethod
    def parse(cls, cursor: str) -> Self | None:
        """The position that `cursor` writes, or None where it is no cursor of ours."""
        position = cls.of(cursor) if _CURSOR.fullmatch(cursor) else None
        return position if position and max(position) < 2**64 else None

    @classmethod
    def of(cls, cursor: str) -> Self:
        """The position of a cursor known to be one."""
        ms, seq = cursor.split("-")
        return cls(int(ms), int(seq))

    def __str__(self) -> str:
        return f"{self.ms}-{self.seq}"


_CURSOR: Final = re.compile(r"(0|[1-9][0-9]{0,19})-(0|[1-9][0-9]{0,19})", re.ASCII)
