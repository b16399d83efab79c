"""A sliding window: what was taken in the one before counts the less, the more of it has slid out."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Window:
    """As Redis knew it at the moment `at`, of a clock that only goes on; `before` and `taken` are amounts.

    `seconds` is its length, `before_left` how long what was taken before still counts, `left` how long this one lasts.
    """

    seconds: int
    at: float
    before: int = 0
    before_left: float = 0.0
    taken: int = 0
    left: float = 0.0

    def free(self, limit: int, now: float) -> int:
        """What `limit` leaves, if nobody has taken anything since."""
        return max(0, limit - math.floor(self._counted(now - self.at)))

    def wait(self, limit: int, amount: int, now: float) -> float:
        """Seconds until `amount` will be free, at the soonest; `amount` is no more than `limit`."""
        room, passed = limit - amount, now - self.at
        if math.floor(self._counted(passed)) <= room:
            return 0.0
        if self.taken <= room:  # what still counts of the window before has to slide out
            return self.before_left - (room - self.taken) * self.seconds / self.before - passed
        return self.left + self.seconds * (1 - room / self.taken) - passed

    def reset(self, now: float) -> float:
        """Seconds until the next window begins."""
        return max(0.0, self.left - (now - self.at))

    def _counted(self, passed: float) -> float:
        """What counts `passed` seconds later."""
        if passed < self.left:
            return self.taken + self.before * max(0.0, self.before_left - passed) / self.seconds
        return self.taken * max(0.0, self.left + self.seconds - passed) / self.seconds
