"""Who asks for little goes first: what asks for much waits where it is about to read, for a moment at a time.

An operation that reads sixty pages has eight of them under way: whoever asks for one beside it would wait behind eight
steps of theirs at each of his own.
"""

import asyncio
import threading
import time
from types import TracebackType
from typing import Final

PATIENCE_SECONDS: Final = 0.05
"""How long each reading waits at most, so that much is done, too, where little is always asked for."""
STOOD_BACK_SECONDS: Final = 0.25
"""How long, in all, a thread stands back with one piece of work."""


class Precedence:
    """One a worker. Within a block of it something is under way that asks for little."""

    __slots__ = ("_little", "_over", "_passed")

    def __init__(self) -> None:
        self._little = 0
        self._over: asyncio.Future[None] | None = None
        """Done when nothing of that is under way any more; None where nobody waits."""
        self._passed: threading.Event | None = None
        """The same for threads."""

    def __enter__(self) -> None:
        self._little += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._little -= 1
        if self._little:
            return
        if self._over is not None:
            self._over.set_result(None)
            self._over = None
        if self._passed is not None:
            self._passed.set()
            self._passed = None

    async def give_way(self) -> None:
        """Return when nothing is under way that asks for little, or after a moment."""
        if not self._little:
            return
        if self._over is None:
            self._over = asyncio.get_running_loop().create_future()
        await asyncio.wait([self._over], timeout=PATIENCE_SECONDS)

    def stand_back(self, seconds: float = PATIENCE_SECONDS) -> float:
        """The same for a thread beside the loop, which it keeps from the interpreter; gives how long that was."""
        if not self._little:
            return 0.0
        passed = self._passed = self._passed or threading.Event()
        if not self._little:  # meanwhile: nobody may ever tell
            return 0.0
        began = time.monotonic()
        passed.wait(seconds)
        return time.monotonic() - began


class Pace:
    """Steps of a thread, which stands back from time to time for who asks for little, and not for ever."""

    __slots__ = ("_every", "_patience", "_precedence", "_steps")

    def __init__(self, precedence: Precedence, every: int = 1) -> None:
        self._precedence: Final = precedence
        self._every: Final = every
        self._steps = 0
        self._patience = STOOD_BACK_SECONDS

    def __call__(self) -> None:
        """One more. After each `every`, half a millisecond at best, it is looked whether somebody should go first."""
        self._steps += 1
        if self._steps % self._every == 0 and self._patience > 0:
            self._patience -= self._precedence.stand_back(self._patience)
