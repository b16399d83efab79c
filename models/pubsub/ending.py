"""Ending tasks that may not hear it at once."""

import asyncio
from collections.abc import Iterable
from typing import Final

INSIST_SECONDS: Final = 0.1


async def end(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Return when all have ended, whatever they raised."""
    wanted = list(tasks)
    while waiting := [task for task in wanted if not task.done()]:
        for task in waiting:  # `asyncio.wait_for`, inside of connecting, may swallow a cancellation (Python 3.11)
            task.cancel()
        await asyncio.wait(waiting, timeout=INSIST_SECONDS)
    await asyncio.gather(*wanted, return_exceptions=True)
