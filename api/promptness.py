"""A time limit for what may have to wait: what is done at once needs none, and costs none."""

import asyncio
from collections.abc import Awaitable, Coroutine, Generator
from types import CoroutineType, coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def within(seconds: float, awaitable: Awaitable[T]) -> T:
    """What it gives. Raises `TimeoutError` where it takes longer."""
    if type(awaitable) is not CoroutineType and not isinstance(awaitable, Coroutine):
        async with asyncio.timeout(seconds):
            return await awaitable
    try:
        waiting = awaitable.send(None)
    except StopIteration as done:
        found: T = done.value
        return found
    async with asyncio.timeout(seconds):
        return await _resumed(awaitable, waiting)


@coroutine
def _resumed(begun: Coroutine[Any, Any, T], waiting: Any) -> Generator[Any, Any, T]:
    """Go on with what has begun, and waits for something."""
    try:
        while True:
            try:
                sent = yield waiting
            except GeneratorExit:
                begun.close()
                raise
            except BaseException as error:
                waiting = begun.throw(error)
            else:
                waiting = begun.send(sent)
    except StopIteration as done:
        found: T = done.value
        return found
