"""Writers at one place wait for each other within a worker, rather than fight in the database."""

import asyncio
from typing import Final
from weakref import WeakValueDictionary


class PlaceLocks:
    """Only a courtesy, of which nothing depends: between workers the unique indexes decide.

    One for each place at which somebody writes, and no longer: whoever shared it with other places would wait for
    strangers, and take them for writers at his own. Nobody may wait for a second one while he holds one.
    """

    def __init__(self) -> None:
        self._locks: Final[WeakValueDictionary[tuple[object, ...], asyncio.Lock]] = WeakValueDictionary()

    def of(self, *place: object) -> asyncio.Lock:
        """The lock for `place`, the same for all who hold it or wait for it."""
        lock = self._locks.get(place)
        if lock is None:
            lock = self._locks[place] = asyncio.Lock()
        return lock

    def __len__(self) -> int:
        return len(self._locks)
