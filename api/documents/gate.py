"""Where operations wait that ask for much: few of them are under way at a time, and callers take turns.

Each keeps the loop, and the database, for a while: a thousand of one caller's, let in at once or in the order in which
they come, would stand before whatever another asks. What asks for little is let past.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from api.round_robin import RoundRobin
from permissions.engine.facts import Id
from resolvers.errors import TooFastError

HEAVY: Final = 1_000
"""Objects, by estimate, from which on an operation waits for its turn: some ten milliseconds of a worker."""
AT_ONCE: Final = 8
"""Under way in a worker."""
OF_ONE: Final = 2
"""Of these, of one caller."""
WAITING: Final = 50
"""Of one caller; one more is refused at once."""
PATIENCE_SECONDS: Final = 15.0
"""How long one waits for his turn."""
AGAIN_SECONDS: Final = 5
"""After which one may come back who found none."""


class Gate:
    """One a schema."""

    def __init__(
        self, at_once: int = AT_ONCE, of_one: int = OF_ONE, waiting: int = WAITING, patience: float = PATIENCE_SECONDS
    ) -> None:
        self.places: Final = RoundRobin(at_once, of_one)
        self._most_waiting: Final = waiting
        self._patience: Final = patience

    @asynccontextmanager
    async def turn(self, asker: Id) -> AsyncIterator[bool]:
        """Within the block it is his turn; gives whether he had to wait. Raise `TooFastError` where it doesn't come."""
        waited = await self.places.take(asker, partial(self._called, asker))
        try:
            yield waited
        finally:
            self.places.give(asker)

    async def _called(self, asker: Id, turn: asyncio.Future[None]) -> None:
        if self.places.waiting_of(asker) > self._most_waiting:
            raise _too_fast()
        # Not the turn itself: it would be cancelled with who waits, while it can still be given.
        await asyncio.wait([turn], timeout=self._patience)
        if not turn.done():
            raise _too_fast()


def _too_fast() -> TooFastError:
    reason = f"too many operations that ask for much are waiting: come back in {AGAIN_SECONDS} seconds"
    return TooFastError(reason, AGAIN_SECONDS)
