"""One pub/sub connection, and what is listened to on it."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError

QUIET_SECONDS: Final = 10.0
"""After so long without a word the server is asked whether it is there; after twice that it counts as gone."""

SLICE_SECONDS: Final = 0.01
"""However much has come, after so long others get their turn."""

BATCH: Final = 200
"""Commands that are sent together: in a cluster each names one channel."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """The words of pub/sub; `names` that a command may have."""

    subscribe: bytes
    unsubscribe: bytes
    message: bytes
    names: int


PLAIN: Final = Dialect(b"SUBSCRIBE", b"UNSUBSCRIBE", b"message", 500)
SHARDED: Final = Dialect(b"SSUBSCRIBE", b"SUNSUBSCRIBE", b"smessage", 1)
"""A command is for one slot."""


@dataclass(frozen=True, slots=True)
class Ears:
    """Who is told what comes, each with a channel's name."""

    message: Callable[[bytes, bytes], None]
    heard: Callable[[bytes], None]
    """Redis listens for us from now on."""
    ended: Callable[[bytes], None]
    """It doesn't any more, without having been asked."""


class Line:
    """Only `serve` touches the connection. `add` and `drop` leave it their commands, in order."""

    def __init__(self, dialect: Dialect, ears: Ears) -> None:
        self.names: Final = dict[bytes, None]()
        """In the order in which they came, which is that in which the next connection asks for them."""
        self._dialect: Final = dialect
        self._ears: Final = ears
        self._commands: asyncio.Queue[tuple[bytes, ...]] | None = None  # None: not connected
        self._unconfirmed: Final = Counter[bytes]()

    def add(self, name: bytes) -> None:
        """Listen to a channel."""
        self.names[name] = None
        self._subscribe(name)

    def drop(self, name: bytes) -> None:
        """Don't any more."""
        self.names.pop(name, None)
        self._tell(self._dialect.unsubscribe, name)

    async def serve(self, connection: AbstractConnection) -> None:
        """Listen to all of them until the connection fails."""
        self._commands = asyncio.Queue()
        names, most = list(self.names), self._dialect.names
        for start in range(0, len(names), most):
            self._subscribe(*names[start : start + most])
        writer = asyncio.create_task(self._write(connection, self._commands))
        try:
            await self._read(connection)
        finally:
            self._commands = None
            self._unconfirmed.clear()
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    def _subscribe(self, *names: bytes) -> None:
        if self._commands is not None:
            self._unconfirmed.update(names)
        self._tell(self._dialect.subscribe, *names)

    def _tell(self, *command: bytes) -> None:
        # Without a connection there is nobody to tell: the next one begins with all names.
        if self._commands is not None:
            self._commands.put_nowait(command)

    async def _write(self, connection: AbstractConnection, commands: asyncio.Queue[tuple[bytes, ...]]) -> None:
        # Not `while True`: `asyncio.wait_for`, inside of sending, may swallow a cancellation (Python 3.11).
        while self._commands is commands:
            batch = [await commands.get()]
            while len(batch) < BATCH and not commands.empty():
                batch.append(commands.get_nowait())
            if not connection.is_connected:  # sending would connect again, behind the reader's back
                return
            await connection.send_packed_command(connection.pack_commands(batch), check_health=False)

    async def _read(self, connection: AbstractConnection) -> None:
        asked, until = False, time.monotonic() + SLICE_SECONDS
        while connection.is_connected:
            if time.monotonic() >= until:  # what has come already is read without waiting for anything
                await asyncio.sleep(0)
                until = time.monotonic() + SLICE_SECONDS
            answer = await connection.read_response(timeout=QUIET_SECONDS, push_request=True)
            if answer is None:
                if asked:
                    raise RedisConnectionError("Redis does not answer")
                self._tell(b"PING")
            elif isinstance(answer, list):
                self._take(answer)
            asked = answer is None

    def _take(self, answer: list[Any]) -> None:
        dialect = self._dialect
        match answer:
            case [dialect.message, bytes(name), bytes(data)]:
                self._ears.message(name, data)
            case [bytes(word), bytes(name), _] if word.upper() == dialect.subscribe:
                self._confirm(name)
            case [bytes(word), bytes(name), _] if word.upper() == dialect.unsubscribe and name in self.names:
                self._end(name)

    def _confirm(self, name: bytes) -> None:
        """Redis listens for us, if this answers the newest of our requests: some may have been taken back."""
        self._unconfirmed[name] -= 1
        if self._unconfirmed[name] > 0:
            return
        del self._unconfirmed[name]
        if name in self.names:
            self._ears.heard(name)

    def _end(self, name: bytes) -> None:
        """The slot has moved; unless this answers an older request of ours, and a newer one is under way."""
        if name not in self._unconfirmed:
            self.names.pop(name, None)
            self._ears.ended(name)
