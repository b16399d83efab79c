"""Whose rights are as they were: the others are looked at before they are told anything.

Ten thousand members cost nothing to look at, while nothing has happened that may concern them.
"""

import math
import time
from collections.abc import Iterable
from typing import Final

from api.fanout.members import Member
from resolvers.live import Standings


class Trust:
    """Of one group. `doubtful` are those of its members who have to be looked at.

    INVARIANT: of anybody else nothing has changed on which `Member.settled` hangs. He says so himself (`doubt`), but
    for what is the same for all: the standings' stamp, and the time, which is asked for by `look`.
    """

    __slots__ = ("_stamp", "_standings", "_until", "doubtful")

    def __init__(self, standings: Standings) -> None:
        self._standings: Final = standings
        self._stamp: object = standings.stamp
        self._until = math.inf
        self.doubtful: Final[dict[Member, None]] = {}

    def look(self, members: Iterable[Member]) -> None:
        """Doubt all of `members` again, if something may have changed of anybody."""
        stamp = self._standings.stamp
        if stamp != self._stamp or time.monotonic() >= self._until:
            self._stamp, self._until = stamp, math.inf
            self.doubtful.update(dict.fromkeys(members))

    def doubt(self, member: Member) -> None:
        """Something may have changed of him."""
        self.doubtful[member] = None

    def holds(self, member: Member) -> bool:
        """Whether he has the rights by which he shares; whoever has is not doubted any more."""
        if member not in self.doubtful:
            return True
        if not member.settled:
            return False
        del self.doubtful[member]
        until = member.standing.until
        self._until = self._until if until is None else min(self._until, until)
        return True

    def forget(self, member: Member) -> None:
        """He is here no more."""
        self.doubtful.pop(member, None)
