"""Work that many ask for at once, done once: or they would wait in a line, each until a time is over for himself."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")


class SingleFlight(Generic[Result]):
    """Whoever asks while it is done gets what comes of it, or its error; who stops waiting breaks nothing off."""

    def __init__(self, work: Callable[[], Coroutine[Any, Any, Result]]) -> None:
        self._work = work
        self._doing: asyncio.Task[Result] | None = None

    async def join(self) -> Result:
        """What comes of the work that is under way, or else of new work."""
        if self._doing is None or self._doing.done():
            self._doing = asyncio.create_task(self._work())
            self._doing.add_done_callback(_seen)
        return await asyncio.shield(self._doing)


def _seen(task: asyncio.Task[Any]) -> None:
    """What went wrong was noticed, though nobody may wait for it any more."""
    if not task.cancelled():
        task.exception()
