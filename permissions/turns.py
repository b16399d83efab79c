"""Long questions take turns: in a thread, one at a time in a process, so that whoever asks many waits for himself."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar
from weakref import WeakValueDictionary

from permissions.engine.facts import Id
from permissions.errors import BusyError

PATIENCE_SECONDS: Final = 15.0
"""How long somebody waits for an answer, his turn included."""

Answer = TypeVar("Answer")


class Turns:
    """One thread. Of each asker one question is in its queue: many of one asker's don't keep the others waiting."""

    def __init__(self, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._patience: Final = patience_seconds
        self._thread: Final = ThreadPoolExecutor(1, thread_name_prefix="question")
        self._askers: Final[WeakValueDictionary[Id, asyncio.Lock]] = WeakValueDictionary()

    def of(self, asker: Id) -> asyncio.Lock:
        """To be held while one of his questions is gathered: a thousand at once would keep the others waiting."""
        return self._askers.setdefault(asker, asyncio.Lock())

    async def take(self, asker: Id, work: Callable[[], Answer]) -> Answer:
        """What `work` gives. Raises `BusyError`; work that has begun goes on to its end, and its answer is lost."""
        try:
            async with asyncio.timeout(self._patience), self.of(asker):
                return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except TimeoutError:
            raise BusyError from None
