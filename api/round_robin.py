"""Places that are given by turns of callers: a thousand of one's do not stand before another's one.

Of one caller, first come, first served. Who gives up is passed over, also in the very moment of his turn.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from permissions.engine.facts import Id

Called = Callable[[asyncio.Future[None]], Awaitable[None]]
"""Returns when the future is done, or raises: how long somebody waits for his turn is for who lets him wait."""


class RoundRobin:
    """So many `places`, of which one caller has `of_one` at most."""

    def __init__(self, places: int, of_one: int | None = None) -> None:
        self._places: Final = places
        self._of_one: Final = places if of_one is None else of_one
        self.under_way: Final = Counter[Id]()
        """By caller, how many places he has."""
        self.waiting: Final = OrderedDict[Id, OrderedDict[asyncio.Future[None], None]]()
        """By caller, in the order of their turns."""

    def waiting_of(self, asker: Id) -> int:
        """How many of the caller's wait."""
        return len(self.waiting.get(asker, ()))

    async def take(self, asker: Id, called: Called) -> bool:
        """Return when he has a place, to `give` back later, and whether he had to wait. Raises what `called` does."""
        if self._has_room and self._may_have_more(asker):
            self.under_way[asker] += 1
            return False
        turn = asyncio.get_running_loop().create_future()
        self.waiting.setdefault(asker, OrderedDict())[turn] = None
        try:
            await called(turn)
        except BaseException:
            if turn.done():  # it came in the same moment
                self.give(asker)
            else:
                self._forget(asker, turn)
            raise
        return True

    def give(self, asker: Id) -> None:
        """A place of his is free: others have theirs, as far as there is room."""
        self.under_way[asker] -= 1
        if not self.under_way[asker]:
            del self.under_way[asker]
        while self._has_room:
            following = next(filter(self._may_have_more, self.waiting), None)
            if following is None:
                return
            turn = next(iter(self.waiting[following]))
            self.waiting.move_to_end(following)
            self._forget(following, turn)
            self.under_way[following] += 1
            turn.set_result(None)

    @property
    def _has_room(self) -> bool:
        return self.under_way.total() < self._places

    def _may_have_more(self, asker: Id) -> bool:
        return self.under_way[asker] < self._of_one

    def _forget(self, asker: Id, turn: asyncio.Future[None]) -> None:
        turns = self.waiting[asker]
        del turns[turn]
        if not turns:
            del self.waiting[asker]
