"""Where operations wait that ask for much: few of them are under way at a time, and callers take turns.

Each keeps the loop, and the database, for a while: a thousand of one caller's, let in at once or in the order in which
they come, would stand before whatever another asks. What asks for little is let past.
"""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

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
        self._at_once: Final = at_once
        self._of_one: Final = of_one
        self._most_waiting: Final = waiting
        self._patience: Final = patience
        self._under_way: Final = Counter[Id]()
        self._waiting: Final = OrderedDict[Id, deque[asyncio.Future[None]]]()
        """In the order of their turns."""

    @asynccontextmanager
    async def turn(self, asker: Id) -> AsyncIterator[bool]:
        """Within the block it is his turn; gives whether he had to wait. Raise `TooFastError` where it doesn't come."""
        waited = not self._admits(asker)
        if waited:
            await self._wait(asker)
        else:
            self._under_way[asker] += 1
        try:
            yield waited
        finally:
            self._leave(asker)

    def _admits(self, asker: Id) -> bool:
        return self._has_room and self._may_have_more(asker)

    @property
    def _has_room(self) -> bool:
        return self._under_way.total() < self._at_once

    def _may_have_more(self, asker: Id) -> bool:
        return self._under_way[asker] < self._of_one

    async def _wait(self, asker: Id) -> None:
        queue = self._waiting.setdefault(asker, deque())
        if len(queue) >= self._most_waiting:
            raise _too_fast()
        turn = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            # Not the turn itself: it would be cancelled with who waits, while it can still be given.
            await asyncio.wait([turn], timeout=self._patience)
        except BaseException:
            if turn.done():  # it came in the same moment
                self._leave(asker)
            else:
                self._forget(asker, turn)
            raise
        if not turn.done():
            self._forget(asker, turn)
            raise _too_fast()

    def _forget(self, asker: Id, turn: asyncio.Future[None]) -> None:
        queue = self._waiting[asker]
        queue.remove(turn)
        if not queue:
            del self._waiting[asker]

    def _leave(self, asker: Id) -> None:
        self._under_way[asker] -= 1
        if not self._under_way[asker]:
            del self._under_way[asker]
        while self._has_room:
            following = next(filter(self._may_have_more, self._waiting), None)
            if following is None:
                return
            queue = self._waiting[following]
            queue.popleft().set_result(None)
            self._under_way[following] += 1
            self._waiting.move_to_end(following)
            if not queue:
                del self._waiting[following]


def _too_fast() -> TooFastError:
    reason = f"too many operations that ask for much are waiting: come back in {AGAIN_SECONDS} seconds"
    return TooFastError(reason, AGAIN_SECONDS)
