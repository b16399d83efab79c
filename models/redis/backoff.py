"""How long to wait before trying Redis again."""

import random
from collections.abc import Iterator
from typing import Final

FIRST_SECONDS: Final = 0.05
LONGEST_SECONDS: Final = 2.0


def delays() -> Iterator[float]:
    """Seconds that double up to a bound, each shortened at random, so that workers don't come back as one."""
    longest = FIRST_SECONDS
    while True:
        yield longest * random.uniform(0.5, 1.0)  # noqa: S311 (no secret)
        longest = min(2 * longest, LONGEST_SECONDS)
