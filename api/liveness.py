"""Ends a worker whose driver of the database is stuck: the one that is started in its place isn't.

A call of the driver ends within its time limit, whether the database answers or is away. One that never ends waits for
what never comes, as for a lock that was taken for nobody (`models/conditions.py`), and so would all after it.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

import structlog

_log: Final = structlog.get_logger(__name__)
EVERY_SECONDS = 10.0
TURN_SECONDS = 10.0
TURNS: Final = 6
"""How often a call is waited for until it is given up; in all, six times what the driver has. Turn after turn, so that
a process that is halted meanwhile, or has no processor, still sees that the call has ended."""


async def watch(call: Callable[[], Coroutine[Any, Any, None]], stuck: Callable[[], None]) -> None:
    """Call again and again; once a call doesn't end, say that it is `stuck`, and return."""
    while True:
        if not await _ends(call()):
            _log.critical("database driver stuck", seconds=TURNS * TURN_SECONDS)
            return stuck()
        await asyncio.sleep(EVERY_SECONDS)


async def _ends(work: Coroutine[Any, Any, None]) -> bool:
    """Whether it does, in whatever way."""
    call = asyncio.create_task(work)
    try:
        for _ in range(TURNS):
            await asyncio.wait({call}, timeout=TURN_SECONDS)
            if call.done():
                _ = call.cancelled() or call.exception()
                return True
        return False
    finally:
        call.cancel()
