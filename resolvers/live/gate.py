"""An event of which there are thousands."""

import asyncio
from collections import deque
from typing import Any, Literal


class Gate(asyncio.Event):
    """An event for whom nothing is kept while nobody waits."""

    def __init__(self) -> None:
        self._value = False
        self._waiters: Any = ()

    async def wait(self) -> Literal[True]:
        """Return when it is set."""
        if not self._value and not self._waiters:
            self._waiters = deque()
        try:
            return await super().wait()
        finally:
            if not self._waiters:
                self._waiters = ()
