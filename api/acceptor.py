"""Takes connections from the socket that all workers listen to, in equal shares.

By chance, two workers took 39 and 25 of 64; and a worker that came later has none of those who stay. So a worker stands
back for a moment where another one holds clearly fewer. Who lets that pass may be stuck: it is waited for again after
one connection, then after two, four and so on, until its count changes.
"""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import structlog

from api.shares import NOBODY, Share, clearly_more

LOOK_SECONDS: Final = 0.001
LOOKS: Final = 5
"""A moment: so often who stands back looks whether it is his turn by now, and then whether somebody waits still.

He looks also when one of his own has left: else who has a connection for each request would be served in that rhythm.
"""
AGAIN_SECONDS: Final = 1.0
"""Pause after none could be taken, as where no descriptor is left. They wait, or others take them."""

_log: Final = structlog.get_logger(__name__)


class Held(set[Any]):
    """uvicorn's set of open connections, and those that it will hear of: what is taken is opened two turns later."""

    def __init__(self, changed: Callable[[int], None]) -> None:
        super().__init__()
        self._coming: Final = set[Any]()
        self._changed: Final = changed

    def expect(self, protocol: Any) -> None:
        """It will be open."""
        self._coming.add(protocol)
        self.say()

    def add(self, protocol: Any) -> None:
        """It is open, or speaks another protocol than before."""
        super().add(protocol)
        self.forget(protocol)

    def forget(self, protocol: Any) -> None:
        """It has come, or will not."""
        self._coming.discard(protocol)
        self.say()

    def discard(self, protocol: Any) -> None:
        """It is closed."""
        super().discard(protocol)
        self.say()

    remove = discard

    def say(self) -> None:
        """How many there are, to whom it concerns."""
        self._changed(len(self) + len(self._coming))


@dataclass
class Lapse:
    """A worker let a moment pass."""

    held: int
    """As many as it holds since."""
    run: int
    """Connections that are taken before it is waited for again."""
    left: int
    """So many of them are to come."""


class Acceptor:
    """In place of a server of the event loop, with what uvicorn asks of one: `close` and `wait_closed`."""

    def __init__(self, listener: socket.socket, share: Share, protocol: Callable[[], asyncio.Protocol]) -> None:
        self.held: Final = Held(self._tell)
        self._listener: Final = listener
        self._share: Final = share
        self._protocol: Final = protocol
        self._loop: Final = asyncio.get_running_loop()
        self._tasks: Final = set[asyncio.Task[None]]()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = self._resting = self._standing_back = False
        self._lapses = dict[int, Lapse]()
        """By the places of those workers."""
        listener.setblocking(False)
        self._begin()

    def close(self) -> None:
        """Let nobody in any more."""
        if not self._closed:
            self._closed = True
            self._rest()

    async def wait_closed(self) -> None:
        """Wait for nothing: those who are in are uvicorn's."""

    def _begin(self) -> None:
        self._resting = False
        self.held.say()
        self._listen()

    def _rest(self) -> None:
        self._resting = True
        self._share.tell(NOBODY)
        self._stop()

    def _tell(self, held: int) -> None:
        if not self._resting:
            self._share.tell(held)
        if self._standing_back and not self._fewer():
            self._listen()

    def _listen(self) -> None:
        self._stop()
        self._loop.add_reader(self._listener, self._called)

    def _stop(self) -> None:
        self._standing_back = False
        self._loop.remove_reader(self._listener)
        if self._timer is not None:
            self._timer.cancel()

    def _called(self) -> None:
        """Somebody waits."""
        if fewer := self._fewer():
            self._stop()
            self._standing_back = True
            self._look_later(LOOKS, fewer)
        else:
            self._take()

    def _fewer(self) -> dict[int, int]:
        """Those who hold fewest, if that is clearly fewer, and they are to be waited for; by their places."""
        others = self._share.others()
        self._lapses = {place: lapse for place, lapse in self._lapses.items() if others[place] == lapse.held}
        for place, lapse in self._lapses.items():
            if lapse.left:
                del others[place]
        lowest = min(others.values(), default=NOBODY)
        if not clearly_more(self._share.own, lowest):
            return {}
        return {place: held for place, held in others.items() if held == lowest}

    def _look_later(self, times: int, waited_for: dict[int, int]) -> None:
        self._timer = self._loop.call_later(LOOK_SECONDS, self._look, times - 1, waited_for)

    def _look(self, times: int, waited_for: dict[int, int]) -> None:
        """Whoever waits still is let in, if it is our turn, or has been nobody's for long enough."""
        if times and self._fewer():
            self._look_later(times, waited_for)
            return
        self._listen()
        if self._take() and not times:
            for place, held in waited_for.items():
                run = 2 * self._lapses[place].run if place in self._lapses else 1
                self._lapses[place] = Lapse(held, run, run)

    def _take(self) -> bool:
        """Whether there was somebody, and he is let in."""
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):  # others have taken him, or he is gone
            return False
        except OSError as error:
            _log.warning("no connection can be taken", reason=error.strerror, again_seconds=AGAIN_SECONDS)
            self._rest()
            self._timer = self._loop.call_later(AGAIN_SECONDS, self._begin)
            return False
        for lapse in self._lapses.values():
            lapse.left = max(0, lapse.left - 1)
        protocol = self._protocol()
        self.held.expect(protocol)
        task = self._loop.create_task(self._let_in(connection, protocol))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def _let_in(self, connection: socket.socket, protocol: asyncio.Protocol) -> None:
        try:
            transport, _ = await self._loop.connect_accepted_socket(lambda: protocol, connection)
        except OSError:  # he is gone
            connection.close()
            self.held.forget(protocol)
            return
        if self._closed:  # too late to be told with the others
            speaking: Any = transport.get_protocol()
            speaking.shutdown()
