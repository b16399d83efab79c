"""Readings take turns: a query that asks for ten thousand at once must not keep the database from everybody else."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec, Protocol, TypeVar

from models.tree.precedence import Precedence

P = ParamSpec("P")
T = TypeVar("T")

AT_ONCE: Final = 64
"""Readings under way in a worker. The driver pools 100 connections: thousands that wait in it have all else wait."""


class Turns(asyncio.Semaphore):
    """Whoever reads holds one. What asks for much gives `precedence` before."""

    def __init__(self) -> None:
        super().__init__(AT_ONCE)
        self.precedence: Final = Precedence()


class TakesTurns(Protocol):
    """Has turns to take."""

    @property
    def _turns(self) -> AbstractAsyncContextManager[Any]:
        """A new turn each time, or what keeps none."""


S = TypeVar("S", bound=TakesTurns)


def in_turn(read: Callable[Concatenate[S, P], Awaitable[T]]) -> Callable[Concatenate[S, P], Awaitable[T]]:
    """The method `read`, which begins when it is its turn."""

    @wraps(read)
    async def waiting(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        async with self._turns:
            return await read(self, *args, **kwargs)

    return waiting
