"""What a worker has taken of a caller's limit, and spends without asking anybody."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from api.rates.window import Window

KEPT_SECONDS: Final = 10.0
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
    _refused: int = 0
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

    def refuses(self, short: int, now: float) -> bool:
        """Whether it is known that so much more is not to be had yet."""
        return short >= self._refused and now < self._refused_until

    def fill(self, answer: Sequence[int], limit: int, amount: int, short: int, now: float) -> bool:
        """Take what Redis granted, and spend `amount`, for which `short` was missing; or note that it didn't."""
        granted, before, before_left, taken, left = map(int, answer)
        self.window = Window(self.window.seconds, now, before, before_left / 1000, taken, left / 1000)
        if not granted:
            self._refused, self._refused_until = short, now + self.window.wait(limit, short, now)
            return False
        if now >= self._until:
            self._spent = 0
        self._refused_until, self._until = 0.0, now + KEPT_SECONDS
        self.left += granted - amount
        self._spent += amount
        return True

    def alone(self, limit: int, amount: int, now: float) -> bool:
        """Spend so much of what this worker lets pass in a window when nobody can be asked."""
        if now >= self._alone_until:
            self._alone, self._alone_until = 0, now + self.window.seconds
        if self._alone + amount > limit:
            self._refused, self._refused_until = amount, self._alone_until
            return False
        self._alone += amount
        return True

    def wait(self, now: float) -> float:
        """Seconds until what was refused last may be had."""
        return max(0.0, self._refused_until - now)
