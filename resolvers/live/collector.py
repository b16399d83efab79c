"""Full passes of the garbage collector, put off while thousands are judged: one takes half a second then.

What is made anew for each of them is just what sets a full pass off, and what it would find is next to nothing: what
they had before is freed without it.
"""

import gc
from typing import Final

RARELY: Final = (50_000, 10, 100)
"""Thresholds of the three generations: a full pass comes after 25 million objects more, and not before.

What was counted for the last of them before counts on: it is higher than a worker's usual one, which may be nearly
reached, or that pass would come at once.
"""


class Patience:
    """Have passes come rarely within any `with` block; blocks may overlap."""

    def __init__(self) -> None:
        self._blocks = 0
        self._usual = gc.get_threshold()

    def __enter__(self) -> None:
        if not self._blocks:
            self._usual = gc.get_threshold()
            gc.set_threshold(*RARELY)
        self._blocks += 1

    def __exit__(self, *_: object) -> None:
        self._blocks -= 1
        if not self._blocks:
            gc.set_threshold(*self._usual)


FEW_PASSES: Final = Patience()
"""The process has one collector."""
