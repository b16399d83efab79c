"""PyMongo's waits with a time limit, as Python has had them since 3.12: by the task that waits itself.

Before, `asyncio.wait_for` has another task wait. Who is cancelled a second time, while that one still has to take the
lock of a pool back, is gone before it; the lock is then taken for nobody, for good, and this process reads nothing any
more (PyMongo 4.20 on Python 3.11). Cancelled twice is whoever waits below two lists of an answer that both failed. It
held that lock from one turn of the event loop to the next, too, and who then was cancelled twice as he gave back what
he had of the pool, kept it.
"""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

import pymongo.lock

T = TypeVar("T")


async def wait_for(awaitable: Awaitable[T], seconds: float | None) -> T:
    """What it gives. Raises `TimeoutError` where it takes longer; it is begun in any case."""
    async with asyncio.timeout(seconds):
        return await awaitable


def install() -> None:
    """Have all clients of this process wait so."""
    vars(pymongo.lock)["wait_for"] = wait_for
