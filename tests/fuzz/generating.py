"""Cases of a strategy from a seed, as a list: they are sent many at a time, which a property of Hypothesis can't.

Drawn past its engine, which varies what it has just made in search of something smaller: two thirds of a thousand
cases would be the same as others. What is used of its insides is this module's.
"""

import asyncio
from collections.abc import Iterator
from itertools import islice
from random import Random, SystemRandom
from typing import Final, TypeVar

from hypothesis.control import BuildContext
from hypothesis.errors import StopTest, UnsatisfiedAssumption
from hypothesis.internal.conjecture.data import ConjectureData
from hypothesis.strategies import SearchStrategy

from tests.examples import FIXED

Case = TypeVar("Case")
SEED: Final = 20261126 if FIXED else SystemRandom().randrange(2**32)
"""Of tests: the same each time where `CI` is set."""


def cases(strategy: SearchStrategy[Case], number: int, seed: int = SEED) -> list[Case]:
    """So many of them; the same for the same `seed`."""
    return list(islice(endless(strategy, seed), number))


async def some(strategy: SearchStrategy[Case], number: int) -> list[Case]:
    """The same beside a server of this loop, which trusts nothing that it has not heard of for seconds."""
    return await asyncio.to_thread(cases, strategy, number)


def endless(strategy: SearchStrategy[Case], seed: int) -> Iterator[Case]:
    """Ever more of them."""
    random = Random(seed)
    while True:
        data = ConjectureData(random=random)
        try:
            with BuildContext(data, is_final=False, wrapped_test=_nothing):
                case = data.draw(strategy)
        except (StopTest, UnsatisfiedAssumption):  # it grew too large, or was none
            continue
        yield case


def _nothing() -> None:
    """What Hypothesis would name in a report, if it wrote one."""
