"""The garbage collector of a worker: a full pass looks at what came since the one before it, and all there is seldom.

What outlives a full pass is mostly there to stay, and is freed without the collector when it goes: what ends leaves no
cycles (`tests/api/test_cycles.py`). To look through it again took 60 to 90 ms of the loop, each time. A cycle that
other code leaves is found by the next pass; one that was in use at a pass and isn't any more by a look at all.
"""

import asyncio
import gc
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

COLLECTED: Final = (700, 10, 50)
"""Objects, and then passes, after which the next generation is looked through; the last is all that is not kept."""
OLDEST: Final = 2
SELDOM_SECONDS: Final = 3600.0
"""After so long all is looked at again: 100 to 200 ms."""
MOST_GROWTH: Final = 2.0
"""Or when so many times as much is kept as outlived the last look: so what is kept in vain is no more than the rest."""
EVERY_SECONDS: Final = 60.0
"""How often it is found out whether that is due."""
PATIENCE_SECONDS: Final = 600.0
"""How long a quiet moment is waited for, then."""
MOMENT_SECONDS: Final = 0.5
QUIET: Final = 0.05
"""The share of a processor that a worker takes in one, at most. Where nobody asks for anything it is a hundredth."""


class Garbage:
    """Of this process; `begin` once."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock: Final = clock
        self._passes = 0
        """Since all was looked at."""
        self._kept = 0
        """Objects that outlived that."""
        self._looked = 0.0
        """When it was."""

    def begin(self) -> None:
        """Keep all that is loaded by now, without a look: one took 200 ms of a start, for 1,300 objects of garbage."""
        gc.freeze()
        self._note()
        gc.callbacks.append(self._passed)
        gc.set_threshold(*COLLECTED)
        gc.enable()

    def end(self) -> None:
        """As it is without this, but for what is kept."""
        gc.callbacks.remove(self._passed)

    @property
    def due(self) -> bool:
        """Whether all should be looked at again."""
        if not self._passes:
            return False
        return self._clock() - self._looked >= SELDOM_SECONDS or gc.get_freeze_count() >= MOST_GROWTH * self._kept

    def look_at_all(self) -> None:
        """Free what nobody refers to, of all that there is."""
        gc.unfreeze()
        gc.collect()
        self._note()

    async def keep(self) -> None:
        """Look at all when that is due, and nobody is kept waiting by it, as far as that can be had. Never returns."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            if self.due:
                await quiet(PATIENCE_SECONDS)
                self.look_at_all()

    def _passed(self, phase: str, about: Mapping[str, Any]) -> None:
        if phase == "stop" and about["generation"] == OLDEST:
            gc.freeze()
            self._passes += 1

    def _note(self) -> None:
        self._passes, self._kept, self._looked = 0, gc.get_freeze_count(), self._clock()


async def quiet(patience: float, ran: Callable[[], float] = time.process_time) -> None:
    """Return after a moment in which this process did next to nothing, or after `patience` seconds."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        before = ran()
        await asyncio.sleep(MOMENT_SECONDS)
        if ran() - before < QUIET * MOMENT_SECONDS:
            return
