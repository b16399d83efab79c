"""Writers at one place wait for each other within a worker, rather than fight in the database."""

import asyncio
from typing import Final

_STRIPES: Final = 64


class PlaceLocks:
    """Only a courtesy, of which nothing depends: between workers the unique indexes decide.

    Places share locks, so nobody may wait for a second one while he holds one.
    """

    def __init__(self) -> None:
        self._locks = [asyncio.Lock() for _ in range(_STRIPES)]

    def of(self, *place: object) -> asyncio.Lock:
        """The lock for `place`."""
        return self._locks[hash(place) % _STRIPES]
