"""Tasks that run beside requests for as long as a worker serves."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final

INSIST_SECONDS: Final = 0.1
AGAIN_SECONDS: Final = 2.0
"""Enough for what a task does at its end."""


@asynccontextmanager
async def running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run `work` for the length of the block, and end it then."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        await ended(task)
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def ended(task: asyncio.Task[Any]) -> None:
    """Cancel it, and return when it is over, however that came about; look at what came of it yourself."""
    while not task.done():  # `asyncio.wait_for`, inside of asking Redis, may swallow a cancellation (Python 3.11)
        task.cancel()
        await asyncio.wait({task}, timeout=INSIST_SECONDS)


def break_off(task: asyncio.Task[Any]) -> None:
    """Cancel it, and don't wait: it is cancelled again for as long as it has not ended, for the reason above."""
    if not task.done():
        task.cancel()
        asyncio.get_running_loop().call_later(AGAIN_SECONDS, break_off, task)
