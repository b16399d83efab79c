"""What a worker has taken of a caller's limit, and spends without asking anybody."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from api.rates.window import Window

KEPT_SECONDS: Final = 30.0
"""After so long what was not spent is lost."""


@dataclass(slots=True)
class Lease:
    """Of one caller. `left` is what may be spent; `window` as Redis told last."""

    window: Window
    left: int = 0
    filling: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by who asks Redis for more."""
    _until: float = 0.0
    _spent: int = 0
    _refused_until: float = 0.0
    _alone: int = 0
    _alone_until: float = 0.0

    def spend(self, amount: int, now: float) -> bool:
        """Spend so much, if it is there."""
        if now >= self._until:
            self.left = 0
        if self.left < amount:
            return False
        self.left -= amount
        self._spent += amount
        return True

    @staticmethod
    def spend_all(wanted: Sequence[tuple["Lease", int]], now: float) -> bool:
        """The same of several; of none where one has not so much."""
        for lease, amount in wanted:
            if now >= lease._until or lease.left < amount:
                return False
        for lease, amount in wanted:
            lease.left -= amount
            lease._spent += amount
        return True

    @contextmanager
    def held(self) -> Iterator[int]:
        """What is left, which nobody else can spend within the block."""
        held, self.left = self.left, 0
        try:
            yield held
        finally:
            self.left += held

    def spent(self, now: float) -> int:
        """Of late, by this worker."""
        return self._spent if now < self._until else 0

    @property
    def refused(self) -> bool:
        """Whether Redis has refused since it last granted anything."""
        return self._refused_until > 0.0

    def refuses(self, limit: int, amount: int, now: float) -> bool:
        """Whether Redis has refused so lately that it is known of so much, too: others may have taken more since."""
        return now < self._refused_until and amount - self.left > self.window.free(limit, now)

    def give_back(self, amount: int) -> None:
        """What was spent for nothing."""
        self.left += amount

    def fill(self, answer: Sequence[int], limit: int, wanted: tuple[int, int], now: float) -> bool:
        """Take what Redis granted, and spend what is `wanted`: in all, and of that what was missing."""
        amount, short = wanted
        granted, before, before_left, taken, left = answer
        self.window = Window(self.window.seconds, now, before, before_left / 1000, taken, left / 1000)
        if not granted:
            self._refused_until = now + self.window.wait(limit, short, now)
            return False
        if now >= self._until:
            self._spent = 0
        self._until, self._refused_until = now + KEPT_SECONDS, 0.0
        self.left += granted - amount
        self._spent += amount
        return True

    def alone(self, limit: int, amount: int, now: float) -> bool:
        """Spend so much of what this worker lets pass in a window when nobody can be asked."""
        if now >= self._alone_until:
            self._alone, self._alone_until = 0, now + self.window.seconds
        if self._alone + amount > limit:
            return False
        self._alone += amount
        return True

    def wait(self, limit: int, amount: int, now: float) -> float:
        """Seconds until `amount`, which was refused, may be had."""
        alone = self._alone_until - now if self._alone + amount > limit else 0.0
        return max(0.0, alone, self.window.wait(limit, amount - self.left, now))
